"""POST /products/{product}/statistics over the small world: what it answers, and what it refuses."""

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.app.conftest import eventually, serving
from tests.app.landed import land_two_months, lonlat
from tests.services.ceph import CephGateway

PATH = "/products/ndvi/statistics"
NDJSON = {"Accept": "application/x-ndjson"}
BOTH = "2024-05/2024-06"


def field(left: float = 32, upper: float = 96, right: float = 96, lower: float = 160) -> dict[str, Any]:
    """A polygon given by pixels of the scene; by default within the clear western half, where NDVI is 0.5."""
    corners = [lonlat(x, y) for x, y in ((left, upper), (right, upper), (right, lower), (left, lower))]
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def feature(geometry: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": None, **more}


async def post(client: httpx.AsyncClient, document: Any, path: str = PATH, **headers: str) -> httpx.Response:
    return await client.post(path, json=document, headers=headers)


async def test_a_feature_comes_back_with_the_series_of_every_period(client: httpx.AsyncClient) -> None:
    sent = feature(field(), id="north", properties={"crop": "maize", "series": "old"}, colour="red")
    answer = await post(client, sent, f"{PATH}?datetime={BOTH}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["cache-control"] == "no-store"
    got = answer.json()
    series = got["properties"].pop("series")
    assert got == json.loads(json.dumps(sent | {"properties": {"crop": "maize"}}))
    assert [entry["period"] for entry in series] == ["2024-05", "2024-06"]
    for entry in series:
        # red 0.1, nir 0.3: (0.3 - 0.1) / (0.3 + 0.1); 64 by 64 pixels of 10 m
        assert entry["mean"] == pytest.approx(0.5, abs=1e-6)
        assert entry["status"] == "ok"
        assert entry["count"] == pytest.approx(4096, rel=1e-3)
        assert entry["area_km2"] == pytest.approx(0.4096, rel=1e-3)
        assert entry["percentiles"] == pytest.approx({"p2": 0.5, "p98": 0.5}, abs=1e-6)
        assert entry["cell_size_m"] == 10


async def test_an_invalid_polygon_is_repaired_where_that_is_asked_and_the_answer_says_so(
    client: httpx.AsyncClient,
) -> None:
    """A bow tie over two quarters of 64 by 64 pixels of 10 m, all of NDVI 0.5."""
    corners = [lonlat(x, y) for x, y in ((32, 96), (96, 160), (96, 96), (32, 160), (32, 96))]
    sent = feature({"type": "Polygon", "coordinates": [corners]}, id="tie")
    refused = await post(client, sent, f"{PATH}?datetime=2024-05")
    assert refused.status_code == 400
    assert refused.json()["detail"].endswith("; repair=true makes it valid and says what that changed")
    got = (await post(client, sent, f"{PATH}?datetime=2024-05&repair=true")).json()
    (entry,) = got["properties"]["series"]
    assert (entry["mean"], entry["area_km2"]) == pytest.approx((0.5, 0.2048), rel=1e-3)
    assert len(got["geometry"]["coordinates"]) == got["repair"]["parts"]["after"] == 2
    assert "Self-intersection" in got["repair"]["reason"]
    assert got["repair"]["area_km2"]["after"] == pytest.approx(0.2048, rel=1e-3)
    again = (await post(client, got, f"{PATH}?datetime=2024-05&repair=true")).json()
    assert "repair" not in again
    both = {"type": "FeatureCollection", "features": [feature(field()), sent]}
    streamed = await post(client, both, f"{PATH}?datetime=2024-05&repair=true", **NDJSON)
    lines = {line["feature"]: line for line in map(json.loads, streamed.text.splitlines())}
    assert ("repair" in lines[0], lines["tie"]["repair"]) == (False, got["repair"])


async def test_a_collection_and_a_bare_geometry_are_answered_likewise(client: httpx.AsyncClient) -> None:
    east = field(160, 96, 224, 160)
    collection = {
        "type": "FeatureCollection",
        "name": "fields",
        "features": [feature(field(), id=7), feature(east)],
    }
    both = (await post(client, collection, f"{PATH}?datetime=2024-06")).json()
    bare = (await post(client, east, f"{PATH}?datetime=2024-06")).json()
    assert (both["type"], both["name"]) == ("FeatureCollection", "fields")
    assert [f.get("id") for f in both["features"]] == [7, None]
    west_entry, east_entry = (f["properties"]["series"][0] for f in both["features"])
    assert west_entry["mean"] == pytest.approx(0.5, abs=1e-6)
    assert east_entry["mean"] == pytest.approx(0.0, abs=1e-6)
    assert (bare["type"], bare["geometry"]) == ("Feature", json.loads(json.dumps(east)))
    assert bare["properties"]["series"] == [east_entry]


async def test_lines_stream_one_entry_each_with_the_id_of_its_feature(client: httpx.AsyncClient) -> None:
    collection = {"type": "FeatureCollection", "features": [feature(field(), id="a\n"), feature(field())]}
    answer = await post(client, collection, f"{PATH}?datetime={BOTH}", **NDJSON)
    whole = (await post(client, collection, f"{PATH}?datetime={BOTH}")).json()
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.pop("feature") for line in lines] == ["a\n", "a\n", 1, 1]
    assert lines == [entry for f in whole["features"] for entry in f["properties"]["series"]]


async def test_steps_percentiles_and_histograms_are_chosen(client: httpx.AsyncClient) -> None:
    across = field(96, 96, 160, 160)  # one half 0.5, the other 0
    query = "datetime=2024&step=year&percentiles=10,75.5&histogram_bins=2&histogram_range=-0.25,0.75"
    (entry,) = (await post(client, across, f"{PATH}?{query}")).json()["properties"]["series"]
    assert entry["period"] == "2024"
    # Of two values with an area each, quantiles as of exactextract run straight from one to the other.
    assert entry["percentiles"] == pytest.approx({"p10": 0.05, "p75.5": 0.3775}, abs=1e-6)
    edges = [(b["from"], b["to"]) for b in entry["histogram"]]
    assert edges == [(-0.25, 0.25), (0.25, 0.75)]
    assert [b["area_km2"] for b in entry["histogram"]] == pytest.approx([0.2048, 0.2048], rel=1e-2)


async def test_absence_is_an_entry_with_a_reason(client: httpx.AsyncClient) -> None:
    far = field(3000, 3000, 3100, 3100)
    half_cloud = field(32, 32, 96, 96)
    query = f"{PATH}?datetime=2024-04/2024-05"
    gap, outside = (await post(client, far, query)).json()["properties"]["series"]
    _, partial = (await post(client, half_cloud, query)).json()["properties"]["series"]
    assert (gap["status"], outside["status"], partial["status"]) == ("empty", "empty", "partial")
    assert gap["mean"] is None
    assert outside["reason"] == "No scene covers the area at this time."
    assert partial["valid_fraction"] == pytest.approx(0.5, abs=0.01)
    assert "masked" in partial["reason"]


def ring(vertices: int) -> dict[str, Any]:
    """A polygon of many vertices within the clear western half."""
    points: list[Sequence[float]] = [
        lonlat(64 + 30 * math.cos(turn), 128 + 30 * math.sin(turn))
        for turn in (2 * math.pi * n / (vertices - 1) for n in range(vertices - 1))
    ]
    return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


async def test_polygons_of_many_vertices_are_counted(client: httpx.AsyncClient) -> None:
    for vertices in (200, 20_000):
        (entry,) = (await post(client, ring(vertices))).json()["properties"]["series"]
        assert entry["mean"] == pytest.approx(0.5, abs=1e-6)
        assert entry["count"] == pytest.approx(math.pi * 30**2, rel=2e-3)


async def test_a_hundred_thousand_vertices_are_counted(client: httpx.AsyncClient) -> None:
    west, north = lonlat(32, 96)
    east, south = lonlat(96, 160)
    top = [(west + (east - west) * n / 99_997, north) for n in range(99_997)]
    outline = [*top, (east, south), (west, south), top[0]]
    (entry,) = (await post(client, {"type": "Polygon", "coordinates": [outline]})).json()["properties"][
        "series"
    ]
    assert entry["mean"] == pytest.approx(0.5, abs=1e-6)


async def test_heights_are_dropped(client: httpx.AsyncClient) -> None:
    flat = field()
    high = {"type": "Polygon", "coordinates": [[[x, y, 42.0] for x, y in flat["coordinates"][0]]]}
    entries = [(await post(client, g)).json()["properties"]["series"][0] for g in (flat, high)]
    assert entries[0] == entries[1]


def several(features: list[Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


BOW_TIE = {"type": "Polygon", "coordinates": [[[5, 51], [6, 52], [6, 51], [5, 52], [5, 51]]]}
EMPTY = {"type": "Polygon", "coordinates": []}
POINT = {"type": "Point", "coordinates": [5, 51]}
HUGE = {"type": "Polygon", "coordinates": [[[10**400, 51], [6, 52], [6, 51], [10**400, 51]]]}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (BOW_TIE, "is not valid: Self-intersection[5.5 51.5]"),
        (feature(EMPTY), "the geometry is empty"),
        (feature(POINT), "statistics need a Polygon or a MultiPolygon, not Point"),
        (POINT, "send a GeoJSON Feature or FeatureCollection"),
        (HUGE, "not rings of positions"),
        ({"type": "Feature", "geometry": None, "properties": {}}, "statistics need a Polygon"),
        (feature(field(), properties=[1]), "properties must be an object"),
        ({"type": "FeatureCollection"}, "the features of a FeatureCollection must be a list"),
        (several([feature(field()), 3]), "feature 1: a feature must be an object"),
        (several([feature(field()), feature(BOW_TIE)]), "feature 1: the Polygon is not valid"),
        (several([feature(POINT)] * 10_000), "at most 1,000 features, not 10,000"),
        ([1], "not a JSON object"),
    ],
)  # fmt: skip
async def test_what_cannot_be_counted_is_refused_with_its_place(
    client: httpx.AsyncClient, document: Any, says: str
) -> None:
    answer = await post(client, document)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


async def test_coordinates_that_are_no_numbers_are_refused(client: httpx.AsyncClient) -> None:
    coordinates = '{"type":"Polygon","coordinates":[[[5,51],[6,51],[NaN,52],[5,51]]]}'
    properties = json.dumps(feature(field(), properties={"yield": math.nan}))
    for body, says in ((coordinates, "position 2 of the geometry"), (properties, "not finite")):
        answer = await client.post(PATH, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert says in answer.json()["detail"]


async def test_a_body_of_fifty_megabytes_is_refused_without_being_read(client: httpx.AsyncClient) -> None:
    sent = 0

    async def body() -> Any:
        nonlocal sent
        for _ in range(50):
            sent += 1
            yield b" " * 2**20

    answer = await client.post(PATH, content=body(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "larger than 16777216 bytes" in answer.json()["detail"]
    assert sent < 20


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("datetime=whenever", 400, "names no time"),
        ("datetime=2024-06/2024-05", 400, "the interval ends"),
        ("step=hour", 400, "steps of a hour are too fine"),
        ("step=week", 422, "step"),
        ("percentiles=2,101", 400, "percentiles must be between 0 and 100, not 101"),
        ("percentiles=nan", 400, "percentiles must be numbers"),
        ("histogram_bins=1001", 400, "1 to 1000 bins, not 1001"),
        ("histogram_range=1,0", 400, "from a low value to a high one"),
        ("histogram_range=1", 400, "histogram_range must be two numbers, low,high"),
        ("datetime=1000/2024&step=month", 400, "at most 3,650 entries"),
        (
            "bins=4",
            400,
            "'bins' is not a query parameter of this address; there are: datetime, histogram_bins",
        ),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, query: str, status: int, says: str
) -> None:
    answer = await post(client, field(), f"{PATH}?{query}")
    assert answer.status_code == status
    assert says in answer.json()["detail"]


async def test_the_number_of_entries_is_bounded_and_streaming_allows_more(client: httpx.AsyncClient) -> None:
    collection = {"type": "FeatureCollection", "features": [feature(POINT_SIZED)] * 17}
    years = f"{PATH}?datetime=2000/2024"
    answer = await post(client, collection, years)
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert "17 features with 300 periods each are 5,100 entries; an answer may have at most 5,000" in detail
    assert "application/x-ndjson gives up to 100,000" in detail
    lines = (await post(client, collection, years, **NDJSON)).text.splitlines()
    assert len(lines) == 5100


POINT_SIZED = field(3000, 3000, 3001, 3001)


async def test_pictures_and_what_has_not_landed_have_no_statistics(client: httpx.AsyncClient) -> None:
    picture = await post(client, field(), "/products/true-color/statistics")
    unknown = await post(client, field(), "/products/ndvx/statistics")
    absent = await post(client, field(), "/products/no2/statistics")
    assert (picture.status_code, unknown.status_code, absent.status_code) == (400, 404, 404)
    assert "statistics need one value a pixel" in picture.json()["detail"]
    assert "there are:" in unknown.json()["detail"]
    assert absent.json()["detail"] == "nothing has landed for 'no2' yet"


OUTLINE = [[5, 51.3], [5.3, 51.3], [5.3, 0.5], [100, 0.5], [100, 0], [5, 0], [5, 51.3]]
BEYOND = {"type": "Polygon", "coordinates": [OUTLINE]}
"""Reaches a quarter around the equator from the scene, where its projection has no place."""


async def test_an_error_on_the_way_is_the_last_line_and_no_answer_in_one_piece(
    client: httpx.AsyncClient,
) -> None:
    collection = several([feature(field()), feature(BEYOND), feature(field())])
    path = f"{PATH}?datetime=2024-06"
    lines = [json.loads(line) for line in (await post(client, collection, path, **NDJSON)).text.splitlines()]
    whole = await post(client, collection, path)
    alone = await post(client, BEYOND, path, **NDJSON)
    assert [line.get("feature") for line in lines] == [0, None]
    assert (lines[1]["status"], "request a smaller one" in lines[1]["detail"]) == (400, True)
    assert (whole.status_code, alone.status_code) == (400, 400)
    assert whole.json()["detail"] == alone.json()["detail"] == lines[1]["detail"]


async def test_tiles_are_served_while_long_statistics_are_counted(client: httpx.AsyncClient) -> None:
    squares = [feature(field(x, y, x + 8, y + 8)) for x in range(8, 240, 8) for y in range(72, 216, 16)]
    counting = asyncio.create_task(post(client, several(squares), f"{PATH}?datetime={BOTH}", **NDJSON))
    await asyncio.sleep(0.1)
    tiles = [
        await client.get(f"/tiles/{product}/14/8430/5463.png?datetime={month}")
        for product in ("ndvi", "true-color")
        for month in ("2024-05", "2024-06")
    ]
    assert not counting.done()
    assert {tile.status_code for tile in tiles} == {200}
    assert len((await counting).text.splitlines()) == 2 * len(squares)


async def test_while_storage_is_away_statistics_ask_to_come_again(
    settings: Settings, s3: CephGateway, s3_address: str, tmp_path: Path
) -> None:
    await land_two_months(s3_address, tmp_path)
    async with serving(settings.model_copy(update={"storage": s3_address})) as client:
        s3.stop()
        refused = [await post(client, field()), await post(client, field(), **NDJSON)]
        s3.start()

        async def recovers() -> bool:
            return (await post(client, field())).status_code == 200

        await eventually(recovers, within_s=60)
    for answer in refused:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "object storage does not answer" in answer.json()["detail"]
