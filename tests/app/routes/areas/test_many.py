"""Many areas at once: GET /areas/timeseries and POST /areas/statistics."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arro3.io import read_parquet

from app.settings import Settings
from tests.app.conftest import eventually, serving
from tests.app.tasks.conftest import square

LOCAL = "http://127.0.0.1"
FAR = square(-4000, -4000)
"""Where no scene lies."""


async def register(client: httpx.AsyncClient, name: str, geometry: Any, *products: str, **own: Any) -> int:
    properties = {"name": name, "products": list(products), "kind": "district"} | own
    answer = await client.post(
        "/areas", json={"type": "Feature", "geometry": geometry, "properties": properties}
    )
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def districts(client: httpx.AsyncClient) -> list[int]:
    return [
        await register(client, "West", square(20, 100), "ndvi", crop="barley"),
        await register(client, 'Åst, "the" other', square(180, 100), "ndvi"),
        await register(client, "Far", FAR, "ndvi"),
    ]


async def table(client: httpx.AsyncClient, path: str) -> list[dict[str, str]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.fixture
def choices(settings: Settings, two_months: str, database_url: str) -> Settings:
    facts = {"storage": two_months, "database_url": database_url, "jobs_every_s": 0.5}
    return settings.model_copy(update=facts)


@pytest.fixture
async def idle(choices: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(choices.model_copy(update={"jobs": False})) as client:
        client.base_url = httpx.URL(LOCAL)
        yield client


async def test_the_series_of_all_are_those_of_each(choices: Settings) -> None:
    async with serving(choices) as client:
        client.base_url = httpx.URL(LOCAL)
        ids = await districts(client)
        await register(client, "Field", square(30, 100), "ndvi", kind="field")
        await register(client, "Unkept", square(30, 100))
        path = "/areas/timeseries?product=ndvi&kind=district"

        async def is_kept() -> bool:
            found = (await client.get("/areas/timeseries?product=ndvi")).json()
            return bool(found["unfilled"] == 0)

        await eventually(is_kept, within_s=60)
        answer = await client.get(f"{path}&f=csv")
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert answer.headers["content-type"].startswith("text/csv")
        assert {n: answer.headers[f"x-tilewatch-{n}"] for n in ("unfilled", "changed")} == {
            "unfilled": "0",
            "changed": "0",
        }
        each = [
            {"area": str(area), "name": name} | row | {"current": "true"}
            for area, name in zip(ids, ("West", 'Åst, "the" other', "Far"), strict=True)
            for row in await table(client, f"/areas/{area}/timeseries?f=csv")
        ]
        assert rows == each
        assert list(rows[0]) == list(each[0])
        assert [row["status"] for row in rows] == ["ok"] * 4 + ["empty"] * 2
        assert [row["mean"][:3] for row in rows] == ["0.5", "0.5", "0.0", "0.0", "", ""]

        document = (await client.get(path)).json()
        facts = {
            name: document[name] for name in ("product", "unit", "areas", "periods", "unfilled", "changed")
        }
        assert facts == {
            "product": "ndvi",
            "unit": "1",
            "areas": 3,
            "periods": 2,
            "unfilled": 0,
            "changed": [],
        }
        one = (await client.get(f"/areas/{ids[0]}/timeseries")).json()["series"]
        about = {"area": ids[0], "name": "West", "current": True}
        assert document["series"][:2] == [about | entry for entry in one]

        parquet = await client.get(f"{path}&f=parquet")
        assert parquet.headers["content-type"] == "application/vnd.apache.parquet"
        read = read_parquet(io.BytesIO(parquet.content)).read_all()
        columns = {name: read.column(name).to_pylist() for name in read.schema.names}
        assert list(columns) == list(rows[0])
        assert columns["area"] == [int(row["area"]) for row in rows]
        assert columns["mean"] == [float(row["mean"]) if row["mean"] else None for row in rows]
        assert columns["kept"] == [True] * 6
        assert columns["scenes"] == [row["scenes"] for row in rows]

        assert [r["period"] for r in await table(client, f"{path}&f=csv&start=2024-06&name=west")] == [
            "2024-06"
        ]
        barley = await table(client, path + '&f=csv&properties={"crop":"barley"}')
        assert [r["area"] for r in barley] == [str(ids[0])] * 2
        assert (await client.get(f"{path}&start=2030")).json()["series"] == []
        head = await client.head(f"{path}&f=csv")
        assert (head.status_code, head.headers["x-tilewatch-unfilled"]) == (200, "0")

        kept = await client.post("/areas/statistics?product=ndvi&datetime=2024-05", json={"ids": ids[:2]})
        assert kept.json()["series"] == [document["series"][0], document["series"][2]]


async def test_what_is_not_kept_is_pending_in_series_and_computed_in_statistics(
    idle: httpx.AsyncClient,
) -> None:
    ids = await districts(idle)
    unkept = await register(idle, "Unkept", square(30, 100), kind="field")
    rows = await table(idle, "/areas/timeseries?product=ndvi&f=csv")
    assert [(r["area"], r["period"], r["status"], r["kept"], r["current"], r["mean"]) for r in rows] == [
        (str(area), period, "pending", "false", "false", "")
        for area in ids
        for period in ("2024-05", "2024-06")
    ]
    found = await idle.post("/areas/statistics?product=ndvi", json={})
    series = found.json()["series"]
    assert [entry["area"] for entry in series] == [*ids, unkept]
    assert {entry["kept"] for entry in series} == {False}
    assert {entry["period"] for entry in series} == {"2024-06"}
    assert [entry["status"] for entry in series] == ["ok", "ok", "empty", "ok"]
    assert [entry["mean"] for entry in series] == [
        pytest.approx(0.5),
        pytest.approx(0.0),
        None,
        pytest.approx(0.5),
    ]
    box = [5.0, 51.0, 5.01, 51.01]
    for body, expected in (
        ({"kind": "field"}, [unkept]),
        ({"properties": {"crop": "barley"}}, ids[:1]),
        ({"bbox": box}, []),
    ):
        answer = await idle.post("/areas/statistics?product=ndvi&f=csv", json=body)
        got = [int(row["area"]) for row in csv.DictReader(io.StringIO(answer.text, newline=""))]
        assert got == expected, body


async def test_what_makes_no_sense_is_refused(idle: httpx.AsyncClient) -> None:
    await districts(idle)
    series = {
        "": (422, "product"),
        "product=ndvx": (404, "there are:"),
        "product=true-color": (400, "statistics need one value"),
        "product=ndvi&f=xml": (422, "parquet"),
        "product=ndvi&start=2024-06&end=2024-05": (400, "the interval ends"),
        "product=ndvi&bbox=1,2,3": (400, "bbox"),
        "product=ndvi&properties=[]": (400, "properties is not a JSON object"),
        "product=ndvi&properties={": (400, "properties is not valid JSON"),
        "product=ndvi&area=3": (400, "there are: bbox, end, f, kind, name, product, properties, start"),
    }
    for query, (status, says) in series.items():
        answer = await idle.get(f"/areas/timeseries?{query}")
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text
    statistics: list[tuple[str, Any, int, str]] = [
        ("product=ndvi&datetime=2024", {}, 400, "selects 2 periods"),
        ("product=ndvi&datetime=2025", {}, 404, "its periods run from 2024-05 to 2024-06"),
        ("product=no2", {}, 404, "nothing has landed"),
        ("product=ndvi", {"ids": [999_999]}, 404, "no area 999999"),
        ("product=ndvi", {"ids": ["1"]}, 400, "ids.0 is not valid"),
        ("product=ndvi", {"polygon": 1}, 400, "there are: bbox, ids, kind, name, properties"),
        ("product=ndvi", {"bbox": [1, 2]}, 400, "bbox"),
        ("product=ndvi&lit_above=1", {}, 400, "no lit area"),
    ]
    for query, body, status, says in statistics:
        answer = await idle.post(
            f"/areas/statistics?{query}",
            content=json.dumps(body),
            headers={"content-type": "application/json"},
        )
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text
