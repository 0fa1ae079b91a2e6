"""Real scenes as users have them: landed, every pixel is the source's."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from ingest.landing import land_scene
from ingest.landing_notes import notes_on
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.storage import open_storage

pytestmark = pytest.mark.real_data


@pytest.fixture
def land(tmp_path, collections):
    """Lands a scene in a local folder; gives its folder, its item and the notes."""

    async def landed(collection: str, when: datetime, assets: dict[str, str], **given):
        order = LandingRequest(
            id="real",
            start=when,
            end=given.pop("end", when),
            assets=tuple(BandFile.parse(f"{band}={file}") for band, file in assets.items()),
            **given,
        )
        plan = plan_scene(collections[collection], order)
        async with await open_storage(str(tmp_path / "store")) as storage:
            assert (await land_scene(storage, plan)).commit == 1
            folder = Path(storage.gdal_path(plan.item_key)).parent
        return folder, json.loads((folder / "item.json").read_text()), notes_on(plan)

    return landed


def assert_equal_pixels(landed: Path, source: str | Path, index: int = 1) -> None:
    assert cog_validate(landed, strict=True, quiet=True) == (True, [], [])
    with rasterio.open(landed) as cog, rasterio.open(source) as original:
        assert cog.dtypes[0] == original.dtypes[index - 1]
        assert cog.transform == original.transform
        assert cog.crs == original.crs
        assert np.array_equal(cog.read(1), original.read(index), equal_nan=cog.dtypes[0].startswith("f"))
        assert (cog.read_masks(1) == original.read_masks(index)).all()


async def test_sentinel_2_near_mol(land, shared_data):
    files = {
        band: f"{shared_data}/ndvi_sentinel2_mol_be/ref_input_S2_{name}.tif"
        for band, name in {
            "blue": "B02",
            "green": "B03",
            "red": "B04",
            "nir": "B08",
            "nir08": "B8A",
            "swir16": "B11",
            "nir09": "B09",
        }.items()
    }
    folder, item, _ = await land("sentinel-2-l2a", datetime(2019, 4, 11, 10, 50, 29, tzinfo=UTC), files)
    for band, file in files.items():
        assert_equal_pixels(folder / f"{band}.tif", file)
    (red,) = item["assets"]["red"]["bands"]
    assert (red["raster:scale"], red["raster:offset"], red["nodata"]) == (0.0001, 0.0, 65535)
    assert "below 900" in item["properties"]["tilewatch:harmonisation"]["red"]["reason"]
    # the data's published figures: NDVI of all pixels, mean 0.368941, standard deviation 0.170211
    with rasterio.open(folder / "red.tif") as red_cog, rasterio.open(folder / "nir.tif") as nir_cog:
        red_values, nir_values = red_cog.read(1).astype("float64"), nir_cog.read(1).astype("float64")
    ndvi = (nir_values - red_values) / (nir_values + red_values)
    assert (ndvi.mean(), ndvi.std()) == pytest.approx((0.368941, 0.170211), abs=1e-6)


@pytest.mark.parametrize("scene", ["224077", "224078"])
async def test_landsat_with_three_bands_in_a_file(land, shared_data, scene):
    file = f"{shared_data}/mosaic_landsat8_224077_224078/LC08_L1TP_{scene}_20200518_B4B3B2_crop_cog.tif"
    bands = {"red": 1, "green": 2, "blue": 3}
    folder, item, _ = await land(
        "landsat-c2-l2", datetime(2020, 5, 18, tzinfo=UTC), {band: f"{file}:{n}" for band, n in bands.items()}
    )
    for band, index in bands.items():
        assert_equal_pixels(folder / f"{band}.tif", file, index)
        (facts,) = item["assets"][band]["bands"]
        assert (facts["raster:scale"], facts["raster:offset"], facts["nodata"]) == (0.0000275, -0.2, 0)


async def test_night_lights_of_shanghai(land, shared_data):
    sums = {2013: 476883, 2015: 476547, 2017: 523725, 2019: 537109, 2021: 560853}
    file = f"{shared_data}/nightlights_shanghai_annual/NTL_Shanghai_NPP-VIIRS_2013_2022_2019.tif"
    year = datetime(2019, 1, 1, tzinfo=UTC)
    folder, item, notes = await land(
        "black-marble-yearly", year, {"radiance": file}, end=datetime(2020, 1, 1, tzinfo=UTC)
    )
    with rasterio.open(folder / "radiance.tif") as cog, rasterio.open(file) as original:
        assert np.array_equal(cog.read(1), original.read(1))
        assert cog.read(1).sum(dtype="float64") == pytest.approx(sums[2019], abs=1)
        assert cog.read_masks(1).all()  # 0 is dark, not missing
    assert item["assets"]["radiance"]["bands"][0]["nodata"] == np.float32(-999.9)  # the collection's
    assert item["properties"]["end_datetime"] == "2020-01-01T00:00:00Z"
    (note,) = notes
    assert note.startswith("radiance: floating-point numbers are taken as physical values (in nW cm-2 sr-1)")


async def test_tempo_over_los_angeles(land, shared_data):
    file = f"{shared_data}/tempo_no2/tempo_vcd_troposphere_utm11_clipped.tif"
    folder, item, _ = await land("tempo-no2", datetime(2025, 1, 9, 18, 45, tzinfo=UTC), {"no2": file})
    assert_equal_pixels(folder / "no2.tif", file)
    with rasterio.open(folder / "no2.tif") as cog:
        column = np.ma.masked_equal(cog.read(1), -1e30)
        assert cog.dtypes == ("float64",)
    assert column.min() < 0
    assert column.max() == pytest.approx(1.0e17, rel=0.01)
    assert column.count() / column.size == pytest.approx(0.657, abs=0.0005)
    assert item["assets"]["no2"]["bands"][0]["nodata"] == -1e30


@pytest.mark.parametrize("day", ["20120731", "20150926", "20180716"])
async def test_naip_in_north_dakota(land, shared_data, day):
    file = f"{shared_data}/naip_north_dakota/m_4709963_se_14_1_{day}.tif"
    bands = {"red": 1, "green": 2, "blue": 3, "nir": 4}
    when = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    folder, item, _ = await land("naip", when, {band: f"{file}:{n}" for band, n in bands.items()})
    for band, index in bands.items():
        assert_equal_pixels(folder / f"{band}.tif", file, index)
    assert item["properties"]["proj:code"] == "EPSG:26914"


async def test_composites_of_a_fire_in_float64(land, shared_data):
    file = f"{shared_data}/dnbr_sentinel2_california/5-4_POTTERS__20200817_post.tif"
    bands = {"blue": 1, "green": 2, "red": 3, "nir": 4, "swir22": 5}
    folder, item, _ = await land(
        "sentinel-2-l2a",
        datetime(2020, 9, 1, tzinfo=UTC),
        {band: f"{file}:{n}" for band, n in bands.items()},
    )
    for band, index in bands.items():
        with rasterio.open(folder / f"{band}.tif") as cog, rasterio.open(file) as original:
            assert cog.dtypes == ("float64",)
            assert np.array_equal(cog.read(1), original.read(index), equal_nan=True)
    assert item["assets"]["nir"]["bands"][0]["raster:offset"] == 0
