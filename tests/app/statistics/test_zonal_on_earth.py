"""Statistics where cells differ in area, at poles and over the antimeridian: weights are the ellipsoid's."""

import math

import numpy as np
import pytest
import shapely
import shapely.affinity
from pyproj import Geod
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import transform as transform_coordinates
from shapely.geometry import mapping

from app.statistics.geometry import read_polygon
from app.statistics.summary import Status
from tests.app.statistics.exactextract_reference import (
    assert_equal,
    geodesic_area_m2,
    reference,
)
from tests.app.statistics.landed import Raster, plain_product, world
from tests.app.statistics.polygons import RNG, noise


@pytest.mark.parametrize("south", [0.0, 31.0, 60.0])
async def test_night_lights_in_degrees_are_weighted_with_the_areas_of_the_ellipsoid(tmp_path, south):
    values = RNG.gamma(0.7, 9.0, (700, 240)).astype("float32")
    values[RNG.random(values.shape) < 0.1] = np.nan
    cell = 1 / 240  # of Black Marble
    transform = Affine(cell, 0, 120.0, 0, -cell, south + 700 * cell)
    corners = [[120.1, south + 0.05], [120.9, south + 0.3], [120.8, south + 2.8], [120.2, south + 2.7]]
    polygon = read_polygon({"type": "Polygon", "coordinates": [[*corners, corners[0]]]})
    raster = Raster(values, transform, "EPSG:4326", nodata=math.nan)
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster})
        summary = await here.summary(polygon, plain_product(lit_above=0.5))
    degrees = CRS.from_epsg(4326)
    assert_equal(summary, reference(values, transform, degrees, polygon))
    lit = np.where(np.isnan(values), np.nan, values > 0.5).astype("float32")
    assert summary.lit is not None
    assert summary.lit.share == pytest.approx(reference(lit, transform, degrees, polygon)["mean"], rel=1e-6)


@pytest.mark.parametrize(
    ("epsg", "left", "top", "cell"),
    [
        (3031, -1_000_000.0, 1_500_000.0, 10.0),
        (3413, -700_000.0, -2_900_000.0, 30.0),
        (3031, -1_000_000.0, 1_500_000.0, 100.0),
    ],
    ids=["Antarctica, 10 m", "Greenland, 30 m", "Antarctica, 100 m"],
)
async def test_a_district_on_a_polar_grid_is_weighted_with_the_areas_of_the_ellipsoid(
    tmp_path, epsg, left, top, cell
):
    values = RNG.gamma(0.7, 9.0, (900, 1500)).astype("float32")
    values += np.linspace(0, 50, 1500, dtype="float32")  # as areas do, they grow to one side
    values[200:330, 300:700] = np.nan
    values[RNG.random(values.shape) < 0.01] = np.nan
    transform, system = Affine(cell, 0, left, 0, -cell, top), CRS.from_epsg(epsg)
    ring = [transform @ corner for corner in ((60.3, 80.2), (1400.7, 40.1), (1330.2, 820.5), (420.9, 850.4))]
    lons, lats = transform_coordinates(system, CRS.from_epsg(4326), *zip(*ring, strict=True))
    corners = list(zip(lons, lats, strict=True))
    polygon = read_polygon({"type": "Polygon", "coordinates": [[*corners, corners[0]]]})
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values, transform, f"EPSG:{epsg}", nodata=math.nan)})
        summary = await here.summary(polygon)
    assert_equal(summary, reference(values, transform, system, polygon))


async def test_the_area_of_a_cell_in_degrees_is_that_of_the_ellipsoid(tmp_path):
    cell = 1 / 240
    transform = Affine(cell, 0, 10.0, 0, -cell, 30.0 + 240 * cell)
    one_cell = read_polygon(mapping(shapely.box(10 + cell, 30, 10 + 2 * cell, 30 + cell)))
    raster = Raster(np.ones((240, 240), "float32"), transform, "EPSG:4326", nodata=math.nan)
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster})
        summary = await here.summary(one_cell)
    assert summary.area_km2 == pytest.approx(geodesic_area_m2(transform, 239) / 1e6, rel=1e-7)


async def test_mercator_pixels_have_the_area_of_their_latitude(tmp_path):
    x, y = 1_000_000.0, 8_399_737.89
    raster = Raster(np.ones((300, 300), "uint8"), Affine(100, 0, x, 0, -100, y + 15_000), "EPSG:3857")
    mercator = shapely.box(x + 10_000, y - 500, x + 11_000, y + 500)
    lons, lats = transform_coordinates(
        CRS.from_epsg(3857), CRS.from_epsg(4326), *np.array(mercator.exterior.coords).T
    )
    polygon = read_polygon(mapping(shapely.Polygon(zip(lons, lats, strict=True))))
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster})
        summary = await here.summary(polygon)
    # At 60 degrees north a Mercator kilometre is about half a kilometre.
    dense = shapely.segmentize(mercator, 10)
    corners = transform_coordinates(
        CRS.from_epsg(3857), CRS.from_epsg(4326), *np.array(dense.exterior.coords).T
    )
    geodesic = abs(Geod(ellps="WGS84").polygon_area_perimeter(*corners)[0])
    assert summary.area_km2 == pytest.approx(geodesic / 1e6, rel=1e-6)


async def test_a_polygon_over_the_antimeridian_counts_both_sides(tmp_path):
    east, west = noise(240, 240).astype("float32"), noise(240, 240).astype("float32")
    cell = 1 / 240
    async with world(tmp_path) as here:
        for scene, values, left in (("east", east, 179.0), ("west", west, -180.0)):
            raster = Raster(values, Affine(cell, 0, left, 0, -cell, 11.0), "EPSG:4326", nodata=math.nan)
            await here.land("2024-06", {"value": raster}, scene_id=scene)
        ring = [[179.5, 10.25], [180.5, 10.25], [180.5, 10.75], [179.5, 10.75], [179.5, 10.25]]
        summary = await here.summary(read_polygon({"type": "Polygon", "coordinates": [ring]}))
    assert summary.status is Status.OK
    assert set(summary.scenes) == {"east", "west"}
    both = np.concatenate([east[60:180, 120:], west[60:180, :120]], axis=1)
    assert summary.numbers is not None
    assert summary.numbers.count == pytest.approx(both.size, rel=1e-6)
    assert summary.numbers.sum == pytest.approx(both.sum(dtype=float), rel=1e-6)


def cap_km2(latitude: float) -> float:
    """Area north of a parallel, whose geodesics are as good as it at a tenth of a degree."""
    lons = np.arange(-180, 180, 0.1)
    return abs(Geod(ellps="WGS84").polygon_area_perimeter(lons, np.full(lons.shape, latitude))[0]) / 1e6


@pytest.mark.parametrize(
    ("rings", "sign", "area_km2"),
    [
        ([[0, 90, 180, -90, 0]], 1, cap_km2(80)),
        ([[10, -80, -170, 100, 10]], -1, cap_km2(80)),
        ([[0, 60, 120, 180, 240, 300, 0]], 1, cap_km2(80)),
        ([[10, 100, -170, -80, 10], [20, -70, -160, 110, 20]], 1, cap_km2(80) - cap_km2(85)),
    ],
    ids=["north", "south, westward", "0 to 360", "with the pole left out"],
)
async def test_a_polygon_around_a_pole_has_the_pixels_up_to_it(tmp_path, rings, sign, area_km2):
    system, side = (3413, 3031)[sign < 0], 120
    raster = Raster(
        np.full((side, side), 7, "uint8"), Affine(50e3, 0, -3e6, 0, -50e3, 3e6), f"EPSG:{system}", nodata=0
    )
    coordinates = [[[lon, sign * (80 + 5 * number)] for lon in lons] for number, lons in enumerate(rings)]
    polygon = read_polygon({"type": "Polygon", "coordinates": coordinates})
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": raster})
        summary = await here.summary(polygon)
    assert summary.status is Status.OK
    assert summary.area_km2 == pytest.approx(area_km2, rel=1e-4)
    assert summary.numbers is not None
    assert (summary.numbers.min, summary.numbers.max) == (7, 7)
