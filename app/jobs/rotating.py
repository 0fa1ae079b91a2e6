"""Rotating: each night the most overdue regions are refreshed, by ingestions for the days before and after.

The night only begins runs; what becomes of them is followed from their rows, so that whoever leads goes on
with what another has begun. An ingestion is ordered under a key that names run and window, hence once.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from app.database import Connection, Database
from app.jobs.job import Nightly, StillLeading
from app.jobs.orders.model import (
    KeyReusedError,
    Order,
    OrderEndedError,
    OrderRequestError,
    QueueFullError,
    SourcesUnknownError,
    UnknownOrderError,
)
from app.products.registry import Registry, UnknownProductError
from app.regions.model import Region, Window
from app.regions.roster import Roster
from app.regions.rotation import PER_NIGHT, choose
from app.regions.runs import (
    Cause,
    Run,
    begin_run,
    begun_by_rotation,
    fall_back,
    finish_run,
    histories,
    last_runs,
    note_order,
    running_runs,
)
from app.regions.status import standing_of

log = logging.getLogger(__name__)

LONGEST_RUN = timedelta(hours=20)
"""A run that has taken so long is given up before the next night comes."""

LONGEST_TEXT = f"{LONGEST_RUN // timedelta(hours=1)} hours"

ROLES = ("post", "pre")
"""The windows, in the order they are ingested: what is new first."""


class RefreshUnderWayError(Exception):
    """A region is being refreshed; the message says since when."""


class TakesOrders(Protocol):
    """What does the work of a run; see `app.jobs.orders.ordering.Orders`."""

    async def submit(
        self, kind: Literal["ingest"], request: Mapping[str, Any], *, key: str, is_limited: bool
    ) -> Order:
        """Order an ingestion; the same one under the same key."""
        ...

    async def read(self, order_id: int) -> Order:
        """The order as it stands."""
        ...

    async def cancel(self, order_id: int) -> Order:
        """End the order."""
        ...


class Rotating:
    """Refreshes regions.

    Args:
        database: Where runs are.
        roster: The regions.
        registry: The products, which say what bands are needed.
        orders: Do the work.
        nightly: When the rotation chooses.
        now: The clock, UTC.
    """

    def __init__(
        self,
        database: Database,
        roster: Roster,
        registry: Registry,
        orders: TakesOrders,
        nightly: Nightly,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._roster = roster
        self._registry = registry
        self._orders = orders
        self._nightly = nightly
        self._now = now

    async def choose(self, still_leading: StillLeading) -> Mapping[str, Any]:
        """Begin the runs of a night: what was missed before is made up for by no more than these.

        Raises:
            app.jobs.leading.LeadershipLostError: As `still_leading` does.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        listing = await self._roster.listing(anew=True)
        night = self._nightly.night(self._nightly.latest(self._now()))
        await still_leading()
        by_name = {region.name: region for region in listing.regions}
        async with self._database.transaction() as connection:
            room = max(0, PER_NIGHT - await begun_by_rotation(connection, night))
            known = await histories(connection, by_name)
            standings = [standing_of(region, known[name]) for name, region in by_name.items()]
            chosen = [by_name[each.name] for each in choose(standings, night, most=room)]
            runs = [await self._begin(connection, region, night, "rotation") for region in chosen]
        begun = [run.region for run in runs if run is not None]
        return {"night": night.isoformat(), "begun": begun, "problems": len(listing.problems)}

    async def refresh(self, name: str) -> Run:
        """Begin a run of a region now.

        Raises:
            app.regions.roster.UnknownRegionError: If there is no such region.
            RefreshUnderWayError: If it is being refreshed.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        region = await self._roster.region(name)
        night = self._nightly.night(self._now())
        async with self._database.connection() as connection:
            run = await self._begin(connection, region, night, "request")
        if run is None:
            raise RefreshUnderWayError(
                f"region {name!r} is being refreshed; GET /regions/{name} tells how far it is"
            )
        await self._advance(run)
        async with self._database.connection() as connection:
            (latest,) = await last_runs(connection, name, limit=1)
        return latest

    async def follow(self, still_leading: StillLeading) -> Mapping[str, Any]:
        """Bring the runs under way a step further; raises as `choose`."""
        async with self._database.connection() as connection:
            runs = await running_runs(connection)
        for run in runs:
            await still_leading()
            await self._advance(run)
        return {"running": len(runs)}

    async def _begin(self, connection: Connection, region: Region, night: date, cause: Cause) -> Run | None:
        today = self._now().date()
        bands = self._bands(region)
        return await begin_run(connection, region, bands, night=night, today=today, cause=cause)

    def _bands(self, region: Region) -> list[str]:
        """What the product and its mask read, as far as the source has it."""
        try:
            product = self._registry.get(region.product)
        except UnknownProductError:  # refused when the file was read
            return []
        wanted = dict.fromkeys((*product.bands, *product.mask_bands))
        archive = (self._roster.archives or {}).get(region.source)
        return [band for band in wanted if archive is None or band in archive.bands]

    async def _advance(self, run: Run) -> None:
        """Order what is not ordered yet; end the run when all of it has ended."""
        is_overlong = self._now() - run.started_at > LONGEST_RUN
        try:
            orders = {role: await self._order(run, role) for role in ROLES}
        except (QueueFullError, SourcesUnknownError) as error:
            log.warning("the refresh of region %s waits: %s", run.region, error)
            if is_overlong:
                await self._finish(run, {}, "failed", f"it could not be ordered for {LONGEST_TEXT}: {error}")
            return
        except (OrderRequestError, KeyReusedError, UnknownOrderError, ValidationError) as error:
            await self._finish(run, {}, "failed", str(error))
            return
        if all(order.has_ended for order in orders.values()):
            await self._end(run, orders)
        elif is_overlong:
            await self._give_up(run, orders)

    async def _end(self, run: Run, orders: Mapping[str, Order]) -> None:
        """Say what came of a run, or take other days before where those of the year before have no scene."""
        for role, order in orders.items():
            if order.status != "done":
                why = order.error or "it was cancelled"
                await self._finish(run, orders, "failed", f"{role}, job {order.id}: {why}")
                return
        if not orders["post"].landed:
            await self._finish(run, orders, "empty", _nothing_in(run, run.post))
        elif orders["pre"].landed:
            await self._finish(run, orders, "done")
        elif run.pre_basis == "year-before":
            async with self._database.connection() as connection:
                await fall_back(connection, run.id, _region(run).just_before(run.post))
        else:
            season = _region(run).pre_window(run.post)
            reason = f"{_nothing_in(run, season)}, and none of {run.pre.text}"
            await self._finish(run, orders, "empty", reason)

    async def _order(self, run: Run, role: str) -> Order:
        if role in run.orders:
            return await self._orders.read(run.orders[role])
        window = run.post if role == "post" else run.pre
        asked = run.asked
        request = {
            "source": asked["source"],
            "aoi": asked["bbox"],
            "toi": window.text,
            "bands": asked["bands"],
            "max_cloud": asked["max_cloud_percent"],
            "mode": asked["mode"],
            "clip": asked["mode"] == "copy",
        }
        key = f"region-run-{run.id}-{role}-{window.text}"
        order = await self._orders.submit("ingest", request, key=key, is_limited=False)
        async with self._database.connection() as connection:
            await note_order(connection, run.id, role, order.id)
        return order

    async def _give_up(self, run: Run, orders: Mapping[str, Order]) -> None:
        for order in orders.values():
            if not order.has_ended:
                try:
                    await self._orders.cancel(order.id)
                except OrderEndedError:
                    continue
        await self._finish(run, orders, "failed", f"it took longer than {LONGEST_TEXT} and was given up")

    async def _finish(
        self,
        run: Run,
        orders: Mapping[str, Order],
        status: Literal["done", "empty", "failed"],
        error: str | None = None,
    ) -> None:
        scenes = [scene for order in orders.values() for scene in order.landed]
        new = sum(scene.commit is not None for scene in scenes)
        results = [order.result.get("ingest", {}) for order in orders.values()]
        async with self._database.connection() as connection:
            await finish_run(
                connection,
                run.id,
                status,
                scenes_landed=new,
                scenes_found=len(scenes) - new,
                landed_bytes=sum(result.get("landed_bytes", 0) for result in results),
                error=error,
            )
        log.info("the refresh of region %s is %s%s", run.region, status, f": {error}" if error else "")


def _region(run: Run) -> Region:
    """The region as it was asked."""
    return Region.model_validate({name: run.asked[name] for name in Region.model_fields if name in run.asked})


def _nothing_in(run: Run, window: Window) -> str:
    return (
        f"{run.asked['source']} has no scene of {window.text} over the region with at most "
        f"{run.asked['max_cloud_percent']:g} % clouds"
    )
