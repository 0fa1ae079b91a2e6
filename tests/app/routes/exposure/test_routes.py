"""Routes over HTTP: registered, listed, changed, and what they were exposed to at every scan."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest
import pytest_asyncio

from app.settings import Settings
from mosaics.storage import open_storage
from tests.app.conftest import eventually, serving
from tests.app.exposure.scans import CELL, LEFT, TOP, land_scan

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAN = float("nan")
LAT = TOP - CELL / 2


def place(column: float) -> list[float]:
    """A place in the first row of cells."""
    return [LEFT + CELL * column, LAT]


def way(*columns: float, **properties: Any) -> dict[str, Any]:
    """A Feature to send, along the first row of cells."""
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [place(column) for column in columns]},
        "properties": {"name": "Way", "products": ["hcho"], **properties},
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """Three scans, and one application with a database that keeps series; a client and its database."""
    folder = tmp_path_factory.mktemp("routes")
    address = (folder / "store").as_uri()
    async with await open_storage(address) as storage:
        await land_scan(storage, folder, 17, [[2, 2, 2, 10]], cloud=[[0, 0, 0.4, 0]])
        await land_scan(storage, folder, 18, [[6, -6, NAN, NAN]])
        postgres.start()
        url = postgres.clone("tilewatch")
        with pytest.MonkeyPatch.context() as environment:
            environment.chdir(folder)
            settings = Settings(
                storage=address,
                database_url=url,
                render_threads=1,
                refresh_s=0.05,
                jobs_every_s=1,
                keyless_writes=True,
            )
            async with serving(settings) as client:
                client.base_url = httpx.URL("http://127.0.0.1")
                yield client, storage, folder, url


@pytest.fixture
def client(world: Any) -> httpx.AsyncClient:
    found: httpx.AsyncClient = world[0]
    return found


async def register(client: httpx.AsyncClient, document: Any, query: str = "", **how: Any) -> Any:
    answer = await client.post(f"/routes{query}", json=document, **how)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"].endswith(f"/routes/{answer.json()['id']}")
    return answer.json()


async def refused(client: httpx.AsyncClient, document: Any, query: str = "") -> str:
    answer = await client.post(f"/routes{query}", json=document)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["detail"])


async def exposure(client: httpx.AsyncClient, route: int, query: str = "") -> Any:
    answer = await client.get(f"/routes/{route}/exposure{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def kept(client: httpx.AsyncClient, route: int, query: str = "") -> Any:
    """The answer once all of it is kept."""
    found: dict[str, Any] = {}

    async def is_kept() -> bool:
        found.update(await exposure(client, route, query))
        return bool(found["series"]) and all(entry["kept"] for entry in found["series"])

    await eventually(is_kept, within_s=30)
    return found


async def test_a_route_is_returned_as_it_was_sent(client: httpx.AsyncClient) -> None:
    sent = way(0, 1, 3, owner="Ada", profile="bicycle", speed_km_h=18, street="Elm")
    made = await register(client, sent)
    assert made["geometry"] == sent["geometry"]
    told = made["properties"]
    assert told.items() >= sent["properties"].items()
    assert told["length_km"] == pytest.approx(0.06 * 111.32 * np.cos(np.radians(LAT)), rel=4e-3)
    assert told["duration_s"] == pytest.approx(told["length_km"] / 18 * 3600)
    assert told["geometry_source"] == "given"
    assert (await client.get(f"/routes/{made['id']}")).json() == made
    listed = (await client.get("/routes?owner=Ada&product=hcho&name=wa&bbox=-88,41,-86,43")).json()
    assert [each["id"] for each in listed["features"]] == [made["id"]]
    assert (await client.get("/routes?owner=Eve")).json()["features"] == []
    assert (await client.get("/routes?bbox=0,0,1,1")).json()["features"] == []
    assert (await client.delete(f"/routes/{made['id']}")).status_code == 204
    assert (await client.get(f"/routes/{made['id']}")).status_code == 404


async def test_pages_follow_each_other(client: httpx.AsyncClient) -> None:
    ids = [(await register(client, way(0, 1, 2, owner="Pages")))["id"] for _ in range(3)]
    first = (await client.get("/routes?owner=Pages&limit=2")).json()
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    second = (await client.get(following)).json()
    assert [each["id"] for each in [*first["features"], *second["features"]]] == ids


async def test_the_same_key_registers_once(client: httpx.AsyncClient) -> None:
    how: dict[str, Any] = {"headers": {"Idempotency-Key": "one"}}
    first = await register(client, way(0, 1, 2), **how)
    assert (await register(client, way(0, 1, 2), **how))["id"] == first["id"]
    other = await client.post("/routes", json=way(0, 1, 3), **how)
    assert other.status_code == 422


async def test_an_encoded_polyline_stands_for_a_geometry(client: httpx.AsyncClient) -> None:
    sent = {"type": "Feature", "polyline": "_p~iF~ps|U_ulLnnqC_mqNvxq`@", "properties": {"name": "G"}}
    made = await register(client, sent)
    assert made["geometry"]["coordinates"] == [[-120.2, 38.5], [-120.95, 40.7], [-126.453, 43.252]]
    finer = await register(client, {**sent, "precision": 6})
    assert finer["geometry"]["coordinates"][0] == pytest.approx([-12.02, 3.85])


async def test_a_straight_line_is_registered_as_one_only(client: httpx.AsyncClient) -> None:
    assert 'say geometry_source "straight-line"' in await refused(client, way(0, 3))
    made = await register(client, way(0, 3), "?geometry_source=straight-line")
    assert made["properties"]["geometry_source"] == "straight-line"
    assert (await exposure(client, made["id"]))["geometry_source"] == "straight-line"
    assert (await client.get(f"/routes/{made['id']}/profile")).json()["geometry_source"] == "straight-line"
    table = (await client.get(f"/routes/{made['id']}/exposure?f=csv")).text
    assert all(row["geometry_source"] == "straight-line" for row in csv.DictReader(io.StringIO(table)))
    said = await refused(client, way(0, 1, 3, geometry_source="straight-line"))
    assert "3 positions, not two" in said


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"type": "LineString"}, "must be a GeoJSON Feature"),
        ({"type": "Feature", "properties": {"name": "x"}}, "needs a geometry"),
        ({**way(0, 1, 2), "polyline": "??"}, "needs a geometry"),
        ({"type": "Feature", "polyline": 5, "properties": {"name": "x"}}, "polyline must be a string"),
        ({**way(0, 1, 2), "properties": {}}, "needs a name"),
        (way(0, 1, 2, name="\u0000"), "control character"),
        (way(0, 1, 2, products=["pm25"]), "pm25"),
        (way(0, 1, 2, products=["true-color"]), "picture of three bands"),
        (way(0, 1, 2, parameters={"cloud_max": 2}), "from 0 to 1"),
        (way(0, 1, 2, parameters={"wind": 2}), "there are: cloud_max, zenith_max"),
        (way(0, 1, 2, parameters=[]), "must be an object of numbers"),
        (way(0, 1, 2, departure="2024-07-03T17:30:00Z"), "a departure needs a speed"),
        (way(0, 1, 2, departure="noon", speed_km_h=5), "must be an RFC 3339 instant"),
        (way(0, 1, 2, speed_km_h=5, durations_s=[1, 2]), "not both"),
        (way(0, 1, 2, durations_s=[1]), "2 segments and 1 durations"),
        (way(0, 1, 2, durations_s="1"), "must be a list of seconds"),
        (way(0, 1, 2, speed_km_h=9e9), "must be from 0.1 to 1,200"),
        (way(0, 1, 2, speed_km_h=True), "must be a number"),
        (way(0, 1, 2, geometry_source="guess"), "must be one of given, straight-line"),
        (way(0, 1, 2, profile=5), "properties.profile must be a string"),
    ],
)
async def test_what_is_not_a_route_is_refused(client: httpx.AsyncClient, document: Any, said: str) -> None:
    assert said in await refused(client, document)


async def test_a_history_is_kept_after_every_scan(world: Any) -> None:
    client, storage, folder, url = world
    made = await register(client, way(0, 1, 4))
    found = await kept(client, made["id"])
    assert found["unit"] == "molecules cm-2"
    five, six = found["series"]
    assert (five["period"], six["period"]) == ("2024-07-03T17", "2024-07-03T18")
    assert five["mean"] == pytest.approx(4e15)
    assert five["max"] == five["p95"] == pytest.approx(1e16)
    assert five["scans"] == [
        {"id": "SYNTHETIC-S17", "start": "2024-07-03T17:00:00Z", "end": "2024-07-03T17:59:00Z"}
    ]
    assert five["parameters"] == {"cloud_max": 0.5, "zenith_max": 80}
    assert five["rules"][0] == "retrieval flagged suspect or bad"
    assert six["mean"] == pytest.approx(0, abs=1e9)  # 6 and -6: negative columns are kept
    assert (six["valid_share"], six["lacking"]) == (pytest.approx(0.5), {"nodata": pytest.approx(0.5)})
    await land_scan(storage, folder, 19, [[1, 1, 1, 1]])

    async def has_three() -> bool:
        series = (await exposure(client, made["id"]))["series"]
        return len(series) == 3 and all(entry["kept"] for entry in series)

    await eventually(has_three, within_s=30)
    latest = await exposure(client, made["id"], "?start=2024-07-03T19")
    assert [entry["mean"] for entry in latest["series"]] == [pytest.approx(1e15)]
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("select entry from route_exposures where route_id = $1", made["id"])
    await connection.close()
    assert len(rows) == 3


async def test_under_a_floor_of_coverage_there_are_no_numbers_but_the_reason(
    client: httpx.AsyncClient,
) -> None:
    made = await register(client, way(0, 1, 4))
    await kept(client, made["id"], "?end=2024-07-03T18")
    low = await exposure(client, made["id"], "?start=2024-07-03T18&end=2024-07-03T18&coverage_min=0.6")
    entry = low["series"][0]
    assert (entry["mean"], entry["max"], entry["p95"], entry["status"]) == (None, None, None, "low_coverage")
    assert entry["reason"] == (
        "Only 50 % of the length has a value, less than coverage_min=0.6: "
        "50 % of the length lies without data."
    )
    assert entry["valid_share"] == pytest.approx(0.5)
    for wrong in ("-0.1", "1.1", "x"):
        answer = await client.get(f"/routes/{made['id']}/exposure?coverage_min={wrong}")
        assert answer.status_code == 422


async def test_the_rules_of_a_route_are_its_own_parameters(client: httpx.AsyncClient) -> None:
    made = await register(client, way(0, 1, 4))
    before = (await kept(client, made["id"], "?end=2024-07-03T17"))["series"][0]
    change = {"properties": {"parameters": {"cloud_max": 0.3}, "profile": "car"}}
    changed = await client.patch(f"/routes/{made['id']}", json=change)
    assert changed.json()["properties"].items() >= change["properties"].items()
    after = (await kept(client, made["id"], "?end=2024-07-03T17"))["series"][0]
    assert after["inputs"] != before["inputs"]
    assert after["parameters"] == {"cloud_max": 0.3, "zenith_max": 80}
    assert after["rules"][1] == "cloud_fraction above 0.3"
    assert after["lacking"] == {"masked": pytest.approx(0.25)}
    assert after["mean"] == pytest.approx((2 + 2 + 10) / 3 * 1e15)


async def test_a_request_may_have_parameters_of_its_own(client: httpx.AsyncClient) -> None:
    """The route's own 0.3 leaves out the cell of cloud 0.4; a request may take it in."""
    made = await register(client, way(0, 1, 4, parameters={"cloud_max": 0.3}))
    own = (await kept(client, made["id"], "?end=2024-07-03T17"))["series"][0]
    asked = await exposure(client, made["id"], "?end=2024-07-03T17&cloud_max=0.45&zenith_max=70")
    (entry,) = asked["series"]
    assert (asked["kept"], asked["computed"], entry["kept"]) == (0, 1, False)
    assert entry["parameters"] == {"cloud_max": 0.45, "zenith_max": 70}
    assert (entry["valid_share"], entry["mean"]) == (pytest.approx(1), pytest.approx(4e15))
    same = await exposure(client, made["id"], "?end=2024-07-03T17&cloud_max=0.3")
    assert same["series"] == [own]  # as it is kept
    address = f"/routes/{made['id']}/profile?datetime=2024-07-03T17"
    for query, states in (("", "ok ok masked ok"), ("&cloud_max=0.4", "ok ok ok ok")):
        pieces = (await client.get(f"{address}{query}")).json()
        assert [each["state"] for each in pieces["segments"]] == states.split()
    for query, said in (
        ("cloud_max=1.5", "give a number from 0 to 1"),
        ("observations_min=3", "product 'hcho' has no parameter 'observations_min'; there are: cloud_max"),
        ("cloud=0.3", "'cloud' is not a query parameter of this address"),
        ("cloud_max=0.3&cloud_max=0.4", "given more than once"),
    ):
        answer = await client.get(f"/routes/{made['id']}/exposure?{query}")
        assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.text


async def test_a_request_of_a_trip_may_have_parameters_of_its_own(client: httpx.AsyncClient) -> None:
    made = await register(client, way(0, 1, 4, departure="2024-07-03T17:10:00Z", speed_km_h=100))
    for cloud_max, share in ((0.5, 1), (0.3, 0.75)):
        (entry,) = (await exposure(client, made["id"], f"?cloud_max={cloud_max}"))["series"]
        assert (entry["parameters"]["cloud_max"], entry["valid_share"]) == (cloud_max, pytest.approx(share))


async def test_a_patch_changes_what_it_names(client: httpx.AsyncClient) -> None:
    made = await register(client, way(0, 1, 4, street="Elm", owner="Bo"))
    moved = {"geometry": way(0, 2, 3)["geometry"], "properties": {"street": None, "owner": None}}
    changed = (await client.patch(f"/routes/{made['id']}", json=moved)).json()
    assert changed["geometry"] == moved["geometry"]
    assert "street" not in changed["properties"]
    assert changed["properties"]["owner"] is None
    for wrong in ({"properties": {"name": None}}, {"geometry": None}, {"properties": {"durations_s": [1]}}):
        assert (await client.patch(f"/routes/{made['id']}", json=wrong)).status_code == 400
    assert (await client.patch("/routes/999999", json={"properties": {}})).status_code == 404


async def test_a_profile_has_every_piece(client: httpx.AsyncClient) -> None:
    made = await register(client, way(0.5, 1.5, 3.5))
    found = (await client.get(f"/routes/{made['id']}/profile?datetime=2024-07-03T18")).json()
    segments = found["segments"]
    assert [each["value"] for each in segments] == [6e15, -6e15, -6e15, None, None]
    assert [each["state"] for each in segments] == ["ok", "ok", "ok", "nodata", "nodata"]
    assert [each["segment"] for each in segments] == [0, 0, 1, 1, 1]
    assert segments[0]["start_m"] == 0
    assert segments[-1]["start_m"] + segments[-1]["length_m"] == pytest.approx(found["length_km"] * 1000)
    assert segments[1]["lon"] == pytest.approx(LEFT + CELL * 1.25)
    table = (await client.get(f"/routes/{made['id']}/profile?datetime=2024-07-03T18&f=csv")).text
    assert [row["value"] for row in csv.DictReader(io.StringIO(table))][:2] == [
        "6000000000000000.0",
        "-6000000000000000.0",
    ]


async def test_a_trip_takes_the_scan_of_each_moment(world: Any) -> None:
    client = world[0]
    trip = way(0, 1, 2, 3, departure="2024-07-03T17:30:00Z", durations_s=[1200, 1200, 3600])
    made = await register(client, trip)
    found = await kept(client, made["id"])
    assert found["is_trip"]
    (entry,) = found["series"]
    # 17:40 in the first scan, 18:00 in the second, 18:40 in the second, which has no value there
    assert entry["mean"] == pytest.approx((2 - 6) / 2 * 1e15)
    assert entry["valid_share"] == pytest.approx(2 / 3)
    assert entry["time"]["valid_share"] == pytest.approx(0.4)
    assert (entry["time"]["mean"], entry["duration_s"]) == (None, 6000)
    assert {scan["id"] for scan in entry["scans"]} == {"SYNTHETIC-S17", "SYNTHETIC-S18"}
    profile = (await client.get(f"/routes/{made['id']}/profile")).json()
    assert [each["moment"] for each in profile["segments"]] == [
        "2024-07-03T17:40:00Z",
        "2024-07-03T18:00:00Z",
        "2024-07-03T18:40:00Z",
    ]
    assert (await client.get(f"/routes/{made['id']}/profile?datetime=2024-07-03T17")).status_code == 400
    night = await client.patch(
        f"/routes/{made['id']}", json={"properties": {"departure": "2024-07-04T03:00:00Z"}}
    )
    assert night.status_code == 200
    (entry,) = (await exposure(client, made["id"]))["series"]
    assert (entry["status"], entry["mean"], entry["lacking"]) == (
        "empty",
        None,
        {"no_scan": pytest.approx(1)},
    )
    assert entry["reason"] == "100 % of the length lies at moments outside every scan."


async def test_a_table_has_the_numbers_of_the_answer(client: httpx.AsyncClient) -> None:
    made = await register(client, way(0, 1, 4, durations_s=[60, 180]))
    found = await kept(client, made["id"])
    answer = await client.get(f"/routes/{made['id']}/exposure?f=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [float(row["mean"]) for row in rows[:2]] == [entry["mean"] for entry in found["series"][:2]]
    assert rows[0]["scans"] == "SYNTHETIC-S17"
    assert json.loads(rows[0]["parameters"]) == {"cloud_max": 0.5, "zenith_max": 80}
    assert float(rows[0]["time_mean"]) == pytest.approx(found["series"][0]["time"]["mean"])


async def test_names_that_do_not_exist_are_told(client: httpx.AsyncClient) -> None:
    made = await register(client, way(0, 1, 2, products=[]))
    assert "no product" in (await client.get(f"/routes/{made['id']}/exposure")).json()["detail"]
    assert (await client.get("/routes/999999/exposure?product=hcho")).status_code == 404
    assert (await client.get("/routes/999999/profile?product=hcho")).status_code == 404
    assert (await client.get(f"/routes/{made['id']}/exposure?product=true-color")).status_code == 400
    not_kept = await exposure(client, made["id"], "?product=hcho&end=2024-07-03T17")
    assert [entry["kept"] for entry in not_kept["series"]] == [False]


async def test_an_unregistered_line_has_the_profile_of_a_route(client: httpx.AsyncClient) -> None:
    sent = way(0.5, 1.5, 3.5)
    made = await register(client, sent)
    asked = "profile?datetime=2024-07-03T18"
    expected = (await client.get(f"/routes/{made['id']}/{asked}")).json() | {"route": None, "name": None}
    for body in (sent, sent["geometry"]):
        assert (await client.post(f"/products/hcho/{asked}", json=body)).json() == expected
    table = await client.post(f"/products/hcho/{asked}&f=csv", json=sent)
    assert table.text == (await client.get(f"/routes/{made['id']}/{asked}&f=csv")).text
    # the cloudy cell counts where the request allows for it
    clouds = await client.post("/products/hcho/profile?datetime=2024-07-03T17&cloud_max=0.3", json=sent)
    assert [each["state"] for each in clouds.json()["segments"]] == ["ok", "ok", "ok", "masked", "ok"]
    between = {"type": "LineString", "coordinates": [place(0), place(3)]}
    refusal = await client.post("/products/hcho/profile", json=between)
    assert (refusal.status_code, "straight-line" in refusal.json()["detail"]) == (400, True)
    told = await client.post("/products/hcho/profile?geometry_source=straight-line", json=between)
    assert told.json()["geometry_source"] == "straight-line"
    for wrong in ({}, {"polyline": 5}, {"geometry": {"type": "Point", "coordinates": [5, 51]}}):
        assert (await client.post("/products/hcho/profile", json=wrong)).status_code == 400
