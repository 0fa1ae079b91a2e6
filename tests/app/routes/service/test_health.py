"""Liveness, readiness and metrics."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.settings import Settings
from tests.app.conftest import serving
from tests.services.redis_server import RedisServer

TILE = "/products/ndvi/tiles/WebMercatorQuad/14/8430/5463.png"


async def sample(client: httpx.AsyncClient, name: str, **labels: str) -> float | None:
    """One number of /metrics."""
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    return next(
        (
            s.value
            for f in families
            for s in f.samples
            if s.name == name and labels.items() <= s.labels.items()
        ),
        None,
    )


async def test_a_worker_that_knows_its_storage_is_ready(client: httpx.AsyncClient) -> None:
    ready = await client.get("/readyz")
    assert (await client.get("/healthz")).json() == {"status": "live"}
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["storage"]["collections"] == 1
    assert ready.json()["redis"] == {"configured": False}


async def test_a_wrong_file_is_told_and_the_others_serve(
    settings: Settings, two_months: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder, name, text in (
        ("products", "mine.toml", "title ="),
        ("collections", "naip.toml", 'title = "NAIP"'),
        ("sources", "own.toml", 'kind = "ftp"'),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    folders = {name: tmp_path / name for name in ("products", "collections", "sources")}
    async with serving(settings.model_copy(update={"storage": two_months, **folders})) as client:
        ready = await client.get("/readyz")
        tile = await client.get(TILE)
        refused = await client.get("/products/naip-color")
    assert (ready.status_code, tile.status_code, refused.status_code) == (200, 200, 404)
    left_out = [(one["file"], one["reason"]) for one in ready.json()["left_out"]]
    assert [name for name, _ in left_out] == ["mine.toml", "naip-color.toml", "naip.toml", "own.toml"]
    assert left_out[0][1].startswith("mine.toml is not TOML")
    assert left_out[2][1].startswith("naip.toml: description: is missing")
    assert "its collection 'naip' is left out: naip.toml: description: is missing" in refused.json()["detail"]
    assert str(tmp_path) not in ready.text
    assert f"{tmp_path / 'products/mine.toml'} is left out: mine.toml is not TOML" in caplog.text


async def test_redis_away_leaves_a_worker_ready_and_shows(
    settings: Settings, two_months: str, redis_server: RedisServer, redis_url: str
) -> None:
    with_redis = settings.model_copy(update={"storage": two_months, "redis_url": redis_url, "cache_bytes": 0})
    async with serving(with_redis) as client:
        computed = await client.get(TILE)
        redis_server.stop()
        answers = [await client.get(f"/tiles/ndvi/14/8430/{y}.png") for y in (5463, 5462, 5464, 5463)]
        ready = await client.get("/readyz")
        up = await sample(client, "tilewatch_redis_up")
    redis_server.start()
    assert computed.status_code == 200
    assert {answer.status_code for answer in answers} <= {200, 204}
    assert answers[-1].content == computed.content
    assert (ready.status_code, ready.json()["redis"]["asked"], up) == (200, False, 0.0)


async def test_tiles_are_counted_by_product_cache_and_status(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get(TILE)
    await client.get(TILE.replace("8430", "0"))
    await client.get("/tiles/made-up-by-a-caller/14/8430/5463.png")
    await client.get("/collections/sentinel-2-l2a/tiles/WebMercatorQuad/14/8430/5463.png?bands=red")
    count = "tilewatch_tile_seconds_count"
    assert await sample(client, count, product="ndvi", cache="computed", status="200") == 1
    assert await sample(client, count, product="ndvi", cache="process", status="200") == 2
    assert await sample(client, count, product="ndvi", cache="none", status="204") == 1
    assert await sample(client, count, product="ad-hoc", cache="computed", status="200") == 1
    assert await sample(client, count, product="unknown", status="404") == 1
    assert await sample(client, "tilewatch_tiles_computed_total") == 2
    assert await sample(client, "tilewatch_cache_tiles") == 2
    assert await sample(client, "tilewatch_catalogue_generation") == 1


async def test_durations_fall_into_buckets_that_add_up(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        await client.get(TILE)
    labels = {"product": "ndvi", "cache": "process", "status": "200"}
    bucket = "tilewatch_tile_seconds_bucket"
    assert await sample(client, bucket, le="+Inf", **labels) == 4
    assert await sample(client, bucket, le="10.0", **labels) == 4
    assert await sample(client, "tilewatch_tile_seconds_sum", **labels) > 0  # type: ignore[operator]


async def test_two_applications_count_apart(settings: Settings, two_months: str) -> None:
    here = settings.model_copy(update={"storage": two_months})
    async with serving(here) as first, serving(here) as second:
        await first.get(TILE)
        assert await sample(first, "tilewatch_tiles_computed_total") == 1
        assert await sample(second, "tilewatch_tiles_computed_total") == 0
