"""One rule for tile, point and statistics: each kind of file, held beside exact rationals."""

from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from app.products.palette import Palette
from app.products.product import Product
from app.rendering.address import TileFormat
from app.rendering.computing import Clock, compute_values
from app.rendering.painting import encode
from app.rendering.point import point_value
from app.rendering.values import Pixels, Values
from app.statistics.distribution import Distribution, Run
from mosaics.raster.grid import Grid
from mosaics.raster.reading import BandPixels
from mosaics.scene import Asset, SceneItem
from tests.app.rendering.test_computing import WHEN, ref
from tests.app.rendering.windows import one_window

PLACE = np.array([0.0]), np.array([0.0])


def product(**fields: object) -> Product:
    plain = {"id": "p", "title": "P", "collection": "c", "expression": "v", "unit": "1"}
    return Product.model_validate(plain | fields)


def palette_of(shown: Product) -> Palette:
    assert shown.palette is not None
    return shown.palette


def classes(*edges: float) -> list[dict[str, object]]:
    ends = [None, *edges, None]
    return [
        {"name": f"c{i}", "color": "#000000", "from": low, "to": high}
        for i, (low, high) in enumerate(pairwise(ends))
    ]


def values_of(shown: Product, scenes: Sequence[tuple[np.ndarray, float, float]]) -> Values:
    """The values of scenes of one row each, where each has numbers other than 0; with scale and offset."""
    stored = {f"s{i}": numbers for i, (numbers, _, _) in enumerate(scenes)}
    items = {
        name: SceneItem(
            name,
            name,
            "c",
            WHEN,
            WHEN,
            {"v": Asset("v", name, str(numbers.dtype), 0, scale, offset, "1")},
            {},
        )
        for (name, numbers), (_, scale, offset) in zip(stored.items(), scenes, strict=True)
    }
    pixels = Pixels(
        (1, len(scenes[0][0])),
        lambda asset: BandPixels(stored[asset.path][np.newaxis], stored[asset.path][np.newaxis] != 0),
        lambda wanted: (np.zeros(wanted.sum()), np.zeros(wanted.sum())),
    )
    windows = one_window([ref(name) for name in stored])
    return compute_values(shown, windows, pixels, lambda scene: items[scene.id], Clock(), thorough=True)


def distribution_of(values: Values) -> Distribution:
    plane = np.sort(values.planes[0].ravel())
    return Distribution.of([Run(plane, 1.0)], plane[:0], np.empty(0))


DTYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32")
DECIMALS = st.decimals("-20", "20", places=3).map(float)


@settings(max_examples=60, deadline=None)
@given(
    st.data(),
    st.sampled_from(DTYPES),
    st.sampled_from([1.0, 0.01, 1e-4, 2.75e-5, -0.1, 0.00123, 1e-9]),
    st.sampled_from([0.0, -0.1, -0.2, 100.5]),
)
def test_classes_are_decided_as_in_exact_arithmetic(data, dtype, scale, offset):
    limits = np.iinfo(dtype)
    drawn = data.draw(st.lists(st.integers(int(limits.min), int(limits.max)), min_size=2, max_size=6))
    stored = [number or 1 for number in drawn]
    exact = [number * Fraction(str(scale)) + Fraction(str(offset)) for number in stored]
    met = [float(each) for each in exact[:2]]
    edges = sorted({*met, data.draw(DECIMALS)})
    shown = product(classes=classes(*edges), lit_above=edges[0])
    values = values_of(shown, [(np.array(stored, dtype), scale, offset)])
    expected = [sum(each >= Fraction(str(edge)) for edge in edges) for each in exact]
    assert (palette_of(shown).index(values.planes[0])[0] - 1).tolist() == expected
    found = distribution_of(values)
    below = [sum(each < Fraction(str(edge)) for each in exact) for edge in edges]
    assert [found.below(edge) for edge in edges] == below
    lit = sum(each > Fraction(str(edges[0])) for each in exact)
    assert found.area - found.up_to(edges[0]) == lit
    named = [palette_of(shown).entry_of(value) for value in values.planes[0, 0]]
    assert [entry and entry.label for entry in named] == [f"c{place}" for place in expected]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), min_size=1, max_size=5),
    st.sampled_from([-0.2, 0.0, 0.1, 0.2, 0.25, 0.5]),
)
def test_classes_of_a_computed_index_are_decided_as_in_exact_arithmetic(pairs, edge):
    shown = product(expression="(a - b) / (a + b)", classes=classes(edge))
    planes = {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}
    item = SceneItem(
        "s", "s", "c", WHEN, WHEN, {n: Asset(n, n, "uint16", None, 1e-4, 0.0, "1") for n in planes}, {}
    )
    pixels = Pixels(
        (1, len(pairs)),
        lambda asset: BandPixels(np.array([planes[asset.path]], "uint16"), np.ones((1, len(pairs)), bool)),
        lambda _: PLACE,
    )
    values = compute_values(shown, one_window([ref("s")]), pixels, lambda _: item, Clock())
    expected = [Fraction(a - b, a + b) >= Fraction(str(edge)) for a, b in pairs]
    assert (palette_of(shown).index(values.planes[0])[0] == 2).tolist() == expected
    assert values.planes.dtype == np.float32


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64", "float64"])
def test_whole_numbers_beyond_float32_stay_as_they_are(dtype):
    stored = np.array([20240614, 20240615, 16777217], dtype)
    shown = product(classes=classes(20240614, 20240615, 20240616))
    values = values_of(shown, [(stored, 1.0, 0.0)])
    assert values.planes[0, 0].tolist() == [20240614, 20240615, 16777217]
    assert palette_of(shown).index(values.planes[0])[0].tolist() == [2, 3, 1]
    found = distribution_of(values)
    assert (found.smallest, found.quantile(0.5), found.largest) == (16777217, 20240614, 20240615)
    grid = Grid(CRS.from_epsg(3857), (0.0, 0.0, 3.0, 1.0), 3, 1)
    npy = np.load(BytesIO(encode(shown, values, grid, TileFormat.NPY, Clock())))
    assert (npy.dtype, npy[0, 0].tolist()) == (np.float64, stored.tolist())
    with MemoryFile(encode(shown, values, grid, TileFormat.TIF, Clock())) as memory, memory.open() as file:
        assert (file.dtypes[0], file.read(1)[0].tolist()) == ("float64", stored.tolist())


@pytest.mark.parametrize(
    ("dtype", "stored", "scale", "printed"),
    [
        ("int32", 1234567, 1.0, 1234567.0),
        ("int64", 2**53 - 1, 1.0, float(2**53 - 1)),
        ("uint8", 10, 0.01, 0.1),
        ("int16", 7, 0.1, 0.7),
        ("float32", 101325.25, 1.0, 101325.25),
        ("float32", 1234.5678, 1.0, 1234.5677),  # the shortest decimal that is this float32
    ],
)
def test_a_point_prints_what_the_tile_has_and_has_its_class(dtype, stored, scale, printed):
    shown = product(classes=classes(printed))
    numbers = np.array([[stored]], dtype)
    item = SceneItem("s", "s", "c", WHEN, WHEN, {"v": Asset("v", "none", dtype, None, scale, 0.0, "1")}, {})
    pixels = Pixels((1, 1), lambda _: BandPixels(numbers, numbers == numbers), lambda _: PLACE)
    values = compute_values(shown, one_window([ref("s")]), pixels, lambda _: item, Clock())
    answer = answered(shown, numbers, item)
    assert answer.values == (printed,)
    assert values.planes.dtype.type(answer.values[0]) == values.planes[0, 0, 0]
    assert answer.class_name == "c1"


def answered(shown, numbers, item):
    """The answer for a point, whose pixel is given in place of a file."""
    pixels = Pixels((1, 1), lambda _: BandPixels(numbers, numbers == numbers), lambda _: PLACE)
    return point_value(shown, one_window([ref("s")]), 0.0, 0.0, lambda _: item, pixel=pixels)


def test_scenes_of_wide_and_narrow_numbers_have_one_rule():
    shown = product(classes=classes(0.7))
    narrow, wide = np.array([70, 0, 69], "uint8"), np.array([0, 700, 699], "int32")
    values = values_of(shown, [(narrow, 0.01, 0.0), (wide, 0.001, 0.0)])
    assert values.planes[0, 0].tolist() == [0.7, 0.7, 0.69]
    assert palette_of(shown).index(values.planes[0])[0].tolist() == [2, 2, 1]


@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_an_index_is_the_nearest_number_to_the_exact_one(dtype):
    """Scenes of several scales and offsets in one tile; (0.3 - 0.1) / (0.3 + 0.1) is 0.5, not 0.50000006."""
    shown = product(expression="(a - b) / (a + b)", rescale=[0, 1], colormap="greys")
    scales = {"old": (1e-4, 0.0), "new": (1e-4, -0.1), "landsat": (2.75e-5, -0.2)}
    stored = {"old": (3000, 1000), "new": (4000, 2000), "landsat": (20000, 10000)}
    items = {
        name: SceneItem(
            name,
            name,
            "c",
            WHEN,
            WHEN,
            {n: Asset(n, f"{name} {n}", dtype, None, *scales[name], "1") for n in "ab"},
            {},
        )
        for name in scales
    }

    def read(asset: Asset) -> BandPixels:
        name, band = asset.path.split()
        place = list(scales).index(name)
        return BandPixels(
            np.full((1, 3), stored[name]["ab".index(band)], dtype), np.arange(3)[np.newaxis] == place
        )

    pixels = Pixels((1, 3), read, lambda _: PLACE)
    values = compute_values(
        shown, one_window([ref(name) for name in scales]), pixels, lambda scene: items[scene.id], Clock()
    )
    # 0.55 - 0.2 and 0.275 - 0.2: (0.35 - 0.075) / (0.35 + 0.075)
    exact = [0.5, 0.5, float(Fraction(275, 425))]
    assert values.planes[0, 0].tolist() == pytest.approx(exact, rel=1e-7)
    assert values.planes[0, 0, :2].tolist() == [0.5, 0.5]


def test_nothing_left_over_by_roundings_is_nothing():
    shown = product(expression="a + b - c", classes=classes(0.0))
    item = SceneItem(
        "s", "s", "c", WHEN, WHEN, {n: Asset(n, n, "uint8", None, 0.1, 0.0, "1") for n in "abc"}, {}
    )
    pixels = Pixels(
        (1, 1),
        lambda asset: BandPixels(np.array([["abc".index(asset.path) + 1]], "uint8"), np.ones((1, 1), bool)),
        lambda _: PLACE,
    )
    values = compute_values(shown, one_window([ref("s")]), pixels, lambda _: item, Clock())
    assert values.planes.item() == 0.0  # 0.1 + 0.2 - 0.3
