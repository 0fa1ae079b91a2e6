"""Selecting: which landed scenes a composite is made of, and why others are left out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pystac
import shapely
from odc.geo.geobox import GeoBox
from rasterio.transform import Affine

from ingest.compositing.request import CompositeError, CompositeRequest
from mosaics.document import SceneRecord, read_mosaic
from mosaics.log import read_state
from mosaics.period import Period
from mosaics.scene import SceneError, SceneItem, read_item
from mosaics.seals import unsealed
from mosaics.storage import ObjectNotFoundError, Storage


class NoScenesError(CompositeError):
    """No scene over the box can be used."""


MAX_SCENES = 400
"""Scenes of one composite: a year of Sentinel-2 at one place has some 150."""
READ_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class SourceScene:
    """A scene with all a composite needs of it."""

    record: SceneRecord
    item: SceneItem
    document: Mapping[str, Any]
    """The scene's STAC item."""

    @property
    def id(self) -> str:
        """The scene's id."""
        return self.record.id

    def grid(self, band: str) -> GeoBox:
        """Return the pixels of a band."""
        asset = self.document["assets"][band]
        facts = {**self.document["properties"], **asset}
        height, width = facts["proj:shape"]
        crs = facts.get("proj:code") or facts["proj:wkt2"]
        return GeoBox((height, width), Affine(*facts["proj:transform"][:6]), crs)

    def stac(self, bands: tuple[str, ...]) -> pystac.Item:
        """Return the item as odc-stac takes it: these bands alone, each at the path GDAL opens."""
        assets = {
            band: {**self.document["assets"][band], "href": self.item.assets[band].path} for band in bands
        }
        return pystac.Item.from_dict({**self.document, "assets": assets, "links": []})


@dataclass(frozen=True, slots=True)
class SceneSelection:
    """The scenes of a composite."""

    scenes: tuple[SourceScene, ...]
    """By time, then by id."""
    left_out: Mapping[str, str]
    """Why, by id, others over the box are not among them."""

    @property
    def synthetic(self) -> bool:
        """Whether any scene was made up."""
        return any(scene.record.synthetic for scene in self.scenes)

    def without(self, scene_id: str, reason: str) -> "SceneSelection":
        """Return the selection without a scene, which is named among those left out.

        Raises:
            NoScenesError: If it was the only one.
        """
        scenes = tuple(scene for scene in self.scenes if scene.id != scene_id)
        if not scenes:
            raise NoScenesError(reason)
        return SceneSelection(scenes, dict(sorted({**self.left_out, scene_id: reason}.items())))


async def select_scenes(storage: Storage, order: CompositeRequest) -> SceneSelection:
    """Find the scenes of an order that lie over its box.

    Raises:
        NoScenesError: If there is none.
        CompositeError: If there are too many.
        StorageError: If storage cannot be read.
    """
    records = await _records(storage, order)
    if not records:
        raise NoScenesError(
            f"no scene of {order.source.collection.id} lies over the box in {order.interval.text}; land some "
            "first, with tilewatch ingest or tilewatch land."
        )
    if len(records) > MAX_SCENES:
        raise CompositeError(
            f"{len(records)} scenes lie over the box; a composite takes at most {MAX_SCENES} (MAX_SCENES): "
            "take a smaller box or a shorter time."
        )
    at_once = asyncio.Semaphore(READ_AT_ONCE)
    left_out: dict[str, str] = {}

    async def read(record: SceneRecord) -> SourceScene | None:
        async with at_once:
            try:
                document = unsealed(await storage.get(record.item_key))
                scene = SourceScene(record, read_item(document, record.item_key, storage), document)
                _require_usable(scene, order)
            except (ObjectNotFoundError, SceneError, CompositeError, ValueError) as error:
                left_out[record.id] = str(error)
                return None
            return scene

    scenes = [scene for scene in await asyncio.gather(*map(read, records)) if scene is not None]
    if not scenes:
        first, reason = min(left_out.items())
        raise NoScenesError(f"none of {len(records)} scenes over the box can be used; {first}: {reason}")
    return SceneSelection(
        tuple(sorted(scenes, key=lambda scene: (scene.record.start, scene.id))),
        dict(sorted(left_out.items())),
    )


async def _records(storage: Storage, order: CompositeRequest) -> list[SceneRecord]:
    """Return the scenes of the mosaics in the order's time that share some area with its box."""
    collection = order.source.collection
    state = await read_state(storage, collection.id)
    area = order.box.geometry
    found: list[SceneRecord] = []
    for period in sorted(p for p in state.mosaics if order.interval.overlaps(p.start, p.end)):
        found += await _of_mosaic(storage, state.mosaics[period], period, order, area)
    return found


async def _of_mosaic(
    storage: Storage, key: str, period: Period, order: CompositeRequest, area: shapely.Geometry
) -> list[SceneRecord]:
    try:
        data = await storage.get(key)
    except ObjectNotFoundError as error:
        raise CompositeError(
            f"the mosaic of {period.text} was replaced and swept meanwhile; try again."
        ) from error

    def over_the_box() -> list[SceneRecord]:
        return [
            record
            for record in read_mosaic(key, data).scenes()
            if order.interval.overlaps(record.start, record.end)
            and shapely.area(shapely.intersection(record.polygons(), area)) > 0
        ]

    return await asyncio.to_thread(over_the_box)


def _require_usable(scene: SourceScene, order: CompositeRequest) -> None:
    """Refuse a scene that a composite cannot be made of.

    Raises:
        CompositeError: If it lacks a band, or where it lies, or what marks missing pixels.
    """
    quality = tuple(rule.band for rule in order.composition.rules)
    for band in (*order.bands, *quality):
        if band not in scene.item.assets:
            why = ", so its clouds are unknown" if band in quality else ""
            raise CompositeError(f"it has no band {band}{why}; ingest it again with {band}")
        if {"proj:shape", "proj:transform"} - {*scene.document["assets"][band]}:
            raise CompositeError(f"its item does not say where the pixels of {band} lie")
    for band in order.bands:
        asset = scene.item.assets[band]
        if asset.nodata is None:  # a mask may, which is not read here
            raise CompositeError(f"no number marks the missing pixels of {band}; land it again with --nodata")
