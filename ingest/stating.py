"""Stating: checksums of files that landed before there were any, taken of what is there now."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ingest.block_checks import require_whole
from ingest.integrity import integrity_of
from ingest.item import GEOJSON
from ingest.landing import copy_file, workspace
from ingest.raster import RasterRefusedError
from mosaics.commits import DAMAGED
from mosaics.period import instant_text
from mosaics.raster.coordinates import GDAL_ERRORS
from mosaics.seals import COPY, sealed, unsealed
from mosaics.storage import ObjectNotFoundError, Storage
from mosaics.verifying import Pace, file_key, lies_beside, stated_digest

STATED_ON = "tilewatch:checksums_stated"
"""Of an asset whose checksums were not taken as it landed: when they were."""


@dataclass(slots=True)
class Stated:
    """What came of stating the checksums of an item's files."""

    files: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    """Why nothing was stated of a file, by key."""


async def state_checksums(storage: Storage, item_key: str, pace: Pace) -> Stated:
    """State in an item the checksums of those of its files that have none.

    A file that does not open, or has a block whose own checksum is wrong, is left without.

    Args:
        storage: Where it lies.
        item_key: Of the item.
        pace: How fast files are read.

    Raises:
        StorageError: If storage fails.
    """
    done = Stated()
    try:
        document = unsealed(await storage.get(item_key))
        assets = {name: asset for name, asset in document["assets"].items() if lies_beside(asset)}
    except (ObjectNotFoundError, *DAMAGED) as error:
        done.damaged[item_key] = f"the item is missing or damaged ({type(error).__name__})"
        return done
    now = instant_text(datetime.now(UTC))
    with workspace() as folder:
        for name, asset in assets.items():
            if stated_digest(asset) is not None:
                continue
            key, file = file_key(item_key, asset), folder / f"{name}.tif"
            try:
                await copy_file(storage, key, file)
                await asyncio.to_thread(require_whole, file)
                asset |= await asyncio.to_thread(integrity_of, file)  # noqa: PLW2901 - changed in place
            except (ObjectNotFoundError, RasterRefusedError, *GDAL_ERRORS) as error:
                done.damaged[key] = f"it is missing or damaged ({type(error).__name__})"
                continue
            asset[STATED_ON] = now
            done.files += 1
            await pace.take(asset["file:size"])
            await asyncio.to_thread(file.unlink)
    if done.files:
        await storage.put(f"{item_key}{COPY}", sealed(document), GEOJSON)
        await storage.put(item_key, sealed(document), GEOJSON)
    return done
