"""POST /analyze/parcel/{id} over kept rows: numbers by hand, neighbours, zones, owners, and what is kept."""

import json
from typing import Any

import asyncpg
import httpx
import pytest

from app.analysis.analysis_store import (
    AnalysisSearch,
    UnknownAnalysisError,
    list_analyses,
    read_analysis,
)
from tests.app.areas.conftest import feature, square_at

KEEP = """
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    values ($1, 'ndvi', $2, to_timestamp($2, 'YYYY-MM'), $3::jsonb, $4)
"""
JULYS = {"2019-07": 0.60, "2020-07": 0.70, "2021-07": None, "2022-07": 0.80, "2023-07": 0.65, "2024-07": 0.40}


async def parcel(
    client: httpx.AsyncClient,
    connection: asyncpg.Connection,
    entries: dict[str, float | None],
    lon: float = 0.0,
    **properties: Any,
) -> int:
    """Register a parcel of 0.001 degrees at the equator, with kept entries."""
    sent = feature(square_at(lon, 0.0, 0.001), kind_="parcel", products=["ndvi"], **properties)
    sent["properties"]["kind"] = sent["properties"].pop("kind_")
    area: int = (await client.post("/areas", json=sent)).json()["id"]
    for period, mean in entries.items():
        entry = {
            "mean": mean, "valid_fraction": 0.0 if mean is None else 0.9, "status": "ok", "period": period,
            "inputs": f"i{mean}", "synthetic": False,
        }  # fmt: skip
        await connection.execute(KEEP, area, period, json.dumps(entry), entry["inputs"])
    return area


async def test_a_parcel_is_compared_with_its_history_and_its_neighbours(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    area = await parcel(client, connection, JULYS, crop_type="cocoa")
    for n, value in enumerate((0.5, 0.6, 0.7, 0.8, 0.9)):
        await parcel(client, connection, {"2024-07": value}, 0.01 * (n + 1), crop_type="cocoa")
    await parcel(client, connection, {"2024-07": 0.1}, 0.002, crop_type="maize")  # another crop
    await parcel(client, connection, {"2024-07": 0.1}, 0.2, crop_type="cocoa")  # 22 km away

    answer = await client.post(f"/analyze/parcel/{area}", json={"within_m": 6000})
    found = answer.json()
    assert answer.status_code == 200, answer.text
    assert (found["parcel"], found["product"], found["period"]) == (area, "ndvi", "2024-07")
    assert found["value"] == 0.4
    assert found["history"]["periods"] == ["2019-07", "2020-07", "2022-07", "2023-07"]
    assert found["history"]["z"] == pytest.approx(-0.2875 / 0.0853912564)  # see test_history
    assert found["neighbours"]["count"] == 5
    assert found["neighbours"]["percentile"] == 0
    assert found["neighbours"]["z"] == pytest.approx(-0.3 / 0.14826)
    assert (found["verdict"]["level"], found["verdict"]["direction"]) == ("strong", "low")
    assert "low among its neighbours, too" in found["verdict"]["text"]
    assert found["not_computable"] == []
    assert [link["rel"] for link in found["links"]] == [
        *("self", "tilejson", "timeseries", "parcel", "alternate")
    ]

    again = (await client.post(f"/analyze/parcel/{area}", json={"within_m": 6000})).json()
    assert again == found, "the same inputs give what is kept"
    assert (await client.get(f"/analyses/{found['id']}")).json() == found
    listed = (await client.get("/analyses?level=strong&limit=1")).json()
    assert [each["id"] for each in listed["analyses"]] == [found["id"]]

    zoned = (await client.post(f"/analyze/parcel/{area}", json={"within_m": 6000, "zone": True})).json()
    zone = (await client.get(f"/zones/{zoned['zone']}")).json()["properties"]
    assert (zone["kind"], zone["severity"], zone["called"]) == ("anomaly", "high", None)
    assert (zone["source_analysis"], area in zone["areas"]) == (str(found["id"]), True)
    twice = (await client.post(f"/analyze/parcel/{area}", json={"within_m": 6000, "zone": True})).json()
    assert twice["zone"] == zoned["zone"]

    await connection.execute("update area_statistics set inputs = 'new' where area_id = $1", area)
    await connection.execute(
        """update area_statistics set entry = entry || '{"inputs": "new"}' where area_id = $1""", area
    )
    renewed = (await client.post(f"/analyze/parcel/{area}", json={"within_m": 6000})).json()
    assert renewed["id"] == found["id"]
    assert renewed["inputs"] != found["inputs"]


async def test_what_cannot_be_worked_out_is_told_with_the_reason(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    area = await parcel(client, connection, {"2023-07": 0.6, "2024-07": 0.5})
    found = (await client.post(f"/analyze/parcel/{area}")).json()
    assert (found["verdict"]["level"], found["history"]) == ("unknown", None)
    assert {each["part"] for each in found["not_computable"]} == {"history", "monitoring", "neighbours"}
    unseen = (await client.post(f"/analyze/parcel/{area}", json={"period": "2024-08"})).json()
    assert unseen["not_computable"][0]["reason"] == "Nothing of the parcel was seen."
    assert unseen["zone"] is None

    empty = await parcel(client, connection, {})
    for path, body, status, says in (
        (f"/analyze/parcel/{empty}", {"product": "true-color"}, 400, "picture"),
        ("/analyze/parcel/999999", {}, 404, "no area 999999"),
        (f"/analyze/parcel/{area}", {"years": 3, "minimum_years": 4}, 422, "more than the 3 years"),
        (f"/analyze/parcel/{area}", {"product": "ndvx"}, 404, "there are:"),
        (f"/analyze/parcel/{area}", {"period": "2024-13"}, 400, "2024-13"),
    ):
        answer = await client.post(path, json=body)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert (await client.get("/analyses/999999")).status_code == 404


async def test_another_owner_does_not_see_an_analysis(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    area = await parcel(client, connection, JULYS, owner_id="ann")
    found = (await client.post(f"/analyze/parcel/{area}")).json()
    assert (await read_analysis(connection, found["id"], "ann")).area_id == area
    with pytest.raises(UnknownAnalysisError):
        await read_analysis(connection, found["id"], "bob")
    for owner, count in (("ann", 1), ("bob", 0), (None, 1)):
        page, more = await list_analyses(connection, AnalysisSearch(owner), after=0, limit=10)
        assert (len(page), more) == (count, False)
