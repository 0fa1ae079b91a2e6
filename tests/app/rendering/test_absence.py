"""Why pixels have no value: a small world with every reason in it, worked out by hand.

Its scenes have 16 by 16 pixels, in blocks of 4 by 4 that stand for one case each; around them lie two pixels
of nothing. A scene holds a, b and a mask band, of which 9 is cloud; 0 is no data in all of them.
"""

import io
from collections.abc import AsyncIterator, Sequence
from itertools import product as pairs
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from app.products.product import Product
from app.rendering.address import TileFormat
from app.rendering.computing import Clock
from app.rendering.painting import encode
from app.rendering.point import STATES
from app.rendering.resolving import scenes_in
from app.rendering.values import Code, Values
from mosaics.period import Cadence
from mosaics.raster.grid import Grid
from tests.app.landed import lonlat
from tests.app.statistics.landed import Raster, World, plain_product, world
from tests.rasters import MOL, UTM_31N

BLOCK, BLOCKS, AROUND = 4, 4, 2
SIDE = BLOCK * BLOCKS
GRID = Grid(
    CRS.from_string(UTM_31N),
    (MOL[0] - 20, MOL[1] - 10 * (SIDE + AROUND), MOL[0] + 10 * (SIDE + AROUND), MOL[1] + 20),
    SIDE + 2 * AROUND,
    SIDE + 2 * AROUND,
)
MASK = {"band": "scl", "reject": [9], "label": "cloud"}
ZONE = {"collection": "zones", "band": "zone", "reject": [0], "label": "outside the zones"}

ONE_DATE = plain_product("a / (a - b)", mask=[MASK])
IN_ZONE = plain_product("a / (a - b)", id="in-zone", mask=[MASK, ZONE])
PICTURE = plain_product(
    None, id="picture", bands=["a", "b", "a"], rescale=[0, 9], colormap=None, unit=None, mask=[MASK]
)
TWO_DATES = plain_product(
    "pre.a / pre.b - post.a / (post.a - post.b)",
    id="two-dates",
    mask=[MASK, ZONE],
    roles={"post": {"title": "After"}, "pre": {"title": "Before", "before": "post"}},
    absences={"masked": "#b8bcc2", "outside_zone": "#e4e1d9"},
)

V, N, M, Z, O = Code.VALUE, Code.NODATA, Code.MASKED, Code.OUTSIDE_ZONE, Code.OUTSIDE  # noqa: E741

FINE = {"a": 6, "b": 3, "scl": 4}
CLOUD = FINE | {"scl": 9}
EMPTY = {"a": 0, "b": 0, "scl": 0}
HALF = FINE | {"b": 0}
UNKNOWN = FINE | {"scl": 0}
NO_RESULT = {"a": 6, "b": 6, "scl": 4}
"""For 6 / (6 - 6)."""

AFTER = [
    [FINE, CLOUD, EMPTY, FINE],
    [FINE, CLOUD, EMPTY, UNKNOWN],
    [FINE, FINE, NO_RESULT, HALF | {"scl": 9}],
    [CLOUD, EMPTY, EMPTY, FINE],
]
"""The clearest scene of July 2024."""
SECOND = [
    [EMPTY, EMPTY, EMPTY, EMPTY],
    [EMPTY, EMPTY, EMPTY, EMPTY],
    [EMPTY, EMPTY, NO_RESULT, EMPTY],
    [FINE, CLOUD, EMPTY, EMPTY],
]
"""Another one of that month."""
BEFORE = [
    [FINE, FINE, FINE, CLOUD],
    [EMPTY, EMPTY, CLOUD, FINE],
    [FINE, FINE, FINE, FINE],
    [FINE, FINE, FINE, EMPTY],
]
"""The scene of July 2023."""
ZONES = [[1, 1, 1, 1], [1, 1, 1, 1], [0, 255, 1, 1], [1, 1, 1, 1]]
"""1 inside, 0 outside, 255 unknown."""

EXPECTED: dict[str, list[list[Code]]] = {
    # The second scene gives row 3 its first value, and masks the next; neither footprint has the third.
    ONE_DATE.id: [[V, M, N, V], [V, M, N, M], [V, V, N, N], [V, M, O, V]],
    IN_ZONE.id: [[V, M, N, V], [V, M, N, M], [Z, V, N, N], [V, M, O, V]],
    PICTURE.id: [[V, M, N, V], [V, M, N, M], [V, V, V, N], [V, M, O, V]],
    # Masked at either date counts before no data at the other, and that before outside coverage.
    TWO_DATES.id: [[V, M, N, M], [N, M, M, M], [Z, V, N, N], [V, M, O, O]],
}
"""Blocks as tiles and points tell them, by product."""


def rasters(blocks: Sequence[Sequence[dict[str, int]]]) -> dict[str, Raster]:
    return {
        band: Raster(spread([[block[band] for block in row] for row in blocks])) for band in ("a", "b", "scl")
    }


def spread(blocks: Any) -> NDArray[np.uint8]:
    return np.asarray(blocks, np.uint8).repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)


def footprint_without(row: int, column: int) -> dict[str, Any]:
    """The square of the scenes less one block of its last row, in degrees."""
    square = [(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)]
    west, north = column * BLOCK, row * BLOCK
    hole = [(west, north), (west + BLOCK, north), (west + BLOCK, SIDE), (west, SIDE)]
    areas = [shapely.Polygon([lonlat(*corner) for corner in corners]) for corners in (square, hole)]
    found: dict[str, Any] = shapely.geometry.mapping(areas[0].difference(areas[1]))
    return found


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, threads=1) as here:
        after, before = footprint_without(3, 2), footprint_without(3, 3)
        await here.land("2024-07", rasters(AFTER), scene_id="a", cloud_cover_percent=0.0, footprint=after)
        await here.land("2024-07", rasters(SECOND), scene_id="b", cloud_cover_percent=50.0, footprint=after)
        await here.land("2023-07", rasters(BEFORE), scene_id="c", footprint=before)
        zone = {"zone": Raster(spread(ZONES), nodata=255)}
        await here.land("2024", zone, cadence=Cadence.YEAR, collection_id="zones")
        yield here


def expected(product: Product) -> NDArray[np.uint8]:
    return np.pad(spread(EXPECTED[product.id]), AROUND, constant_values=int(O))


async def values_of(here: World, product: Product, **how: Any) -> Values:
    area = shapely.box(*lonlat(-2, SIDE + 2), *lonlat(SIDE + 2, -2))
    scenes = await scenes_in(here.catalogue, product, area, None, limit=64)
    return await here.renderer.values(product, scenes, GRID, **how)


@pytest.mark.parametrize("product", [ONE_DATE, IN_ZONE, PICTURE, TWO_DATES], ids=lambda product: product.id)
async def test_every_reason_is_told_as_it_was_worked_out(here: World, product: Product) -> None:
    values = await values_of(here, product, thorough=True)
    assert values.codes is not None
    np.testing.assert_array_equal(values.codes, expected(product))
    assert (np.isnan(values.planes).any(axis=0) == (values.codes != V)).all()


@pytest.mark.parametrize("product", [ONE_DATE, IN_ZONE, PICTURE, TWO_DATES], ids=lambda product: product.id)
async def test_a_point_tells_the_reason_of_its_pixel(here: World, product: Product) -> None:
    codes = expected(product)
    values = await values_of(here, product)
    for row, column in pairs(range(0, GRID.height, 2), range(1, GRID.width, 2)):
        place = lonlat(column - AROUND + 0.5, row - AROUND + 0.5)
        answer = await here.renderer.point(product, *place, None)
        assert answer.state is STATES[Code(codes[row, column])], (row, column)
        assert list(answer.values) == pytest.approx(
            values.planes[:, row, column].tolist() if codes[row, column] == V else []
        )


@pytest.mark.parametrize("product", [ONE_DATE, IN_ZONE, PICTURE, TWO_DATES], ids=lambda product: product.id)
async def test_telling_reasons_changes_no_value(here: World, product: Product) -> None:
    plain, thorough = [await values_of(here, product, thorough=each) for each in (False, True)]
    assert plain.codes is None
    np.testing.assert_array_equal(plain.planes, thorough.planes)


async def test_numbers_carry_the_reasons(here: World) -> None:
    values = await values_of(here, TWO_DATES, thorough=True)
    planes = np.load(io.BytesIO(encode(TWO_DATES, values, GRID, TileFormat.NPY, Clock())))
    assert planes.dtype == np.float32
    codes = expected(TWO_DATES)
    for code, written in ((V, 255), (O, 0), (N, -1), (M, -2), (Z, -3)):
        np.testing.assert_array_equal(planes[-1] == written, codes == code)
    tif = encode(TWO_DATES, values, GRID, TileFormat.TIF, Clock())
    with rasterio.MemoryFile(tif) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(), planes)
        assert file.descriptions == ("Plain", "absence")
        assert file.tags(2)["code_-2"] == "masked"
        assert file.tags(2)["code_255"] == "has a value"


async def test_the_sentence_of_a_point_names_the_windows_that_lack_a_value(here: World) -> None:
    async def reason(row: int, column: int) -> str | None:
        place = lonlat(column * BLOCK + 2.5, row * BLOCK + 2.5)
        return (await here.renderer.point(TWO_DATES, *place, None)).reason

    assert await reason(0, 1) == "After: masked, cloud."
    assert await reason(1, 1) == (
        "After: masked, cloud. Before: no data, the scenes have no value at this place."
    )
    assert await reason(2, 0) == "Outside the zones."
    assert await reason(2, 2) == "No data: the formula has no value for what the scenes show here."
    assert await reason(3, 3) == "Before: outside coverage, no scene covers this place."


async def test_a_file_that_cannot_be_read_is_no_data(here: World) -> None:
    before = rasters(BEFORE)
    await here.land("2023-07", before, scene_id="c2", cloud_cover_percent=0.0, damaged=True)
    values = await values_of(here, TWO_DATES, thorough=True)
    assert [scene.id for scene in values.skipped] == ["c2"]
    codes = expected(TWO_DATES)
    # The damaged scene's footprint is the whole square: what the others leave open in it has no data.
    inside = np.pad(np.ones((SIDE, SIDE), bool), AROUND)
    before_only = np.pad(spread([[0] * 4] * 3 + [[0, 0, 0, 1]]), AROUND).astype(bool)
    codes[inside & before_only] = N
    assert values.codes is not None
    np.testing.assert_array_equal(values.codes[inside], codes[inside])
