"""TiTiler's endpoints over our backend: the same values as our tiles, and documents other software reads."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import morecantile
import numpy as np
import pytest
from numpy.typing import NDArray

from app.settings import Settings
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import land, lonlat
from tests.rasters import MOL

WEST = (*lonlat(10, 200), *lonlat(110, 80))
"""Lower left and upper right of a box in the scene's western half, clear of cloud and nodata."""

NAMES = {
    "wmts": "http://www.opengis.net/wmts/1.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
}


def planes(answer: httpx.Response) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    assert answer.status_code == 200, answer.text
    values, mask = np.load(io.BytesIO(answer.content))
    return values, mask


async def test_a_box_holds_the_values_worked_out_by_hand(client: httpx.AsyncClient) -> None:
    box = ",".join(map(str, WEST))
    values, mask = planes(await client.get(f"/products/ndvi/bbox/{box}.npy"))
    sized, _ = planes(await client.get(f"/products/ndvi/bbox/{box}/20x30.npy"))
    assert (mask == 255).all()
    assert values == pytest.approx(np.full(values.shape, 0.5), abs=1e-6)
    assert sized.shape == (30, 20)


async def test_a_box_is_read_at_the_resolution_of_the_data_up_to_a_size(client: httpx.AsyncClient) -> None:
    bounds = "656000,5684000,657000,5684500"
    native, _ = planes(await client.get(f"/products/ndvi/bbox/{bounds}.npy?coord_crs=EPSG:32631"))
    small, _ = planes(await client.get(f"/products/ndvi/bbox/{bounds}.npy?coord_crs=EPSG:32631&max_size=20"))
    assert native.shape == pytest.approx((50, 100), rel=0.02)
    assert small.shape == (10, 20)


async def test_a_box_that_is_a_tile_equals_the_tile(client: httpx.AsyncClient) -> None:
    side = 2 * 20037508.342789244 / 2**14
    left, top = 8430 * side - 20037508.342789244, 20037508.342789244 - 5463 * side
    box = f"{left},{top - side},{left + side},{top}"
    answer = await client.get(f"/products/ndvi/bbox/{box}/256x256.npy?coord_crs=EPSG:3857")
    tile = await client.get("/products/ndvi/tiles/WebMercatorQuad/14/8430/5463.npy")
    np.testing.assert_array_equal(planes(answer)[0], planes(tile)[0])


async def test_a_feature_is_cut_at_its_border(client: httpx.AsyncClient) -> None:
    west, south, east, north = WEST
    triangle = [[west, south], [east, south], [west, north], [west, south]]
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [triangle]},
    }
    values, mask = planes(await client.post("/products/ndvi/feature/200x200.npy", json=feature))
    assert (mask == 255).mean() == pytest.approx(0.5, abs=0.01)
    assert values[mask == 255] == pytest.approx(0.5, abs=1e-6)
    assert (mask[-1, 0], mask[0, -1]) == (255, 0)


async def test_a_box_without_scenes_is_empty_and_one_beyond_the_globe_refused(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/products/ndvi/bbox/10,10,11,11.png")).status_code == 204
    assert (await client.get("/products/ndvi/bbox/10,80,11,95.png")).status_code == 400


async def test_wmts_lists_a_layer_with_its_times_and_a_template_that_works(client: httpx.AsyncClient) -> None:
    asked = "?SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0"
    answer = await client.get(f"/products/ndvi/WMTSCapabilities.xml{asked}")
    root = ET.fromstring(answer.text)
    layer = root.findall(".//wmts:Layer", NAMES)[0]
    times = [value.text for value in layer.findall("wmts:Dimension/wmts:Value", NAMES)]
    sets = [link.text for link in layer.findall("wmts:TileMatrixSetLink/wmts:TileMatrixSet", NAMES)]
    template = layer.find("wmts:ResourceURL", NAMES)
    assert template is not None
    address = (
        template.attrib["template"].replace("{TileMatrixSet}", str(sets[0])).replace("{Time}", str(times[0]))
    )
    for name, value in (("TileMatrix", 14), ("TileCol", 8430), ("TileRow", 5463)):
        address = address.replace(f"{{{name}}}", str(value))
    tile = await client.get(address)
    legend = layer.find("wmts:Style/wmts:LegendURL", NAMES)
    assert legend is not None
    assert answer.headers["content-type"].startswith("application/xml")
    assert layer.findtext("ows:Identifier", namespaces=NAMES) == "ndvi"
    assert times == ["2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"]
    assert sets == ["WebMercatorQuad", "WorldCRS84Quad"]
    assert (tile.status_code, tile.headers["content-type"]) == (200, "image/png")
    assert (await client.get(legend.attrib[f"{{{NAMES['xlink']}}}href"])).status_code == 200


async def test_wmts_limits_hold_the_tiles_of_the_scene(client: httpx.AsyncClient) -> None:
    root = ET.fromstring((await client.get("/products/ndvi/WMTSCapabilities.xml")).text)
    limits = root.findall(".//wmts:TileMatrixSetLimits", NAMES)[0].findall("wmts:TileMatrixLimits", NAMES)
    finest = {entry.tag.split("}")[1]: int(entry.text or "") for entry in limits[-1]}
    assert finest["TileMatrix"] == 14
    assert finest["MinTileCol"] <= 8430 <= finest["MaxTileCol"]
    assert finest["MinTileRow"] <= 5463 <= finest["MaxTileRow"]


def offered(document: str) -> tuple[list[str | None], str | None, tuple[float, ...], str]:
    """Times, default time, box and tile template of a WMTS document."""
    layer = ET.fromstring(document).findall(".//wmts:Layer", NAMES)[0]
    times = [value.text for value in layer.findall("wmts:Dimension/wmts:Value", NAMES)]
    corners = [layer.findtext(f".//ows:{name}Corner", "", NAMES) for name in ("Lower", "Upper")]
    template = layer.find("wmts:ResourceURL", NAMES)
    assert template is not None
    box = tuple(float(number) for corner in corners for number in corner.split())
    return times, layer.findtext("wmts:Dimension/wmts:Default", None, NAMES), box, template.attrib["template"]


@pytest.fixture
async def two_places(settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """May near Mol and June 300 km east of it, in the same UTM zone."""
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, "here", month="2024-05")
        await land(storage, tmp_path, "there", month="2024-06", upper_left=(MOL[0] + 300_000, MOL[1]))
    async with serving(settings) as client:
        yield client


async def test_wmts_box_and_limits_hold_every_time_offered(two_places: httpx.AsyncClient) -> None:
    document = (await two_places.get("/products/ndvi/WMTSCapabilities.xml")).text
    times, default, box, _ = offered(document)
    assert (times, default) == (["2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"], "2024-06-01T00:00:00Z")
    lon, lat = lonlat(128, 128)
    far_lon, far_lat = lonlat(128, 128, (MOL[0] + 300_000, MOL[1]))
    for x, y in ((lon, lat), (far_lon, far_lat)):
        assert box[0] < x < box[2]
        assert box[1] < y < box[3]
    limits = ET.fromstring(document).findall(".//wmts:TileMatrixSetLimits", NAMES)[0]
    finest = {entry.tag.split("}")[1]: int(entry.text or "") for entry in limits[-1]}
    columns = [morecantile.tms.get("WebMercatorQuad").tile(x, lat, 14).x for x in (lon, far_lon)]
    assert finest["TileMatrix"] == 14
    assert finest["MinTileCol"] <= columns[0] < columns[1] <= finest["MaxTileCol"]


@pytest.mark.parametrize(
    ("datetime", "times", "column"),
    [
        ("2024-05", ["2024-05-01T00:00:00Z"], MOL[0]),
        ("2024-06", ["2024-06-01T00:00:00Z"], MOL[0] + 300_000),
        ("2024-06-05T00:00:00Z", ["2024-06-01T00:00:00Z"], MOL[0] + 300_000),
        ("2024-06-05/2024-06-20", ["2024-06-05/2024-06-20"], MOL[0] + 300_000),
    ],
)
async def test_wmts_offers_the_time_asked_for_and_its_box(
    two_places: httpx.AsyncClient, datetime: str, times: list[str], column: float
) -> None:
    document = await two_places.get("/products/ndvi/WMTSCapabilities.xml", params={"datetime": datetime})
    offered_times, default, box, template = offered(document.text)
    assert (offered_times, default) == (times, times[-1])
    west, north = lonlat(0, 0, (column, MOL[1]))
    assert box[0] == pytest.approx(west, abs=0.01)
    assert box[3] == pytest.approx(north, abs=0.01)
    tile = morecantile.tms.get("WebMercatorQuad").tile(*lonlat(128, 128, (column, MOL[1])), 14)
    address = template.replace("{TileMatrixSet}", "WebMercatorQuad").replace("{Time}", times[0])
    for name, value in (("TileMatrix", 14), ("TileCol", tile.x), ("TileRow", tile.y)):
        address = address.replace(f"{{{name}}}", str(value))
    assert (await two_places.get(address)).status_code == 200


async def test_wmts_tiles_keep_the_window_asked_for(client: httpx.AsyncClient) -> None:
    address = "/products/ndvi-change/WMTSCapabilities.xml"
    times, default, _, template = offered((await client.get(f"{address}?pre=2024-05")).text)
    assert (times, default) == (["2024-06-01T00:00:00Z"], "2024-06-01T00:00:00Z")
    assert template.endswith("?datetime={Time}&pre=2024-05")
    by_post = offered((await client.get(f"{address}?pre=2024-05&post=2024-06")).text)
    assert (by_post[0], by_post[3]) == (times, template)


async def test_wmts_names_itself_behind_a_proxy(settings: Settings, two_months: str) -> None:
    behind = settings.model_copy(update={"storage": two_months, "root_path": "/maps"})
    async with serving(behind) as client:
        text = (await client.get("/products/ndvi/WMTSCapabilities.xml?datetime=2024-05")).text
    own = ET.fromstring(text).find("wmts:ServiceMetadataURL", NAMES)
    assert own is not None
    assert own.attrib[f"{{{NAMES['xlink']}}}href"] == (
        "http://tilewatch.test/maps/products/ndvi/WMTSCapabilities.xml?datetime=2024-05"
    )


async def test_tilesets_point_at_our_own_routes(client: httpx.AsyncClient) -> None:
    tileset = (await client.get("/products/ndvi/tiles/WebMercatorQuad?datetime=2024-05")).json()
    tile = next(link["href"] for link in tileset["links"] if link["rel"] == "tile")
    address = tile.replace("%7B", "{").replace("%7D", "}").format(z=14, x=8430, y=5463)
    assert (await client.get(address)).status_code == 200


@pytest.mark.parametrize(
    ("query", "period"),
    [("", "2024-06"), ("?datetime=2024-05", "2024-05"), ("?datetime=2024-01/2024-05", "2024-05")],
)
async def test_the_viewer_is_our_page_at_the_product(
    client: httpx.AsyncClient, query: str, period: str
) -> None:
    answer = await client.get(f"/products/ndvi/WebMercatorQuad/map.html{query}")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"http://tilewatch.test/#product=ndvi&period={period}"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/products/ndvi/tiles", "tiles/WorldCRS84Quad"),
        ("/products/ndvi/tiles/WorldCRS84Quad?datetime=2024-05", "tileMatrixSetLimits"),
        ("/tileMatrixSets", "tileMatrixSets/UTM31WGS84Quad"),
        ("/tileMatrixSets/WebMercatorQuad", "scaleDenominator"),
        ("/colorMaps", "colorMaps/viridis"),
        ("/colorMaps/viridis?f=html", "data:image/png;base64,iVBOR"),
    ],
)
async def test_listings_are_pages_too_where_a_browser_asks(
    client: httpx.AsyncClient, path: str, words: str
) -> None:
    answer = await client.get(path, headers={"Accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    assert words in answer.text


async def test_grids_and_colours_are_those_a_tile_takes(client: httpx.AsyncClient) -> None:
    grids = [entry["id"] for entry in (await client.get("/tileMatrixSets")).json()["tileMatrixSets"]]
    colors = [entry["id"] for entry in (await client.get("/colorMaps")).json()["colormaps"]]
    assert {"WebMercatorQuad", "WorldCRS84Quad", "UTM31WGS84Quad"} <= set(grids)
    tile = "/collections/sentinel-2-l2a/tiles/WebMercatorQuad/14/8430/5463.png?bands=red&rescale=0,1"
    for name in colors:
        assert (await client.get(f"{tile}&colormap={name}")).status_code == 200
        assert (await client.get(f"/colorMaps/{name}?f=png")).headers["content-type"] == "image/png"
