"""A PostgreSQL that is frozen: areas are refused within seconds, then at once, until it thaws."""

import time

import httpx

from app.settings import Settings
from tests.app.areas.conftest import LOCAL
from tests.app.conftest import eventually, serving
from tests.services.postgres import PostgresServer

TILE = "/tiles/ndvi/14/8430/5463.png"
PATIENCE_S = 1.0
CONNECT_S = 2.0
SLACK_S = 3.0
"""What a busy machine adds."""


async def test_a_frozen_database_costs_seconds_once_and_nothing_then(
    local_settings: Settings, postgres: PostgresServer
) -> None:
    async with serving(local_settings.model_copy(update={"database_timeout_s": PATIENCE_S})) as client:
        client.base_url = httpx.URL(LOCAL)
        assert (await client.get("/areas")).status_code == 200

        async def asked(path: str) -> tuple[int, float]:
            began = time.monotonic()
            answer = await client.get(path)
            assert answer.status_code == 200 or int(answer.headers["retry-after"]) > 0
            return answer.status_code, time.monotonic() - began

        postgres.pause()
        try:
            status, took_s = await asked("/areas")
            assert status == 503
            assert took_s < 2 * PATIENCE_S + CONNECT_S + SLACK_S

            async def is_refused_at_once() -> bool:
                status, took_s = await asked("/areas")
                assert status == 503
                return took_s < 0.1

            await eventually(is_refused_at_once)
            assert "tilewatch_database_avoided 1.0" in (await client.get("/metrics")).text
            assert (await asked(TILE))[0] == 200
        finally:
            postgres.resume()

        async def is_back() -> bool:
            return (await asked("/areas"))[0] == 200

        await eventually(is_back)
        assert "tilewatch_database_avoided 0.0" in (await client.get("/metrics")).text
