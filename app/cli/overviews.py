"""`tilewatch overviews`: pixels of mosaics at low zooms, made of what has landed; landing makes them too."""

import asyncio
import json
import threading
from collections.abc import Iterable

import click
import rasterio

from app.cli.landing import REFUSALS, storage_option
from app.cli.refusal import refusing
from app.cli.telling import Telling, json_option, telling
from app.rendering.handles import WEB_MERCATOR
from app.rendering.reading import AssetReadError, read_band
from app.rendering.renderer import GDAL_OPTIONS
from app.rendering.request import Grid
from app.rendering.store_errors import ask_store
from app.settings import Settings
from ingest.collections import SourceCollection, load_collections
from ingest.overviews.building import Outcome, UnreadableBandError, build_overviews
from ingest.overviews.pixels import Bounds, Mask, Stored
from mosaics.collection import Collection, UnknownCollectionError
from mosaics.period import Period
from mosaics.scene import Asset
from mosaics.storage import ObjectNotFoundError, Storage, open_storage


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


@click.command()
@click.argument("collections", nargs=-1, metavar="[COLLECTION]...")
@click.option("--period", "periods", multiple=True, help="Of the mosaics, such as 2024-06; else all.")
@json_option
@storage_option
def overviews(
    *, collections: tuple[str, ...], periods: tuple[str, ...], as_json: bool, storage: str | None
) -> None:
    """Make what low zooms are drawn from, where many scenes lie under a tile.

    Landing does it as well; this is for collections landed by an earlier version or with --no-overviews, and
    to go on where it was stopped. What is there and right is left alone.
    """
    with telling("Making overviews", as_json=as_json) as told, refusing(*REFUSALS):
        settings = Settings()
        chosen = [Period.parse(period) for period in periods]

        async def run() -> None:
            async with await open_storage(storage or settings.storage) as opened:
                existing = await opened.folders("collections/")
                for name in collections:
                    if name not in existing:
                        raise UnknownCollectionError(name, existing)
                made = {
                    name: await bring_overviews(opened, name, settings, told, chosen or None)
                    for name in collections or existing
                }
                told.result(
                    made=sum(outcome.made for outcome in made.values()),
                    kept=sum(outcome.kept for outcome in made.values()),
                )

        asyncio.run(run())


async def bring_overviews(
    storage: Storage,
    collection_id: str,
    settings: Settings,
    told: Telling,
    periods: Iterable[Period] | None = None,
) -> Outcome:
    """Make the overviews that a collection lacks, and say what came of it where there is something to say.

    Args:
        storage: Where the collection lies.
        collection_id: The collection.
        settings: Where collections of one's own are described.
        told: Hears of it.
        periods: Of the mosaics; all where None.
    """
    try:
        document = json.loads(await storage.get(f"collections/{collection_id}/collection.json"))
    except ObjectNotFoundError:
        return Outcome()
    collection = Collection.from_stac(document)
    source: SourceCollection | None = load_collections(
        [settings.collections] if settings.collections else []
    ).get(collection_id)
    done = 0

    def progress(tiles: int) -> None:
        nonlocal done
        done += tiles
        told.progress(done, done, "steps")

    outcome = await build_overviews(
        storage,
        collection,
        source.clear if source else None,
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
