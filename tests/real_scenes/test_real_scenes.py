"""Real imagery, landed and served, against the published figures and against rio-tiler on the same files."""

import json
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlparse

import httpx
import morecantile
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.warp import transform
from rio_tiler.io import Reader
from rio_tiler.mosaic import mosaic_reader

from tests.real_scenes.conftest import LANDSAT_SCENES, SHANGHAI_YEARS

pytestmark = pytest.mark.real_data

WEB_MERCATOR = morecantile.tms.get("WebMercatorQuad")


def cogs(store: str, collection: str, scene: str) -> dict[str, str]:
    """The COGs of a landed scene by band, found without our own reader."""
    folder = Path(unquote(urlparse(store).path)) / "collections" / collection / "scenes" / scene
    (item,) = folder.glob("*/item.json")
    assets = json.loads(item.read_text())["assets"]
    return {band: str(item.parent / asset["href"]) for band, asset in assets.items()}


def tiles_over(path: str, z: int) -> list[morecantile.Tile]:
    with Reader(path) as reader:
        west, south, east, north = reader.get_geographic_bounds("EPSG:4326")
    return list(WEB_MERCATOR.tiles(west, south, east, north, zooms=[z]))


async def planes(client: httpx.AsyncClient, address: str) -> NDArray[np.float32] | None:
    """Values and mask of an .npy tile; None where there is none."""
    answer = await client.get(address)
    if answer.status_code == 204:
        return None
    assert answer.status_code == 200, answer.text
    found: NDArray[np.float32] = np.load(BytesIO(answer.content))
    return found


async def test_ndvi_of_mol_has_its_published_mean(client, real_store):
    """Published: mean 0.368941 over the scene's own 524,288 pixels; tiles at native zoom resample them."""
    total, count = 0.0, 0
    for tile in tiles_over(cogs(real_store, "sentinel-2-l2a", "mol")["nir"], 14):
        found = await planes(client, f"/tiles/ndvi/{tile.z}/{tile.x}/{tile.y}.npy")
        if found is not None:
            values = found[0][found[1] == 255]
            total, count = total + float(values.sum(dtype=np.float64)), count + values.size
    assert count > 500_000
    assert total / count == pytest.approx(0.368941, abs=0.002)


@pytest.mark.parametrize("z", [14, 12, 9])
@pytest.mark.parametrize("size", [256, 512])
async def test_ndvi_tiles_of_mol_equal_rio_tiler_pixel_for_pixel(client, real_store, z, size):
    files = cogs(real_store, "sentinel-2-l2a", "mol")
    compared = 0
    with Reader(files["red"]) as red_file, Reader(files["nir"]) as nir_file:
        for tile in tiles_over(files["nir"], z):
            red = red_file.tile(*tile, tilesize=size).array[0].astype("float64")
            nir = nir_file.tile(*tile, tilesize=size).array[0].astype("float64")
            expected = (nir - red) / (nir + red)
            answer = await client.get(f"/tiles/ndvi/{z}/{tile.x}/{tile.y}.tif?tilesize={size}")
            if answer.status_code == 204:
                assert red.mask.all()
                continue
            with MemoryFile(answer.content) as memory, memory.open() as dataset:
                ours = dataset.read(1)
                assert dataset.crs.to_epsg() == 3857
                assert np.allclose(dataset.bounds, WEB_MERCATOR.xy_bounds(tile))
            valid = ~np.isnan(ours)
            assert np.array_equal(valid, ~np.ma.getmaskarray(expected) & (nir + red > 0).filled(False))
            assert np.allclose(ours[valid], expected.data[valid], rtol=0, atol=2e-6)
            compared += int(valid.sum())
    assert compared > 1_000


async def test_tiles_over_the_seam_of_two_landsat_scenes_are_the_first_that_has_a_value(client, real_store):
    """rio-tiler's mosaic_reader, first, over the same files in the same order."""
    files = [cogs(real_store, "landsat-c2-l2", scene)["red"] for scene in LANDSAT_SCENES]
    mixed = 0

    def read(path: str, *tile: int):
        with Reader(path) as reader:
            return reader.tile(*tile)

    for tile in sorted(set(tiles_over(files[0], 11)) & set(tiles_over(files[1], 11))):
        theirs, used = mosaic_reader(files, read, *tile, threads=0)
        address = f"/collections/landsat-c2-l2/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}.npy"
        ours = await planes(client, f"{address}?bands=red&rescale=0,1")
        if ours is None:
            assert theirs.array.mask.all()
            continue
        assert np.array_equal(ours[1] == 255, ~np.ma.getmaskarray(theirs.array)[0])
        valid = np.asarray(ours[1] == 255)
        # Landsat Collection 2 Level-2: reflectance = DN * 0.0000275 - 0.2 (USGS)
        expected = theirs.array.data[0][valid] * 0.0000275 - 0.2
        assert np.allclose(ours[0][valid], expected, rtol=0, atol=1e-6)
        mixed += len(used) > 1
    assert mixed >= 2


async def test_shanghai_shows_its_five_years(client, real_store, shared_data):
    times = (await client.get("/products/nightlights-yearly/times")).json()["times"]
    assert [entry["period"] for entry in times] == [str(year) for year in SHANGHAI_YEARS]
    lon, lat = 121.47, 31.23
    for year in SHANGHAI_YEARS:
        source = shared_data / "nightlights_shanghai_annual" / f"NTL_Shanghai_NPP-VIIRS_2013_2022_{year}.tif"
        with rasterio.open(source) as dataset:
            expected = dataset.read(1)[dataset.index(lon, lat)]
        answer = await client.get(f"/products/nightlights-yearly/point/{lon},{lat}?datetime={year}")
        assert answer.json()["value"] == pytest.approx(float(expected), rel=1e-5)
        assert answer.json()["unit"] == "nW cm-2 sr-1"


@pytest.mark.parametrize(
    ("year", "published"),
    [(2013, 476883), (2015, 476547), (2017, 523725), (2019, 537109), (2021, 560853)],
)
def test_landed_lights_of_shanghai_keep_their_published_pixel_sum(real_store, year, published):
    file = cogs(real_store, "black-marble-yearly", f"shanghai-{year}")["radiance"]
    with rasterio.open(file) as dataset:
        assert dataset.read(1).sum(dtype=np.float64) == pytest.approx(published, abs=1)


async def test_tempo_keeps_negative_columns_and_leaves_missing_ones_transparent(
    client, real_store, shared_data
):
    with rasterio.open(shared_data / "tempo_no2" / "tempo_vcd_troposphere_utm11_clipped.tif") as dataset:
        column = dataset.read(1, masked=True)
        row, col = np.argwhere(np.ma.filled(column, 1) < 0)[0]
        negative = float(column[row, col])
        gap_row, gap_col = np.argwhere(np.ma.getmaskarray(column))[0]
        places = [dataset.xy(row, col), dataset.xy(gap_row, gap_col)]
        lons, lats = transform(dataset.crs, "EPSG:4326", *zip(*places, strict=True))
    found = (await client.get(f"/products/no2/point/{lons[0]},{lats[0]}")).json()
    assert found["value"] == pytest.approx(negative, rel=1e-5)
    assert found["state"] == "ok"
    gap = (await client.get(f"/products/no2/point/{lons[1]},{lats[1]}")).json()
    assert (gap["value"], gap["state"]) == (None, "nodata")
    tile = WEB_MERCATOR.tile(lons[0], lats[0], 8)
    ours = await planes(client, f"/tiles/no2/{tile.z}/{tile.x}/{tile.y}.npy")
    assert ours is not None
    assert ours[0][ours[1] == 255].min() < 0
    assert np.isnan(ours[0][ours[1] == 0]).all()


async def test_a_statistic_over_a_tile_says_what_the_tile_shows(client, real_store):
    """The tile repeats each 10 m pixel 2 or 4 times at random-like places (nearest neighbour onto 6 m).

    Its mean is one of some 24,000 pixels weighted unevenly, with a standard error of about
    0.17 (their spread) x 0.35 (the spread of the weights) / 150, 0.0004; five of those are allowed.
    """
    compared = 0
    for tile in tiles_over(cogs(real_store, "sentinel-2-l2a", "mol")["nir"], 14):
        shown = await client.get(f"/tiles/ndvi/14/{tile.x}/{tile.y}.tif")
        west, south, east, north = WEB_MERCATOR.bounds(tile)
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        polygon = {"type": "Polygon", "coordinates": [ring]}
        feature = {"type": "Feature", "properties": {}, "geometry": polygon}
        answer = await client.post("/products/ndvi/statistics?datetime=2019-04", json=feature)
        assert answer.status_code == 200, answer.text
        (entry,) = answer.json()["properties"]["series"]
        if shown.status_code == 204:
            assert entry["status"] == "empty"
            continue
        with MemoryFile(shown.content) as memory, memory.open() as dataset:
            values = dataset.read(1)
        inside = ~np.isnan(values)
        if inside.mean() < 0.9:
            continue
        assert entry["mean"] == pytest.approx(float(values[inside].mean()), abs=0.002)
        assert entry["valid_fraction"] == pytest.approx(float(inside.mean()), abs=0.01)
        compared += 1
    assert compared >= 2
