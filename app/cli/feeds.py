"""`tilewatch feeds`: standing orders that keep what an archive has of a place up to date."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from app.areas.area import UnknownAreaError
from app.cli.databases import database_option, with_database
from app.cli.exit import refusing
from app.feeds.feed import Feed, FeedError, FeedRequest, UnknownFeedError
from app.feeds.feed_store import MAX_PAGE
from app.feeds.piece_store import Poll
from app.feeds.service import FeedHistory, FeedService
from app.jobs.job import JobRequestError
from app.settings import Settings
from app.validation import first_fault
from mosaics.bbox import Bbox, BboxError
from mosaics.descriptions.collections import CollectionFileError
from mosaics.descriptions.folders import DescriptionFolders
from mosaics.descriptions.sources import SourceFileError

Result = TypeVar("Result")

REFUSALS = (
    *(BboxError, CollectionFileError, FeedError, JobRequestError, SourceFileError),
    *(UnknownAreaError, UnknownFeedError),
)

feed_argument = click.argument("feed", type=click.IntRange(min=1))


@click.group()
def feeds() -> None:
    """Manage standing orders: what an archive has of a place, now and from now on."""


@feeds.command("list")
@database_option
def show_all(database_url: str | None) -> None:
    """List feeds: id, name, source, how far each is, when it is polled next."""

    async def work(service: FeedService) -> None:
        after = 0
        while page := await service.find(after=after, limit=MAX_PAGE):
            for feed in page:
                click.echo(_line(feed))
            after = page[-1].id

    _with_service(database_url, work)


@feeds.command()
@click.argument("source")
@click.option("--area", type=click.IntRange(min=1), help="Id of an area, whose box is fetched.")
@click.option("--bbox", metavar="W,S,E,N", help="The box, in place of an area.")
@click.option("--name", help="By default made of collection and place.")
@click.option("--bands", metavar="A,B", default="", help="Bands of the collection; else all the source has.")
@click.option("--from", "starts", metavar="A", help="Beginning: 2024-06; by default a year ago.")
@click.option("--to", "ends", metavar="B", help="End, a period included; by default it goes on.")
@click.option(
    "--every", metavar="P1D", help="How often the archive is asked; by default as its collection says."
)
@click.option("--max-cloud", type=float, metavar="N", help="Per cent; cloudier scenes are left out.")
@database_option
def add(
    *,
    source: str,
    area: int | None,
    bbox: str | None,
    name: str | None,
    bands: str,
    starts: str | None,
    ends: str | None,
    every: str | None,
    max_cloud: float | None,
    database_url: str | None,
) -> None:
    """Create a feed from SOURCE (`tilewatch sources` lists them)."""
    with refusing(*REFUSALS):
        given = {
            "source": source,
            "area": area,
            "aoi": None if bbox is None else Bbox.parse(bbox),
            "name": name,
            "bands": tuple(filter(None, map(str.strip, bands.split(",")))),
            "from": starts,
            "to": ends,
            "every": every,
            "max_cloud": max_cloud,
        }
        request = _request({key: value for key, value in given.items() if value is not None})
        click.echo(_line(_with_service(database_url, lambda service: service.create(request))))


@feeds.command()
@feed_argument
@database_option
def show(feed: int, database_url: str | None) -> None:
    """Show a feed and its latest looks at the archive."""
    with refusing(*REFUSALS):
        history: FeedHistory = _with_service(database_url, lambda service: service.read(feed))
    click.echo(_line(history.feed))
    click.echo(f"    {history.freshness.state}: {history.freshness.says}")
    for poll in history.polls:
        click.echo(f"    {_poll_line(poll)}")


@feeds.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(min=1))
@database_option
def remove(ids: tuple[int, ...], database_url: str | None) -> None:
    """Delete feeds; what they have landed stays."""

    async def work(service: FeedService) -> None:
        for feed_id in ids:
            await service.delete(feed_id)

    with refusing(*REFUSALS):
        _with_service(database_url, work)
    click.echo(f"Deleted {len(ids)} {'feed' if len(ids) == 1 else 'feeds'}.")


@feeds.command()
@feed_argument
@database_option
def poll(feed: int, database_url: str | None) -> None:
    """Have a feed look at its archive as soon as a server comes to it."""
    with refusing(*REFUSALS):
        _with_service(database_url, lambda service: service.poll(feed))
    click.echo(f"Feed {feed} is due now.")


def _request(given: dict[str, Any]) -> FeedRequest:
    try:
        return FeedRequest.model_validate(given)
    except ValidationError as error:
        place, said = first_fault(error)
        raise FeedError(f"{place}: {said}" if place else said) from error


def _line(feed: Feed) -> str:
    order, progress = feed.order, feed.progress
    time = f"{order.starts:%Y-%m-%d} to {'now on' if order.ends is None else f'{order.ends:%Y-%m-%d}'}"
    following = (
        "paused" if order.paused else f"next {progress.next_at:%Y-%m-%d %H:%M}Z" if progress.next_at else ""
    )
    newest = feed.done.newest_acquired
    parts = [
        f"{feed.id}  {order.name}",
        order.source,
        time,
        f"{progress.complete} of {progress.pieces} pieces",
        f"newest {newest:%Y-%m-%d}" if newest else "nothing yet",
        following,
        f"{progress.failures} failures: {feed.done.failure}" if progress.failures else "",
    ]
    return "  ".join(filter(None, parts))


def _poll_line(poll: Poll) -> str:
    said = f": {poll.error}" if poll.error else ""
    return (
        f"{poll.ended_at:%Y-%m-%d %H:%M}Z  {poll.status}  {poll.starts:%Y-%m-%d}/{poll.ends:%Y-%m-%d}  "
        f"job {poll.order_id or 'refused'}, {poll.found} found, {poll.landed} landed{said}"
    )


def _with_service(address: str | None, work: Callable[[FeedService], Coroutine[Any, Any, Result]]) -> Result:
    settings = Settings()
    descriptions = DescriptionFolders(settings.collections, settings.sources)
    return with_database(address, lambda database: work(FeedService(database, settings, descriptions)))
