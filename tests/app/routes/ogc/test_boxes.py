"""A box and a tile of the same pixels are the same bytes: one date and two, under masks, zones and windows.

The square near Mol has 256 by 256 pixels, its western half burned. In July 2024 its northern rows are cloud
and its southern ones have no data; the fire zone ends at column 200.
"""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import morecantile
import numpy as np
import pytest
import rasterio
from PIL import Image

from app.settings import Settings
from mosaics.period import Cadence
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import SIDE, lonlat
from tests.app.statistics.landed import Raster, land

TILES = [(14, 8430, 5463), (13, 4215, 2731), (12, 2107, 1365)]
"""The middle of the square, then tiles that reach beyond it."""
WEB_MERCATOR = morecantile.tms.get("WebMercatorQuad")
DATED = "datetime=2024-07"
ALIKE = [
    ("dnbr", f"{DATED}&pre=2023-07"),
    ("dnbr", f"{DATED}&offset=0.1"),
    ("rdnbr", DATED),
    ("ndvi", DATED),
    ("ndvi", "datetime=2023-07/2024-07"),
    ("ndvi-anomaly", f"{DATED}&baseline=2021/2023"),
    ("true-color", DATED),
]


async def land_world(address: str, folder: Path) -> None:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    seen = (rows < 224).astype(np.uint16)
    async with await open_storage(address) as storage:
        for year in range(2021, 2025):
            burned = (columns < SIDE // 2) & (year == 2024)
            stored = {"nir": 3000 + 100 * year % 7, "red": 1000, "green": 900, "blue": 800}
            bands = {name: np.full((SIDE, SIDE), value, np.uint16) for name, value in stored.items()}
            bands["nir08"] = np.where(burned, 1000, 3000).astype(np.uint16)
            bands["swir22"] = np.where(burned, 3000, 1000).astype(np.uint16)
            rasters = {name: Raster(values * seen, scale=0.0001) for name, values in bands.items()}
            clouded = rows < (64 if year == 2024 else 32)
            rasters["scl"] = Raster((np.where(clouded, 9, 4) * seen).astype(np.uint8))
            await land(storage, folder, f"{year}-07", rasters, collection_id="sentinel-2-l2a")
        zone = {"zone": Raster(np.where(columns < 200, 1, 0).astype(np.uint8), nodata=255)}
        await land(storage, folder, "2024", zone, cadence=Cadence.YEAR, collection_id="fire-zones")


@pytest.fixture(scope="module")
def fire_world(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("boxes")
    address = (folder / "store").as_uri()
    asyncio.run(land_world(address, folder))
    return address


@pytest.fixture
async def client(settings: Settings, fire_world: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(settings.model_copy(update={"storage": fire_world})) as client:
        yield client


def box_of(z: int, x: int, y: int) -> str:
    """A tile in metres of Web Mercator."""
    return ",".join(map(str, WEB_MERCATOR.xy_bounds(morecantile.Tile(x, y, z))))


def feature(*corners: tuple[float, float]) -> dict[str, object]:
    ring = [list(lonlat(*corner)) for corner in (*corners, corners[0])]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.mark.parametrize(("product", "query"), ALIKE)
async def test_a_box_is_its_tile_in_all_bytes(client: httpx.AsyncClient, product: str, query: str) -> None:
    for form in ("png", "webp", "npy", "tif", "tif?absence=true"):
        suffix = f"{form}{'&' if '?' in form else '?'}{query}"
        for z, x, y in TILES:
            tile = await client.get(f"/products/{product}/tiles/WebMercatorQuad/{z}/{x}/{y}.{suffix}")
            box = await client.get(
                f"/products/{product}/bbox/{box_of(z, x, y)}/256x256.{suffix}&coord_crs=EPSG:3857"
            )
            assert (tile.status_code, box.status_code) == (200, 200), box.text
            assert box.content == tile.content, (form, z)


async def test_a_box_and_a_feature_are_painted_with_the_reasons(client: httpx.AsyncClient) -> None:
    legend = (await client.get("/products/dnbr/legend.json")).json()
    states = {entry["state"]: entry["color"] for entry in legend["entries"] if "state" in entry}
    west, south = lonlat(0, SIDE)
    east, north = lonlat(SIDE, 0)
    box = await client.get(f"/products/dnbr/bbox/{west},{south},{east},{north}/128x128.png?{DATED}")
    pixels = np.asarray(Image.open(io.BytesIO(box.content)).convert("RGBA"))
    # Row 20 of 128 is row 40 of the square, which is cloud; column 110 is column 220, beyond the zone.
    assert "#" + bytes(pixels[20, 40, :3].tolist()).hex() == states["masked"]
    assert "#" + bytes(pixels[60, 110, :3].tolist()).hex() == states["outside_zone"]
    assert pixels[120, 40, 3] == 0
    # The polygon has the western part of the cloud, and what lies outside of it is nothing.
    cut = await client.post(
        f"/products/dnbr/feature/128x128.png?{DATED}",
        json=feature((0, 0), (128, 0), (128, 128), (0, 200)),
    )
    inside = np.asarray(Image.open(io.BytesIO(cut.content)).convert("RGBA"))
    assert "#" + bytes(inside[20, 40, :3].tolist()).hex() == states["masked"]
    assert inside[125, 120, 3] == 0


async def test_the_codes_of_a_feature_end_with_it(client: httpx.AsyncClient) -> None:
    polygon = feature((0, 0), (SIDE, 0), (0, SIDE))
    answer = await client.post(f"/products/dnbr/feature/64x64.npy?{DATED}", json=polygon)
    codes = np.load(io.BytesIO(answer.content))[-1]
    # In its upper left corner cloud, in the upper right the zone has ended; below the diagonal is nothing.
    assert (codes[5, 5], codes[20, 20], codes[3, 58], codes[60, 60]) == (-2, 255, -3, 0)
    tif = await client.post(f"/products/dnbr/feature/64x64.tif?{DATED}&absence=true", json=polygon)
    with rasterio.MemoryFile(tif.content) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(2), codes)
    plain = await client.post(f"/products/dnbr/feature/64x64.tif?{DATED}", json=polygon)
    with rasterio.MemoryFile(plain.content) as memory, memory.open() as file:
        assert file.count == 1


@pytest.mark.parametrize(
    ("address", "query", "status", "says"),
    [
        ("tiles/WebMercatorQuad/14/8430/5463.png", "absence=true", 400, "'absence' is not a query parameter"),
        ("tiles/WebMercatorQuad/14/8430/5463.npy", "absence=true", 400, "'absence' is not a query parameter"),
        ("tiles/WebMercatorQuad/14/8430/5463.tif", "absence=perhaps", 422, "absence"),
        ("bbox/5.2,51.2,5.3,51.3.png", "absence=true", 400, "absence is for .tif, not for .png"),
        ("bbox/5.2,51.2,5.3,51.3.npy", "absence=true", 400, "absence is for .tif, not for .npy"),
    ],
)
async def test_only_a_geotiff_is_asked_for_reasons(
    client: httpx.AsyncClient, address: str, query: str, status: int, says: str
) -> None:
    answer = await client.get(f"/products/ndvi/{address}?{query}")
    assert answer.status_code == status
    assert says in answer.text


async def test_a_geotiff_with_reasons_is_another_than_one_without(client: httpx.AsyncClient) -> None:
    address = "/tiles/dnbr/14/8430/5463.tif"
    plain, told = [await client.get(f"{address}?{DATED}{more}") for more in ("", "&absence=true")]
    again, untold = [await client.get(f"{address}?{DATED}&absence={each}") for each in ("true", "false")]
    assert plain.headers["etag"] == untold.headers["etag"] != told.headers["etag"]
    assert (plain.content, told.content) == (untold.content, again.content)
    npy = np.load(io.BytesIO((await client.get(f"/tiles/dnbr/14/8430/5463.npy?{DATED}")).content))
    with rasterio.MemoryFile(told.content) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(), npy)
