"""The STAC API as others read it: pystac-client, pystac's schemas, GDAL, and stac-api-validator."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pystac
import pystac_client
import pytest
import rasterio
import shapely
from pystac import STACObjectType
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from app.database import Database
from app.settings import Settings
from app.stac.index_updates import SceneIndexUpdates
from mosaics.log import commit_scenes
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import COLLECTION as SENTINEL
from tests.app.stac.conftest import Served, still_leading, wait_for_scenes
from tests.app.stac.landed import PIXELS, at, cog, put_scene

ALL = {"may-north", "june-north", "guinea", "fiji", "rain-05", "rain-06"}


@pytest.fixture(scope="module")
def catalogue(served: Served) -> pystac_client.Client:
    return pystac_client.Client.open(served.stac)


def item(client: httpx.Client, collection: str, scene: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/stac/collections/{collection}/items/{scene}").json()
    return found


def links(document: dict[str, Any], rel: str) -> list[str]:
    return [link["href"] for link in document["links"] if link["rel"] == rel]


def test_pystac_client_walks_from_the_catalogue_to_every_item(catalogue: pystac_client.Client) -> None:
    collections = {collection.id: collection for collection in catalogue.get_collections()}
    assert {*collections} == {"sentinel-2-l2a", "rain-monthly"}
    walked = [item.id for collection in collections.values() for item in collection.get_items()]
    assert (len(walked), {*walked}) == (6, ALL)
    fiji = collections["sentinel-2-l2a"].get_item("fiji")
    assert fiji is not None
    parent = fiji.get_parent()
    assert [each and each.id for each in (parent, fiji.get_collection())] == ["sentinel-2-l2a"] * 2
    temporal = collections["rain-monthly"].extent.temporal.intervals[0]
    assert temporal == [at("2024-05-01"), at("2024-06-30T23:59:59")]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_follows_the_pages(catalogue: pystac_client.Client, method: str) -> None:
    def found(**search: Any) -> list[str]:
        return [item.id for item in catalogue.search(method=method, limit=1, **search).items()]

    assert found(sortby="id") == sorted(ALL)
    assert found(sortby="-properties.datetime")[:2] == ["fiji", "guinea"]
    assert found(bbox=[179, -17, -179, -16], collections=["sentinel-2-l2a"]) == ["fiji"]
    assert {*found(datetime="2024-05", query={"tilewatch:synthetic": {"eq": True}})} == {"rain-05"}
    assert {*found(query=["eo:cloud_cover<=10"])} == {"may-north", "fiji"}
    assert catalogue.search(method=method, datetime="2024-06").matched() == 4


def test_documents_fit_the_schemas_of_stac(client: httpx.Client) -> None:
    schemas = JsonSchemaSTACValidator()
    collections = client.get("/stac/collections").json()["collections"]
    items = client.get("/stac/search", params={"limit": 100}).json()["features"]
    assert (len(collections), len(items)) == (2, 6)
    for kind, documents in (
        (STACObjectType.CATALOG, [client.get("/stac").json()]),
        (STACObjectType.COLLECTION, collections),
        (STACObjectType.ITEM, items),
    ):
        for document in documents:
            # Raises where the document does not fit; the schemas are those that pystac carries.
            assert schemas.validate_core(document, kind, "1.1.0")
            assert pystac.read_dict(document).id == document["id"]
    with pytest.raises(pystac.STACValidationError):
        schemas.validate_core(items[0] | {"assets": 1}, STACObjectType.ITEM, "1.1.0")


def test_an_item_leads_to_its_maps_and_says_what_it_is(client: httpx.Client, served: Served) -> None:
    june = item(client, "sentinel-2-l2a", "june-north")
    own = f"{served.stac}/collections/sentinel-2-l2a/items"
    assert links(june, "self") == [f"{own}/june-north"]
    assert june["properties"]["tilewatch:period"] == "2024-06"
    assert june["properties"]["tilewatch:synthetic"] is False
    assert june["properties"]["renders"]["ndvi"] == {
        "title": "Vegetation (NDVI)",
        "assets": ["nir", "red"],
        "expression": "keep((nir - red) / (nir + red), nir + red > 0)",
        "rescale": [[-0.2, 1.0]],
        "colormap_name": "vegetation",
    }
    # Links among scenes lead to items, others lead out, and paths of the server's machine are not told.
    assert links(june, "derived_from") == [f"{own}/may-north"]
    related = [href for href in links(june, "related") if "/products/" not in href]
    assert related == ["https://example.org/june"]
    assert links(june, "via") == []
    layers = [httpx.URL(href) for href in links(june, "tilejson")]
    assert {layer.path.split("/")[7] for layer in layers} == {*june["properties"]["renders"]}
    for layer in layers:
        document = client.get(layer).json()
        assert (document["period"], document["tilejson"]) == ("2024-06", "3.0.0")
    without_nir = item(
        client, "sentinel-2-l2a", "may-north"
    )  # a product it has no bands for says nothing of it
    assert without_nir["properties"]["renders"].keys() == {"true-color"}
    assert {href.split("/")[9] for href in links(without_nir, "preview")} == {"true-color"}
    short = client.get("/catalog/scenes?datetime=2024-05&collection=sentinel-2-l2a").json()["features"]
    assert [{href.split("/")[9] for href in links(scene, "tilejson")} for scene in short] == [{"true-color"}]
    assert f"{own}/june-north/products/ndvi/preview.png" in links(june, "preview")
    mosaic = f"{served.url}/products/ndvi/WebMercatorQuad/tilejson.json?datetime=2024-06"
    assert mosaic in links(june, "related")
    titles = [link["title"] for link in june["links"] if "title" in link]
    assert len(titles) == len({*titles}) == 3 * len(layers)
    assert june["assets"]["thumbnail"]["href"] == f"{own}/june-north/products/true-color/preview.png"
    assert june["assets"]["thumbnail"]["roles"] == ["thumbnail"]
    fiji = item(client, "sentinel-2-l2a", "fiji")
    assert (links(fiji, "preview"), "thumbnail" in fiji["assets"]) == ([], False)
    assert "secret-store" not in client.get("/stac/search").text
    rain = item(client, "rain-monthly", "rain-06")["properties"]
    assert (rain["start_datetime"], rain["end_datetime"]) == ("2024-06-01T00:00:00Z", "2024-06-30T23:59:59Z")
    assert rain["tilewatch:synthetic"] is True
    described = client.get("/stac/collections/rain-monthly").json()
    assert described["tilewatch:synthetic"] is True
    assert described["item_assets"].keys() == {"rain"}
    sentinel = client.get("/stac/collections/sentinel-2-l2a").json()
    assert "ndvi" in sentinel["renders"]
    assert f"{served.url}/products/ndvi" in links(sentinel, "product")


def test_files_are_read_whole_and_in_parts(client: httpx.Client, served: Served) -> None:
    file = cog()
    asset = item(client, "sentinel-2-l2a", "june-north")["assets"]["blue"]["href"]
    assert asset == f"{served.stac}/collections/sentinel-2-l2a/items/june-north/files/d1/blue.tif"
    whole = client.get(asset)
    assert (whole.status_code, whole.content) == (200, file)
    assert whole.headers["content-type"].startswith("image/tiff")
    head = client.head(asset)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(file)))
    size = len(file)
    for asked, part, place in (
        ("bytes=0-3", file[:4], f"bytes 0-3/{size}"),
        ("bytes=4-", file[4:], f"bytes 4-{size - 1}/{size}"),
        ("bytes=-5", file[-5:], f"bytes {size - 5}-{size - 1}/{size}"),
        ("bytes=10-99999", file[10:], f"bytes 10-{size - 1}/{size}"),
    ):
        answer = client.get(asset, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"] == place
    for ignored in ("bytes=0-1,3-4", "lines=1-2", "bytes=9-3", "bytes=-"):
        assert client.get(asset, headers={"Range": ignored}).content == file
    assert client.get(asset, headers={"Range": f"bytes={size}-"}).status_code == 416
    tag = whole.headers["etag"]
    assert client.get(asset, headers={"If-None-Match": tag}).status_code == 304
    parted = {"Range": "bytes=0-3", "If-Range": tag}
    assert client.get(asset, headers=parted).status_code == 206
    for condition in (tag, f'"other", {tag}', "*"):
        assert client.get(asset, headers={"If-Match": condition}).status_code == 200
    for condition in ('"other"', f"W/{tag}"):
        refused = client.get(asset, headers={"If-Match": condition, "Range": "bytes=0-3"})
        assert (refused.status_code, tag in refused.json()["detail"]) == (412, True)
    assert client.get(asset, headers=parted | {"If-Range": '"other"'}).content == file
    replaced = client.get(asset.replace("/d1/", "/d0/"))
    assert (replaced.status_code, "landed again" in replaced.text) == (404, True)
    for name in ("item.json", "..%2Fitem.json", "%2Fetc%2Fpasswd", "scl.tif"):
        assert client.get(asset.replace("blue.tif", name)).status_code == 404


def test_gdal_reads_a_window_of_a_file(client: httpx.Client) -> None:
    asset = item(client, "sentinel-2-l2a", "june-north")["assets"]["blue"]["href"]
    with rasterio.open(f"/vsicurl/{asset}") as band:
        window = band.read(1, window=((280, 290), (10, 20)))
    assert (window == PIXELS[280:290, 10:20]).all()


def test_what_lands_and_goes_is_seen(served: Served) -> None:
    async def change(*, remove: bool) -> None:
        async with await open_storage(served.storage) as storage:
            if remove:
                await commit_scenes(storage, SENTINEL.id, remove=["late"])
                return
            record = await put_scene(storage, "late", shapely.box(8, 8, 9, 9), at("2024-05-05"))
            await commit_scenes(storage, SENTINEL.id, add=[record])

    asyncio.run(change(remove=False))
    wait_for_scenes(served, 7)
    asyncio.run(change(remove=True))
    wait_for_scenes(served, 6)
    jobs = {task["name"]: task for task in httpx.get(f"{served.url}/jobs").json()["tasks"]}
    assert any(slot["detail"].get("removed") == 1 for slot in jobs["stac-index"]["last"])


async def test_links_begin_where_a_proxy_puts_us(settings: Settings, served: Served) -> None:
    behind = settings.model_copy(
        update={
            "storage": served.storage,
            "database_url": served.database_url,
            "jobs": False,
            "root_path": "/maps",
        }
    )
    async with serving(behind) as client:
        for path in ("/stac", "/stac/search?limit=1", "/stac/collections", "/catalog/scenes?limit=1"):
            document = (await client.get(path)).json()
            hrefs = [
                link["href"] for link in (document, *document.get("features", ())) for link in link["links"]
            ]
            inside = [href for href in hrefs if href.startswith("http://tilewatch.test/maps/")]
            assert len(hrefs) > 1
            assert inside == [href for href in hrefs if "example.org" not in href]
        following = (await client.get("/stac/search?limit=1")).json()
        href = next(link["href"] for link in following["links"] if link["rel"] == "next")
        answer = await client.get(href.replace("/maps", ""))
        assert [feature["id"] for feature in answer.json()["features"]] == ["guinea"]


def test_pages_of_other_sites_may_search_and_nothing_else(client: httpx.Client) -> None:
    asking = {"Origin": "https://browser.example", "Access-Control-Request-Method": "POST"}
    allowed = client.options("/stac/search", headers=asking).headers
    assert "POST" in allowed["access-control-allow-methods"]
    assert "Content-Type" in allowed["access-control-allow-headers"]
    assert (
        "POST"
        not in client.options("/stac/collections", headers=asking).headers["access-control-allow-methods"]
    )
    assert client.post("/stac/collections", json={}).status_code == 405
    assert client.delete("/stac/collections/rain-monthly").status_code == 405
    assert client.get("/stac", headers={"X-API-Key": "wrong"}).status_code == 401


def test_the_validator_of_the_stac_api_finds_nothing_wrong(served: Served, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "stac_api_validator", "--root-url", served.stac, "--log-level", "ERROR"),
        *("--conformance", "core", "--conformance", "item-search", "--conformance", "features"),
        *("--collection", "sentinel-2-l2a", "--validate-pagination"),
        *(
            "--geometry",
            '{"type": "Polygon", "coordinates": [[[5, 51], [6, 51], [6, 52], [5, 52], [5, 51]]]}',
        ),
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "Errors:" in ran.stdout, ran.stdout + ran.stderr
    errors = re.findall(r"^- (.*)", ran.stdout.partition("Errors:")[2], re.MULTILINE)
    # It fetches schemas where there is a network; those of pystac are held against all documents above.
    fetching = re.compile(
        r"Max retries exceeded with url: .*(schemas\.stacspec\.org|stac-extensions\.github\.io)"
    )
    assert [error for error in errors if not fetching.search(error)] == []


async def test_what_the_demo_lands_fits_too(
    settings: Settings, demo_folder: Path, database: Database, database_url: str
) -> None:
    async with await open_storage(demo_folder.as_uri()) as storage:
        done = await SceneIndexUpdates(database, storage).refresh(still_leading)
    assert (done.unreadable, done.scenes > 10) == (0, True)
    schemas = JsonSchemaSTACValidator()
    of_demo = {"storage": demo_folder.as_uri(), "database_url": database_url, "jobs": False}
    async with serving(settings.model_copy(update=of_demo)) as client:
        found = (await client.get("/stac/search", params={"limit": 500})).json()
        assert found["numberMatched"] == len(found["features"]) == done.scenes
        collections = (await client.get("/stac/collections")).json()["collections"]
        pictures = links(found["features"][0], "preview")
        assert pictures
        for picture in pictures:
            drawn = await client.get(picture)
            assert (picture, drawn.status_code, drawn.headers["content-type"]) == (picture, 200, "image/png")
    for kind, documents in (
        (STACObjectType.COLLECTION, collections),
        (STACObjectType.ITEM, found["features"]),
    ):
        for document in documents:
            assert schemas.validate_core(document, kind, "1.1.0")
    assert all(item["properties"]["title"] == "Synthetic demonstration data" for item in found["features"])
    assert all(item["properties"]["tilewatch:synthetic"] for item in found["features"])
    for item in found["features"]:
        for name, asset in item["assets"].items():
            assert asset["href"].endswith("/preview.png" if name == "thumbnail" else f"/{name}.tif")


async def test_searches_need_no_storage(settings: Settings, served: Served, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(served.storage.removeprefix("file://"), store)
    here = {"storage": store.as_uri(), "database_url": served.database_url, "jobs": False}
    async with serving(settings.model_copy(update=here)) as client:
        answer = await client.get("/stac/search", params={"ids": "fiji"})
        asset = answer.json()["features"][0]["assets"]["blue"]["href"]
        assert (await client.get(asset)).content == cog()
        store.rename(tmp_path / "away")
        assert (await client.get("/stac/search", params={"ids": "fiji"})).json() == answer.json()
        assert (await client.get("/stac/collections")).status_code == 200
        gone = await client.get(asset)
        assert (gone.status_code, gone.headers["retry-after"]) == (503, "5")
