"""Mending: damaged files of a landed scene are made again of what they were made of.

What comes out is right if its SHA-256 is the one that the item states, and takes the damaged file's place.
In a bucket, where readers do not check blocks and so may have shown wrong ones, and where another version of
GDAL wrote other bytes of the same source, the scene lands as a new version of itself, by a commit.
"""

import asyncio
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely

from ingest.archives.archive import Archive, BandLayer, Granule, GranuleRefusedError, RemoteFile
from ingest.archives.http import ArchiveError
from ingest.clipping import clipped_raster, cut_file
from ingest.cog import InvalidCogError, write_cog
from ingest.downloads import BeingFetchedError, Downloads
from ingest.encoding import PerBand
from ingest.granule_files import GranuleFiles
from ingest.ingesting import FILES_AT_ONCE
from ingest.integrity import integrity_of
from ingest.item import COG, GEOJSON, LandedItem
from ingest.landing import DiskFullError, copy_file, put_item, put_same
from ingest.planning import PlannedBand, decide_missing, hash_rasters, mended_folder
from ingest.raster import RasterRefusedError, SourceRaster, inspect_raster
from mosaics.bbox import Bbox, BboxError
from mosaics.commits import DAMAGED
from mosaics.descriptions.collections import CollectionDescription
from mosaics.document import MosaicDocumentError, SceneRecord, read_mosaic
from mosaics.ellipsoid import WGS84
from mosaics.log import OvertakenError, commit_scenes, read_state
from mosaics.period import Period, instant_text
from mosaics.raster.coordinates import GDAL_ERRORS, moved_bounds
from mosaics.raster.grid import FileGrid
from mosaics.seals import COPY, unsealed
from mosaics.storage import ObjectNotFoundError, Storage
from mosaics.verifying import Pace, file_digest, file_key, stated_digest, verify_items

BILLED = "s3://usgs-landsat/"
"""The bucket of the USGS bills everybody who reads it."""

FAULTS = (
    *(ArchiveError, BeingFetchedError, DiskFullError, GranuleRefusedError, InvalidCogError),
    *(MosaicDocumentError, OvertakenError, RasterRefusedError, *GDAL_ERRORS),
)
"""What keeps one scene from being mended and says nothing of the others."""


class NotMendedError(Exception):
    """What is damaged cannot be made again; the message says why."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What came of mending a scene."""

    bands: tuple[str, ...]
    commit: int | None
    """Number of the commit that made the new version seen; None where files took their place."""
    period: Period
    """Whose mosaic shows the scene."""


@dataclass(frozen=True, slots=True)
class Mender:
    """Makes damaged files of a collection's scenes again.

    Args:
        storage: Where the scenes lie.
        collection: Whose they are.
        archives: Returns those that may have its files, the likeliest first, of the addresses that an item
            says it is derived from.
        folders: Where files of the user's own may lie.
        downloads: Where fetched files are kept until they are used, so that a stopped run is gone on with.
    """

    storage: Storage
    collection: CollectionDescription
    archives: Callable[[Sequence[str]], Sequence[Archive]]
    folders: Sequence[Path]
    downloads: Downloads

    async def mend(self, item_key: str, bands: Collection[str]) -> Mended:
        """Make the files of some bands again and put them where readers find them.

        Args:
            item_key: Of the scene's item.
            bands: Whose files are damaged.

        Raises:
            NotMendedError: If that is not possible; everything is as it was then.
            StorageError: If storage fails.
        """
        try:
            item, bands = await self._item(item_key, bands)
            scene_id = str(item.document["id"])
            planned = {name: item.planned(self.collection.collection.band(name)) for name in sorted(bands)}
        except (ObjectNotFoundError, *DAMAGED) as error:
            raise NotMendedError("its item is missing, damaged or does not say how it was made") from error
        folder = self.downloads.of_scene(self.collection.collection.id, scene_id, f"mend-{item.digest}")
        try:
            with self.downloads.claimed(folder):
                rasters = await self._sources(item, planned, folder)
                made = {
                    name: await asyncio.to_thread(self._made, name, planned[name], raster, folder)
                    for name, raster in rasters.items()
                }
                mended = await self._placed(item, made, folder)
                self.downloads.remove(folder)
        except FAULTS as error:
            raise NotMendedError(str(error).rstrip(".")) from error
        return mended

    async def _item(self, item_key: str, bands: Collection[str]) -> tuple[LandedItem, Collection[str]]:
        """Return a scene's item, and which of its files are damaged; a damaged item is restored of its copy.

        Raises:
            StorageError: If both are missing, or storage fails.
            ValueError: If both are damaged.
        """
        try:
            document = unsealed(await self.storage.get(item_key))
            if isinstance(document, dict):
                return LandedItem(item_key, document), bands
        except (ObjectNotFoundError, *DAMAGED):
            pass
        copy = await self.storage.get(f"{item_key}{COPY}")
        item = LandedItem(item_key, unsealed(copy))
        await self.storage.put(item_key, copy, GEOJSON)
        found = await verify_items(self.storage, [item_key], Pace(math.inf))
        return item, found.bands.get(item_key, [])

    async def _sources(
        self, item: LandedItem, planned: Mapping[str, PlannedBand], folder: Path
    ) -> dict[str, SourceRaster]:
        """Return the rasters that bands were made of, and are the very same still; errors as `mend`."""
        local = {name: band for name, band in planned.items() if not _is_remote(band)}
        rasters = {name: await asyncio.to_thread(self._own_file, name, band) for name, band in local.items()}
        remote = {name: band for name, band in planned.items() if _is_remote(band)}
        if not remote:
            return rasters
        links = [str(one["href"]) for one in item.document["links"] if one.get("rel") == "derived_from"]
        archives = self.archives(links)
        if not archives:
            raise NotMendedError(
                f"no source of {self.collection.collection.id} is known that {', '.join(remote)} could be "
                "fetched from"
            )
        reason: Exception | None = None
        for archive in archives:
            try:
                return rasters | await self._fetched(archive, item, remote, folder)
            except (ArchiveError, GranuleRefusedError) as error:
                reason = reason or error
        raise NotMendedError(str(reason).rstrip(".")) from reason

    def _own_file(self, name: str, band: PlannedBand) -> SourceRaster:
        """Return a file of the user's own that a band was made of; errors as `mend`."""
        file = band.raster.path.name
        for folder in self.folders:
            for path in sorted(folder.rglob(file)):
                raster = inspect_raster(path, band.raster.index, flip=True, side_cars=True)
                if band.sha256 is not None and hash_rasters({name: raster})[name] == band.sha256:
                    return raster
        if band.sha256 is None:
            raise NotMendedError(
                f"{name} was computed, not fetched; make it again, and land it under another id"
            )
        raise NotMendedError(
            f"{name} was made of {file}, a file of the user's own; --from FOLDER says where it lies"
        )

    async def _fetched(
        self, archive: Archive, item: LandedItem, planned: Mapping[str, PlannedBand], folder: Path
    ) -> dict[str, SourceRaster]:
        """Return the rasters of bands that come from an archive; errors as `mend`."""
        granule = _granule(item, planned)
        files = GranuleFiles(
            archive, granule, folder, self.downloads, asyncio.Semaphore(FILES_AT_ONCE), lambda _: None
        )
        under = _box(planned.values()) if _is_part(item) else None
        await files.prepare(under)
        await files.fetch(files.remote, under=under)

        def unpack() -> dict[str, SourceRaster]:
            return {name: _as_landed(files.unpack(name), band, folder) for name, band in planned.items()}

        rasters = await asyncio.to_thread(unpack)
        digests = await asyncio.to_thread(hash_rasters, rasters)
        if other := [name for name, band in planned.items() if digests[name] != band.sha256]:
            files.throw_away()
            raise NotMendedError(
                f"the archive has other files of {', '.join(other)} by now; land the scene again under "
                "another id"
            )
        return rasters

    def _made(self, name: str, band: PlannedBand, raster: SourceRaster, folder: Path) -> Path:
        """Write the COG of a band again; errors as `mend`."""
        described = self.collection.collection.band(name)
        nodata = band.encoding.nodata
        given = PerBand(without=frozenset({name})) if nodata is None else PerBand(for_band={name: nodata})
        for numbers in (PerBand(), given):
            told, decided = decide_missing(raster, described, numbers)
            if decided == nodata or (decided != decided and nodata != nodata):  # noqa: PLR0124 - NaN
                break
        else:
            raise NotMendedError(f"what marks missing pixels of {name} cannot be told again")
        target = folder / "made" / f"{name}.tif"
        target.parent.mkdir(exist_ok=True)
        write_cog(told, target, encoding=band.encoding, description=name)
        return target

    async def _placed(self, item: LandedItem, made: Mapping[str, Path], folder: Path) -> Mended:
        """Put files where readers find them; errors as `mend`."""
        assets: Mapping[str, Any] = item.document["assets"]
        period = (await self._record(item)).period
        same = {
            name
            for name, path in made.items()
            if await asyncio.to_thread(file_digest, path) == stated_digest(assets[name])
        }
        if not made:
            return Mended(("item",), None, period)
        if same == made.keys() and not self.storage.gdal_path("x").startswith("/vsi"):
            for name, path in made.items():
                await put_same(self.storage, file_key(item.key, assets[name]), path, COG)
            return Mended(tuple(made), None, period)
        if any(not _is_remote_item(item, name) for name in made.keys() - same):
            raise NotMendedError("what was made again is not what was landed; land the scene again")
        return await self._landed_again(item, made, folder)

    async def _landed_again(self, item: LandedItem, made: Mapping[str, Path], folder: Path) -> Mended:
        """Land the scene as a new version of itself; errors as `mend`."""
        collection_id, scene_id = self.collection.collection.id, item.document["id"]
        record = await self._record(item)
        prefix = mended_folder(item.key)
        document = json.loads(json.dumps(item.document))
        for name, asset in document["assets"].items():
            if item.is_referenced(name):
                continue
            path = made.get(name, folder / "made" / f"{name}.tif")
            if name in made:
                asset |= await asyncio.to_thread(integrity_of, path)  # noqa: PLW2901 - changed in place
            else:
                await self._copy(file_key(item.key, asset), path, asset)
            await put_same(self.storage, f"{prefix}{name}.tif", path, COG)
        now = instant_text(datetime.now(UTC))
        document["properties"]["tilewatch:mended"] = {"at": now, "bands": sorted(made)}
        await put_item(self.storage, f"{prefix}item.json", document)
        commit = await commit_scenes(
            self.storage,
            collection_id,
            add=[replace(record, item_key=f"{prefix}item.json")],
            over={scene_id: item.key},
        )
        return Mended(tuple(made), None if commit is None else commit.number, record.period)

    async def _copy(self, key: str, target: Path, asset: Mapping[str, Any]) -> None:
        await copy_file(self.storage, key, target)
        if stated_digest(asset) not in {None, await asyncio.to_thread(file_digest, target)}:
            raise NotMendedError(f"{target.name} is damaged, too")

    async def _record(self, item: LandedItem) -> SceneRecord:
        state = await read_state(self.storage, self.collection.collection.id)
        scene = state.scenes.get(item.document["id"])
        if scene is None or scene.item_key != item.key:
            raise NotMendedError("another version of the scene has landed meanwhile")
        document = await asyncio.to_thread(
            read_mosaic, state.mosaics[scene.period], await self.storage.get(state.mosaics[scene.period])
        )
        record = next((one for one in document.scenes() if one.item_key == item.key), None)
        if record is None:
            raise NotMendedError("the mosaic of its period does not have it")
        return record


def _is_remote(band: PlannedBand) -> bool:
    return band.origin is not None and "://" in band.origin.href


def _is_remote_item(item: LandedItem, name: str) -> bool:
    return "://" in str(item.document["properties"]["tilewatch:sources"][name].get("href", ""))


def _granule(item: LandedItem, planned: Mapping[str, PlannedBand]) -> Granule:
    """Return what an archive is asked for: the files of some bands, as the item tells them."""
    files, layers = {}, {}
    for name, band in planned.items():
        assert band.origin is not None  # noqa: S101 - asked of those alone
        href, file = band.origin.href, band.raster.path.name
        files[file] = RemoteFile(href, requester_pays=href.startswith(BILLED))
        layers[name] = BandLayer(file, band.raster.layer)
    now = datetime.now(UTC)
    footprint = shapely.geometry.shape(item.document["geometry"])
    return Granule(
        id="mended",
        start=now,
        end=now,
        footprint=footprint,
        files=files,
        layers=layers,
        bands=tuple(planned),
    )


def _is_part(item: LandedItem) -> bool:
    """Return whether only a part of a granule was landed, whose id tells it (`IngestOptions.scene_id`)."""
    tail = str(item.document["id"]).rpartition("-")[2]
    return len(tail) == 8 and not set(tail) - set("0123456789abcdef")


def _box(planned: Iterable[PlannedBand]) -> Bbox | None:
    """Return a box in degrees that holds the pixels of some bands; None where there is no such box."""
    rasters = [band.raster for band in planned]
    boxes = [box for one in rasters if (box := moved_bounds(one.crs, WGS84, one.bounds)) is not None]
    if len(boxes) < len(rasters) or any(west >= east for west, _, east, _ in boxes):
        return None
    west, south = (min(box[at] for box in boxes) for at in (0, 1))
    east, north = (max(box[at] for box in boxes) for at in (2, 3))
    try:
        return Bbox(max(-180.0, west), max(-90.0, south), min(180.0, east), min(90.0, north))
    except BboxError:
        return None


def _as_landed(raster: SourceRaster, band: PlannedBand, folder: Path) -> SourceRaster:
    """Return a raster that has come, or that part of it which was landed."""
    if (raster.height_width, raster.transform) == (band.raster.height_width, band.raster.transform):
        return raster
    (folder / "clipped").mkdir(exist_ok=True)
    part = folder / "clipped" / raster.pixels_path.name.replace(".blocks", "")
    height, width = band.raster.height_width
    cut_file(raster.pixels_path, FileGrid(band.raster.crs, band.raster.transform, width, height), part)
    return clipped_raster(raster, part)
