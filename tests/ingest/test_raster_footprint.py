"""Footprints in longitude and latitude, also where maps are cut."""

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from ingest.raster import RasterRefusedError, inspect_raster, raster_footprint, scene_footprint
from tests.rasters import MOL, ramp, write_geotiff


@pytest.fixture
def raster(tmp_path):
    def make(name="a.tif", **given):
        return inspect_raster(write_geotiff(tmp_path / name, ramp(100, 100, dtype="uint8"), **given))

    return make


def test_a_utm_raster_has_21_points_a_side(raster):
    footprint = raster_footprint(raster(pixel_size=1000.0))
    assert footprint.geom_type == "Polygon"
    assert len(footprint.exterior.coords) == 4 * 20 + 1
    assert footprint.exterior.is_ccw
    left, top = MOL
    # rasterio's own bounds of the same rectangle, densified likewise
    expected = transform_bounds("EPSG:32631", "EPSG:4326", left, top - 1e5, left + 1e5, top, densify_pts=19)
    assert footprint.bounds == pytest.approx(expected, abs=1e-3)


def test_a_raster_across_the_antimeridian_is_two_polygons(raster):
    footprint = raster_footprint(
        raster(crs="EPSG:32660", upper_left=(700000.0, 5500000.0), pixel_size=1000.0)
    )
    assert footprint.geom_type == "MultiPolygon"
    east, west = sorted(shapely.get_parts(footprint), key=lambda polygon: -polygon.bounds[0])
    assert (east.bounds[2], west.bounds[0]) == (180.0, -180.0)
    assert west.bounds[2] < -178
    assert east.bounds[0] > 179


def test_degrees_beyond_180_come_back_on_the_other_side(raster):
    footprint = raster_footprint(raster(crs="EPSG:4326", upper_left=(350.0, 50.0), pixel_size=0.2))
    assert footprint.bounds == (-10.0, 30.0, 10.0, 50.0)


@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_a_raster_of_the_whole_world_is_the_whole_world(raster, west):
    footprint = raster_footprint(raster(crs="EPSG:4326", transform=Affine(3.6, 0, west, 0, -1.8, 90)))
    assert footprint.bounds == (-180.0, -90.0, 180.0, 90.0)
    assert footprint.area == 360 * 180


@pytest.mark.parametrize("west", [-180.0, 170.0])
def test_a_raster_that_ends_at_the_antimeridian_stays_whole(raster, west):
    footprint = raster_footprint(raster(crs="EPSG:4326", upper_left=(west, 50.0), pixel_size=0.1))
    assert footprint.bounds == (west, 40.0, west + 10, 50.0)


def test_a_raster_around_the_pole_holds_it(raster):
    footprint = raster_footprint(raster(crs="EPSG:3413", upper_left=(-1e6, 1e6), pixel_size=20000.0))
    assert footprint.bounds[3] == 90.0
    assert footprint.is_valid


def test_a_raster_outside_the_world_is_refused(raster):
    with pytest.raises(RasterRefusedError, match=r"which is not on Earth"):
        raster_footprint(raster(crs="EPSG:4326", upper_left=(655360.0, 5686280.0)))


@pytest.mark.parametrize(
    ("crs", "corner"),
    [
        ("EPSG:3031", (1.2e9, 0.8e9)),  # in millimetres; formally it lies near the other pole
        ("EPSG:3034", (4e9, 3e9)),
        ("EPSG:2154", (7e9, 6e9)),
        ("EPSG:3413", (1e12, 1e12)),
    ],
)
def test_a_raster_farther_off_than_maps_reach_is_refused(raster, crs, corner):
    with pytest.raises(RasterRefusedError, match=r"which is not on Earth"):
        raster_footprint(raster(crs=crs, upper_left=corner))


def test_a_raster_that_shrinks_to_a_point_is_refused(raster):
    a_millimetre = raster(crs="EPSG:3031", upper_left=(1e6, 1e6), pixel_size=1e-5)
    with pytest.raises(RasterRefusedError, match=r"which is not on Earth"):
        scene_footprint({"red": a_millimetre})


@pytest.mark.parametrize("crs", ["+proj=ob_tran +o_proj=longlat +o_lat_p=39 +lon_0=18", "+proj=healpix"])
def test_a_coordinate_system_that_only_a_file_beside_it_holds_is_refused(tmp_path, crs):
    file = write_geotiff(tmp_path / "a.tif", ramp(9, 9), crs=crs, upper_left=(10.0, 10.0), pixel_size=0.1)
    with pytest.raises(RasterRefusedError, match=r"a coordinate system that a GeoTIFF cannot hold"):
        inspect_raster(file, side_cars=True)


def test_bands_of_different_resolution_make_one_footprint(raster):
    fine = raster("red.tif", pixel_size=10.0)
    coarse = raster("scl.tif", pixel_size=20.0)
    union = scene_footprint({"red": fine, "scl": coarse})
    assert union.bounds == pytest.approx(raster_footprint(coarse).bounds, abs=1e-6)


def test_bands_that_do_not_overlap_are_no_scene(raster):
    with pytest.raises(RasterRefusedError, match=r"red \(red\.tif\) and nir \(nir\.tif\) do not overlap"):
        scene_footprint(
            {"red": raster("red.tif"), "nir": raster("nir.tif", upper_left=(MOL[0] + 1000, MOL[1]))}
        )


GEOS = "+proj=geos +lon_0=-75 +h=35786023 +ellps=GRS80 +units=m +sweep=x +no_defs"
SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m +no_defs"


@pytest.mark.parametrize(
    ("crs", "left", "top", "size"),
    [
        ("ESRI:54009", -18041000.0, 9020500.0, 360820.0),
        ("EPSG:8857", -17243959.0, 8392927.0, 344880.0),
        (GEOS, -5434894.9, 5434894.9, 108697.9),
        (SINUSOIDAL, -20015109.354, 1111950.520, 11119.5),  # h00v08, at the edge of the map of MODIS
    ],
)
def test_the_outline_of_a_map_holds_all_of_it_that_is_on_earth(raster, crs, left, top, size):
    outline = raster_footprint(raster(crs=crs, upper_left=(left, top), pixel_size=size))
    lons, lats = (
        axis.ravel() for axis in np.meshgrid(np.linspace(-179.9, 179.9, 90), np.linspace(-89.9, 89.9, 90))
    )
    to = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    xs, ys = to.transform(lons, lats)
    on_it = (xs > left) & (xs < left + 100 * size) & (ys < top) & (ys > top - 100 * size)
    assert on_it.any()
    assert shapely.intersects_xy(outline, lons[on_it], lats[on_it]).all()
    assert outline.is_valid


def test_web_mercator_past_180_comes_back_on_the_other_side(raster):
    edge = 20037508.342789244
    footprint = raster_footprint(
        raster(crs="EPSG:3857", upper_left=(edge * 170 / 180, 0.0), pixel_size=edge / 900)
    )
    east, west = sorted(shapely.get_parts(footprint), key=lambda part: -part.bounds[0])
    assert (east.bounds[0], east.bounds[2]) == pytest.approx((170, 180))
    assert (west.bounds[0], west.bounds[2]) == pytest.approx((-180, -170))


@pytest.mark.parametrize("crs", ["IAU_2015:49910", "IAU_2015:30110"])
def test_other_bodies_are_refused_by_name(raster, crs):
    with pytest.raises(RasterRefusedError, match=r"lies on a body of [\d,]+ km radius"):
        raster_footprint(raster(crs=crs, upper_left=(0.0, 0.0)))


def test_rotation_by_rounding_is_straight(raster):
    assert raster(transform=Affine(10.0, 1e-13, 600000.0, -1e-13, -10.0, 5e6)).transform.b == 0
    with pytest.raises(RasterRefusedError, match="rotated"):
        raster(transform=Affine(10.0, 1e-6, 600000.0, 0.0, -10.0, 5e6))
