"""Statistics equal exactextract's on the pixels as they lie in the files, whatever polygon and grid."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import shapely.affinity
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import transform as transform_coordinates
from shapely.geometry import mapping, shape

from app.products.registry import Registry
from app.statistics.geometry import read_polygon
from app.statistics.summary import Status
from mosaics.raster.grid import Grid
from tests.app.statistics.exactextract_reference import (
    assert_equal,
    cell_areas_m2,
    reference,
)
from tests.app.statistics.landed import AT_MOL, Raster, plain_product, world
from tests.app.statistics.polygons import DISTRICT, DISTRICT_PIXELS, RNG, UTM, near_mol, noise
from tests.rasters import MOL


async def test_a_district_over_many_blocks_equals_exactextract(tmp_path):
    red, nir = noise(1200, 1300), noise(1200, 1300)
    red[300:420, 200:500] = 0
    async with world(tmp_path) as here:
        await here.land("2024-06", {"red": Raster(red, scale=1e-4), "nir": Raster(nir, scale=1e-4)})
        summary = await here.summary(DISTRICT, plain_product("(nir - red) / (nir + red)"))
    scaled_red, scaled_nir = red * np.float32(1e-4), nir * np.float32(1e-4)
    ndvi = (scaled_nir - scaled_red) / (scaled_nir + scaled_red)
    ndvi[red == 0] = np.nan
    assert_equal(summary, reference(ndvi, AT_MOL, UTM, DISTRICT))
    assert summary.numbers is not None
    whole = reference(ndvi, AT_MOL, UTM, DISTRICT)
    assert summary.valid_fraction == pytest.approx(whole["valid_area"] / whole["area"], rel=2e-6)
    assert summary.status is Status.PARTIAL
    assert (
        summary.reason == f"{(1 - summary.valid_fraction) * 100:.3g} % of the area is masked or has no data."
    )
    assert summary.cell_size_m == 10.0


@pytest.mark.parametrize(
    "polygon",
    [
        near_mol([100.2, 107.9, 108.3, 101.1], [50.3, 49.2, 57.7, 58.4]),
        near_mol([100.2, 100.7, 100.5], [50.3, 50.35, 50.8]),
        near_mol([100.2, 180.7, 180.7], [50.3, 90.35, 90.36]),
    ],
    ids=["field", "inside-one-pixel", "sliver"],
)
async def test_small_polygons_equal_exactextract(tmp_path, polygon):
    values = noise(300, 300)
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values)})
        summary = await here.summary(polygon)
    assert_equal(summary, reference(values.astype("float32"), AT_MOL, UTM, polygon))
    assert summary.status is Status.OK
    assert summary.reason is None


async def test_a_polygon_over_the_seam_of_two_scenes_equals_exactextract_on_their_mosaic(tmp_path):
    west, east = noise(400, 400), noise(400, 420)
    west[:, 350:] = 0
    best_first = {"west": 5.0, "east": 50.0}
    async with world(tmp_path) as here:
        for scene, values, column in (("west", west, 0), ("east", east, 300)):
            raster = Raster(values, AT_MOL @ Affine.translation(column, 20))
            await here.land(
                "2024-06", {"value": raster}, scene_id=scene, cloud_cover_percent=best_first[scene]
            )
        polygon = near_mol([150, 600, 640, 200], [60, 40, 380, 400])
        summary = await here.summary(polygon)
    mosaic = np.zeros((420, 720), "float32")
    mosaic[20:, 300:] = east
    mosaic[20:, :400] = np.where(west > 0, west, mosaic[20:, :400])
    assert_equal(summary, reference(np.where(mosaic > 0, mosaic, np.nan), AT_MOL, UTM, polygon))
    assert summary.scenes == ("west", "east")
    assert summary.status is Status.OK


async def test_night_lights_that_were_not_seen_are_not_counted_as_lit(tmp_path):
    cell = 1 / 240
    transform = Affine(cell, 0, 10.0, 0, -cell, 30.0 + 240 * cell)
    radiance = np.full((240, 240), 5.0, "float32")  # a quarter is dark, a quarter filled from history
    observations = np.full((240, 240), 3, "uint16")
    radiance[:, :60], observations[:, 60:120], observations[:, 120:130] = 0, 0, 65535
    placed: dict[str, Any] = {"transform": transform, "crs": "EPSG:4326"}
    bands = {
        "radiance": Raster(radiance, nodata=-999.9, **placed),
        "num_observations": Raster(observations, nodata=65535, **placed),
        "quality": Raster(np.where(observations == 0, 2, 1).astype("uint8"), nodata=255, **placed),
    }
    polygon = read_polygon(mapping(shapely.box(10, 30, 11, 31)))
    async with world(tmp_path) as here:
        product = Registry.load().get("nightlights")
        await here.land("2024-06", bands, collection_id="black-marble-monthly")
        summary = await here.summary(polygon, product)
        await here.land("2024-07", {"radiance": bands["radiance"]}, collection_id="black-marble-monthly")
        unknown = await here.summary(polygon, product, "2024-07")
    assert summary.valid_fraction == pytest.approx(170 / 240, rel=1e-6)
    assert summary.lit is not None
    assert summary.lit.share == pytest.approx(110 / 170, rel=1e-6)
    assert summary.unmasked == ()
    assert unknown.lit is not None
    assert unknown.lit.share == pytest.approx(0.75, rel=1e-6)
    assert unknown.unmasked == ("not observed in this time, but filled from history",)


async def test_a_scene_of_another_zone_is_warped_onto_the_best_ones_pixels(tmp_path):
    # Each scene has one value, so that warping it moves no value, only its edge by less than a pixel.
    edge_lon, lat = 6.0, 51.0
    async with world(tmp_path) as here:
        for scene, zone, value, clouds in (("west", 32631, 1, 1.0), ("east", 32632, 2, 9.0)):
            [x], [y] = transform_coordinates(CRS.from_epsg(4326), CRS.from_epsg(zone), [edge_lon], [lat])
            left = x - (2500 if value == 1 else 500)
            raster = Raster(
                np.full((300, 300), value, "uint8"), Affine(10, 0, left, 0, -10, y + 1500), f"EPSG:{zone}"
            )
            await here.land("2024-06", {"value": raster}, scene_id=scene, cloud_cover_percent=clouds)
        polygon = read_polygon(mapping(shapely.box(5.99, 50.998, 6.02, 51.002)))
        summary = await here.summary(polygon)
    assert summary.status is Status.OK
    assert summary.scenes == ("west", "east")
    assert summary.numbers is not None
    # The western scene reaches 500 m over the sixth meridian: 0.01 degrees are 701.7 m here.
    assert summary.numbers.mean == pytest.approx(1 + (1403.5 - 500) / 2105.2, abs=0.02)


@pytest.mark.real_data
async def test_the_fields_near_mol_equal_exactextract(tmp_path, shared_data):
    folder = shared_data / "ndvi_sentinel2_mol_be"
    bands, physical = {}, {}
    for name, file in (("red", "ref_input_S2_B04.tif"), ("nir", "ref_input_S2_B08.tif")):
        with rasterio.open(folder / file) as dataset:
            bands[name] = Raster(dataset.read(1), dataset.transform, nodata=65535, scale=1e-4)
        physical[name] = bands[name].values / 1e4
    ndvi = ((physical["nir"] - physical["red"]) / (physical["nir"] + physical["red"])).astype("float32")
    file = shared_data / "polygons" / "openeo_fields_S2_B04_polygons.geojson"
    fields = [
        # They lie 13 km west of the scene; moved by 0.23 degrees, fields near Mol lie on fields near Mol.
        read_polygon(mapping(shapely.affinity.translate(shape(feature["geometry"]), xoff=0.23)))
        for feature in json.loads(file.read_text())["features"]
    ]
    async with world(tmp_path) as here:
        await here.land("2019-04", bands)
        product = plain_product("(nir - red) / (nir + red)")
        summaries = await asyncio.gather(*(here.summary(field, product) for field in fields))
    for field, summary in zip(fields, summaries, strict=True):
        assert_equal(summary, reference(ndvi, bands["red"].transform, UTM, field))
    assert len(fields) == 7
    assert all(summary.status is Status.OK for summary in summaries)


@pytest.mark.real_data
async def test_shanghais_pixel_sums_are_the_published_ones(tmp_path, shared_data):
    published = {2013: 476883, 2015: 476547, 2017: 523725, 2019: 537109, 2021: 560853}  # PROVENANCE
    everything = read_polygon(mapping(shapely.box(120.8, 30.6, 122.2, 31.9)))
    async with world(tmp_path) as here:
        for year, pixel_sum in published.items():
            name = f"NTL_Shanghai_NPP-VIIRS_2013_2022_{year}.tif"
            with rasterio.open(shared_data / "nightlights_shanghai_annual" / name) as dataset:
                raster = Raster(dataset.read(1), dataset.transform, "EPSG:4326", nodata=None)
            await here.land(str(year), {"value": raster}, scene_id=str(year), cadence="year")
            summary = await here.summary(everything, plain_product(lit_above=0.5), str(year))
            assert summary.numbers is not None
            assert summary.numbers.sum == pytest.approx(pixel_sum, rel=1e-3)
            assert summary.lit is not None
            assert 0 < summary.lit.share < 1


async def test_tile_and_statistic_agree(tmp_path):
    values = noise(600, 600)
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(values)})
        product = plain_product()
        polygon = near_mol([64, 320, 320, 64], [128, 128, 384, 384])
        resolved = await here.engine.resolve(product, polygon)
        summary = await here.engine.summarise(resolved)
        bounds = (MOL[0] + 640, MOL[1] - 3840, MOL[0] + 3200, MOL[1] - 1280)
        tile = await here.renderer.values(product, resolved.scenes, Grid(UTM, bounds, 256, 256))
    assert summary.numbers is not None
    # The outline comes back from degrees within a hundredth of a pixel, on a rim of 1,024 in 65,536.
    assert summary.numbers.mean == pytest.approx(float(tile.planes.mean(dtype=float)), rel=2e-4)
    assert summary.numbers.mean == pytest.approx(values[128:384, 64:320].mean(), rel=2e-4)


async def test_past_the_budget_an_overview_is_counted(tmp_path):
    values = noise(1200, 1300)
    async with world(tmp_path, cell_budget=150_000) as here:
        record = await here.land("2024-06", {"value": Raster(values)})
        summary = await here.summary(DISTRICT)
        file = here.folder / "store" / record.item_key.replace("item.json", "value.tif")
    with rasterio.open(file, overview_level=1) as overview:
        pixels, transform = overview.read(1).astype("float32"), overview.transform
    assert summary.cell_size_m == pytest.approx(40.0)
    assert_equal(summary, reference(pixels, transform, UTM, DISTRICT))


@pytest.mark.parametrize("share", [0.03, 0.3])
async def test_past_the_budget_shares_of_classes_are_not_those_of_majorities(tmp_path, share):
    values = np.where(RNG.random((1024, 1024)) < share, 7, 4).astype("uint8")
    classes = (
        {"name": "others", "upper": 5.0, "color": "#000000"},
        {"name": "rare", "lower": 5.0, "color": "#ffffff"},
    )
    polygon = near_mol([20.5, 1000.25, 1000.25, 20.5], [30, 30, 990.75, 990.75])
    async with world(tmp_path, cell_budget=50_000) as here:
        await here.land("2024-06", {"value": Raster(values, categorical=True)})
        summary = await here.summary(polygon, plain_product(classes=classes))
        assert summary.cell_size_m == 10.0
        # by hand: the sum of the covered parts of the cells that are 7
        columns, rows = np.zeros(1024), np.zeros(1024)
        columns[21:1000], columns[[20, 1000]] = 1, (0.5, 0.25)
        rows[30:990], rows[990] = 1, 0.75
        covered = np.outer(rows, columns)
        exact = covered[values == 7].sum() / covered.sum()
        assert summary.classes[1].fraction == pytest.approx(exact, abs=2e-5)  # edges are straight in degrees
        assert summary.numbers is not None
        assert (summary.numbers.min, summary.numbers.max) == (4, 7)
        assert summary.numbers.count == pytest.approx(covered.sum(), rel=1e-5)


async def test_past_their_own_budget_classes_are_refused_with_the_limit(tmp_path):
    values = np.where(RNG.random((1024, 1024)) < 0.3, 7, 4).astype("uint8")
    async with world(tmp_path, class_cell_budget=500_000) as here:
        await here.land("2024-06", {"value": Raster(values, categorical=True)})
        summary = await here.summary(near_mol([0, 1024, 1024, 0], [0, 0, 1024, 1024]))
        within = await here.summary(near_mol([0, 512, 512, 0], [0, 0, 512, 512]))
    assert summary.status is Status.EMPTY
    assert summary.numbers is None
    assert summary.reason is not None
    assert summary.reason.startswith("The area has more than 500,000 pixels")
    assert within.status is Status.OK


async def test_past_the_coarsest_overview_cells_double(tmp_path):
    async with world(tmp_path, cell_budget=20) as here:
        await here.land("2024-06", {"value": Raster(np.full((1200, 1300), 7, "uint16"))})
        summary = await here.summary(DISTRICT)
    assert summary.cell_size_m is not None
    assert summary.cell_size_m >= 2560
    assert summary.numbers is not None
    assert summary.numbers.mean == 7
    pixels = shapely.Polygon(zip(*DISTRICT_PIXELS, strict=True))
    area = float(cell_areas_m2(AT_MOL, UTM, np.array([600.0]), np.array([600.0]))[0])
    assert summary.area_km2 == pytest.approx(pixels.area * area / 1e6, rel=1e-4)


async def test_a_scene_that_cannot_be_read_is_left_out_and_named(tmp_path):
    good = noise(300, 300)
    polygon = near_mol([20, 170, 170, 20], [50, 50, 150, 150])
    bad: dict[str, Any] = {"scene_id": "bad", "cloud_cover_percent": 5.0, "damaged": True}
    async with world(tmp_path) as here:
        await here.land("2024-06", {"value": Raster(noise(300, 300))}, **bad)
        alone = await here.summary(polygon)
        await here.land("2024-06", {"value": Raster(good)}, scene_id="good", cloud_cover_percent=90.0)
        summary = await here.summary(polygon)
    assert alone.status is Status.EMPTY
    assert alone.skipped == ("bad",)
    assert summary.status is Status.PARTIAL
    assert summary.skipped == ("bad",)
    assert summary.scenes == ("good",)
    assert summary.reason == "Left out, since files of theirs cannot be read: bad."
    assert_equal(summary, reference(good.astype("float32"), AT_MOL, UTM, polygon))
