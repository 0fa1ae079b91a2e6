"""A store that hangs, trickles or ends its answers too soon costs those that need it a 503, and no others."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.app.conftest import eventually, serving
from tests.app.landed import land_two_months, lonlat
from tests.services.ceph import CephGateway
from tests.services.store_line import Fault, StoreLine

KEPT = "/tiles/ndvi/14/8430/5463.png"
OTHERS = [f"/tiles/true-color/14/8430/5463.{form}?datetime={month}" for form in ("png", "npy", "tif", "webp")
          for month in ("2024-05", "2024-06")]  # fmt: skip
TRICKLE_BYTES_S = 200
"""What comes of a slow store; the files of tests are small."""

SLACK_S = 4.0
"""What a busy machine adds."""


@pytest.fixture
def line(s3: CephGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreLine]:
    """A line to the S3 server, which servers of a test use."""
    line = StoreLine(s3.endpoint, slow_bytes_s=TRICKLE_BYTES_S)
    yield line
    line.close()


@pytest.fixture
async def client(
    settings: Settings, s3_address: str, line: StoreLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server whose store can be made to fail, with one tile in memory."""
    await land_two_months(s3_address, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
    async with serving(
        settings.model_copy(update={"storage": s3_address, "storage_timeout_s": 2.0})
    ) as client:
        assert (await client.get(KEPT)).status_code == 200
        yield client


async def timed(client: httpx.AsyncClient, path: str) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return await client.get(path), time.monotonic() - began


@pytest.mark.parametrize("fault", [Fault.HUNG, Fault.SLOW, Fault.CUT])
async def test_a_store_that_does_not_answer_whole_costs_what_needs_it(
    client: httpx.AsyncClient, line: StoreLine, fault: Fault
) -> None:
    line.fault = fault
    lon, lat = lonlat(64, 128)
    west, south, east, north = lon - 0.001, lat - 0.001, lon + 0.001, lat + 0.001
    reading = [
        *OTHERS,
        f"/products/true-color/point/{lon},{lat}?datetime=2024-05",
        f"/products/true-color/bbox/{west},{south},{east},{north}/64x64.png?datetime=2024-05",
    ]
    under_way = [asyncio.create_task(timed(client, path)) for path in reading]
    await asyncio.sleep(0.5)
    for path in (KEPT, "/healthz", "/products/ndvi/legend.png", "/products"):
        answer, took_s = await timed(client, path)
        assert (answer.status_code, path) == (200, path)
        assert took_s < SLACK_S
    for answer, took_s in await asyncio.gather(*under_way):
        assert answer.status_code == 503, (answer.url, answer.headers)
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["cache-control"] == "no-store"
        assert took_s < 10 + SLACK_S
    line.fault = Fault.NONE

    async def recovers() -> bool:
        answers = [await client.get(path) for path in reading]
        assert not [answer.url for answer in answers if "x-tilewatch-skipped" in answer.headers]
        return all(answer.status_code == 200 for answer in answers)

    await eventually(recovers, within_s=30)


async def test_a_store_that_refuses_every_second_question_costs_no_tile_a_scene(
    client: httpx.AsyncClient, line: StoreLine
) -> None:
    line.fault = Fault.HALF
    for path in OTHERS:
        answer = await client.get(path)
        assert answer.status_code in {200, 503}, (path, answer.status_code)
        assert "x-tilewatch-skipped" not in answer.headers, path
    line.fault = Fault.NONE
    assert line.refused

    async def recovers() -> bool:
        answers = [await client.get(path) for path in OTHERS]
        return all(answer.status_code == 200 for answer in answers)

    await eventually(recovers, within_s=30)
