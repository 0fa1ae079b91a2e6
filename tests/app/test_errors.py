"""What is refused, with which status and words; and that no refusal tells where anything lies."""

import json
import os
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from app.settings import Settings
from tests.app.conftest import serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

TILES = "/products/ndvi/tiles/WebMercatorQuad"
BANDS = "/collections/sentinel-2-l2a/tiles/WebMercatorQuad/14/8430/5463.png"
BBOX = "/products/ndvi/bbox/5.23,51.285,5.26,51.30"

REFUSED = [
    (f"{TILES}/30/0/0.png", 404, "zooms 0 to 24"),
    (f"{TILES}/3/8/0.png", 404, "0 to 7 in x"),
    (f"{TILES}/-1/0/0.png", 400, "whole number"),
    (f"{TILES}/a/0/0.png", 422, "z: "),
    (f"{TILES}/3/1/0.png?tilesize=100000", 422, "256 or 512"),
    (f"{TILES}/3/1/0.gif", 422, "'png', 'webp', 'npy' or 'tif'"),
    (f"{TILES}/3/1/0.png?datetime=yesterday", 400, "2024-06"),
    (f"{TILES}/3/1/0.png?datetime=2024-06/2024-01", 400, "interval"),
    (f"{TILES}/3/1/0.png?datetime=2024-06&datetime=2024-05", 400, "more than once"),
    (f"{TILES}/3/1/0.png?scene=1", 400, "datetime, tilesize, v"),
    ("/products/ndvi/tiles/WebMercator/3/1/0.png", 404, "WebMercatorQuad"),
    ("/products/ndvx/tiles/WebMercatorQuad/3/1/0.png", 404, "did you mean ndvi"),
    ("/tiles/ndvx/3/1/0.png", 404, "did you mean ndvi"),
    (BANDS, 400, "give either bands="),
    (f"{BANDS}?bands=red,green", 400, "one, or three"),
    (f"{BANDS}?bands=infrared&rescale=0,1", 400, "blue, green, red, nir, scl"),
    (f"{BANDS}?expression=nir%2Bblau&rescale=0,1", 400, "blue, green, red, nir, scl"),
    (f"{BANDS}?expression=9**9**9&rescale=0,1", 400, ""),
    (f"{BANDS}?expression=9**9**9", 400, "exponents 2 and 3"),
    (f"{BANDS}?expression=nir-blau", 400, "no band 'blau'"),
    (f"{BANDS}?expression=nir-red", 400, "rescale=-1,1"),
    (f"{BANDS}?expression=__import__(%22os%22)&rescale=0,1", 400, ""),
    (f"{BANDS}?bands=red&colormap=rainbow", 400, "viridis"),
    (f"{BANDS}?bands=red&rescale=1,0", 400, "low stands below high"),
    (f"{BANDS}?expression=" + "nir%2B" * 1700 + "nir&rescale=0,1", 400, "characters"),
    ("/collections/sentinel-3/tiles/WebMercatorQuad/3/1/0.png?bands=red", 404, "sentinel-2-l2a"),
    ("/collections/sentinel-3", 404, "sentinel-2-l2a"),
    ("/products/ndvx", 404, "there are: "),
    ("/products/ndvx/WebMercatorQuad/tilejson.json", 404, "there are: "),
    ("/products/ndvi/WebMercator/tilejson.json", 404, "WebMercatorQuad"),
    ("/products/ndvi/WebMercatorQuad/tilejson.json?datetime=1999-01", 404, "from 2024-05 to 2024-06"),
    ("/products/ndvi/WebMercatorQuad/tilejson.json?tilesize=0", 422, "256 or 512"),
    ("/products/no2/WebMercatorQuad/tilejson.json", 404, "nothing has landed for 'no2'"),
    ("/products/no2/times", 404, "nothing has landed for 'no2'"),
    ("/products/no2/point/5,51", 404, "nothing has landed for 'no2'"),
    ("/products/ndvi/legend.gif", 422, "'json', 'png' or 'svg'"),
    ("/products/ndvi/times?bbox=1,2,3", 400, "west,south,east,north"),
    ("/products/ndvi/times?bbox=1,2,x,4", 400, "west,south,east,north"),
    ("/products/ndvi/times?bbox=1,2,nan,4", 400, "west,south,east,north"),
    ("/products/ndvi/times?bbox=1,5,3,4", 400, "1,5,3,4 is not a valid box"),
    ("/products/ndvi/times?bbox=-190,0,10,10", 400, "-190,0,10,10 is not a valid box"),
    ("/products/ndvi/times?bbox=0,0,10,91", 400, "0,0,10,91 is not a valid box"),
    ("/products/ndvi/times?limit=0", 422, "limit"),
    ("/products/ndvi/times?limit=100000", 422, "1000"),
    ("/products/ndvi/times?datetime=2024-06/2024-01", 400, "interval"),
    ("/products/ndvi/point/181,0", 400, "longitude 181"),
    ("/products/ndvi/point/0,-91", 400, "latitude -91"),
    ("/products/ndvi/point/nan,0", 400, "longitude nan"),
    ("/products/ndvi/point/0,inf", 400, "latitude inf"),
    ("/products/ndvi/point/here,there", 422, "lon"),
    (f"{BBOX}.png?max_size=100000", 422, "2048"),
    (f"{BBOX}/100000x1.png", 422, "2048"),
    (f"{BBOX}/0x1.png", 422, "greater than 0"),
    (f"{BBOX}.jp2", 400, "png, webp, npy, tif"),
    (f"{BBOX}.png?dst_crs=EPSG:99999", 422, "crs"),
    (f"{BBOX}.png?dst_crs=%2Bproj%3Dlonlat%20%2Bnadgrids%3D/etc/passwd", 400, "EPSG:4326"),
    (f"{BBOX}.png?coord_crs=/etc/passwd", 400, "EPSG:4326"),
    (f"{BBOX}.png?dst_crs=IAU_2015:30100", 400, "EPSG:4326"),
    ("/products/ndvi/bbox/-1e308,-1e308,1e308,1e308.npy?coord_crs=EPSG:3857", 400, "minx below maxx"),
    ("/products/ndvi/bbox/1e8,1e8,2e8,2e8.npy?coord_crs=EPSG:27700", 400, "coordinate system"),
    ("/products/ndvi/bbox/5.26,51.285,5.23,51.30.png", 400, "minx below maxx"),
    ("/products/ndvi/bbox/nan,51.285,5.23,51.30.png", 400, "minx below maxx"),
    ("/products/ndvi/bbox/170,51.285,550,51.30.png", 400, "-360..360"),
    ("/products/ndvi/tiles?f=pdf", 422, "'html' or 'json'"),
    ("/products/ndvi/WMTSCapabilities.xml?layers=ndvi", 400, "datetime"),
    ("/tileMatrixSets/WebMercator", 422, "WebMercatorQuad"),
    ("/colorMaps/viridis?f=png&width=100000", 400, "2048"),
    ("/colorMaps/rainbow", 422, "viridis"),
    ("/no/such/thing", 404, "/docs"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    two_months: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application, which nothing here changes."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("TILEWATCH_")]:
            environment.delenv(name)
        environment.chdir(tmp_path_factory.mktemp("errors"))
        settings = Settings(storage=two_months, render_threads=1, refresh_s=0.05, keyless_writes=True)
        async with serving(settings) as client:
            yield client


@pytest.mark.parametrize(("address", "status", "words"), REFUSED, ids=[row[0][:70] for row in REFUSED])
async def test_refusals_say_what_would_have_worked(
    client: httpx.AsyncClient, address: str, status: int, words: str
) -> None:
    answer = await client.get(address)
    document = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (document["type"], document["status"]) == ("about:blank", status)
    assert document["title"]
    assert document["detail"]
    assert words in document["detail"]
    assert_silent(answer)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_parameter_given_twice_is_refused_everywhere_in_the_same_words(
    client: httpx.AsyncClient, method: str
) -> None:
    routes = {
        "GET": [
            f"{TILES}/14/8430/5463.png",
            "/products/ndvi/WebMercatorQuad/tilejson.json",
            "/products/ndvi/point/5.24,51.29",
            "/products/ndvi/times",
            "/products/ndvi/legend.json",
            "/products/ndvi/WMTSCapabilities.xml",
            "/products/ndvi/WebMercatorQuad/map.html",
            f"{BBOX}.png",
            "/stac/search",
        ],
        "POST": ["/products/ndvi/statistics"],
    }
    for route in routes[method]:
        for second in ("2024-06", "2024-05"):  # also where both say the same
            answer = await client.request(method, f"{route}?datetime=2024-06&datetime={second}")
            assert (route, answer.status_code) == (route, 400)
            assert answer.json()["detail"] == "parameter 'datetime' is given more than once; give it once"


ADDRESSES = [
    "http://127.0.0.1:1/x.tif",
    "/vsicurl/http://127.0.0.1:1/x.tif",
    "file:///etc/passwd",
    "s3://b/k",
]


@pytest.mark.parametrize("name", ["url", "src_path", "path", "assets", "href", "mosaic", "nodata", "bidx"])
@pytest.mark.parametrize(
    "route",
    [
        f"{TILES}/14/8430/5463.png",
        f"{BANDS}?bands=red",
        "/products/ndvi/WebMercatorQuad/tilejson.json",
        "/products/ndvi/times",
        "/products/ndvi/point/5.24,51.29",
        f"{BBOX}.png",
        "/products/ndvi/tiles",
        "/products/ndvi/WMTSCapabilities.xml",
        "/products/ndvi/WebMercatorQuad/map.html",
        "/products",
        "/collections",
    ],
)
async def test_no_parameter_takes_an_address(client: httpx.AsyncClient, route: str, name: str) -> None:
    for address in ADDRESSES:
        answer = await client.get(httpx.URL(route).copy_merge_params({name: address}))
        assert answer.status_code == 400
        assert "there are" in answer.json()["detail"] or "there are none" in answer.json()["detail"]
        assert_silent(answer)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("name", ["bands", "expression", "colormap", "rescale", "datetime"])
async def test_an_address_in_a_known_parameter_is_refused(
    client: httpx.AsyncClient, name: str, address: str
) -> None:
    answer = await client.get(BANDS, params={"bands": "red", "rescale": "0,1"} | {name: address})
    assert answer.status_code == 400
    assert_silent(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/products/..%2f..%2fetc%2fpasswd",
        "/products/%2fvsicurl%2fhttp%3a/WebMercatorQuad/tilejson.json",
        "/tiles/..%2f..%2fndvi/3/1/0.png",
        "/assets/..%2f..%2fmain.py",
        "/..%2f..%2fpyproject.toml",
        "/%00.txt",
    ],
)
async def test_paths_do_not_reach_files(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code in (400, 404)
    assert "tilewatch" not in answer.text
    assert_silent(answer)


async def test_a_body_that_is_not_announced_as_json_is_refused(client: httpx.AsyncClient) -> None:
    for headers in ({"Content-Type": "text/plain"}, {}):
        answer = await client.post("/products/ndvi/feature.png", content=b"{}", headers=headers)
        assert answer.status_code == 415
        assert "application/geo+json" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("geometry", "status", "words"),
    [
        (None, 400, "Polygon or MultiPolygon"),
        ({"type": "Point", "coordinates": [5, 51]}, 400, "Polygon or MultiPolygon"),
        (
            {"type": "Polygon", "coordinates": [[[5, 51], [6, 52], [6, 51], [5, 52], [5, 51]]]},
            400,
            "not a valid area",
        ),
        ({"type": "Polygon", "coordinates": [[[5, 51], [6, 52]]]}, 422, "geometry"),
        ({"type": "Polygon", "coordinates": "here"}, 422, "geometry"),
        (
            {"type": "Polygon", "coordinates": [[[500, 51], [501, 52], [501, 51], [500, 51]]]},
            400,
            "-360..360",
        ),
    ],
)
async def test_features_that_are_no_areas_are_refused(
    client: httpx.AsyncClient, geometry: dict[str, object] | None, status: int, words: str
) -> None:
    feature = {"type": "Feature", "properties": {}, "geometry": geometry}
    answer = await client.post("/products/ndvi/feature.png", json=feature)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)
    assert_silent(answer)


async def test_a_polygon_of_too_many_vertices_is_refused(client: httpx.AsyncClient) -> None:
    shore = [[5.23 + i * 1e-6, 51.29] for i in range(10_000)]
    ring = [*shore, [5.24, 51.30], shore[0]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    answer = await client.post("/products/ndvi/feature.png", json=feature)
    assert answer.status_code == 400
    assert "10002 vertices; 10000" in answer.json()["detail"]


async def test_a_body_past_the_limit_is_refused_announced_or_not(client: httpx.AsyncClient) -> None:
    async def streamed():
        for _ in range(40):
            yield b" " * 100_000

    json_type = {"Content-Type": "application/json"}
    announced = await client.post("/products/ndvi/feature.png", content=b" " * 4_000_000, headers=json_type)
    unannounced = await client.post("/products/ndvi/feature.png", content=streamed(), headers=json_type)
    for answer in (announced, unannounced):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


async def test_methods_that_are_not_served_are_refused(client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = await client.request(method, f"{TILES}/14/8430/5463.png")
        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


def assert_silent(answer: httpx.Response) -> None:
    """Nothing of where scenes or code lie, in body or headers."""
    said = answer.text + json.dumps(dict(answer.headers))
    for secret in (
        "secret-store",
        "file:///tmp",
        "Traceback",
        "site-packages",
        ".py",
        "rasterio",
        "/home",
        "/work",
    ):
        assert secret not in said
