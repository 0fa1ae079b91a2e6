"""A store that answers 503 for a while: refused clearly, nothing kept wrongly, and over by itself."""

from io import BytesIO

import httpx
import numpy as np
import pytest

from app.main import create_app
from app.settings import Settings
from tests.app.conftest import eventually
from tests.app.landed import land_two_months, lonlat
from tests.services.store_line import Fault, StoreLine

OPENED_BEFORE = "/tiles/ndvi/14/8430/5463.npy"
NEVER_OPENED_POINT = "/products/true-color/point/{},{}"
NEVER_OPENED = "/tiles/true-color/14/8430/5463.npy"


@pytest.fixture
def line(s3, monkeypatch):
    line = StoreLine(s3.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
    yield line
    line.close()


async def test_503_from_the_store_is_503_with_retry_after_and_over_by_itself(s3_address, line, tmp_path):
    await land_two_months(s3_address, tmp_path)
    app = create_app(Settings(storage=s3_address, refresh_s=0.1))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tilewatch.test", timeout=60) as client,
    ):
        first = await client.get(OPENED_BEFORE)
        assert first.status_code == 200
        line.fault = Fault.BUSY
        lon, lat = lonlat(64, 128)
        for path in (NEVER_OPENED, NEVER_OPENED_POINT.format(lon, lat)):
            refused = await client.get(path)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
        assert line.refused > 0
        kept = await client.get(OPENED_BEFORE)
        assert (kept.status_code, kept.content) == (200, first.content)
        line.fault = Fault.NONE
        for path in (NEVER_OPENED, NEVER_OPENED_POINT.format(lon, lat)):
            await eventually(answers(client, path))
        tile = await client.get(NEVER_OPENED)
        assert "x-tilewatch-skipped" not in tile.headers
        planes = np.load(BytesIO(tile.content))
        # red 0.1 in the west of the scene, as it was landed
        assert planes[0][planes[-1] == 255].min() == pytest.approx(0.1, abs=1e-6)


def answers(client: httpx.AsyncClient, path: str):
    async def does() -> bool:
        return (await client.get(path)).status_code == 200

    return does
