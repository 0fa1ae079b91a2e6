"""POST /analyze/scene and /analyze/parcels: what is accepted, and what comes of it in a process."""

import json

import asyncpg
import httpx
import pytest

from app.settings import Settings
from tests.app.areas.conftest import LOCAL, feature, square_at
from tests.app.conftest import eventually, serving

MOL = [5.22, 51.28, 5.27, 51.31]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"aoi": MOL, "product": "ndvi"}, 400, "no usual threshold"),
        ({"aoi": MOL, "product": "ndvi", "low": 1, "high": 0}, 422, "not below high"),
        ({"aoi": MOL, "product": "ndvi", "low": 1, "beyond": 2}, 422, "beyond stands for low and high"),
        ({"product": "ndvi", "low": 0}, 422, "give aoi or area"),
        ({"area": 99, "product": "ndvi", "low": 0}, 404, "no area 99"),
        ({"aoi": MOL, "product": "true-color", "low": 0}, 400, "picture"),
        ({"aoi": MOL, "product": "ndvi", "low": 0, "toi": "2020-01"}, 400, "0 periods"),
        ({"aoi": MOL, "model": "cocoa"}, 501, "TILEWATCH_MODELS"),
    ],
)
async def test_what_cannot_be_analysed_is_refused(
    client: httpx.AsyncClient, body: dict[str, object], status: int, says: str
) -> None:
    answer = await client.post("/analyze/scene", json=body)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


async def test_a_region_and_many_parcels_are_analysed_by_jobs(
    local_settings: Settings, connection: asyncpg.Connection
) -> None:
    settings = local_settings.model_copy(update={"jobs": True, "jobs_every_s": 3600})
    async with serving(settings) as client:
        client.base_url = httpx.URL(LOCAL)

        async def has_counted() -> bool:
            """Whether the refresh at the start is over: it would count again what is planted now."""
            tasks = (await client.get("/jobs")).json()["tasks"]
            (runs,) = [task["last"] for task in tasks if task["name"] == "kept-series"]
            return [run["status"] for run in runs] == ["done"]

        await eventually(has_counted)
        area = (await client.post("/areas", json=feature(square_at(5.22, 51.28, 0.05), name="All"))).json()
        for n in range(3):
            sent = feature(square_at(0.01 * n, 0.0, 0.001), products=["ndvi"], crop_type="cocoa")
            parcel = (await client.post("/areas", json=sent)).json()["id"]
            entry = json.dumps({"mean": 0.5, "valid_fraction": 1.0, "period": "2024-06", "inputs": "i"})
            await connection.execute(
                "insert into area_statistics values ($1, 'ndvi', '2024-06', '2024-06-01Z', $2::jsonb, 'i')",
                parcel,
                entry,
            )
        asked = {"area": area["id"], "product": "ndvi", "low": 0.1}
        started = await client.post("/analyze/scene", json=asked, headers={"Idempotency-Key": "k"})
        many = await client.post("/analyze/parcels", json={"properties": {"crop_type": "cocoa"}})
        assert (started.status_code, many.status_code) == (202, 202), started.text + many.text
        again = await client.post("/analyze/scene", json=asked, headers={"Idempotency-Key": "k"})
        assert again.json()["id"] == started.json()["id"]

        async def are_done() -> bool:
            states = [(await client.get(each.headers["Location"])).json() for each in (started, many)]
            assert not any(each["error"] for each in states), states
            return all(each["status"] == "done" for each in states)

        await eventually(are_done, within_s=120)
        job = (await client.get(started.headers["Location"])).json()
        told = job["result"]["steps"]["analyze"]
        assert (told["found"], told["period"]) == (1, "2024-06")
        found = (await client.get(f"/analyses/{told['analysis']}/zones")).json()
        (zone,) = found["features"]
        assert (zone["properties"]["cells"], found["analysis"]["kind"]) == (128 * 160, "scene")
        assert (await client.get(f"/analyses/{told['analysis']}")).json()["found"] == 1

        counted = (await client.get(many.headers["Location"])).json()["result"]["steps"]["analyze"]
        assert counted == {"parcels": 3, "asked": 3, "levels": {"unknown": 3}}
        listed = (await client.get("/analyses?kind=parcel")).json()["analyses"]
        assert [each["verdict"]["level"] for each in listed] == ["unknown"] * 3
        assert (await client.get(f"/analyses/{listed[0]['id']}/zones")).json()["features"] == []
