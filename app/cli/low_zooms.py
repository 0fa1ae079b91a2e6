"""Low zooms: making the overviews that a collection's mosaics lack, from pixels read as tiles read them."""

import json
import threading
from collections.abc import Callable, Iterable

import rasterio

from app.cli.reporting import Reporter
from ingest.overviews.building import OverviewOutcome, UnreadableBandError, build_overviews
from ingest.overviews.pixels import Bounds, Mask, Stored
from mosaics.collection import Collection
from mosaics.descriptions.collections import ClearRule
from mosaics.period import Period
from mosaics.raster.gdal import GDAL_OPTIONS
from mosaics.raster.grid import Grid
from mosaics.raster.handles import WEB_MERCATOR
from mosaics.raster.reading import AssetReadError, read_band
from mosaics.raster.store_errors import ask_store
from mosaics.scene import Asset
from mosaics.storage import ObjectNotFoundError, Storage


class TilePixels:
    """Reads scenes as tiles are read, by the same function: what an overview shows is what they show."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._of_thread = threading.local()

    def enter(self) -> None:
        """Give the thread its GDAL settings, for as long as it lives."""
        self._of_thread.gdal = rasterio.Env(**{**GDAL_OPTIONS, **self._storage.gdal_options()})
        self._of_thread.gdal.__enter__()

    def read(self, asset: Asset, bounds: Bounds, side: int) -> tuple[Stored, Mask]:
        """Read a band onto a square of EPSG:3857; `UnreadableBandError`."""
        try:
            pixels = read_band(asset, Grid(WEB_MERCATOR, bounds, side, side))
        except AssetReadError as error:
            raise UnreadableBandError(asset) from error
        return pixels.stored, pixels.valid

    async def ask(self, asset: Asset) -> None:
        """Ask the store of a file that could not be read; `StorageUnavailableError`."""
        await ask_store(self._storage, [asset])


async def bring_overviews(
    storage: Storage,
    collection_id: str,
    clear: ClearRule | None,
    told: Reporter,
    periods: Iterable[Period] | None = None,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> OverviewOutcome:
    """Make the overviews that a collection lacks, and say what came of it where there is something to say.

    Args:
        storage: Where the collection lies.
        collection_id: The collection.
        clear: Which of its pixels show the ground.
        told: Hears of it.
        periods: Of the mosaics; all where None.
        progress: Told the overviews done, and how many there are to be made of a mosaic.
    """
    try:
        document = json.loads(await storage.get(f"collections/{collection_id}/collection.json"))
    except ObjectNotFoundError:
        return OverviewOutcome()
    outcome = await build_overviews(
        storage,
        Collection.from_stac(document),
        clear,
        TilePixels(storage),
        periods=None if periods is None else sorted(set(periods)),
        progress=progress,
    )
    if outcome.made:
        noun = "overview" if outcome.made == 1 else "overviews"
        told.say(f"{collection_id}: {outcome.made} {noun} made for low zooms; {outcome.kept} were right.")
    for period, reason in outcome.unlike.items():
        told.warn(f"{collection_id} {period}: low zooms are drawn from scenes in places: {reason}.")
    if outcome.left_out:
        told.warn(f"{collection_id}: {len(outcome.left_out)} scenes cannot be read; the rest is shown.")
    return outcome
