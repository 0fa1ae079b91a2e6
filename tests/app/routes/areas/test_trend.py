"""GET /areas/{id}/trend over kept rows: the example of the EPA, with months that were not seen."""

import json

import asyncpg
import httpx
import pytest

from app.http.values import Value, notes_of, number_of, unit_of
from app.products.registry import Registry
from tests.app.areas.conftest import feature
from tests.app.statistics.test_trend import EPA

KEEP = """
    insert into area_statistics (area_id, product, period, starts, entry, inputs)
    values ($1, 'ndvi', $2, to_timestamp($2, 'YYYY-MM'), $3::jsonb, 'x')
"""


async def test_the_trend_is_of_what_was_seen(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    registered = await client.post("/areas", json=feature(products=["ndvi"], name="Well"))
    area = registered.json()["id"]
    rows = [
        (f"{1983 + n}-{month}", {"mean": value, "status": "ok", "valid_fraction": 1.0})
        for month, values in EPA.items()
        for n, value in enumerate(values)
    ]
    rows.append(("1986-01", {"mean": None, "status": "empty", "valid_fraction": 0.0}))
    rows.append(("1986-02", {"mean": 90.0, "status": "partial", "valid_fraction": 0.2}))
    for period, entry in rows:
        text = json.dumps(entry | {"period": period, "synthetic": False})
        await connection.execute(KEEP, area, period, text)

    found = (await client.get(f"/areas/{area}/trend?end=1990")).json()
    facts = {
        n: found[n] for n in ("product", "value", "unit", "used", "missing", "left_out", "first", "last")
    }
    assert facts == {
        "product": "ndvi", "value": "mean", "unit": "1", "used": 36, "missing": 1, "left_out": 1,
        "first": "1983-01", "last": "1985-12",
    }  # fmt: skip
    assert found["trend"]["slope_per_year"] == pytest.approx(0.06)
    assert (found["reason"], found["notes"], found["confidence"]) == (None, [], 0.95)
    assert (await client.get(f"/areas/{area}/trend?end=1990&seen=0.1")).json()["used"] == 37

    few = (await client.get(f"/areas/{area}/trend?end=1983")).json()
    assert (few["trend"], few["used"]) == (None, 12)
    assert few["reason"] == "There are fewer than 10 pairs of the same season in different years."

    for query, status, says in (
        ("value=lit_share", 400, "no lit area"),
        ("value=count", 422, "value"),
        ("seen=2", 422, "seen"),
        ("product=ndvx", 404, "there are:"),
    ):
        answer = await client.get(f"/areas/{area}/trend?{query}")
        assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text


def test_values_have_their_units_and_what_is_to_be_said_of_them() -> None:
    lights, ndvi = (Registry.load().get(name) for name in ("nightlights", "ndvi"))
    said = "above 0.5 means above 0: the archive stores values below 0.5 as 0"
    assert notes_of(lights, Value.LIT_SHARE) == [said]
    change = Registry.load().get("nightlights-change")
    assert notes_of(change, Value.DIMMED_KM2) == [said]
    assert (unit_of(change, Value.NEWLY_LIT_KM2), unit_of(change, Value.DIMMED_SHARE)) == ("km2", None)
    assert notes_of(lights, Value.MEAN) == notes_of(ndvi, Value.LIT_SHARE) == []
    values = (Value.MEAN, Value.LIT_AREA_KM2, Value.LIT_SHARE, Value.AREA_WEIGHTED_SUM)
    assert [unit_of(lights, value) for value in values] == [
        "nW cm-2 sr-1",
        "km2",
        None,
        "nW cm-2 sr-1 km2",
    ]


def test_how_lights_changed_is_read_from_the_first_threshold() -> None:
    entry = {"mean": 0.0, "lit_changes": [{"newly_lit_km2": 2.0}, {"newly_lit_km2": 1.0}]}
    assert (number_of(entry, Value.NEWLY_LIT_KM2), number_of(entry, Value.MEAN)) == (2.0, 0.0)
    assert number_of({"mean": None}, Value.NEWLY_LIT_KM2) is None
