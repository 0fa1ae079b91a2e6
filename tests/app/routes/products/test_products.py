"""The JSON documents of products and collections."""

import io
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image
from shapely.geometry import MultiPolygon, box, mapping

from app.settings import Settings
from ingest import landing
from mosaics.descriptions.collections import load_collections
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes
from mosaics.period import Period
from mosaics.storage import Storage, open_storage
from tests.app.conftest import serving
from tests.app.landed import COLLECTION, land, lonlat, put_collection
from tests.app.statistics.landed import Raster
from tests.app.statistics.landed import land as land_bands
from tests.mosaics.records import scene
from tests.rasters import MOL

BOUNDS = (*lonlat(0, 256), *lonlat(256, 0))
"""Lower left and upper right corner; at this place the scene's sides lean by a quarter of a degree."""


async def test_the_list_has_every_product_with_its_periods_in_brief(client: httpx.AsyncClient) -> None:
    products = {entry["id"]: entry for entry in (await client.get("/products")).json()["products"]}
    ndvi = products["ndvi"]
    assert ndvi["periods"] == {"count": 2, "first": "2024-05", "last": "2024-06"}
    assert (ndvi["kind"], ndvi["cadence"], ndvi["synthetic"]) == ("continuous", "month", False)
    assert ndvi["attribution"] == "Contains modified Copernicus Sentinel data"
    assert products["no2"]["periods"] == {"count": 0, "first": None, "last": None}


async def test_every_link_that_is_not_a_template_leads_somewhere(client: httpx.AsyncClient) -> None:
    links = (await client.get("/products/ndvi")).json()["links"]
    plain = [link for link in links if not link.get("templated")]
    assert len(plain) >= 7
    for link in plain:
        answer = await client.get(link["href"], follow_redirects=True)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(link["type"])


async def test_a_product_tells_its_formula_rules_place_and_periods(client: httpx.AsyncClient) -> None:
    ndvi = (await client.get("/products/ndvi")).json()
    assert ndvi["expression"].startswith("keep((nir - red) / (nir + red)")
    assert sorted(ndvi["bands"]) == ["nir", "red"]
    assert ndvi["mask"][0]["reject"] == [0, 1, 3, 8, 9, 10, 11]
    assert ndvi["periods"] == ["2024-05", "2024-06"]
    assert ndvi["bbox"] == pytest.approx(BOUNDS, abs=0.001)
    assert (ndvi["minzoom"], ndvi["maxzoom"]) == (0, 14)


async def test_tilejson_names_the_latest_period_and_its_address_serves_it(client: httpx.AsyncClient) -> None:
    document = (await client.get("/products/ndvi/WebMercatorQuad/tilejson.json")).json()
    query = parse_qs(urlsplit(document["tiles"][0]).query)
    assert document["tilejson"] == "3.0.0"
    assert (document["period"], query["datetime"]) == ("2024-06", ["2024-06"])
    assert document["bounds"] == pytest.approx(BOUNDS, abs=0.001)
    assert (document["minzoom"], document["maxzoom"], document["tilesize"]) == (0, 14, 256)
    assert document["center"][2] == 14  # 2.56 km at 51.3 N are 428 px of 9.55 Mercator metres
    assert document["legend"] == (await client.get("/products/ndvi/legend.json")).json()
    tile = await client.get(document["tiles"][0].format(z=14, x=8430, y=5463))
    assert tile.headers["content-type"] == "image/png"


async def test_tilejson_says_the_size_of_its_tiles_as_maplibre_reads_it(client: httpx.AsyncClient) -> None:
    address = "/products/ndvi/WebMercatorQuad/tilejson.json"
    sizes = [(await client.get(address + query)).json()["tileSize"] for query in ("", "?tilesize=512")]
    assert sizes == [256, 512]


async def test_the_centre_of_tilejson_has_data_and_a_collection_the_box_of_all_scenes(
    settings: Settings, tmp_path: Path
) -> None:
    there = (MOL[0] + 200_000, MOL[1] - 100_000)
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, "here", month="2024-05")
        await land(storage, tmp_path, "there", month="2024-06", upper_left=there)
        earlier = [Period.parse(f"{2010 + n // 12}-{n % 12 + 1:02}") for n in range(120)]
        inside = box(BOUNDS[0], BOUNDS[1], BOUNDS[0] + 0.01, BOUNDS[1] + 0.01)
        old = [scene(f"s{p}", inside, period=p, start=p.start, end=p.start) for p in earlier]
        await commit_scenes(storage, "sentinel-2-l2a", add=old)
    async with serving(settings) as client:
        document = (await client.get("/products/ndvi/WebMercatorQuad/tilejson.json?datetime=2024")).json()
        # Of the 122 months the newest hundred, and all of them with the product.
        assert document["period_range"] == {"count": 122, "first": "2010-01", "last": "2024-06"}
        assert (len(document["periods"]), document["periods"][0]) == (100, "2011-11")
        assert document["periods"][-2:] == ["2024-05", "2024-06"]
        assert len((await client.get("/products/ndvi")).json()["periods"]) == 122
        lon, lat, _ = document["center"]
        point = (await client.get(f"/products/ndvi/point/{lon},{lat}?datetime=2024")).json()
        listed = (await client.get("/collections")).json()["collections"][0]
        one = (await client.get("/collections/sentinel-2-l2a")).json()
    assert point["state"] != "outside"
    assert one["extent"]["spatial"] == listed["extent"]["spatial"]
    (west, south, east, north) = listed["extent"]["spatial"]["bbox"][0]
    assert (west, north) == pytest.approx((BOUNDS[0], BOUNDS[3]), abs=0.01)
    assert (east, south) == pytest.approx((lonlat(256, 256, there)[0], lonlat(256, 256, there)[1]), abs=0.01)


async def test_tilejson_of_512_pixels_shifts_the_zooms_and_carries_the_size(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/products/ndvi/WebMercatorQuad/tilejson.json?tilesize=512")).json()
    tile = await client.get(document["tiles"][0].format(z=13, x=4215, y=2731))
    assert (document["maxzoom"], document["tilesize"]) == (13, 512)
    assert Image.open(io.BytesIO(tile.content)).size == (512, 512)


async def test_tilejson_of_an_interval_keeps_it(client: httpx.AsyncClient) -> None:
    address = "/products/ndvi/WebMercatorQuad/tilejson.json?datetime=2024-01/2024-12"
    document = (await client.get(address)).json()
    assert document["period"] == "2024-05/2024-06"
    assert parse_qs(urlsplit(document["tiles"][0]).query)["datetime"] == ["2024-01/2024-12"]


async def test_addresses_begin_where_a_proxy_says(settings: Settings, two_months: str) -> None:
    behind = settings.model_copy(update={"storage": two_months, "root_path": "/maps"})
    async with serving(behind) as client:
        for path in (
            "/maps/products/ndvi/WebMercatorQuad/tilejson.json",
            "/products/ndvi/WebMercatorQuad/tilejson.json",
        ):
            document = (await client.get(path, headers={"Host": "tiles.example"})).json()
            assert document["tiles"][0].startswith("http://tiles.example/maps/products/ndvi/tiles/")
        tile = await client.get("/maps/products/ndvi/tiles/WebMercatorQuad/14/8430/5463.png")
    assert tile.status_code == 200


@pytest.mark.parametrize(
    ("column", "row", "state", "value"),
    [
        (64, 128, "ok", 0.5),
        (192, 128, "ok", 0.0),
        (64, 16, "masked", None),
        (64, 250, "nodata", None),
        (-50, 50, "outside", None),
    ],
)
async def test_the_four_kinds_of_absence_stay_apart_from_a_true_zero(
    client: httpx.AsyncClient, column: int, row: int, state: str, value: float | None
) -> None:
    lon, lat = lonlat(column + 0.5, row + 0.5)
    answer = (await client.get(f"/products/ndvi/point/{lon},{lat}")).json()
    assert (answer["state"], answer["value"]) == (state, value)
    assert (answer["reason"] is None) == (state == "ok")
    assert (answer["period"], answer["unit"], answer["class"]) == ("2024-06", "1", None)
    assert answer["scenes"] == ([] if state == "outside" else ["S2A_MOL_20240610"])


async def test_a_point_says_which_mask_rules_could_not_be_applied(
    settings: Settings, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, without={"scl"})
    lon, lat = lonlat(64.5, 16.5)  # cloud, were there the band that says so
    async with serving(settings) as unclassified:
        unmasked = (await unclassified.get(f"/products/ndvi/point/{lon},{lat}")).json()
        rules = (await unclassified.get("/products/ndvi")).json()["mask"]
    masked = (await client.get(f"/products/ndvi/point/{lon},{lat}")).json()
    assert (unmasked["state"], unmasked["value"]) == ("ok", 0.5)
    assert unmasked["unmasked"] == [rule["label"] for rule in rules]
    assert (masked["state"], "unmasked" in masked) == ("masked", False)


async def test_a_picture_product_gives_its_three_values_at_a_point(client: httpx.AsyncClient) -> None:
    lon, lat = lonlat(64.5, 128.5)
    answer = (await client.get(f"/products/true-color/point/{lon},{lat}?datetime=2024-05")).json()
    assert (answer["value"], answer["values"]) == (None, [0.1, 0.2, 0.2])
    assert (answer["period"], answer["scenes"]) == ("2024-05", ["S2A_MOL_20240510"])


async def test_legends_come_in_three_forms(client: httpx.AsyncClient) -> None:
    types = {}
    for form in ("json", "png", "svg"):
        types[form] = (await client.get(f"/products/ndvi/legend.{form}")).headers["content-type"]
    assert types == {"json": "application/json", "png": "image/png", "svg": "image/svg+xml"}


async def test_times_tell_the_share_of_a_box_over_the_antimeridian(settings: Settings) -> None:
    async with await open_storage(settings.storage) as storage:
        await commit_outlines(storage, months=["2024-01"])
    async with serving(settings) as client:
        both = (await client.get("/products/ndvi/times?bbox=178,0,-178,10")).json()
        east = (await client.get("/products/ndvi/times?bbox=179.5,0,180,10")).json()
        nowhere = (await client.get("/products/ndvi/times?bbox=0,0,1,1")).json()
    assert both["times"] == [{"period": "2024-01", "coverage": 0.5, "scenes": 1}]
    assert east["times"][0]["coverage"] == 1.0
    assert nowhere["times"] == [{"period": "2024-01", "coverage": 0.0, "scenes": 0}]


async def test_times_come_in_pages_that_follow_one_another(settings: Settings) -> None:
    months = [f"2024-{month:02}" for month in range(1, 6)]
    async with await open_storage(settings.storage) as storage:
        await commit_outlines(storage, months=months)
    seen: list[str] = []
    async with serving(settings) as client:
        address: str | None = "/products/ndvi/times?limit=2&bbox=179,0,180,10"
        while address:
            page = (await client.get(address)).json()
            assert len(page["times"]) <= 2
            seen += [entry["period"] for entry in page["times"]]
            address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == months


async def test_collections_are_stac_collections_with_links_to_draw_them(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/collections")).json()["collections"]
    document = (await client.get("/collections/sentinel-2-l2a")).json()
    assert [entry["id"] for entry in listed] == ["sentinel-2-l2a"]
    assert (document["type"], document["stac_version"]) == ("Collection", "1.1.0")
    assert document["extent"]["spatial"]["bbox"][0] == pytest.approx(BOUNDS, abs=0.001)
    assert document["extent"]["temporal"]["interval"] == [["2024-05-01T00:00:00Z", "2024-07-01T00:00:00Z"]]
    assert [band["name"] for band in document["bands"]] == ["blue", "green", "red", "nir", "scl"]
    template = next(
        link["href"] for link in document["links"] if link["rel"] == "tiles" and "bands" in link["href"]
    )
    tile = await client.get(template.format(z=14, x=8430, y=5463, bands="red", low=0, high=1))
    assert tile.headers["content-type"] == "image/png"


async def commit_outlines(storage: Storage, *, months: list[str]) -> None:
    """Scenes known by their outline alone: two degrees wide, half on each side of the antimeridian."""
    outline = MultiPolygon([box(179, 0, 180, 10), box(-180, 0, -179, 10)])
    records = [
        SceneRecord(
            id=f"scene-{month}",
            item_key=f"collections/{COLLECTION.id}/scenes/scene-{month}/d1/item.json",
            start=Period.parse(month).start,
            end=datetime(2030, 1, 1, tzinfo=UTC),
            period=Period.parse(month),
            cloud_cover_percent=None,
            footprint=mapping(outline),
            synthetic=False,
            resolution_m=10.0,
        )
        for month in months
    ]
    await put_collection(storage)
    await commit_scenes(storage, COLLECTION.id, add=records)


async def test_a_map_of_a_time_past_the_end_of_the_satellite_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    shipped = load_collections()["black-marble-monthly"].collection
    bands = {
        "radiance": Raster(np.full((4, 4), 2, np.float32), nodata=-999),
        "num_observations": Raster(np.full((4, 4), 7, np.uint8), nodata=255),
    }
    async with await open_storage(settings.storage) as storage:
        for month in ("2026-10", "2026-11"):
            await land_bands(storage, tmp_path, month, bands, collection_id=shipped.id)
        await landing.put_collection(storage, shipped)
    async with serving(settings) as client:
        notes = [
            (await client.get(f"/products/nightlights/WebMercatorQuad/tilejson.json?datetime={month}"))
            .json()["legend"]
            .get("note")
            for month in ("2026-10", "2026-11")
        ]
    assert "ended" not in notes[0]
    assert "Suomi NPP's products ended on 2026-11-01" in notes[1]


async def test_a_calendar_says_of_each_period_whether_it_has_data(client: httpx.AsyncClient) -> None:
    found = (await client.get("/products/ndvi/calendar?datetime=2024-04/2024-07")).json()
    assert [(each["period"], each["state"]) for each in found["periods"]] == [
        ("2024-04", "missing"), ("2024-05", "data"), ("2024-06", "data"), ("2024-07", "missing"),
    ]  # fmt: skip
    assert (found["cadence"], found["light"]) == ("month", "day")
    assert found["bbox"] == pytest.approx(BOUNDS, abs=0.001)
    for query, status, says in (
        ("datetime=2024-04/..", 400, "both ends"),
        ("datetime=1000/2024", 400, "at most 1000 periods"),
        ("datetime=1900/2024", 400, "at most 1000 periods"),
        ("datetime=2024-13", 400, "does not exist"),
        ("", 422, "datetime"),
    ):
        answer = await client.get(f"/products/ndvi/calendar?{query}")
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text
    assert (await client.get("/products/no2/calendar?datetime=2024")).status_code == 404
