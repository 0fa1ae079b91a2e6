"""Many small scenes, landed by one commit: what an archive looks like from afar."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.transform import Affine

from mosaics.collection import Band, Collection
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes
from mosaics.period import Cadence, Period
from mosaics.storage import Storage
from tests.mosaics.records import geojson

COLLECTION = Collection(
    id="sentinel-2-l2a",
    title="Sentinel-2 Level-2A",
    description="Surface reflectance.",
    cadence=Cadence.MONTH,
    license="other",
    attribution="Contains modified Copernicus Sentinel data",
    bands=(
        Band(name="red", title="Red", dtype="uint16", scale=0.0001, nodata=0),
        Band(name="nir", title="Near infrared", dtype="uint16", scale=0.0001, nodata=0),
        Band(name="scl", title="Scene classification", dtype="uint8", nodata=0, categorical=True),
    ),
)
METRES_A_DEGREE = 111319.49


def texture(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Numbers that another seed hardly gives in the same places, and that deflate takes half of."""
    return np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint16) * np.uint16(20)


async def put_scene(
    storage: Storage,
    scene_id: str,
    corner: tuple[float, float],
    pixel_deg: float,
    bands: Mapping[str, np.ndarray],
    *,
    month: str = "2024-06",
    day: int = 10,
    version: str = "d1",
    cloud_cover_percent: float | None = 10.0,
    synthetic: bool = False,
    facts: Mapping[str, Any] | None = None,
    nodata: float | None = 0,
    properties: Mapping[str, Any] | None = None,
) -> SceneRecord:
    """Write a scene in degrees with its upper left `corner` to storage; nobody sees it yet."""
    prefix = f"collections/{COLLECTION.id}/scenes/{scene_id}/{version}"
    height, width = next(iter(bands.values())).shape
    transform = Affine(pixel_deg, 0, corner[0], 0, -pixel_deg, corner[1])
    assets = {}
    for name, values in bands.items():
        with rasterio.MemoryFile() as memory:
            with memory.open(
                driver="GTiff", height=height, width=width, count=1, dtype=values.dtype, crs="EPSG:4326",
                transform=transform, nodata=nodata, tiled=True, blockxsize=256, blockysize=256,
                compress="deflate",
            ) as file:  # fmt: skip
                file.write(values, 1)
            await storage.put_new(f"{prefix}/{name}.tif", memory.read(), "image/tiff")
        scale = 1.0 if name == "scl" else 0.0001
        of_band = {"name": name, "data_type": str(values.dtype), "raster:scale": scale, **(facts or {})}
        if nodata is not None:
            of_band["nodata"] = nodata
        assets[name] = {"href": f"./{name}.tif", "roles": ["data"], "bands": [of_band]}
    west, north = corner
    east, south = west + width * pixel_deg, north - height * pixel_deg
    footprint = geojson(shapely.box(west, south, east, north))
    start = Period.parse(month).start + timedelta(days=day - 1)
    item = {
        "type": "Feature", "stac_version": "1.1.0", "id": scene_id, "collection": COLLECTION.id,
        "geometry": footprint, "assets": assets, "links": [],
        "properties": {
            "datetime": f"{start:%Y-%m-%dT%H:%M:%SZ}", "tilewatch:synthetic": synthetic, **(properties or {}),
        },
    }  # fmt: skip
    await storage.put_new(f"{prefix}/item.json", json.dumps(item).encode(), "application/geo+json")
    return SceneRecord(
        id=scene_id,
        item_key=f"{prefix}/item.json",
        start=start,
        end=start,
        period=Period.parse(month),
        cloud_cover_percent=cloud_cover_percent,
        footprint=footprint,
        synthetic=synthetic,
        resolution_m=pixel_deg * METRES_A_DEGREE,
    )


async def land(storage: Storage, records: Sequence[SceneRecord], remove: Sequence[str] = ()) -> None:
    """Let readers see scenes, or no longer."""
    key = f"collections/{COLLECTION.id}/collection.json"
    await storage.put(key, json.dumps(COLLECTION.to_stac()).encode(), "application/json")
    await commit_scenes(storage, COLLECTION.id, add=records, remove=remove)


async def put_grid(
    storage: Storage,
    columns: int,
    rows: int,
    *,
    pixel_deg: float,
    corner: tuple[float, float] = (10.0, 8.0),
    side: int = 256,
    overlap: float = 0.1,
    bands: Sequence[str] = ("red", "nir"),
    **given: Any,
) -> list[SceneRecord]:
    """Write scenes side by side, each overlapping its neighbours; the cloudier the further north-west."""
    step = side * pixel_deg * (1 - overlap)
    records = []
    for number in range(columns * rows):
        column, row = number % columns, number // columns
        values = {
            name: np.full((side, side), 4, np.uint8)
            if name == "scl"
            else texture(2 * number + at, (side, side))
            for at, name in enumerate(bands)
        }
        place = (corner[0] + column * step, corner[1] - row * step)
        cover = 50.0 - 0.001 * number
        records.append(
            await put_scene(
                storage, f"s{number}", place, pixel_deg, values, cloud_cover_percent=cover, **given
            )
        )
    return records


def files_under(folder: Path) -> list[str]:
    """What a local storage holds, by key."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
