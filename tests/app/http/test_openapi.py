"""The interface as it is told, held against what it does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from app.main import create_app
from app.settings import Settings
from app.stac.fields import Fields
from tests.app.conftest import serving
from tests.app.regions.conftest import NOTHING

EXAMPLES = {
    "product": "ndvi",
    "band": "B04",
    "collection": "sentinel-2-l2a",
    "tms": "WebMercatorQuad",
    "tileMatrixSetId": "WebMercatorQuad",
    "colorMapId": "viridis",
    "area": "1",
    "route": "1",
    "job": "1",
    "analysis": "1",
    "zone": "1",
    "feed": "1",
    "region": "sierra",
    "collection_id": "sentinel-2-l2a",
    "item_id": "S2A_MOL_20240610",
    "version": "d1",
    "name": "red.tif",
    "z": "14",
    "x": "8430",
    "y": "5463",
    "lon": "5.24",
    "lat": "51.29",
    "minx": "5.23",
    "miny": "51.285",
    "maxx": "5.26",
    "maxy": "51.30",
    "width": "20",
    "height": "20",
    "format": "png",
}

WAY = "coords=LINESTRING(5.24%2051.29,5.25%2051.29)&parameter-name=ndvi"
NEEDED = {
    "/collections/{collection}/tiles/{tms}/{z}/{x}/{y}.{format}": "?bands=red&rescale=0,1",
    "/collections/{collection}/legend.{format}": "?index=NDVI",
    "/collections/{collection}/point/{lon},{lat}": "?index=NDVI",
    "/collections/{collection}/{tms}/tilejson.json": "?index=NDVI",
    "/indices": "?collection=sentinel-2-l2a",
    "/products/{product}/calendar": "?datetime=2024",
    "/collections/{collection}/trajectory": f"?{WAY}",
    "/collections/{collection}/corridor": f"?{WAY}&corridor-width=50&width-units=m",
}
"""What a route cannot be asked without."""

OPERATIONS = [
    (path, method)
    for path, methods in create_app(Settings(storage="file:///nowhere")).openapi()["paths"].items()
    for method in methods
]
READING = [path for path, method in OPERATIONS if method == "get"]


@pytest.fixture
async def client(
    request: pytest.FixtureRequest, settings: Settings, two_months: str, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has the two months, and a region where one is asked for."""
    chosen = settings.model_copy(update={"storage": two_months})
    if "{region}" in request.node.name:
        regions = tmp_path / "regions.json"
        regions.write_text('[{"name": "sierra", "bbox": [-120.5, 38.5, -119.5, 39.5]}]')
        chosen = chosen.model_copy(update={"regions": regions})
    async with serving(chosen, create_app(chosen, program=NOTHING)) as client:
        yield client


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings(storage="file:///nowhere")).openapi()


def address(path: str) -> str:
    return path.format(**EXAMPLES) + NEEDED.get(path, "")


def media_type(answer: httpx.Response) -> str:
    return answer.headers["content-type"].partition("; charset")[0].partition("; version")[0]


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{m} {p}" for p, m in OPERATIONS])
def test_every_operation_says_what_it_is_and_what_it_refuses(
    document: dict[str, Any], path: str, method: str
) -> None:
    operation = document["paths"][path][method]
    chapters = {chapter["name"] for chapter in document["tags"]}
    assert len(operation["tags"]) == 1
    assert set(operation["tags"]) <= chapters
    assert 5 < len(operation["summary"]) < 140
    assert not operation["summary"].endswith(".")
    if operation["tags"] != ["health"]:
        assert "application/problem+json" in operation["responses"]["4XX"]["content"]
    assert "application/problem+json" in operation["responses"]["503"]["content"]
    assert "422" not in operation["responses"]


def test_operations_have_names_of_their_own_and_references_lead_somewhere(document: dict[str, Any]) -> None:
    names = [document["paths"][path][method]["operationId"] for path, method in OPERATIONS]
    assert len(set(names)) == len(names)
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def references(node: Any) -> set[str]:
    """Every `$ref` below a node."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set()


@pytest.mark.parametrize("path", READING)
async def test_answers_are_of_a_status_and_type_that_is_told(
    client: httpx.AsyncClient, document: dict[str, Any], path: str
) -> None:
    told = document["paths"][path]["get"]["responses"]
    answer = await client.get(address(path))
    assert str(answer.status_code) in told, answer.text
    if answer.content:
        assert media_type(answer) in told[str(answer.status_code)]["content"]
    misspelt = await client.get(
        address(path), params={"misspelt": "1"} | dict(httpx.URL(address(path)).params)
    )
    if "4XX" in told:
        assert misspelt.status_code == 400
        assert set(document["components"]["schemas"]["Problem"]["required"]) <= set(misspelt.json())


@pytest.mark.parametrize("form", ["png", "webp", "npy", "tif", "jpeg", "jp2"])
async def test_pictures_of_boxes_come_in_the_formats_told(
    client: httpx.AsyncClient, document: dict[str, Any], form: str
) -> None:
    path = "/products/{product}/bbox/{minx},{miny},{maxx},{maxy}.{format}"
    operation = document["paths"][path]["get"]
    parameter = next(entry for entry in operation["parameters"] if entry["name"] == "format")
    answer = await client.get(path.format(**EXAMPLES | {"format": form}))
    assert (answer.status_code == 200) == (form in parameter["schema"]["enum"])
    if answer.status_code == 200:
        assert answer.headers["content-type"] in operation["responses"]["200"]["content"]


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    for path in (*READING, "/", "/docs", "/openapi.json"):
        get, head = await client.get(address(path)), await client.head(address(path))
        assert (path, head.status_code, head.content) == (path, get.status_code, b"")
        names = {*get.headers} | {*head.headers}
        differing = {name for name in names if get.headers.get(name) != head.headers.get(name)}
        counting = {"content-length"} if path in ("/metrics", "/readyz") else set()
        assert (path, differing - {"x-cache", "server-timing"} - counting) == (path, set())


async def test_options_tells_the_methods_and_others_are_refused(
    client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    asking_first = {"Origin": "https://maps.example", "Access-Control-Request-Method": "GET"}
    for path, methods in document["paths"].items():
        options = await client.options(address(path))
        served = {name.upper() for name in methods} | {"OPTIONS"} | ({"HEAD"} if "get" in methods else set())
        assert (path, options.status_code, options.content) == (path, 204, b"")
        assert (path, set(options.headers["allow"].split(", "))) == (path, served)
        refused = await client.request("TRACE", address(path))
        assert (refused.status_code, refused.headers["allow"]) == (405, options.headers["allow"])
        preflight = await client.options(address(path), headers=asking_first)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")


@pytest.mark.parametrize("named", [["properties.datetime"], ["-geometry"], ["-properties", "-bbox"]])
def test_items_of_which_some_fields_were_asked_for_are_as_it_says(
    document: dict[str, Any], named: list[str]
) -> None:
    item = {"type": "Feature", "id": "a", "collection": "c", "geometry": {}, "bbox": [], "properties": {}}
    found = {"type": "FeatureCollection", "features": [Fields.parse(named).of(item)]}
    for operation in document["paths"]["/stac/search"].values():
        jsonschema.validate(found, operation["responses"]["200"]["content"]["application/geo+json"]["schema"])


async def test_other_requests_are_answered_while_the_document_is_made(tmp_path: Path) -> None:
    app = create_app(Settings(storage=(tmp_path / "store").as_uri(), root_path="/maps"))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        made = asyncio.create_task(client.get("/maps/openapi.json"))
        turns = 0
        while not made.done():
            await asyncio.sleep(0.005)
            turns += 1
        document = made.result().json()
    assert turns > 20  # at 5 ms, of a document that takes more than a second; on the loop there would be two
    assert document["servers"] == [{"url": "/maps"}]
    assert "/healthz" in document["paths"]
