"""The regions there are now, and how each of them stands."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.database import Database
from app.regions.file import RegionsFile
from app.regions.parsing import RegionFault, RegionListing
from app.regions.region import Region
from app.regions.runs import histories
from app.regions.status import RegionStatus, statuses_of
from mosaics.descriptions.folders import DescriptionFolders
from mosaics.descriptions.sources import SourceDescription

log = logging.getLogger(__name__)


class UnknownRegionError(LookupError):
    """A region that does not exist; the message names those there are, or what is wrong with it."""

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
        descriptions: Of the sources that regions may name.
    """

    def __init__(
        self,
        file: RegionsFile | None,
        database: Database | None,
        *,
        zone: ZoneInfo,
        descriptions: DescriptionFolders,
    ) -> None:
        self.zone = zone
        self._file = file
        self._database = database
        self._descriptions = descriptions
        self._looking = asyncio.Lock()
        self._logged: tuple[RegionFault, ...] = ()

    @property
    def is_configured(self) -> bool:
        """Whether there is a file to be read."""
        return self._file is not None

    @property
    def sources(self) -> Mapping[str, SourceDescription]:
        """The sources there are, by id."""
        return self._descriptions.current().sources

    async def listing(self) -> RegionListing:
        """Return the regions as they are now, and what is wrong with the others."""
        if self._file is None:
            return RegionListing()
        async with self._looking:
            listing = await asyncio.to_thread(self._look, self._file)
        self._log(listing)
        return listing

    async def region(self, name: str) -> Region:
        """Return the region of a name.

        Raises:
            UnknownRegionError: If there is no such region.
        """
        listing = await self.listing()
        found = listing.find(name)
        if found is None:
            raise UnknownRegionError(name, listing)
        return found

    async def statuses(self) -> tuple[RegionListing, list[RegionStatus]]:
        """Return the regions with their problems, and the status of each in the same order.

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
        """Return the status of the region of a name.

        Raises:
            UnknownRegionError: If there is no such region.
            DatabaseUnavailableError: If there is a database and it does not answer.
        """
        listing, statuses = await self.statuses()
        found = next((each for each in statuses if each.region.name == name), None)
        if found is None:
            raise UnknownRegionError(name, listing)
        return found

    def _look(self, file: RegionsFile) -> RegionListing:
        return file.look(self.sources)

    def _log(self, listing: RegionListing) -> None:
        """Say in the log what is wrong, once."""
        if listing.problems != self._logged:
            self._logged = listing.problems
            for problem in listing.problems:
                log.warning("regions file: %s", problem.text)
            if not listing.is_current:
                log.warning("the regions read before the file was broken stay")
