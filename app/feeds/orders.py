"""Orders of feeds: what a request means, with defaults from the collection and source it names."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from app.feeds.feed import FeedChanges, FeedError, FeedRequest, Order
from app.jobs.request import IngestRequest, refuse_excess
from app.jobs.sources import choose_source, finest_pixel_m
from app.settings import Settings
from mosaics.bbox import Bbox
from mosaics.collection import Collection
from mosaics.descriptions.folders import Descriptions
from mosaics.descriptions.publishing import Publishing
from mosaics.descriptions.sources import SourceDescription
from mosaics.period import Interval


def order_of(
    request: FeedRequest,
    place: Bbox,
    place_name: str,
    *,
    descriptions: Descriptions,
    settings: Settings,
    now: datetime,
) -> Order:
    """Return what a request orders.

    Args:
        request: As it was sent.
        place: Its box, or that of its area.
        place_name: Of the area, or the box as text.
        descriptions: The sources and collections.
        settings: The limits.
        now: UTC.

    Raises:
        app.jobs.job.JobRequestError: If no source is meant, or what is ordered exceeds a limit.
        FeedError: If a band is not one of the source, or the end is not after the beginning.
    """
    source = choose_source(
        descriptions.sources, request.source, collection=request.collection, preferred=settings.order_source
    )
    described = descriptions.collections[source.collection]
    starts, ends = time_of(request.starts, request.ends, described.collection, now)
    order = Order(
        name=request.name or f"{described.collection.title}: {place_name}"[:200],
        source=source.id,
        collection=source.collection,
        area_id=request.area,
        box=place,
        bands=request.bands,
        starts=starts,
        ends=ends,
        every=request.every or described.publishing.every,
        lag=request.lag,
        max_cloud=request.max_cloud,
        clip=source.gives_parts if request.clip is None else request.clip,
        paused=request.paused,
    )
    refuse_order(order, source, descriptions, settings)
    return order


def changed_order(
    order: Order, changes: FeedChanges, descriptions: Descriptions, settings: Settings
) -> Order:
    """Return an order with changes.

    Raises:
        app.jobs.job.JobRequestError: If what is ordered exceeds a limit.
        FeedError: If the result is not valid.
    """
    source = source_of(order, descriptions)
    named = changes.named
    if "aoi" in named and order.area_id is not None:
        raise FeedError(f"the box is that of area {order.area_id}; change the area, or make another feed")
    starts, ends = order.starts, order.ends
    if "starts" in named and changes.starts is not None:
        starts = _start(changes.starts)
    if "ends" in named:
        ends = None if changes.ends is None else _end(changes.ends)
    publishing = publishing_of(order, descriptions)
    found = replace(
        order,
        name=changes.name if "name" in named else order.name,
        box=changes.aoi if "aoi" in named and changes.aoi is not None else order.box,
        bands=changes.bands if "bands" in named else order.bands,
        starts=starts,
        ends=ends,
        every=(changes.every or publishing.every) if "every" in named else order.every,
        lag=changes.lag if "lag" in named else order.lag,
        max_cloud=changes.max_cloud if "max_cloud" in named else order.max_cloud,
        clip=changes.clip if "clip" in named else order.clip,
        paused=changes.paused if "paused" in named else order.paused,
    )
    refuse_order(found, source, descriptions, settings)
    return found


def source_of(order: Order, descriptions: Descriptions) -> SourceDescription:
    """Return the source of an order.

    Raises:
        app.jobs.job.JobRequestError: If its file is gone.
    """
    return choose_source(descriptions.sources, order.source)


def publishing_of(order: Order, descriptions: Descriptions) -> Publishing:
    """Return when something new of an order can be expected.

    Raises:
        FeedError: If the file of its collection is gone.
    """
    if order.collection not in descriptions.collections:
        raise FeedError(f"the collection {order.collection!r} of the feed has no file any more")
    return descriptions.collections[order.collection].publishing.with_lag(order.lag)


def time_of(
    starts: str | None, ends: str | None, collection: Collection, now: datetime
) -> tuple[datetime, datetime | None]:
    """Return the time of a feed: by default from the month a year ago on, or before its archive ended.

    A feed of an archive that has ended ends with it.

    Raises:
        FeedError: If the end is not after the beginning.
    """
    start, end = time_read(starts, ends)
    over = None if collection.ended is None or now < collection.ended.moment else collection.ended.moment
    if start is None:
        last = min(each for each in (now, end, over) if each)
        start = datetime(last.year - 1, last.month, 1, tzinfo=UTC)
    if end is None and over is not None and start < over:
        end = over
    return start, end


def time_read(starts: str | None, ends: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the beginning and the end that texts say, a period as the end included whole; None for None."""
    return None if starts is None else _start(starts), None if ends is None else _end(ends)


def refuse_order(
    order: Order, source: SourceDescription, descriptions: Descriptions, settings: Settings
) -> None:
    """Raise for an order that no job could do.

    Raises:
        app.jobs.job.JobLimitError: If it exceeds a limit of jobs.
        FeedError: If a band is not one of the source, or the end is not after the beginning.
    """
    if unknown := [band for band in order.bands if band not in source.bands]:
        raise FeedError(
            f"source '{source.id}' has no band {unknown[0]}; there are: {', '.join(source.bands)}"
        )
    if order.ends is not None and order.ends <= order.starts:
        raise FeedError(
            f"the feed ends at {order.ends.isoformat()}, not after its beginning {order.starts.isoformat()}"
        )
    day = f"{order.starts:%Y-%m-%d}"
    request = IngestRequest(aoi=order.box, toi=day, bands=order.bands, source=order.source)
    refuse_excess(request, settings, pixel_m=finest_pixel_m(descriptions, order.collection))


def job_request(order: Order, box: Bbox, look: Mapping[str, object]) -> dict[str, object]:
    """Return the request of a job that does a look at an order's archive.

    Args:
        order: What is ordered.
        box: Where; see `app.feeds.sharing.asked_box`.
        look: Its time, as `app.feeds.planning.request_of` gives it.
    """
    return {
        "source": order.source,
        "aoi": list(box.degrees),
        "bands": list(order.bands),
        "max_cloud": order.max_cloud,
        "clip": order.clip,
        **look,
    }


def _start(text: str) -> datetime:
    start = Interval.parse(f"{text}/..").start
    assert start is not None  # noqa: S101 - it was read before
    return start


def _end(text: str) -> datetime:
    end = Interval.parse(f"../{text}").end
    assert end is not None  # noqa: S101 - as above
    return end
