"""The regions there are now, and how each of them stands."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from app.database import Database
from app.regions.file import RegionsFile
from app.regions.parsing import Archive, RegionFault, RegionListing
from app.regions.region import Region
from app.regions.runs import histories
from app.regions.status import RegionStatus, statuses_of

log = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""How long an answer waits to learn which sources there are; then it is given without judging sources."""

LONG_PATIENCE_S = 30.0
"""How long the rotation waits for that."""

Archives: TypeAlias = Mapping[str, Archive]


class UnknownRegionError(LookupError):
    """There is no region of that name; the message names those there are, or what is wrong with it."""

    def __init__(self, name: str, listing: RegionListing) -> None:
        problem = next((each for each in listing.problems if each.region == name), None)
        names = ", ".join(region.name for region in listing.regions) or "none"
        because = (
            f"the regions file describes it wrongly, {problem.text}" if problem else f"there are: {names}"
        )
        super().__init__(f"no region {name[:80]!r}; {because}")


class RegionService:
    """Knows the regions.

    Args:
        file: That describes them; None where none is configured.
        database: Where their runs are; None where there is none.
        zone: In which nights are counted.
        ask_archives: Tells the sources there are; None where it cannot. It may take some seconds, and is
            asked when the file has changed and when the rotation looks.
    """

    def __init__(
        self,
        file: RegionsFile | None,
        database: Database | None,
        *,
        zone: ZoneInfo,
        ask_archives: Callable[[], Awaitable[Archives | None]],
    ) -> None:
        self.zone = zone
        self._file = file
        self._database = database
        self._ask_archives = ask_archives
        self._archives: Archives | None = None
        self._asking: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._logged: tuple[RegionFault, ...] = ()

    @property
    def is_configured(self) -> bool:
        """Whether there is a file to be read."""
        return self._file is not None

    @property
    def archives(self) -> Archives | None:
        """The sources there were at the last look; None where that is not known."""
        return self._archives

    async def listing(self, *, anew: bool = False) -> RegionListing:
        """The regions now, and what is wrong with the others.

        Args:
            anew: Ask for the sources again although the file has not changed.
        """
        if self._file is None:
            return RegionListing()
        async with self._looking:
            if anew or await asyncio.to_thread(self._file.has_changed):
                await self._learn(wait_s=LONG_PATIENCE_S if anew else PATIENCE_S)
            listing = await asyncio.to_thread(self._file.look, self._archives)
        self._log(listing)
        return listing

    async def region(self, name: str) -> Region:
        """The region of a name; `UnknownRegionError`."""
        listing = await self.listing()
        found = listing.find(name)
        if found is None:
            raise UnknownRegionError(name, listing)
        return found

    async def statuses(self) -> tuple[RegionListing, list[RegionStatus]]:
        """The regions with their problems, and the status of each in the same order.

        Raises:
            DatabaseUnavailableError: If there is a database and it does not answer.
        """
        listing = await self.listing()
        now = datetime.now(UTC)
        known = None
        if self._database is not None and listing.regions:
            async with self._database.connection() as connection:
                known = await histories(connection, [region.name for region in listing.regions])
        elif self._database is not None:
            known = {}
        tonight = now.astimezone(self.zone).date()
        return listing, statuses_of(listing.regions, known, now=now, tonight=tonight)

    async def status(self, name: str) -> RegionStatus:
        """The status of one; `UnknownRegionError`, and as `statuses` raises."""
        listing, statuses = await self.statuses()
        found = next((each for each in statuses if each.region.name == name), None)
        if found is None:
            raise UnknownRegionError(name, listing)
        return found

    async def close(self) -> None:
        """Ask for nothing any more; a question under way has a moment to be answered."""
        if self._asking is not None:
            _, unanswered = await asyncio.wait({self._asking}, timeout=PATIENCE_S)
            for task in unanswered:
                task.cancel()
                await asyncio.wait({task})

    async def _learn(self, *, wait_s: float) -> None:
        """Ask for the sources, and wait for them for some time."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="sources of regions")
        await asyncio.wait({self._asking}, timeout=wait_s)
        if self._asking.done():
            self._asking.result()

    async def _ask(self) -> None:
        self._archives = await self._ask_archives()

    def _log(self, listing: RegionListing) -> None:
        """Say in the log what is wrong, once."""
        if listing.problems != self._logged:
            self._logged = listing.problems
            for problem in listing.problems:
                log.warning("regions file: %s", problem.text)
            if not listing.is_current:
                log.warning("the regions read before the file was broken stay")
