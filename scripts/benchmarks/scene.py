"""The scene for measuring tiles: synthetic, as large as one of Sentinel-2, and landed once.

Fields in rows, woods, a lake here and there, clouds, and a grain in every pixel as a sensor leaves it: the
size of a PNG depends on that grain, so it was set until NDVI tiles deflated as those of a real scene do
(Sentinel-2 near Mol, Belgium, 2019-04-11, bands B04 and B08).
"""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

from ingest.landing import land_scene, steps
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.descriptions.collections import find_collection, load_collections
from mosaics.storage import open_storage

Floats = NDArray[np.float32]

COLLECTION = "sentinel-2-l2a"
SCENE = "synthetic-benchmark"
VERSION = 1
"""Part of the folder's name: a scene drawn in another way is another scene."""
SIZE_PX = 10_980
"""Sentinel-2's tiles, at 10 m."""
STRIP_PX = 366
"""Rows drawn at a time, a thirtieth of the scene: some 500 MB of memory."""
CRS = "EPSG:32631"
ORIGIN_XY = (630_000, 5_680_000)
"""Upper left corner, east of Liège: four tiles of zoom 8 meet about the middle of the scene."""
SENSED = datetime(2021, 6, 15, 10, 50, 29, tzinfo=UTC)
BASELINE = "03.00"
"""Before 04.00: numbers are reflectance * 10000 without an offset, so that NDVI of the numbers is NDVI."""

CROPS = 64
FIELD_ROW_PX = 21
OCTAVES = (1024, 256, 64, 16, 4)
"""Widths of the cells of the noise, in pixels."""
GRAIN_DN = 28
"""Standard deviation of a pixel's own noise."""


def landed_scene(work: Path) -> Path:
    """Return the folder of a store with the scene; draw and land it unless an earlier run did."""
    folder = work / f"scene-{VERSION}"
    store = folder / "store"
    if not (folder / "landed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with TemporaryDirectory(dir=folder) as drawn:
            draw(Path(drawn))
            asyncio.run(_land(Path(drawn), store))
        (folder / "landed").touch()
    return store


def item_path(store: Path) -> Path:
    """Return the STAC item of the scene, which a stock reader opens."""
    return next((store / "collections" / COLLECTION / "scenes" / SCENE).glob("*/item.json"))


def draw(folder: Path) -> None:
    """Write red.tif, nir.tif and scl.tif, strip by strip."""
    with (
        _opened(folder / "red.tif", "uint16", 1) as red,
        _opened(folder / "nir.tif", "uint16", 1) as nir,
        _opened(folder / "scl.tif", "uint8", 2) as scl,
        click.progressbar(_strips(), length=SIZE_PX // STRIP_PX, label="Drawing the scene") as strips,
    ):
        for top, red_strip, nir_strip, scl_strip in strips:
            red.write(red_strip, 1, window=Window(0, top, SIZE_PX, STRIP_PX))
            nir.write(nir_strip, 1, window=Window(0, top, SIZE_PX, STRIP_PX))
            scl.write(scl_strip, 1, window=Window(0, top // 2, SIZE_PX // 2, STRIP_PX // 2))


def _opened(path: Path, dtype: str, coarser: int) -> rasterio.io.DatasetWriter:
    return rasterio.open(
        path, "w", driver="GTiff", dtype=dtype, count=1, nodata=0, crs=CRS, tiled=True,
        width=SIZE_PX // coarser, height=SIZE_PX // coarser,
        transform=from_origin(*ORIGIN_XY, 10 * coarser, 10 * coarser),
    )  # fmt: skip


def _strips() -> Iterator[tuple[int, NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint8]]]:
    rng = np.random.default_rng(SIZE_PX)
    lattices = [rng.random((SIZE_PX // cell + 3,) * 2, np.float32) - 0.5 for cell in OCTAVES]
    crops = np.stack([rng.uniform(300, 1800, CROPS), rng.uniform(2200, 4600, CROPS)]).astype(np.float32)
    lengths = rng.uniform(20, 70, 4096).astype(np.float32)
    x = np.arange(SIZE_PX, dtype=np.float32)
    for top in range(0, SIZE_PX, STRIP_PX):
        y = np.arange(top, top + STRIP_PX, dtype=np.float32)[:, np.newaxis]
        country, hills, soil, patches, leaves = (
            _smooth(lattice, y[:, 0] / cell, x / cell)
            for lattice, cell in zip(lattices, OCTAVES, strict=True)
        )
        crop = _fields(x * np.float32(0.94) + y * np.float32(0.34) + 60 * hills,
                       y * np.float32(0.94) - x * np.float32(0.34) + 60 * soil, lengths)  # fmt: skip
        bands = crops[:, crop]
        woods = country + 0.8 * hills + 0.3 * patches > 0.28
        water = country + 0.6 * hills + 0.1 * soil < -0.52
        bands[0][woods], bands[1][woods] = 260, 2900
        bands *= 1 + 0.25 * soil + 0.12 * patches
        bands[0] *= 1 - 0.25 * leaves
        bands[1] *= 1 + 0.1 * leaves
        bands[0][water], bands[1][water] = 330, 180
        cloud = np.clip((hills + 0.7 * country + 0.35 * soil + 0.1 * patches - 0.5) * 6, 0, 1)
        bands += cloud * (6000 - bands)
        bands += GRAIN_DN * rng.standard_normal(bands.shape, np.float32)
        numbers = np.clip(np.rint(bands), 1, 10_000).astype(np.uint16)
        numbers[:, x + 0.2 * y > 12_600] = 0
        yield top, numbers[0], numbers[1], _classes(numbers, water, cloud)[::2, ::2]


def _smooth(lattice: Floats, ys: NDArray[np.floating], xs: NDArray[np.floating]) -> Floats:
    """Return values interpolated between the points of a lattice."""
    rows, columns = ys.astype(np.int32), xs.astype(np.int32)
    down, across = (ys - rows)[:, np.newaxis], xs - columns
    lines = lattice[rows] * (1 - down) + lattice[rows + 1] * down
    left = lines[:, columns]
    return np.asarray(left + (lines[:, columns + 1] - left) * across, np.float32)


def _fields(along: Floats, across: Floats, lengths: Floats) -> NDArray[np.int32]:
    """Return the vegetation of each pixel: fields of many lengths, side by side in rows."""
    row = np.floor(across / FIELD_ROW_PX).astype(np.int32)
    field = np.floor(along / lengths[row % len(lengths)]).astype(np.int32)
    mixed = (row * np.int32(73_856_093)) ^ (field * np.int32(19_349_663))
    return np.asarray((mixed ^ (mixed >> 13)) % CROPS, np.int32)


def _classes(numbers: NDArray[np.uint16], water: NDArray[np.bool_], cloud: Floats) -> NDArray[np.uint8]:
    """Return the codes of the scene classification."""
    red, nir = numbers
    codes = np.where(nir > 2 * red.astype(np.int32), 4, 5).astype(np.uint8)
    codes[water] = 6
    codes[cloud > 0.1] = 8
    codes[cloud > 0.6] = 9
    codes[red == 0] = 0
    return codes


async def _land(drawn: Path, store: Path) -> None:
    source = find_collection(load_collections(), COLLECTION)
    assets = tuple(BandFile(band, drawn / f"{band}.tif") for band in ("red", "nir", "scl"))
    request = LandingRequest(SCENE, SENSED, SENSED, assets, baseline=BASELINE, synthetic=True)
    plan = plan_scene(source, request)
    with click.progressbar(length=steps(plan), label="Landing the scene", show_pos=False) as bar:
        async with await open_storage(store.as_uri()) as storage:
            await land_scene(storage, plan, bar.update)
