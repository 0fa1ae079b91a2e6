"""Cells counted by levels of area are those that numpy counts one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from app.statistics.levels import levelled_cells
from app.statistics.pixel_grid import PixelGrid
from mosaics.raster.cell_areas import CellAreas
from mosaics.raster.cell_parts import UNIFORM

POLAR = PixelGrid(CRS.from_epsg(3031), -1e6, 1.5e6, 10.0, 10.0)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 100),
    st.integers(1, 600),
    st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    st.sampled_from([0.01, 0.5, 1.0]),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 99),
)
def test_levels_hold_every_value_with_nearly_its_area(height, width, missing, inside, dtype, seed):
    random = np.random.default_rng(seed)
    plane = random.normal(0.2, 0.3, (height, width)).astype(dtype)
    plane[random.random(plane.shape) < missing] = np.nan
    covered = random.random(plane.shape) <= inside
    covered[0, 0] = True
    mark = random.random(plane.shape) < 0.3
    areas = CellAreas(POLAR, 0, 0, 5000, 5000)
    each = areas.of(700, 900, width, height)
    held = covered & ~np.isnan(plane)

    for part in areas.parts(700, 900, width, height):
        where = part.rows, part.columns
        if part.squares is None or not covered[where].any():
            continue
        found = levelled_cells(plane[where], covered[where], part.squares, {"water": mark[where]})
        values, true = plane[where][held[where]], each[where][held[where]]
        levels = np.concatenate([np.empty(0), *(np.full(len(level), area) for level, area in found.levels)])
        in_levels = np.concatenate([np.empty(0, dtype), *(level for level, _ in found.levels)])
        np.testing.assert_array_equal(np.sort(in_levels), np.sort(values))
        for value in np.unique(values)[:20]:  # their areas, value by value
            expected = true[values == value].sum()
            assert levels[in_levels == value].sum() == pytest.approx(expected, rel=UNIFORM)
        assert found.count == values.size
        assert found.area_m2 == pytest.approx(each[where][covered[where]].sum(), rel=2e-6)
        assert found.moments.weight == pytest.approx(true.sum(), rel=2e-6)
        assert found.marked["water"] == pytest.approx(
            each[where][covered[where] & mark[where]].sum(), rel=3e-6
        )
        if values.size:
            exact = values.astype(np.float64)
            mean = (exact * true).sum() / true.sum()
            assert found.pixel_sum == pytest.approx(exact.sum(), rel=1e-9, abs=1e-9)
            assert found.moments.mean == pytest.approx(mean, rel=1e-5, abs=1e-6)
            expected = ((exact - mean) ** 2 * true).sum()
            assert found.moments.deviation == pytest.approx(expected, rel=3e-5, abs=1e-9)
