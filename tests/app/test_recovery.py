"""Storage that goes away and comes back, before the start and while serving."""

import logging
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.app.conftest import eventually, serving
from tests.app.landed import land_two_months, lonlat
from tests.services.ceph import CephGateway

KEPT = "/tiles/ndvi/14/8430/5463.png"
OTHER = "/tiles/true-color/14/8430/5463.png"


def bucket_of(address: str) -> str:
    return address.removeprefix("s3://").partition("/")[0]


async def status(client: httpx.AsyncClient, path: str) -> int:
    return (await client.get(path)).status_code


async def becomes(client: httpx.AsyncClient, path: str, wanted: int) -> None:
    async def does() -> bool:
        return await status(client, path) == wanted

    await eventually(does, within_s=60)


async def test_an_outage_costs_what_is_not_kept_and_ends_by_itself(
    settings: Settings, s3: CephGateway, s3_address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await land_two_months(s3_address, tmp_path)
    lon, lat = lonlat(64, 128)
    async with serving(settings.model_copy(update={"storage": s3_address})) as client:
        before = await client.get(KEPT)
        s3.stop()
        await becomes(client, "/readyz", 503)
        kept = await client.get(KEPT)
        refused = [
            await client.get(path)
            for path in (OTHER, f"/products/true-color/point/{lon},{lat}?datetime=2024-05")
        ]
        s3.start()
        await becomes(client, "/readyz", 200)
        after = await client.get(OTHER)
    assert (before.status_code, kept.status_code, after.status_code) == (200, 200, 200)
    assert kept.content == before.content
    for answer in refused:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["cache-control"] == "no-store"
        assert bucket_of(s3_address) not in answer.text + str(answer.headers)
        assert s3.endpoint not in answer.text
    assert caplog.text.count("cannot refresh the catalogue") == 1
    assert caplog.text.count("the catalogue can be refreshed again") == 1


async def test_a_worker_starts_without_its_storage_and_serves_once_it_is_there(
    settings: Settings, s3: CephGateway, s3_address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await land_two_months(s3_address, tmp_path)
    s3.stop()
    with caplog.at_level(logging.WARNING):
        async with serving(settings.model_copy(update={"storage": s3_address})) as client:
            refused = [await client.get(path) for path in ("/products", "/readyz", KEPT, "/products/ndvi")]
            live = await status(client, "/healthz")
            s3.start()
            await becomes(client, "/readyz", 200)
            served = await status(client, KEPT)
    assert [answer.status_code for answer in refused] == [503] * 4
    assert "retry-after" in refused[0].headers
    assert (live, served) == (200, 200)
    assert all(bucket_of(s3_address) not in answer.text for answer in refused)
