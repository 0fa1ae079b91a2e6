"""Parcels: areas of that kind, what is known of them, and how they are found."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from app.settings import Settings
from tests.app.areas.conftest import LOCAL, feature, square_at
from tests.app.conftest import serving
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(postgres: PostgresServer) -> str:
    """The address of the module's database."""
    postgres.start()
    return postgres.clone("tilewatch")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    two_months: str, database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application, who may write without a key."""
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(tmp_path_factory.mktemp("parcels"))
        settings = Settings(
            storage=two_months, database_url=database, render_threads=1, jobs=False, keyless_writes=True
        )
        async with serving(settings) as client:
            client.base_url = httpx.URL(LOCAL)
            yield client


async def register(
    client: httpx.AsyncClient, lon: float = 5.0, lat: float = 51.0, side: float = 0.001, **properties: Any
) -> int:
    """The id of a new parcel, a square by its south-west corner."""
    document = feature(square_at(lon, lat, side))
    document["properties"] |= {"kind": "parcel", "products": ["ndvi"]} | properties
    answer = await client.post("/areas", json=document)
    assert answer.status_code == 201, answer.text
    found: int = answer.json()["id"]
    return found


async def keep(database: str, area: int, value: float | None, period: str = "2024-06") -> None:
    """Keep an entry of a parcel, as refreshing series does."""
    connection = await asyncpg.connect(database)
    starts = datetime(int(period[:4]), int(period[5:]), 1, tzinfo=UTC)
    entry = json.dumps({"mean": value, "valid_fraction": 0.75, "status": "ok"})
    await connection.execute(
        "insert into area_statistics (area_id, product, period, starts, entry, inputs) "
        "values ($1, 'ndvi', $2, $3, $4, '')",
        *(area, period, starts, entry),
    )
    await connection.close()


async def test_a_parcel_has_its_properties_its_size_and_its_latest_value(
    client: httpx.AsyncClient, database: str
) -> None:
    given: dict[str, Any] = {
        "crop_type": "cocoa",
        "predicted_yield": 1.25,
        "owner_id": "coop",
        "soil": "loam",
    }
    area = await register(client, lat=0.0, side=0.01, **given)
    found = (await client.get(f"/areas/{area}")).json()["properties"]
    assert found | given | {"status": None, "latest": {}} == found
    # a square of 0.01 degrees at the equator, by GeographicLib's Planimeter: 1,230,907 m2
    assert found["area_ha"] == pytest.approx(123.0907, rel=1e-5)
    await keep(database, area, 0.5, "2024-05")
    await keep(database, area, 0.625)
    latest = {"ndvi": {"period": "2024-06", "value": 0.625, "valid_fraction": 0.75}}
    assert (await client.get(f"/areas/{area}")).json()["properties"]["latest"] == latest
    sent_back = {"properties": {"latest": {}, "area_ha": 1, "status": "harvested", "soil": None}}
    changed = (await client.patch(f"/areas/{area}", json=sent_back)).json()["properties"]
    assert (changed["latest"], changed["status"], "soil" in changed) == (latest, "harvested", False)


async def test_a_parcel_is_refused_what_none_can_have_and_other_areas_are_not(
    client: httpx.AsyncClient,
) -> None:
    for wrong in ({"crop_type": 3}, {"status": ""}, {"predicted_yield": "1"}, {"predicted_yield": -1}):
        document = feature(**wrong)
        district = await client.post("/areas", json=document)
        assert district.status_code == 201
        document["properties"]["kind"] = "parcel"
        refused = await client.post("/areas", json=document)
        assert (refused.status_code, f"properties.{next(iter(wrong))}" in refused.text) == (400, True)
        becoming = await client.patch(
            f"/areas/{district.json()['id']}", json={"properties": {"kind": "parcel"}}
        )
        assert becoming.status_code == 400
        same = (await client.get(f"/areas/{district.json()['id']}")).json()["properties"]
        assert same["kind"] is None
