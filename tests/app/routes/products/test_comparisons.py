"""Products that compare dates, as they are served: windows, what they are made of, and four kinds of absence.

The world is the square of 256 by 256 pixels near Mol. A year before everything has NBR 0.5; in July 2024 the
western half has -0.5, so that dNBR is 1 there and 0 in the east. Rows 0 to 63 are cloud in the earlier scene,
rows 224 to 255 have no data in the later one, and the fire zone ends at row 192.
"""

import asyncio
import csv
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import morecantile
import numpy as np
import pytest
from PIL import Image

from app.http.series_csv import series_csv
from app.main import create_app
from app.products.registry import Registry
from app.settings import Settings
from mosaics.period import Cadence
from mosaics.storage import open_storage
from tests.app.conftest import eventually, serving
from tests.app.landed import SIDE, lonlat
from tests.app.statistics.landed import Raster, land

WEB_MERCATOR = morecantile.tms.get("WebMercatorQuad")
S2: dict[str, Any] = {"collection_id": "sentinel-2-l2a"}


def bands(nir08: Any, swir22: Any, scl: Any) -> dict[str, Raster]:
    stored = {name: np.full((SIDE, SIDE), 1, np.uint16) for name in ("nir08", "swir22")}
    stored["nir08"] = np.broadcast_to(np.array(nir08, np.uint16), (SIDE, SIDE)).copy()
    stored["swir22"] = np.broadcast_to(np.array(swir22, np.uint16), (SIDE, SIDE)).copy()
    classes = np.broadcast_to(np.array(scl, np.uint8), (SIDE, SIDE)).copy()
    return {
        **{name: Raster(values, scale=0.0001) for name, values in stored.items()},
        "scl": Raster(classes),
    }


async def land_world(address: str, folder: Path) -> None:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    burned = columns < SIDE // 2
    seen = rows < 224
    async with await open_storage(address) as storage:
        before = bands(3000, 1000, np.where(rows < 64, 9, 4))
        await land(storage, folder, "2023-07", before, **S2)
        after = bands(np.where(burned, 1000, 3000) * seen, np.where(burned, 3000, 1000) * seen, 4 * seen)
        await land(storage, folder, "2024-07", after, **S2)
        zone = {"zone": Raster(np.where(rows < 192, 1, 0).astype(np.uint8), nodata=255)}
        await land(storage, folder, "2024", zone, cadence=Cadence.YEAR, collection_id="fire-zones")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("fire")
    address = (folder / "store").as_uri()
    asyncio.run(land_world(address, folder))
    return address


@pytest.fixture
async def client(settings: Settings, world: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(settings.model_copy(update={"storage": world})) as client:
        yield client


async def get(client: httpx.AsyncClient, address: str) -> Any:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pixel(column: int, row: int) -> str:
    lon, lat = lonlat(column + 0.5, row + 0.5)
    return f"{lon:.8f},{lat:.8f}"


def square(column: int, row: int, size: int) -> dict[str, Any]:
    corners = [(column, row), (column + size, row), (column + size, row + size), (column, row + size)]
    ring = [lonlat(*corner) for corner in corners]
    return {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }


async def test_tilejson_names_the_windows_and_its_tiles_keep_them(client):
    document = await get(client, "/products/dnbr/WebMercatorQuad/tilejson.json")
    assert {role: window["period"] for role, window in document["windows"].items()} == {
        "post": "2024-07",
        "pre": "2023-07",
    }
    assert document["windows"]["pre"]["how"] == "the same time one year before"
    assert (document["offset"], document["periods"]) == (0.0, ["2024-07"])
    assert "Before: 2023-07. Offset subtracted: 0." in document["legend"]["note"]
    assert document["legend"]["note"].endswith("Satellite estimate, not field verified.")
    (template,) = document["tiles"]
    query = parse_qs(urlsplit(template).query)
    assert (query["datetime"], query["pre"]) == (["2024-07"], ["2023-07"])

    west, south, east, north = document["bounds"]
    x, y, z = WEB_MERCATOR.tile((west + east) / 2, (south + north) / 2, document["maxzoom"])
    tile = await client.get(template.format(z=z, x=x, y=y))
    assert tile.status_code == 200
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert tile.headers["x-tilewatch-windows"] == "post=2024-07, pre=2023-07"
    assert tile.headers["x-tilewatch-offset"] == "0"

    plain = f"/tiles/dnbr/{z}/{x}/{y}.png"
    assert (await client.get(plain)).headers["etag"] == tile.headers["etag"]
    assert (await client.get(f"{plain}?pre=2023-07&post=2024-07")).headers["etag"] == tile.headers["etag"]
    shifted = await client.get(f"{plain}?offset=0.05")
    assert shifted.headers["etag"] != tile.headers["etag"]
    assert shifted.headers["x-tilewatch-offset"] == "0.05"
    again = await client.get(f"{plain}?pre=2023-07")
    assert again.headers["x-tilewatch-windows"] == "post=2024-07, pre=2023-07"


async def test_a_tile_tells_unburned_masked_outside_the_zone_and_not_covered_apart(client):
    legend = await get(client, "/products/dnbr/legend.json")
    colors = {entry["label"]: entry["color"] for entry in legend["entries"]}
    states = {entry.get("state"): entry["color"] for entry in legend["entries"] if "state" in entry}
    assert set(states) == {"masked", "outside_zone"}
    assert colors["Outside the fire zones"] == states["outside_zone"]
    (west, north), (east, south) = lonlat(0, 0), lonlat(SIDE, SIDE)
    counts: dict[str, int] = {}
    for x, y, z in WEB_MERCATOR.tiles(west, south, east, north, zooms=[12]):
        answer = await client.get(f"/tiles/dnbr/{z}/{x}/{y}.png")
        assert answer.status_code == 200, answer.text
        image = Image.open(BytesIO(answer.content)).convert("RGBA")
        found: Any = image.getcolors(65536)
        for number, (red, green, blue, alpha) in found:
            name = f"#{red:02x}{green:02x}{blue:02x}" if alpha else "transparent"
            counts[name] = counts.get(name, 0) + number
    drawn = sum(number for name, number in counts.items() if name != "transparent")
    shares = {name: number / drawn for name, number in counts.items() if name != "transparent"}
    # Of 256 rows: 64 masked, 128 of values, half of them burned, 64 outside the zone, with and without data.
    assert shares == {
        colors["High severity"]: pytest.approx(0.25, abs=0.02),
        colors["Unburned"]: pytest.approx(0.25, abs=0.02),
        states["masked"]: pytest.approx(0.25, abs=0.02),
        states["outside_zone"]: pytest.approx(0.25, abs=0.02),
    }
    assert counts["transparent"] > 0
    assert (await client.get("/tiles/dnbr/12/0/0.png")).status_code == 204


@pytest.mark.parametrize(
    ("place", "state", "value", "words"),
    [
        (pixel(20, 100), "ok", 1.0, None),
        (pixel(200, 100), "ok", 0.0, None),
        (pixel(20, 10), "masked", None, "Before: masked, water, cloud"),
        (pixel(20, 200), "outside_zone", None, "Outside the fire zones."),
        ("4.0,51.0", "outside", None, "After: outside coverage"),
    ],
)
async def test_a_point_says_which_absence_it_is(client, place, state, value, words):
    answer = await get(client, f"/products/dnbr/point/{place}")
    assert answer["state"] == state
    assert answer["value"] == (None if value is None else pytest.approx(value, abs=1e-6))
    assert words is None or words in answer["reason"]
    if state == "ok":
        assert answer["class"] == ("High severity" if value else "Unburned")
        assert {role: window["scenes"] for role, window in answer["windows"].items()} == {
            "post": ["scene-2024-07"],
            "pre": ["scene-2023-07"],
        }
        assert answer["windows"]["pre"]["period"] == "2023-07"
        assert answer["suspect"] is False
        assert "unmasked" not in answer


async def test_statistics_count_classes_and_what_has_no_value(client):
    # Columns 96 to 159 of rows 32 to 223: 32 rows of cloud, 128 of values, 32 outside the zone.
    polygon = square(96, 32, 64)
    polygon["geometry"]["coordinates"] = [
        [lonlat(c, r) for c, r in ((96, 32), (160, 32), (160, 224), (96, 224), (96, 32))]
    ]
    answer = await client.post("/products/dnbr/statistics", json=polygon)
    assert answer.status_code == 200, answer.text
    (entry,) = answer.json()["properties"]["series"]
    hectares = {row["name"]: row["area_ha"] for row in entry["classes"]}
    assert hectares["High severity"] == pytest.approx(32 * 128 / 100, rel=1e-3)
    assert hectares["Unburned"] == pytest.approx(32 * 128 / 100, rel=1e-3)
    absent = {row["name"]: row["area_ha"] for row in entry["absent"]}
    assert absent == {
        "outside_zone": pytest.approx(64 * 32 / 100, rel=1e-3),
        "masked": pytest.approx(64 * 32 / 100, rel=1e-3),
        "not_covered": pytest.approx(0, abs=1e-6),
        "no_data": pytest.approx(0, abs=1e-3),
    }
    assert entry["status"] == "partial"
    assert entry["reason"] == (
        "16.7 % of the area lies outside the zones that count. 16.7 % of the area is masked or has no data."
    )
    assert entry["suspect"]["area_ha"] == 0
    assert entry["offset"] == {"value": 0.0}
    assert {role: window["period"] for role, window in entry["windows"].items()} == {
        "post": "2024-07",
        "pre": "2023-07",
    }
    assert set(entry["scenes"]) == {"scene-2023-07", "scene-2024-07"}


async def test_a_series_goes_over_the_tested_window(client):
    answer = await client.post("/products/dnbr/statistics?datetime=2023-07/2024-07", json=square(20, 100, 8))
    series = answer.json()["properties"]["series"]
    assert len(series) == 13
    assert series[0]["status"] == "empty"
    assert series[0]["reason"].startswith(
        "'dnbr' compares 2023-07 with the same time one year before, and not"
    )
    assert (series[-1]["status"], series[-1]["mean"]) == ("ok", pytest.approx(1.0))


async def test_an_entry_says_how_its_windows_came_about_computed_recalled_and_kept_alike(
    settings, world, database_url
):
    chosen = {"storage": world, "database_url": database_url, "jobs_every_s": 1.0}
    async with serving(settings.model_copy(update=chosen)) as client:
        client.base_url = httpx.URL("http://127.0.0.1")

        async def windows(query: str) -> dict[str, Any]:
            answer = await client.post(f"/products/dnbr/statistics{query}", json=square(20, 100, 8))
            (entry,) = answer.json()["properties"]["series"]
            found: dict[str, Any] = entry["windows"]
            return found

        tilejson = await get(client, "/products/dnbr/WebMercatorQuad/tilejson.json")
        told = {role: window["how"] for role, window in tilejson["windows"].items()}
        assert told == {"post": "latest period", "pre": "the same time one year before"}
        asked = {"post": "as asked", "pre": "the same time one year before"}
        expected = [
            ("", told),
            ("?datetime=2024-07", asked),
            ("?post=2024-07", asked),
            ("?offset=ring", told),
        ]
        for _ in ("computed", "recalled"):
            for query, how in expected:
                found = await windows(query)
                assert list(found) == ["post", "pre"]
                assert {role: window["how"] for role, window in found.items()} == how

        field = square(20, 100, 8) | {"properties": {"name": "Field", "products": ["dnbr"]}}
        area = (await client.post("/areas", json=field)).json()["id"]

        async def kept() -> Any:
            series = await get(client, f"/areas/{area}/timeseries?start=2024-07")
            return series["kept"] == 1 and series["series"][0]

        await eventually(kept)
        assert list((await kept())["windows"]) == ["post", "pre"]


async def test_a_table_has_the_windows_of_every_entry(client):
    answer = await client.post("/products/dnbr/statistics?datetime=2024-06/2024-07", json=square(20, 100, 8))
    series = [each | {"kept": False} for each in answer.json()["properties"]["series"]]
    table = list(csv.DictReader(series_csv(Registry.load().get("dnbr"), series).splitlines()))
    assert [(row["period"], row["post"], row["pre"]) for row in table] == [
        ("2024-06", "", ""),
        ("2024-07", "2024-07", "2023-07"),
    ]
    assert float(table[1]["High severity (ha)"]) == pytest.approx(0.64, rel=1e-3)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/tiles/ndvi/12/2112/1376.png?pre=2023-07", 400, "'ndvi' has no window 'pre'; it shows one time"),
        ("/tiles/dnbr/12/2112/1376.png?baseline=2018/2022", 400, "'baseline'; there are: post, pre"),
        ("/tiles/rdnbr/12/2112/1376.png?offset=0.1", 400, "'rdnbr' has no offset"),
        ("/tiles/dnbr/12/2112/1376.png?offset=nan", 400, "offset='nan' is not valid; give a number"),
        ("/tiles/dnbr/12/2112/1376.png?datetime=2024-07&post=2023-07", 400, "name the same window"),
        ("/tiles/dnbr/12/2112/1376.png?pre=2024-07&post=2024-07", 400, "overlap"),
        ("/tiles/dnbr/12/2112/1376.png?pre=2024-07&post=2023-07", 400, "pre=2023-07&post=2024-07 would work"),
        ("/tiles/dnbr/12/2112/1376.png?pre=2019-07", 404, "nothing for pre=2019-07. Its periods run from"),
        ("/products/dnbr/WebMercatorQuad/tilejson.json?pre=2019-07", 404, "nothing for pre=2019-07"),
        ("/products/dnbr/point/4,51?post=2023-07", 404, "ask for another window with pre="),
        ("/products/ndvi/legend.json?pre=2023-07", 400, "'ndvi' has no window 'pre'"),
        ("/products/ndvi-anomaly/times", 404, "at least 3 of 5 earlier years; there are: 2023-07"),
        ("/products/ndvi-anomaly/point/4,51", 404, "at least 3 of 5 earlier years; there are: 2023-07"),
    ],
)
async def test_what_cannot_be_compared_is_told(client, address, status, words):
    answer = await client.get(address)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


async def test_products_say_which_windows_they_have(client):
    listed = {each["id"]: each["windows"] for each in (await get(client, "/products"))["products"]}
    assert (listed["dnbr"], listed["ndvi"], listed["ndvi-anomaly"]) == (
        ["post", "pre"],
        [],
        ["post", "baseline"],
    )
    detail = await get(client, "/products/dnbr")
    assert detail["roles"]["pre"] == {
        "title": "Before",
        "before": "post",
        "years": 1,
        "minimum_years": None,
        "otherwise": "latest-before",
    }
    assert (detail["offset"], detail["plausible"]) == (0.0, [-0.5, 1.3])


async def test_times_tell_what_every_window_covers(settings, tmp_path):
    address = (tmp_path / "store").as_uri()
    async with await open_storage(address) as storage:
        half = {
            name: Raster(raster.values[:, : SIDE // 2], scale=raster.scale)
            for name, raster in bands(3000, 1000, 4).items()
        }
        await land(storage, tmp_path, "2023-07", half, **S2)
        await land(storage, tmp_path, "2024-07", bands(1000, 3000, 4), **S2)
    (west, north), (east, south) = lonlat(8, 8), lonlat(SIDE - 8, SIDE - 8)
    async with serving(settings.model_copy(update={"storage": address})) as client:
        of_both = await get(client, f"/products/dnbr/times?bbox={west},{south},{east},{north}")
    assert [(each["period"], each["scenes"]) for each in of_both["times"]] == [("2024-07", 2)]
    assert of_both["times"][0]["coverage"] == pytest.approx(0.5, abs=0.02)


async def test_a_new_scene_of_either_window_changes_the_tile(settings, tmp_path):
    address = (tmp_path / "store").as_uri()
    await land_world(address, tmp_path)
    app = create_app(settings.model_copy(update={"storage": address}))
    async with serving(settings, app) as client:
        x, y, z = WEB_MERCATOR.tile(*lonlat(128, 128), 12)
        tile = f"/tiles/dnbr/{z}/{x}/{y}.png"
        tags = [(await client.get(tile)).headers["etag"]]
        async with await open_storage(address) as storage:
            for month in ("2023-07", "2024-07"):
                await land(storage, tmp_path, month, bands(3000, 1000, 4), scene_id=f"new-{month}", **S2)
                await app.state.tilewatch.catalogue.refresh()
                tags.append((await client.get(tile)).headers["etag"])
        assert len(set(tags)) == 3
