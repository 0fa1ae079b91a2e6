"""What processes tell each other of damage: readers which files they met, the rotation which it found."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.database import Database, DatabaseUnavailableError
from app.tasks.verified_items import damaged_items, meet_mosaics, want_verified
from mosaics.catalogue import Catalogue
from mosaics.raster.damage import DAMAGE, MOST

log = logging.getLogger(__name__)

EXCHANGED_EVERY_S = 15.0


@dataclass
class DamageExchange:
    """Tells the database what this process has met, and its readers what others have found.

    Args:
        database: All processes share it.
        catalogue: Of this process.
    """

    database: Database
    catalogue: Catalogue
    _told: set[str] = field(default_factory=set)

    async def watch(self) -> None:
        """Exchange again and again until cancelled; while the database does not answer it is left out."""
        while True:
            await asyncio.sleep(EXCHANGED_EVERY_S)
            try:
                await self.exchange()
            except DatabaseUnavailableError:
                continue
            except Exception:
                log.exception("what is damaged could not be exchanged; it is tried again")

    async def exchange(self) -> None:
        """Tell what is news, and hear what is known."""
        storage = self.catalogue.storage
        root = storage.gdal_path("x").removesuffix("x")
        paths = [*DAMAGE.known(), *DAMAGE.replaced()]
        met = {_item_key(path.removeprefix(root)) for path in paths if path.startswith(root)}
        mosaics: Mapping[str, str] = self.catalogue.damaged_mosaics()
        async with self.database.connection() as connection:
            if news := met - self._told:
                await want_verified(connection, news)
            if mosaics:
                await meet_mosaics(connection, mosaics)
            found = await damaged_items(connection, MOST)
        self._told = met
        DAMAGE.condemn({storage.gdal_path(key): why for one in found for key, why in one.files.items()})


def _item_key(file_key: str) -> str:
    return f"{file_key.rpartition('/')[0]}/item.json"
