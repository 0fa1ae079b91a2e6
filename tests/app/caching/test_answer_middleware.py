"""A question about statistics that was answered before is answered by its hash, until something lands."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.app.conftest import eventually, serving
from tests.app.landed import land_two_months
from tests.app.routes.products.test_statistics import NDJSON, PATH, field, several

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def landed(tmp_path: Path) -> Path:
    await land_two_months(f"file://{tmp_path}/store", tmp_path)
    return tmp_path / "store"


@pytest.fixture
def app(settings: Settings, landed: Path) -> FastAPI:
    return create_app(settings.model_copy(update={"storage": f"file://{landed}", "refresh_s": 3600}))


@pytest.fixture
async def client(settings: Settings, app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(settings, app) as opened:
        yield opened


def lose_scenes(landed: Path) -> None:
    """From now on no pixel can be read: what is answered with numbers was known before."""
    for path in landed.rglob("*.tif"):
        path.unlink()


async def mean(client: httpx.AsyncClient, document: Any, path: str = PATH, **headers: str) -> float | None:
    answer = await client.post(path, json=document, headers=headers)
    assert answer.status_code == 200, answer.text
    found: float | None = json.loads(answer.text)["properties"]["series"][0]["mean"]
    return found


@pytest.mark.parametrize(
    ("path", "document", "headers"),
    [
        (f"{PATH}?datetime=2024-06", field(), {}),
        (PATH, field(40), {}),
        (PATH, field(), {"Accept": "application/json"}),
        (PATH, field(), {"X-Api-Key": "none of this server"}),
    ],
    ids=["another query", "another polygon", "another form", "with a key"],
)
async def test_only_the_same_question_is_answered_without_reading(client, app, path, document, headers):
    first, computed = await client.post(PATH, json=field()), app.state.tilewatch.kept_statistics
    computed.clear()
    again = await client.post(PATH, json=field())
    assert (again.content, again.headers) == (first.content, first.headers)
    assert computed.count == 0
    other = await client.post(path, json=document, headers=headers)
    assert other.status_code == 401 or computed.count == 1


async def test_what_lacks_a_scene_is_asked_for_again(client, app, landed):
    away = {path: path.read_bytes() for path in landed.rglob("*.tif")}
    lose_scenes(landed)
    assert await mean(client, field()) is None
    for path, content in away.items():
        path.write_bytes(content)

    async def is_read_again() -> bool:
        return await mean(client, field()) == pytest.approx(0.5, abs=1e-6)

    await eventually(is_read_again, within_s=60)


async def test_after_something_has_landed_it_is_computed_again(client, app):
    assert await mean(client, field()) == pytest.approx(0.5, abs=1e-6)
    app.state.tilewatch.kept_statistics.clear()
    app.state.tilewatch.catalogue.generation += 1  # as a commit that was seen does
    assert await mean(client, field()) == pytest.approx(0.5, abs=1e-6)
    assert app.state.tilewatch.kept_statistics.count == 1


async def test_long_questions_streams_and_refusals_are_not_kept(client, app):
    kept = app.state.tilewatch.kept_answers
    many = several([{"type": "Feature", "geometry": field(), "properties": {"x": "y" * 70_000}}])
    assert (await client.post(PATH, json=many)).status_code == 200
    assert (await client.post(PATH, json=field(), headers=NDJSON)).status_code == 200
    assert (await client.post(PATH, content=b"{", headers=JSON)).status_code == 400
    assert (await client.post(f"{PATH}?offset=ring", json=field())).status_code in {200, 400}
    assert (await client.post(PATH, content=b" " * (17 << 20), headers=JSON)).status_code == 413
    assert kept.count == 0
    await client.post(PATH, json=field())
    assert kept.count == 1
    assert 0 < kept.size < kept.max_bytes
