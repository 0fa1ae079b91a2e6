"""Quantiles are exactextract's; areas read off a distribution are those of counting."""

import numpy as np
import pytest
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box, mapping

from app.statistics.distribution import Distribution, Run

QUANTILES = (0.0, 0.02, 0.1, 0.33, 0.5, 0.61, 0.9, 0.98, 1.0)


def distribution(equal, others=(), areas=(), cell_area=1.0) -> Distribution:
    runs = [np.sort(np.array(equal[start::3], np.float32)) for start in range(3)]
    told = [Run(run, cell_area) for run in runs]
    return Distribution.of(told, np.array(others, np.float32), np.array(areas, np.float64))


def exactextract_quantiles(values: np.ndarray, width: float) -> list[float]:
    """Of a column of values, covered over `width` of each."""
    raster = NumPyRasterSource(values.reshape(-1, 1), xmin=0, ymin=0, xmax=1, ymax=len(values))
    strip = {"type": "Feature", "properties": {}, "geometry": mapping(box(0, 0, width, len(values)))}
    found = exact_extract(raster, strip, [f"quantile(q={q})" for q in QUANTILES])[0]["properties"]
    return [found[f"quantile_{round(q * 100)}"] for q in QUANTILES]


FEW = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)
MANY = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.one_of(FEW, MANY), st.integers(0, 60))
def test_quantiles_are_exactextracts(values, split):
    column = np.array(values, np.float32)
    others = column[split:]
    ours = distribution(column[:split], others, np.full(len(others), 0.5), cell_area=0.5)
    expected = exactextract_quantiles(column, 0.5)
    np.testing.assert_allclose([ours.quantile(q) for q in QUANTILES], expected, rtol=1e-5, atol=1e-5)


def test_a_quantile_between_two_values_is_interpolated():
    # Two values of one area each: the first stands at no share of the area, the second at all of it.
    assert distribution([1, 3]).quantile(0.25) == pytest.approx(1.5)
    # 1 has three quarters of the area: it stands at 0, and 3 at all of it, whatever their areas.
    assert distribution([], [1, 3], [3, 1]).quantile(0.5) == pytest.approx(2.0)


def test_one_value_is_every_quantile():
    assert [distribution([7, 7, 7]).quantile(q) for q in (0, 0.3, 1)] == [7, 7, 7]


def test_a_value_on_an_edge_belongs_above_it():
    found = distribution([0.1, 0.2, 0.27], [0.27, 0.3], [0.5, 0.25])
    assert found.below(0.27) == 2
    assert found.up_to(0.27) == 3.5
    assert found.area == 3.75
    assert (found.smallest, found.largest) == pytest.approx((0.1, 0.3))


@settings(max_examples=50, deadline=None)
@given(MANY, st.integers(1, 7))
def test_histograms_are_numpys(values, bins):
    edges = np.linspace(-50, 60, bins + 1, dtype=np.float32)
    areas = np.arange(1, len(values) + 1, dtype=float)
    expected, _ = np.histogram(np.array(values, np.float32), edges, weights=areas)
    np.testing.assert_allclose(distribution([], values, areas).histogram(edges.tolist()), expected, atol=1e-9)


@pytest.mark.parametrize("kind", ["nearly all differ", "few differ", "one value is most of them"])
def test_quantiles_of_many_runs_are_exactextracts(kind):
    random = np.random.default_rng(8)
    values = random.normal(0.1, 0.3, 700_000).astype("float32")
    if kind == "few differ":
        values = np.round(values, 2)
    if kind == "one value is most of them":
        values[random.random(values.size) < 0.8] = 0.125
    areas = np.full(100_000, 0.5)
    runs = [np.sort(run) for run in np.split(values[:600_000], [200_000, 320_000, 320_000, 500_000, 500_003])]
    found = Distribution.of([Run(run, 0.5) for run in runs], values[600_000:], areas)
    expected = exactextract_quantiles(values, 0.5)
    np.testing.assert_allclose([found.quantile(q) for q in QUANTILES], expected, rtol=1e-6)
    assert found.below(0.125) == pytest.approx(0.5 * np.count_nonzero(values < np.float32(0.125)))
    assert found.up_to(0.125) == pytest.approx(0.5 * np.count_nonzero(values <= np.float32(0.125)))


def test_quantiles_are_those_of_the_formula_in_full_precision():
    values = np.random.default_rng(4).integers(1, 10_000, 15_000).astype("float32")
    different, counts = np.unique(values.astype(float), return_counts=True)
    ranks = np.arange(different.size) / (different.size - 1)
    places = (np.cumsum(counts) - counts + counts * ranks) / values.size
    found = [distribution(values).quantile(q) for q in QUANTILES]
    np.testing.assert_allclose(found, np.interp(QUANTILES, places, different), rtol=1e-12)


EXTREMES = [0.0, -0.0, 1e-45, -1e-45, 1.1754944e-38, float(np.finfo("float32").max), -3.0, 7.0]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(st.floats(width=32, allow_nan=False), st.sampled_from(EXTREMES)), min_size=1, max_size=60
    ),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 99),
)
def test_values_with_areas_of_their_own_are_put_in_order_with_them(values, dtype, seed):
    held = np.array(values, dtype)
    areas = np.random.default_rng(seed).uniform(0, 100, held.size) * (np.arange(held.size) % 5 > 0)
    run = Run.of(held, areas)
    np.testing.assert_array_equal(run.values, np.sort(held))
    for value in held:
        below, up_to = (run.up_to(int(run.values.searchsorted(value, side))) for side in ("left", "right"))
        assert below == pytest.approx(areas[held < value].sum(), rel=1e-7, abs=1e-6)
        assert up_to == pytest.approx(areas[held <= value].sum(), rel=1e-7, abs=1e-6)
