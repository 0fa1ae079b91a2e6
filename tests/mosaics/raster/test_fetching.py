"""Files of a bucket are read from bytes that were fetched beside the threads, and show what they hold."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_bounds, from_origin
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from mosaics.lanes import Lanes
from mosaics.raster.block_checks import checks_of, checksums_of, has_mask, head_of
from mosaics.raster.blocks import Raster
from mosaics.raster.fetched import Attempts, NotFetchedError, Piece
from mosaics.raster.fetching import LONGEST_BYTES, NEAR_BYTES, Fetching, _merged
from mosaics.raster.gdal import GDAL_OPTIONS, enter_gdal
from mosaics.raster.grid import Grid
from mosaics.raster.handles import thread_pool
from mosaics.raster.reading import AssetReadError, BandPixels, read_band, read_pixel
from mosaics.scene import Asset
from mosaics.storage import Storage, StorageUnavailableError, open_storage

RNG = np.random.default_rng(3)
NOWHERE = {"AWS_S3_ENDPOINT": "127.0.0.1:9", "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
"""By which GDAL reaches no store: what it would read itself fails."""

LON, LAT = 3.0, 51.0
LEFT, TOP, PIXEL = 497000.0, 5652000.0, 10.0
MIDDLE = Grid(CRS.from_epsg(3857), (332000, 6620000, 336000, 6624000), 256, 256)


class Reader:
    """Reads as a server does: on one thread of a lane, which lacks a store unless it is told one."""

    def __init__(self, storage: Storage, options: dict[str, str] | None = None) -> None:
        self.storage = storage
        self.fetching = Fetching(storage)
        given = NOWHERE if options is None else options
        self.lanes = Lanes("", 1, partial(enter_gdal, {**GDAL_OPTIONS, "GDAL_HTTP_MAX_RETRY": 0, **given}))
        self.attempts = 0

    async def read(self, asset: Asset, grid: Grid = MIDDLE) -> BandPixels:
        found: BandPixels = await self.run(lambda _: read_band(asset, grid))
        return found

    async def run(self, work: Any) -> Any:
        async def attempt(attempts: Attempts) -> Any:
            self.attempts += 1
            return await self.lanes.run(work, attempts)

        return await self.fetching.run(attempt)


@pytest.fixture
async def storage(s3_address: str) -> AsyncIterator[Storage]:
    async with await open_storage(s3_address) as opened:
        yield opened


@pytest.fixture
async def reader(storage: Storage) -> AsyncIterator[Reader]:
    made = Reader(storage)
    yield made
    made.lanes.close()


def drawn(
    path: Path, dtype: str = "uint16", *, size: int = 900, overviews: bool = True, **creation: Any
) -> Path:
    """A file as it lands, or as one is that is only referenced."""
    values = RNG.integers(0, 200, (size, size)).astype(dtype)
    values[: size // 3, : size // 4] = creation.get("nodata") or 0
    kind = {"compress": "deflate", "predictor": 3 if dtype.startswith("float") else 2, "blocksize": 256}
    placed = from_origin(LEFT, TOP, PIXEL, PIXEL)
    with rasterio.open(
        path, "w", driver="COG", width=size, height=size, count=1, dtype=dtype, crs="EPSG:32631",
        transform=placed, overviews="AUTO" if overviews else "NONE", **{**kind, **creation},
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    return path


async def put(storage: Storage, path: Path, *, stated: bool = True) -> Asset:
    key = f"files/{path.name}"
    await storage.put_new_file(key, path, "image/tiff")
    with rasterio.open(path) as dataset:
        asset = Asset("red", storage.gdal_path(key), dataset.dtypes[0], dataset.nodata, 1.0, 0.0, "1")
    return as_stated(asset, path) if stated else asset


def as_stated(asset: Asset, path: Path) -> Asset:
    """With what the item of a file that landed states of it."""
    masked = has_mask(path)
    checksums = tuple(checksums_of(path, with_mask=masked))
    return replace(asset, checksums=checksums, head=head_of(path), with_mask=masked)


def warped(path: Path, grid: Grid) -> np.ma.MaskedArray:
    """What GDAL shows of the file on this machine, seen through the overview that suits the grid."""
    with rasterio.open(path) as dataset:
        factors = dataset.overviews(1)
    coarser = (grid.bounds[2] - grid.bounds[0]) / grid.width * 0.6293 / PIXEL  # of Mercator at 51 N
    level = sum(factor < coarser * 1.2 + 0.1 for factor in factors)
    with (
        rasterio.open(path, **({"overview_level": level - 1} if level else {})) as dataset,
        WarpedVRT(
            dataset, crs=grid.crs, width=grid.width, height=grid.height, add_alpha=dataset.nodata is None,
            transform=from_bounds(*grid.bounds, grid.width, grid.height),
        ) as vrt,
    ):  # fmt: skip
        if dataset.nodata is None:
            values, alpha = vrt.read()
            return np.ma.array(values, mask=alpha == 0)
        values = vrt.read(1)
        missing = np.isnan(values) if np.isnan(dataset.nodata) else values == dataset.nodata
        return np.ma.array(values, mask=missing)


def require_equal(found: BandPixels, expected: np.ma.MaskedArray) -> None:
    assert np.array_equal(found.valid, ~np.ma.getmaskarray(expected))
    assert np.array_equal(found.stored[found.valid], expected.data[found.valid])


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, dict[str, Any], Grid]:
    dtype = draw(st.sampled_from(["uint8", "int16", "uint16", "int32", "float32", "float64"]))
    kind = {
        "compress": draw(st.sampled_from(["deflate", "deflate", "deflate", "lzw", "zstd", "none"])),
        "blocksize": draw(st.sampled_from([128, 256, 512])),
        "nodata": draw(st.sampled_from([None, 0, 7] + ([float("nan")] if dtype.startswith("float") else []))),
        "sparse_ok": draw(st.booleans()),
        "overviews": draw(st.booleans()),
        "predictor": draw(st.sampled_from([1, 3 if dtype.startswith("float") else 2])),
        "size": draw(st.sampled_from([300, 900, 1100])),
    }
    if kind["compress"] == "none":
        kind["predictor"] = 1
    x, y = draw(st.floats(331000, 343000)), draw(st.floats(6612000, 6626000))
    side = draw(st.sampled_from([500, 3000, 9000, 20000]))
    return dtype, kind, Grid(CRS.from_epsg(3857), (x, y, x + side, y + side), 256, 256)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layout=layouts())
async def test_whatever_the_layout_it_shows_what_rasterio_shows(
    tmp_path: Path, s3_address: str, layout: tuple[str, dict[str, Any], Grid]
) -> None:
    dtype, kind, grid = layout
    path = tmp_path / f"{abs(hash((dtype, str(kind), grid.bounds)))}.tif"
    if path.exists():
        return
    drawn(path, dtype, **kind)
    async with await open_storage(s3_address) as storage:
        asset = await put(storage, path)
        reader = Reader(storage)
        try:
            require_equal(await reader.read(asset, grid), warped(path, grid))
        finally:
            reader.lanes.close()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
async def test_a_deflated_file_is_read_without_gdal_asking_for_a_byte(
    storage: Storage, reader: Reader, tmp_path: Path, dtype: str
) -> None:
    path = drawn(tmp_path / f"{dtype}.tif", dtype, nodata=0)
    asset = await put(storage, path)
    require_equal(await reader.read(asset), warped(path, MIDDLE))
    assert reader.attempts == 3  # it lacks the head, then the blocks
    asked = reader.fetching.requests
    require_equal(await reader.read(asset), warped(path, MIDDLE))
    assert reader.fetching.requests == asked  # heads and blocks stay
    with rasterio.open(path) as dataset:
        ((expected,),) = dataset.sample([dataset.xy(850, 850)])
        lon, lat = rasterio.warp.transform(dataset.crs, "EPSG:4326", *([c] for c in dataset.xy(850, 850)))
    point = await reader.run(lambda _: read_pixel(asset, lon[0], lat[0]))
    assert point.stored[0, 0] == expected


async def test_a_file_whose_item_states_no_head_is_read_all_the_same(
    storage: Storage, reader: Reader, tmp_path: Path
) -> None:
    path = drawn(tmp_path / "referenced.tif", nodata=0)
    require_equal(await reader.read(await put(storage, path, stated=False)), warped(path, MIDDLE))


async def test_a_file_whose_head_is_spread_over_it_is_left_to_gdal(storage: Storage, tmp_path: Path) -> None:
    path = drawn(tmp_path / "spread.tif", nodata=0, overviews=False)
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.nearest)
    asset = await put(storage, path, stated=False)
    reader = Reader(storage, storage.gdal_options())
    try:
        require_equal(await reader.read(asset), warped(path, MIDDLE))
    finally:
        reader.lanes.close()


async def test_a_flipped_bit_is_never_shown(storage: Storage, reader: Reader, tmp_path: Path) -> None:
    path = drawn(tmp_path / "whole.tif", nodata=0)
    with rasterio.open(path) as dataset:
        places = [f"BLOCK_OFFSET_{column}_{row}" for row in range(4) for column in range(4)]
        starts = [int(dataset.get_tag_item(place, "TIFF", bidx=1)) for place in places]
    stated = replace(
        Asset("red", "", "uint16", 0, 1.0, 0.0, "1"), checksums=tuple(checksums_of(path)), head=head_of(path)
    )
    for name, places_of_bits in (("block", [start + 500 for start in starts]), ("head", [300])):
        content = bytearray(path.read_bytes())
        for at in places_of_bits:
            content[at] ^= 4
        key = f"files/{name}.tif"
        await storage.put_new(key, bytes(content), "image/tiff")
        with pytest.raises(AssetReadError) as caught:
            await reader.read(replace(stated, path=storage.gdal_path(key)))
        assert "is not as it was written" in str(caught.value.__cause__)


WIDE = Grid(CRS.from_epsg(3857), (250000, 6500000, 450000, 6700000), 256, 256)
"""Of a file without overviews all pixels lie under it, more than are mapped: GDAL warps them."""

LEFT_TO_GDAL: dict[str, tuple[dict[str, Any], Grid]] = {
    "a mask": ({}, MIDDLE),
    "LZW": ({"compress": "lzw", "nodata": 0}, MIDDLE),
    "ZSTD": ({"compress": "zstd", "nodata": 0}, MIDDLE),
    "not compressed": ({"compress": "none", "predictor": "NO", "nodata": 0}, MIDDLE),
    "a warp": ({"size": 2300, "overviews": False, "nodata": 0}, WIDE),
    "a warp with a mask": ({"size": 2300, "overviews": False}, WIDE),
}


def masked(path: Path, **creation: Any) -> Path:
    """A file with a mask of its own, which drops a quarter of its pixels."""
    plain = drawn(path.with_name("plain.tif"), **creation)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(plain, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
            dataset.write_mask(RNG.random(dataset.shape) < 0.75)
        options = {"overviews": "NONE"} if creation.get("overviews") is False else {}
        rasterio.shutil.copy(
            plain, path, driver="COG", compress="deflate", predictor="YES", blocksize=256, **options
        )
    return path


@pytest.mark.parametrize("kind", LEFT_TO_GDAL)
async def test_what_gdal_decodes_is_checked_before(
    storage: Storage, reader: Reader, tmp_path: Path, kind: str
) -> None:
    creation, grid = LEFT_TO_GDAL[kind]
    make = masked if "mask" in kind else drawn
    path = make(tmp_path / f"{kind.replace(' ', '-')}.tif", **creation)
    whole = await put(storage, path)
    require_equal(await reader.read(whole, grid), warped(path, grid))  # GDAL asks the store for nothing
    with rasterio.open(path) as dataset:
        at, length = (int(dataset.get_tag_item(f"BLOCK_{of}_1_1", "TIFF", 1)) for of in ("OFFSET", "SIZE"))
    for place in [at + length // 2] + ([at + length + 8 + 20] if "mask" in kind else []):
        content = bytearray(path.read_bytes())
        content[place] ^= 16
        key = f"files/{place}-{path.name}"
        await storage.put_new(key, bytes(content), "image/tiff")
        with pytest.raises(AssetReadError) as caught:
            await reader.read(replace(whole, path=storage.gdal_path(key)), grid)
        assert "is not as it was written" in str(caught.value.__cause__)


async def test_where_gdal_reads_more_than_was_thought_that_is_fetched_too(
    storage: Storage, reader: Reader, tmp_path: Path
) -> None:
    path = masked(tmp_path / "more.tif")
    asset = await put(storage, path)

    def read(_: Any) -> Any:
        handle = thread_pool().handle(asset.path, asset.head)
        raster = Raster(handle.dataset(0), asset.path, 0, checks=checks_of({}, asset, 0), handle=handle)
        return raster.by_gdal(lambda dataset: dataset.read_masks(1), Window(0, 0, 10, 10))

    found = await reader.run(read)
    with rasterio.open(path) as dataset:
        assert np.array_equal(found, dataset.read_masks(1))


async def test_a_file_that_is_not_there_costs_itself(storage: Storage, reader: Reader) -> None:
    gone = Asset("red", storage.gdal_path("files/gone.tif"), "uint16", 0, 1.0, 0.0, "1")
    with pytest.raises(AssetReadError):
        await reader.read(gone)


async def test_a_file_elsewhere_in_the_bucket_is_left_to_gdal(s3_address: str, tmp_path: Path) -> None:
    bucket = s3_address.removeprefix("s3://").partition("/")[0]
    path = drawn(tmp_path / "elsewhere.tif", nodata=0)
    async with (
        await open_storage(f"s3://{bucket}/other") as other,
        await open_storage(s3_address) as storage,
    ):
        asset = await put(other, path)
        reader = Reader(storage, storage.gdal_options())
        try:
            require_equal(await reader.read(asset), warped(path, MIDDLE))
            assert reader.fetching.requests == 0
        finally:
            reader.lanes.close()


async def test_a_store_that_is_away_is_told(
    s3: Any, storage: Storage, reader: Reader, tmp_path: Path
) -> None:
    asset = await put(storage, drawn(tmp_path / "away.tif", nodata=0))
    s3.stop()
    try:
        with pytest.raises(StorageUnavailableError):
            await reader.read(asset)
    finally:
        s3.start()
    require_equal(await reader.read(asset), warped(tmp_path / "away.tif", MIDDLE))


async def test_what_many_want_at_once_is_fetched_once(storage: Storage) -> None:
    await storage.put_new("a", bytes(range(256)) * 4000, "image/tiff")
    fetching = Fetching(storage)
    wanted = [Piece(storage.gdal_path("a"), at, 100) for at in (0, 100, 500_000)]
    outcomes = await asyncio.gather(*(fetching.fetch(wanted) for _ in range(20)))
    assert fetching.requests == 2
    for outcome in outcomes:
        assert [outcome[piece] for piece in wanted] == [
            (bytes(range(256)) * 4000)[piece.start : piece.start + 100] for piece in wanted
        ]


async def test_a_caller_that_goes_leaves_the_others_theirs(storage: Storage) -> None:
    await storage.put_new("b", bytes(100_000), "image/tiff")
    fetching = Fetching(storage)
    piece = Piece(storage.gdal_path("b"), 0, 100_000)
    first = asyncio.create_task(fetching.fetch([piece]))
    second = asyncio.create_task(fetching.fetch([piece]))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)[piece] == bytes(100_000)
    assert fetching.requests == 1
    assert not fetching._coming


async def test_what_is_kept_stays_within_its_bytes(storage: Storage) -> None:
    await storage.put_new("c", bytes(5_000), "image/tiff")
    fetching = Fetching(storage, limit_bytes=2_500)
    path = storage.gdal_path("c")
    for at in range(0, 5_000, 1_000):
        await fetching.fetch([Piece(path, at, 1_000)])
    assert fetching.kept.held_bytes == 2_000
    assert fetching.received_bytes == 5_000


def test_pieces_that_lie_near_one_another_are_one_request() -> None:
    near = [Piece("a", 0, 10), Piece("a", 10 + NEAR_BYTES, 10), Piece("b", 30, 10)]
    far = Piece("a", 21 + 2 * NEAR_BYTES + 10, 5)
    assert [(r.start, r.end, len(r.pieces)) for r in _merged([far, *near])] == [
        (0, 20 + NEAR_BYTES, 2), (far.start, far.start + 5, 1), (30, 40, 1),
    ]  # fmt: skip
    long = [Piece("a", at, LONGEST_BYTES // 2) for at in range(0, 2 * LONGEST_BYTES, LONGEST_BYTES // 2)]
    assert [r.end - r.start for r in _merged(long)] == [LONGEST_BYTES, LONGEST_BYTES]


async def test_work_that_never_has_enough_ends(storage: Storage) -> None:
    await storage.put_new("d", bytes(100), "image/tiff")
    fetching = Fetching(storage)
    piece = Piece(storage.gdal_path("d"), 0, 10)

    async def attempt(_: Attempts) -> None:
        raise NotFetchedError([piece])

    with pytest.raises(StorageUnavailableError):
        await fetching.run(attempt)
