"""The same statistics by exactextract, on the raster and the polygon as they are handed over."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from rasterio.crs import CRS
from rasterio.transform import Affine, array_bounds
from shapely.geometry import mapping

from app.statistics.geometry import Polygonal, project
from app.statistics.summary import Summary
from mosaics.sphere import EARTH_RADIUS_M

SPHERE_OF_EXACTEXTRACT_M = 6_378_137.0
"""src/raster_area.h; ours is the mean radius, so that its areas are larger by the square of the ratio."""


QUANTILE = 3e-6
"""Of 15,000 even values from 1 to 10,000 its second percentile is 9e-7 off its own formula in float64."""


@dataclass(frozen=True)
class Reference:
    """Numbers by exactextract."""

    numbers: dict[str, Any]

    def __getitem__(self, name: str) -> float:
        return float(self.numbers[name])


def reference(
    values: np.ndarray, transform: Affine, crs: CRS, polygon: Polygonal, *, spherical: bool = False
) -> Reference:
    """Statistics of a raster (NaN is missing) over a lon/lat polygon."""
    height, width = values.shape
    left, bottom, right, top = array_bounds(height, width, transform)
    raster = NumPyRasterSource(np.ma.masked_invalid(values), xmin=left, ymin=bottom, xmax=right, ymax=top)
    drawn = project(polygon, crs, 0.1)
    feature = {"type": "Feature", "properties": {}, "geometry": mapping(drawn)}
    weight = "coverage_weight=area_spherical_km2" if spherical else ""
    asked = [
        f"{name}({weight})" if weight else name for name in ("mean", "count", "sum", "variance", "median")
    ]
    inside = f", {weight}" if weight else ""
    asked += ["min", "max", f"quantile(q=0.02{inside})", f"quantile(q=0.98{inside})"]
    return Reference(exact_extract(raster, feature, asked)[0]["properties"])


def assert_equal(summary: Summary, expected: Reference, *, spherical: bool = False) -> None:
    """Within a millionth; quantiles within what float32 leaves, in which exactextract interpolates them."""
    ours = summary.numbers
    assert ours is not None
    for name in ("mean", "variance", "min", "max"):
        assert getattr(ours, name) == pytest.approx(expected[name], rel=1e-6), name
    if spherical:
        larger = (SPHERE_OF_EXACTEXTRACT_M / EARTH_RADIUS_M) ** 2
        assert summary.valid_area_km2 * larger == pytest.approx(expected["count"], rel=1e-6)
        assert ours.area_weighted_sum * larger == pytest.approx(expected["sum"], rel=1e-6)
    else:
        assert ours.count == pytest.approx(expected["count"], rel=1e-6)
        assert ours.sum == pytest.approx(expected["sum"], rel=1e-6)
    assert ours.median == pytest.approx(expected["median"], rel=QUANTILE)
    assert summary.percentiles["p2"] == pytest.approx(expected["quantile_2"], rel=QUANTILE)
    assert summary.percentiles["p98"] == pytest.approx(expected["quantile_98"], rel=QUANTILE)
