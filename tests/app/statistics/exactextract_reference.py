"""The same statistics by exactextract's coverage, pyproj's cell areas and numpy."""

from dataclasses import dataclass

import numpy as np
import pytest
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from pyproj import Geod, Proj, Transformer
from rasterio.crs import CRS
from rasterio.transform import Affine, array_bounds
from shapely.geometry import mapping

from app.statistics.geometry import Polygonal, project
from app.statistics.summary import Summary

QUANTILE = 3e-6
"""Values are float32: neighbours of a quantile are known to half of that."""

QUANTILES = (0.02, 0.5, 0.98)


@dataclass(frozen=True)
class Reference:
    """Numbers of a polygon, areas in square metres."""

    numbers: dict[str, float]

    def __getitem__(self, name: str) -> float:
        return self.numbers[name]


def cell_areas_m2(transform: Affine, crs: CRS, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Areas of cells on WGS 84, by PROJ: geodesic polygons in degrees, else by areal scale."""
    if crs.is_geographic:
        of_row = {row: geodesic_area_m2(transform, row) for row in np.unique(rows).tolist()}
        return np.array([of_row[row] for row in rows.tolist()])
    xs, ys = transform @ (columns + 0.5, rows + 0.5)
    lons, lats = Transformer.from_crs(crs.to_wkt(), 4326, always_xy=True).transform(xs, ys)
    scale = np.asarray(Proj(crs.to_wkt()).get_factors(lons, lats).areal_scale)
    return np.asarray(abs(transform.a * transform.e) / scale)


def geodesic_area_m2(transform: Affine, row: int) -> float:
    """Area of a cell of a grid in degrees, its edges followed along the parallels."""
    across = np.linspace(0, 1, 50)
    xs, top = transform @ (across, np.full_like(across, row))
    _, bottom = transform @ (across, np.full_like(across, row + 1))
    lons, lats = np.concatenate([xs, xs[::-1]]), np.concatenate([top, bottom])
    return abs(Geod(ellps="WGS84").polygon_area_perimeter(lons, lats)[0])


def reference(values: np.ndarray, transform: Affine, crs: CRS, polygon: Polygonal) -> Reference:
    """Statistics of a raster (NaN is missing) over a lon/lat polygon."""
    height, width = values.shape
    left, bottom, right, top = array_bounds(height, width, transform)
    raster = NumPyRasterSource(np.ones(values.shape), xmin=left, ymin=bottom, xmax=right, ymax=top)
    feature = {"type": "Feature", "properties": {}, "geometry": mapping(project(polygon, crs, 0.01))}
    found = exact_extract(raster, feature, ["cell_id", "coverage"], output="geojson")[0]["properties"]
    rows, columns = np.divmod(np.asarray(found["cell_id"]).astype(int), width)
    held, fractions = values[rows, columns].astype("float64"), np.asarray(found["coverage"])
    areas = fractions * cell_areas_m2(transform, crs, columns, rows)
    present = ~np.isnan(held)
    held, fractions, valid = held[present], fractions[present], areas[present]
    mean = float(held @ valid / valid.sum())
    return Reference(
        {
            "area": float(areas.sum()),
            "valid_area": float(valid.sum()),
            "count": float(fractions.sum()),
            "sum": float(held @ fractions),
            "area_sum": float(held @ valid),
            "mean": mean,
            "variance": float((held - mean) ** 2 @ valid / valid.sum()),
            "min": float(held.min()),
            "max": float(held.max()),
            **dict(zip(("p2", "median", "p98"), quantiles(held, valid), strict=True)),
        }
    )


def quantiles(held: np.ndarray, weights: np.ndarray) -> list[float]:
    """As exactextract defines them (src/quantiles in its documentation), in float64."""
    different, place = np.unique(held, return_inverse=True)
    own = np.bincount(place, weights)
    ranks = np.arange(different.size) / max(different.size - 1, 1)
    shares = (np.cumsum(own) - own + own * ranks) / own.sum()
    return [float(value) for value in np.interp(QUANTILES, shares, different)]


def assert_equal(summary: Summary, expected: Reference) -> None:
    """Within a millionth; areas within the 1e-5 that cells of one part may lie off one another."""
    ours = summary.numbers
    assert ours is not None
    spread = expected["variance"] ** 0.5
    assert ours.mean == pytest.approx(expected["mean"], rel=1e-6, abs=1e-6 * spread)
    for name in ("variance", "min", "max", "count", "sum"):
        assert getattr(ours, name) == pytest.approx(expected[name], rel=3e-6), name
    assert summary.area_km2 == pytest.approx(expected["area"] / 1e6, rel=2e-6)
    assert summary.valid_area_km2 == pytest.approx(expected["valid_area"] / 1e6, rel=2e-6)
    assert ours.area_weighted_sum == pytest.approx(
        expected["area_sum"] / 1e6, rel=3e-6, abs=1e-6 * spread * expected["valid_area"] / 1e6
    )
    near = {"rel": QUANTILE, "abs": 1e-5 * spread}  # as far as 1e-5 of the area moves a share of it
    assert ours.median == pytest.approx(expected["median"], **near)
    assert summary.percentiles["p2"] == pytest.approx(expected["p2"], **near)
    assert summary.percentiles["p98"] == pytest.approx(expected["p98"], **near)
