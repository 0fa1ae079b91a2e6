"""A small world to serve: two months of one Sentinel-2-like scene near Mol, its values plain enough to know.

The scene has 256 by 256 pixels of 10 m. Its western half has red 0.1 and nir 0.3, so NDVI 0.5; its eastern
half has both at 0.2, so NDVI 0. The 64 northernmost rows are cloud (scl 9); the 32 southernmost have no data.
"""

import json
from collections.abc import Container
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Transformer
from shapely.geometry import Polygon, mapping

from mosaics.collection import Band, Collection
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes
from mosaics.period import Cadence, Period
from mosaics.storage import Storage, open_storage
from tests.rasters import MOL, write_cog

SIDE = 256
PIXEL_M = 10.0

COLLECTION = Collection(
    id="sentinel-2-l2a",
    title="Sentinel-2 Level-2A",
    description="Surface reflectance.",
    cadence=Cadence.MONTH,
    license="other",
    attribution="Contains modified Copernicus Sentinel data",
    bands=(
        *(
            Band(name=name, title=name, dtype="uint16", scale=0.0001, nodata=0, gsd_m=10, wavelength_um=um)
            for name, um in (("blue", 0.49), ("green", 0.56), ("red", 0.665), ("nir", 0.842))
        ),
        Band(name="scl", title="Scene classification", dtype="uint8", nodata=0, categorical=True, gsd_m=20),
    ),
)


def pixels() -> dict[str, np.ndarray]:
    """The bands of the scene, as stored numbers."""
    bands = {name: np.full((SIDE, SIDE), 2000, np.uint16) for name in ("blue", "green", "red", "nir")}
    bands["red"][:, : SIDE // 2] = 1000
    bands["nir"][:, : SIDE // 2] = 3000
    bands["scl"] = np.full((SIDE, SIDE), 4, np.uint8)
    bands["scl"][:64] = 9
    for band in bands.values():
        band[-32:] = 0
    return bands


TO_LONLAT = Transformer.from_crs(32631, 4326, always_xy=True)


def lonlat(column: float, row: float, upper_left: tuple[float, float] = MOL) -> tuple[float, float]:
    """Where a pixel's corner lies; half numbers are middles."""
    lon, lat = TO_LONLAT.transform(upper_left[0] + column * PIXEL_M, upper_left[1] - row * PIXEL_M)
    return lon, lat


async def put_collection(storage: Storage) -> None:
    """Write what the bands mean."""
    document = json.dumps(COLLECTION.to_stac()).encode()
    await storage.put(f"collections/{COLLECTION.id}/collection.json", document, "application/json")


async def land(
    storage: Storage,
    folder: Path,
    scene_id: str = "S2A_MOL_20240610",
    *,
    month: str = "2024-06",
    upper_left: tuple[float, float] = MOL,
    synthetic: bool = False,
    without: Container[str] = (),
) -> SceneRecord:
    """Land the scene in a month, `without` some of its bands."""
    start = Period.parse(month).start + timedelta(days=9)
    prefix = f"collections/{COLLECTION.id}/scenes/{scene_id}/d1"
    assets: dict[str, Any] = {}
    for name, values in pixels().items():
        if name in without:
            continue
        file = write_cog(folder / f"{scene_id}-{name}.tif", values, upper_left=upper_left, nodata=0)
        await storage.put_new(f"{prefix}/{name}.tif", file.read_bytes(), "image/tiff")
        band = COLLECTION.band(name)
        facts = {"name": name, "data_type": band.dtype, "nodata": 0, "unit": "1", "raster:scale": band.scale}
        assets[name] = {"href": f"./{name}.tif", "roles": ["data"], "bands": [facts]}
    corners = [lonlat(x, y, upper_left) for x, y in ((0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE), (0, 0))]
    footprint = mapping(Polygon(corners))
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": scene_id,
        "collection": COLLECTION.id,
        "geometry": footprint,
        "properties": {"datetime": f"{start:%Y-%m-%dT%H:%M:%SZ}", "tilewatch:synthetic": synthetic},
        "assets": assets,
        "links": [],
    }
    await storage.put_new(f"{prefix}/item.json", json.dumps(item).encode(), "application/geo+json")
    record = SceneRecord(
        id=scene_id,
        item_key=f"{prefix}/item.json",
        start=start,
        end=start,
        period=Period.parse(month),
        cloud_cover_percent=25.0,
        footprint=footprint,
        synthetic=synthetic,
        resolution_m=PIXEL_M,
    )
    await put_collection(storage)
    await commit_scenes(storage, COLLECTION.id, add=[record])
    return record


async def land_two_months(address: str, folder: Path) -> None:
    """Land the scene in May and, a second time, in June 2024."""
    async with await open_storage(address) as storage:
        await land(storage, folder, "S2A_MOL_20240510", month="2024-05")
        await land(storage, folder, "S2A_MOL_20240610", month="2024-06")
