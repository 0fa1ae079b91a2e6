"""A warp in pieces shows what one in one piece shows, and ends between them when its caller has gone."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.transform import from_bounds, from_origin
from rasterio.vrt import WarpedVRT

from mosaics.lanes import CALLER, Caller, Lanes, TurnOverError
from mosaics.raster.grid import Grid
from mosaics.raster.warping import BLOCK_ROWS, warped

GRID = Grid(CRS.from_epsg(3035), (3807000, 3085000, 3856000, 3134000), 640, 800)


class Leaving(Caller):
    """A caller that goes away after it was looked for so often."""

    def __init__(self, looks: int, pixels: float) -> None:
        super().__init__(pixels, pixels)
        self.looks = looks

    @property
    def is_gone(self) -> bool:
        """Whether it has gone."""
        self.looks -= 1
        return self.looks < 0

    @is_gone.setter
    def is_gone(self, value: bool) -> None:
        """Leave it as it is."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warping") / "plain.tif"
    values = np.random.default_rng(8).integers(0, 9000, (1500, 1500)).astype("uint16")
    with rasterio.open(
        path, "w", driver="GTiff", width=1500, height=1500, count=1, dtype="uint16", crs="EPSG:32631",
        transform=from_origin(480000, 5660000, 30, 30), tiled=True, nodata=0,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    return path


def show(dataset: DatasetReader, nodata: float | None) -> tuple[np.ndarray, np.ndarray | None]:
    return warped(dataset, nodata, dataset.transform, GRID, misled=False)


async def run(
    path: Path, nodata: float | None, caller: Caller | None
) -> tuple[np.ndarray, np.ndarray | None]:
    lanes, before = Lanes("", 1, lambda: None), CALLER.set(caller)

    def work(_: object) -> tuple[np.ndarray, np.ndarray | None]:
        with rasterio.open(path) as dataset:
            return show(dataset, nodata)

    try:
        return await lanes.run(work)
    finally:
        CALLER.reset(before)
        lanes.close()


async def test_pieces_with_a_mask_are_the_whole(plain: Path) -> None:
    with (
        rasterio.open(plain) as dataset,
        WarpedVRT(
            dataset, crs=GRID.crs, transform=from_bounds(*GRID.bounds, GRID.width, GRID.height),
            width=GRID.width, height=GRID.height, add_alpha=True, src_nodata=None, nodata=None,
        ) as vrt,
    ):  # fmt: skip
        values, alpha = vrt.read()
    stored, valid = await run(plain, None, Caller(1e9, 1e9))
    assert valid is not None
    assert np.array_equal(stored, values)
    assert np.array_equal(valid, alpha != 0)
    assert 0.5 < valid.mean() < 1


async def test_a_picture_in_pieces_is_at_least_as_exact_as_one_in_one_piece(plain: Path) -> None:
    with (
        rasterio.open(plain) as dataset,
        WarpedVRT(
            dataset, crs=GRID.crs, transform=from_bounds(*GRID.bounds, GRID.width, GRID.height),
            width=GRID.width, height=GRID.height, src_nodata=0, nodata=0, tolerance=1e-4,
        ) as vrt,
    ):  # fmt: skip
        exact = vrt.read(1)
    whole, _ = await run(plain, 0, None)
    pieces, _ = await run(plain, 0, Caller(1e9, 1e9))
    # GDAL interpolates coordinates within an eighth of a pixel, between other points in each piece.
    assert 0 < (pieces != exact).mean() <= (whole != exact).mean()


@pytest.mark.parametrize("nodata", [None, 0])
async def test_a_warp_ends_when_its_caller_has_gone(plain: Path, nodata: float | None) -> None:
    leaving = Leaving(2 + 3, 1e9)  # before it waits for a thread, before it begins, and three pieces
    with pytest.raises(TurnOverError):
        await run(plain, nodata, leaving)
    assert leaving.looks == -1
    stays = Leaving(2 + -(-GRID.height // BLOCK_ROWS), 1e9)
    await run(plain, nodata, stays)
    assert stays.looks == 0
