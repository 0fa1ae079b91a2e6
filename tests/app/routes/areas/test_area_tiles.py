"""Areas as vector tiles, read by a decoder of the tests' own."""

import json
from typing import Any

import asyncpg
import httpx
import pytest

from app.areas.area_store import AreaSearch
from app.areas.area_tiles import LIGHT_CHANGES, AreaValues, Value, read_range, read_tile
from tests.app.areas.conftest import feature, square_at
from tests.app.routes.areas.vector_tiles import Feature, read_layers

KEEP = """
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    values ($1, 'ndvi', $2, to_timestamp($2, 'YYYY-MM'), $3::jsonb, 'x')
"""


async def register(client: httpx.AsyncClient, name: str, rings: Any, **own: Any) -> int:
    document = feature(rings, name=name, products=["ndvi"])
    document["properties"] |= own
    answer = await client.post("/areas", json=document)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def features(client: httpx.AsyncClient, address: str) -> dict[str, Feature]:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    return {f.properties["name"]: f for f in read_layers(answer.content).get("areas", [])}


@pytest.fixture
async def districts(client: httpx.AsyncClient, connection: asyncpg.Connection) -> list[int]:
    """Three areas: a tenth of a degree, a tenth of it, and one without a product; values of May and June."""
    ids = [
        await register(client, "Big", square_at(5.0, 51.0), kind="district"),
        await register(client, "Small", square_at(5.2, 51.0, 0.01)),
        await register(client, "Outline", square_at(5.3, 51.0), kind="district", products=[]),
    ]
    for area, values in ((ids[0], (1.0, 4.0)), (ids[1], (2.0, None))):
        for period, mean in zip(("2024-05", "2024-06"), values, strict=True):
            entry = {"status": "empty" if mean is None else "ok", "mean": mean, "sum": mean and mean * 10}
            await connection.execute(KEEP, area, period, json.dumps(entry))
    return ids


async def test_tiles_have_the_latest_value_of_each_area(
    client: httpx.AsyncClient, districts: list[int]
) -> None:
    tiles = "/areas/tiles/7/65/42.pbf?product=ndvi"
    found = await features(client, tiles)
    assert {name: (f.id, f.properties.get("value")) for name, f in found.items()} == {
        "Big": (districts[0], 4.0),
        "Small": (districts[1], None),
    }
    assert found["Big"].properties == {
        "name": "Big", "kind": "district", "value": 4.0, "status": "ok", "period": "2024-06",
    }  # fmt: skip
    # At zoom 7 a tile has 2.8125 degrees and begins at 2.8125 E: 5.0 to 5.1 are 3185.8 to 3331.4 of 4096.
    assert {x for x, _ in found["Big"].positions} == {3186, 3331}
    may = await features(client, f"{tiles}&period=2024-05&value=sum")
    assert {name: f.properties["value"] for name, f in may.items()} == {"Big": 10.0, "Small": 20.0}
    newest = await features(client, f"{tiles}&period=latest")
    assert {name: (f.properties["value"], f.properties["period"]) for name, f in newest.items()} == {
        "Big": (4.0, "2024-06"),
        "Small": (2.0, "2024-05"),
    }
    described = (await client.get("/areas/tiles.json?product=ndvi&period=latest")).json()
    assert [described[name] for name in ("low", "high", "valued", "period")] == [2.0, 4.0, 2, "latest"]
    assert "period=latest" in described["tiles"][0]
    changed = await client.get("/areas/tiles.json?product=ndvi&period=latest&change=true")
    assert changed.status_code == 400
    assert set(await features(client, f"{tiles}&kind=district")) == {"Big"}
    assert set(await features(client, "/areas/tiles/7/65/42.pbf")) == {"Big", "Small", "Outline"}
    assert await features(client, "/areas/tiles/7/0/0.pbf") == {}


async def test_what_is_too_small_for_the_zoom_is_left_out_and_counted(
    client: httpx.AsyncClient, districts: list[int]
) -> None:
    # Four units of zoom 0 are 0.35 degrees, of zoom 3 0.04 degrees.
    for tile, names, dropped in (
        ("0/0/0", set(), "2"),
        ("3/4/2", {"Big"}, "1"),
        ("7/65/42", {"Big", "Small"}, "0"),
    ):
        address = f"/areas/tiles/{tile}.pbf?product=ndvi"
        assert set(await features(client, address)) == names
        assert (await client.get(address)).headers["x-tilewatch-dropped"] == dropped


async def test_a_tile_is_revalidated_and_compressed(
    client: httpx.AsyncClient, connection: asyncpg.Connection, districts: list[int]
) -> None:
    for n in range(30):
        await register(client, f"Field {n:02}", square_at(4.0 + n / 50, 51.1, 0.02))
    address = "/areas/tiles/7/65/42.pbf?product=ndvi"
    first = await client.get(address, headers={"accept-encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "no-cache"
    known = {"if-none-match": first.headers["etag"]}
    assert (await client.get(address, headers=known)).status_code == 304
    await connection.execute("update area_statistics set entry = entry || '{\"mean\": 7}'")
    assert (await client.get(address, headers=known)).status_code == 200


async def test_a_change_is_the_value_minus_the_earlier_one(
    connection: asyncpg.Connection, districts: list[int]
) -> None:
    asked = AreaValues(AreaSearch(None, product="ndvi"), "ndvi", "2024-06", "2024-05", Value.MEAN)
    (layer,) = read_layers((await read_tile(connection, asked, 7, 65, 42)).content).values()
    assert {f.properties["name"]: f.properties.get("value") for f in layer} == {"Big": 3.0, "Small": None}


async def test_a_map_shows_what_is_newly_lit_and_what_has_dimmed(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    area = await register(client, "Delta", square_at(5.0, 51.0), products=["nightlights-change"])
    first = {
        "above": 0.5,
        "newly_lit_km2": 3.5,
        "dimmed_km2": 1.25,
        "newly_lit_share": 0.2,
        "dimmed_share": 0.1,
    }
    further = dict.fromkeys(first, 9.0)
    entry = {"status": "ok", "mean": 0.4, "lit_changes": [first, further]}
    text = KEEP.replace("'ndvi'", "'nightlights-change'")
    await connection.execute(text, area, "2024-06", json.dumps(entry))
    await connection.execute(text, area, "2024-05", json.dumps({"status": "ok", "mean": 0.3}))
    search = AreaSearch(None, product="nightlights-change")
    for value in LIGHT_CHANGES:
        for period, number in (("2024-06", first[value]), ("2024-05", None)):
            asked = AreaValues(search, "nightlights-change", period, None, value)
            ((found,),) = read_layers((await read_tile(connection, asked, 7, 65, 42)).content).values()
            assert found.properties.get("value") == number
    assert (await read_range(connection, asked)).valued == 0


async def test_areas_at_a_pole_are_drawn_up_to_the_square(client: httpx.AsyncClient) -> None:
    polar = [[[-90.0, 70.0], [90.0, 70.0], [90.0, 90.0], [-90.0, 90.0], [-90.0, 70.0]]]
    await register(client, "Polar", polar)
    found = await features(client, "/areas/tiles/0/0/0.pbf")
    # 70 degrees north lie at ln(tan(80 degrees)) / pi of the upper half.
    assert max(y for _, y in found["Polar"].positions) == pytest.approx(2048 * (1 - 1.73542 / 3.14159), abs=1)


async def test_tilejson_says_what_a_map_and_its_legend_need(
    client: httpx.AsyncClient, districts: list[int]
) -> None:
    found = (await client.get("/areas/tiles.json?product=ndvi&period=2024-05&kind=district")).json()
    assert found["tiles"] == [
        "http://127.0.0.1/areas/tiles/{z}/{x}/{y}.pbf?product=ndvi&period=2024-05&kind=district&value=mean"
    ]
    assert found["bounds"] == [5.0, 51.0, 5.1, 51.1]
    facts = {
        name: found[name] for name in ("low", "high", "areas", "valued", "unit", "period", "before", "value")
    }
    assert facts == {
        "low": 1.0, "high": 1.0, "areas": 1, "valued": 1, "unit": "1", "period": "2024-05", "before": None,
        "value": "mean",
    }  # fmt: skip
    (layer,) = found["vector_layers"]
    assert (layer["id"], set(layer["fields"])) == ("areas", {"name", "kind", "value", "status", "period"})
    outlines = (await client.get("/areas/tiles.json")).json()
    assert (outlines["areas"], outlines["low"], outlines["product"]) == (3, None, None)
    assert (await client.get("/areas/tiles.json?kind=none")).json()["bounds"] == [-180, -90, 180, 90]


async def test_what_makes_no_sense_is_refused(client: httpx.AsyncClient) -> None:
    for address, status, says in (
        ("/areas/tiles/1/2/0.pbf", 400, "from 0 to 1"),
        ("/areas/tiles/23/0/0.pbf", 422, "z"),
        ("/areas/tiles/1/0/0.pbf?product=ndvx", 404, "there are:"),
        ("/areas/tiles/1/0/0.pbf?product=ndvi&period=2025", 404, "its periods run"),
        ("/areas/tiles/1/0/0.pbf?product=ndvi&value=lit_share", 400, "no lit area"),
        ("/areas/tiles/1/0/0.pbf?product=ndvi&value=dimmed_km2", 400, "does not compare lights"),
        ("/areas/tiles/1/0/0.pbf?product=ndvi&change=true", 400, "one year before"),
        ("/areas/tiles/1/0/0.pbf?change=true", 400, "need a product"),
        ("/areas/tiles/1/0/0.pbf?product=ndvi&value=count", 422, "value"),
        ("/areas/tiles.json?z=1", 400, "there are: change, kind, period, product, value"),
    ):
        answer = await client.get(address)
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), (address, answer.text)
