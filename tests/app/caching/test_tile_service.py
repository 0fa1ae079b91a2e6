"""The service asks the nearest tier first, computes once, and keeps only what is whole."""

import asyncio

import pytest

from app.caching.process_cache import ProcessCache
from app.caching.redis_tier import RedisTier
from app.caching.tile_service import Tier, TileService
from app.rendering.address import TileFormat
from tests.app.caching.stand_ins import PATIENT_S, KeyedRenderer, body_of, resolved_tile

MEGABYTE = 1 << 20


async def test_the_first_is_computed_and_the_next_comes_from_the_process():
    renderer = KeyedRenderer()
    service = TileService(renderer, ProcessCache(MEGABYTE), None)
    tile = resolved_tile(format=TileFormat.WEBP)
    first, second = await service.answer(tile), await service.answer(tile)
    assert (first.tier, second.tier) == (Tier.COMPUTED, Tier.PROCESS)
    assert first.body == second.body == body_of(tile.key)
    assert first.media_type == second.media_type == "image/webp"
    assert first.timing_ms == {"read": 4.0, "encode": 0.25}
    assert second.timing_ms == {}
    assert renderer.rendered == [tile.key]


async def test_another_worker_finds_it_in_redis_and_then_in_itself(redis, redis_url):
    tile = resolved_tile()
    tier = RedisTier(redis_url, timeout_s=PATIENT_S)
    await TileService(KeyedRenderer(), ProcessCache(MEGABYTE), tier).answer(tile)
    await tier.close()
    renderer, tier = KeyedRenderer(), RedisTier(redis_url, timeout_s=PATIENT_S)
    service = TileService(renderer, ProcessCache(MEGABYTE), tier)
    answers = [await service.answer(tile) for _ in range(2)]
    assert [answer.tier for answer in answers] == [Tier.REDIS, Tier.PROCESS]
    assert [answer.body for answer in answers] == [body_of(tile.key)] * 2
    assert renderer.rendered == []
    await tier.close()


async def test_redis_is_not_asked_twice(tier):
    service = TileService(KeyedRenderer(), ProcessCache(MEGABYTE), tier)
    assert (await service.answer(resolved_tile(), redis_was_asked=True)).tier == Tier.COMPUTED
    assert tier.misses == 0


async def test_equal_tiles_in_flight_are_rendered_once():
    gate = asyncio.Event()
    renderer = KeyedRenderer(gate=gate)
    service = TileService(renderer, ProcessCache(MEGABYTE), None)
    tasks = [asyncio.create_task(service.answer(resolved_tile())) for _ in range(10)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    gate.set()
    answers = await asyncio.gather(*tasks[1:])
    assert {answer.body for answer in answers} == {body_of(resolved_tile().key)}
    assert len(renderer.rendered) == 1
    assert service.computed == 1


async def test_a_tile_that_lacks_a_scene_is_answered_and_kept_nowhere(tier, redis):
    renderer = KeyedRenderer(skipped=("broken-scene",))
    service = TileService(renderer, ProcessCache(MEGABYTE), tier)
    tile = resolved_tile()
    first, second = await service.answer(tile), await service.answer(tile)
    assert first.skipped == second.skipped == ("broken-scene",)
    assert len(renderer.rendered) == 2
    assert service.peek(tile.key) is None
    await tier.close()
    assert await redis.dbsize() == 0


async def test_a_failure_is_not_kept(tier, redis):
    renderer = KeyedRenderer(error=RuntimeError("storage is away"))
    service = TileService(renderer, ProcessCache(MEGABYTE), tier)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="storage is away"):
            await service.answer(resolved_tile())
    renderer.error = None
    assert (await service.answer(resolved_tile())).body == body_of(resolved_tile().key)
    await tier.close()
    assert await redis.dbsize() == 1
