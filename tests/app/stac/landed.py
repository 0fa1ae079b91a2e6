"""Scenes of two collections by hand: over Europe, the Gulf of Guinea and Fiji, and two months of rain.

sentinel-2-l2a   may-north    2024-05-10T10:00:00Z    5..6 E, 51..52 N        10 % of clouds, no infrared
                 june-north   2024-06-10T10:00:00Z    5.5..6.5 E, 51..52 N    40 %
                 guinea       2024-06-20T10:30:00.5Z  1 W..1 E, 1 S..1 N      unknown
                 fiji         2024-06-25T22:00:00Z    179 E..179 W, 17..16 S  0 %
rain-monthly     rain-05      all of May 2024         180 W..180 E, 60 S..60 N, made up
                 rain-06      all of June 2024        the same
"""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import shapely

from mosaics.collection import Band, Collection
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes
from mosaics.period import Cadence, Period, instant_text
from mosaics.storage import Storage
from tests.app.landed import COLLECTION as SENTINEL
from tests.mosaics.records import geojson
from tests.rasters import write_cog

RAIN = Collection(
    id="rain-monthly",
    title="Rain",
    description="Rain of a month.",
    cadence=Cadence.MONTH,
    license="CC0-1.0",
    attribution="Nobody",
    bands=(Band(name="rain", title="Rain", dtype="float32", unit="mm"),),
)

FIJI = shapely.MultiPolygon([shapely.box(179, -17, 180, -16), shapely.box(-180, -17, -179, -16)])

PIXELS = np.arange(300 * 300, dtype=np.uint16).reshape(300, 300)


@cache
def cog() -> bytes:
    """The file of every band."""
    with TemporaryDirectory() as folder:
        return write_cog(Path(folder) / "band.tif", PIXELS).read_bytes()


def at(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def put_scene(
    storage: Storage,
    scene_id: str,
    footprint: Any,
    start: datetime,
    *,
    end: datetime | None = None,
    collection: Collection = SENTINEL,
    clouds: float | None = None,
    version: str = "d1",
    bands: int = 1,
    links: tuple[dict[str, Any], ...] = (),
    **properties: Any,
) -> SceneRecord:
    """Put a scene's item and its first bands beside it; it has not landed before its record is committed."""
    folder = f"collections/{collection.id}/scenes/{scene_id}/{version}"
    held = collection.bands[:bands]
    synthetic = collection is RAIN
    times = {"datetime": instant_text(start)}
    if end is not None:
        times |= {"start_datetime": instant_text(start), "end_datetime": instant_text(end)}
    if clouds is not None:
        properties["eo:cloud_cover"] = clouds
    geometry = geojson(footprint)
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": scene_id,
        "collection": collection.id,
        "geometry": geometry,
        "bbox": [179.0, -17.0, -179.0, -16.0] if footprint is FIJI else list(footprint.bounds),
        "properties": {**times, **properties, "tilewatch:synthetic": synthetic},
        "links": [{"rel": "collection", "href": "../../../collection.json"}, *links],
        "assets": {
            band.name: {
                "href": f"./{band.name}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data"],
                "bands": [{"name": band.name, "data_type": band.dtype, "unit": band.unit}],
            }
            for band in held
        },
    }
    for band in held:
        await storage.put(f"{folder}/{band.name}.tif", cog(), "image/tiff")
    await storage.put(f"{folder}/item.json", json.dumps(item).encode(), "application/geo+json")
    return SceneRecord(
        id=scene_id,
        item_key=f"{folder}/item.json",
        start=start,
        end=end or start,
        period=Period.containing(start, collection.cadence),
        cloud_cover_percent=clouds,
        footprint=geometry,
        synthetic=synthetic,
        resolution_m=10.0,
    )


async def put_collections(storage: Storage) -> None:
    """Describe both collections."""
    for collection in (SENTINEL, RAIN):
        document = json.dumps(collection.to_stac()).encode()
        await storage.put(f"collections/{collection.id}/collection.json", document, "application/json")


async def land_all(storage: Storage) -> None:
    """Land the six scenes; before, one that is removed again, and another version of one."""
    await put_collections(storage)
    north = shapely.box(5, 51, 6, 52)
    gone = await put_scene(storage, "gone", north, at("2024-05-01"), clouds=1.0)
    early = await put_scene(storage, "june-north", north, at("2024-06-10T10:00"), clouds=99.0, version="d0")
    await commit_scenes(storage, SENTINEL.id, add=[gone, early])
    source = {"rel": "derived_from", "href": "../../may-north/d1/item.json"}
    report = {"rel": "related", "href": "https://example.org/june"}
    local = {"rel": "via", "href": "/srv/secret/item.json"}
    shifted = shapely.box(5.5, 51, 6.5, 52)
    links = (source, report, local)
    may, june, late = at("2024-05-10T10:00"), at("2024-06-10T10:00"), at("2024-06-25T22:00")
    scenes = [
        await put_scene(storage, "may-north", north, may, clouds=10.0, bands=3, platform="s2a"),
        await put_scene(storage, "june-north", shifted, june, clouds=40.0, bands=4, links=links),
        await put_scene(
            storage, "guinea", shapely.box(-1, -1, 1, 1), at("2024-06-20T10:30:00.500000"), bands=4
        ),
        await put_scene(storage, "fiji", FIJI, late, clouds=0.0, bands=4, platform="s2b"),
    ]
    await commit_scenes(storage, SENTINEL.id, add=scenes, remove=["gone"])
    world = shapely.box(-180, -60, 180, 60)
    may, june, july = at("2024-05-01"), at("2024-06-01"), at("2024-07-01")
    rain = [
        await put_scene(storage, "rain-05", world, may, end=june, collection=RAIN),
        await put_scene(storage, "rain-06", world, june, end=july, collection=RAIN),
    ]
    await commit_scenes(storage, RAIN.id, add=rain)
