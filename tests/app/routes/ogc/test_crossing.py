"""Pictures of boxes and polygons across the antimeridian have the pixels of the files on both sides."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine
from shapely.geometry import box, mapping

from app.routes.ogc.crossing import continued, moved_across, parts_on_turn
from app.settings import Settings
from mosaics.raster.grid import Grid
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.statistics.landed import Raster, land

WGS84 = CRS.from_epsg(4326)
CELL = 0.5
WORLD = np.arange(360 * 720, dtype="float32").reshape(360, 720)
"""From 180 west and 90 north, each cell another number."""
ACROSS = np.hstack([WORLD[172:180, 716:], WORLD[172:180, :4]])
"""The cells between 178 east, 178 west, the equator and 4 north."""
BOTH_SIDES = mapping(box(178, 0, 180, 4).union(box(-180, 0, -178, 4)))


async def land_world(address: str, folder: Path) -> None:
    raster = Raster(WORLD, Affine(CELL, 0, -180, 0, -CELL, 90), "EPSG:4326", nodata=None)
    async with await open_storage(address) as storage:
        await land(storage, folder, "2024-06", {"radiance": raster}, collection_id="nightlights-c")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("across")
    (folder / "products").mkdir()
    (folder / "products/world.toml").write_text(
        'title = "World"\ncollection = "nightlights-c"\nexpression = "radiance"\nunit = "1"\n'
        'rescale = [0.0, 3e5]\ncolormap = "viridis"\n'
    )
    address = (folder / "store").as_uri()
    asyncio.run(land_world(address, folder))
    return address


@pytest.fixture
async def client(settings: Settings, address: str) -> AsyncIterator[httpx.AsyncClient]:
    products = Path(address.removeprefix("file://")).parent / "products"
    async with serving(settings.model_copy(update={"storage": address, "products": products})) as client:
        yield client


async def test_a_picture_across_180_has_the_pixels_of_both_sides(client: httpx.AsyncClient) -> None:
    for sides in ("178,0,-178,4", "178,0,182,4", "-182,0,-178,4"):
        answer = await client.get(f"/products/world/bbox/{sides}.npy")
        values, codes = np.load(io.BytesIO(answer.content))
        np.testing.assert_array_equal(values, ACROSS)
        assert (codes == 255).all()
        assert answer.headers["content-bbox"] == "178.0,0.0,182.0,4.0"
    crossing = [[178, 0], [-178, 0], [-178, 4], [178, 4], [178, 0]]
    for geometry in (
        mapping(box(178, 0, 182, 4)),
        BOTH_SIDES,
        {"type": "Polygon", "coordinates": [crossing]},
    ):
        feature = {"type": "Feature", "properties": {}, "geometry": geometry}
        answer = await client.post("/products/world/feature.npy", json=feature)
        np.testing.assert_array_equal(np.load(io.BytesIO(answer.content))[0], ACROSS)
    mercator = await client.get("/products/world/bbox/178,0,-178,4/8x8.npy?dst_crs=EPSG:3857")
    assert (np.load(io.BytesIO(mercator.content))[1] == 255).all()
    wide = await client.get("/products/world/bbox/-400,0,-398,4.npy")
    assert (wide.status_code, "leaves longitudes" in wide.text) == (400, True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((178, 0, -178, 4), (178, 0, 182, 4)),
        ((-182, 0, -178, 4), (178, 0, 182, 4)),
        ((185, 0, 190, 4), (-175, 0, -170, 4)),
        ((-180, -90, 180, 90), (-180, -90, 180, 90)),
        ((0, -90, 360, 90), (0, -90, 360, 90)),
        ((10, 0, 5, 4), (10, 0, 5, 4)),
    ],
)
def test_the_longitudes_of_a_box_continue(given, expected):
    assert continued(given, WGS84) == expected


def test_a_box_continues_past_the_edge_of_a_map_that_ends_at_180():
    edge = 20037508.342789244
    west, _, east, _ = moved_across((170, 0, 190, 10), WGS84, CRS.from_epsg(3857)) or (0, 0, 0, 0)
    assert (west, east) == pytest.approx((edge * 170 / 180, edge * 190 / 180))
    # Mercator around 150 east has both sides in its midst.
    west, _, east, _ = moved_across((170, 0, 190, 10), WGS84, CRS.from_epsg(3832)) or (0, 0, 0, 0)
    assert (west, east) == pytest.approx((edge * 20 / 180, edge * 40 / 180))


def test_columns_belong_to_the_side_of_their_middles():
    west, east = parts_on_turn(Grid(WGS84, (177.0, 0.0, 183.0, 1.0), 4, 1))  # 1.5 degrees, the third from 180
    assert (west.width, west.bounds[2]) == (2, 180.0)
    assert (east.width, east.bounds[0], east.bounds[2]) == (2, -180.0, -177.0)
    west, east = parts_on_turn(Grid(WGS84, (177.2, 0.0, 183.2, 1.0), 4, 1))
    assert (west.width, east.width) == (2, 2)
    assert west.bounds[2] == pytest.approx(180.2)
