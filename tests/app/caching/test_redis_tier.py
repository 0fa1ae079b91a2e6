"""Tiles in a real Redis: read together, checked, written in the background, and never in a request's way."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from app.caching.redis_tier import KEYS_PER_READ, MAX_BODY_BYTES, MAX_UNWRITTEN, RedisTier, packed, unpacked
from mosaics.breaker import Breaker
from tests.app.caching.stand_ins import PATIENT_S
from tests.services.ports import free_port


async def written(tier, *keys):
    for key in keys:
        tier.put(key, b"body of " + key.encode())
    await until(lambda: not tier._tasks)


async def until(condition, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def calls_of(redis, command):
    return (await redis.info("commandstats")).get(f"cmdstat_{command}", {}).get("calls", 0)


async def test_what_was_put_is_found_by_another_worker(tier, redis_url):
    await written(tier, "one")
    other = RedisTier(redis_url, timeout_s=PATIENT_S)
    assert await other.get("one") == b"body of one"
    assert await other.get("two") is None
    assert (other.hits, other.misses, other.errors) == (1, 1, 0)
    await other.close()


async def test_every_key_has_our_prefix_and_ages_out(redis, redis_url):
    tier = RedisTier(redis_url, timeout_s=PATIENT_S, ttl_s=1000)
    await written(tier, "one")
    assert await redis.keys() == [b"tilewatch:1:one"]
    assert 990 < await redis.ttl("tilewatch:1:one") <= 1000
    await tier.close()


async def test_reads_of_one_turn_of_the_loop_are_one_command(tier, redis):
    keys = [f"k{number}" for number in range(KEYS_PER_READ)]
    await written(tier, *keys)
    before = await calls_of(redis, "mget")
    bodies = await asyncio.gather(*(tier.get(key) for key in keys), tier.get("k0"), tier.get("k0"))
    assert bodies == [b"body of " + key.encode() for key in [*keys, "k0", "k0"]]
    assert await calls_of(redis, "mget") == before + 1


async def test_more_keys_than_fit_in_all_reads_are_all_answered(tier):
    keys = [f"k{number}" for number in range(KEYS_PER_READ * 12)]
    tier.put(keys[-1], b"last")
    await until(lambda: not tier._tasks)
    bodies = await asyncio.gather(*(tier.get(key) for key in keys))
    assert bodies == [None] * (len(keys) - 1) + [b"last"]


async def test_a_cancelled_read_leaves_the_others(tier):
    await written(tier, "one")
    first, second = (asyncio.create_task(tier.get("one")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"body of one"


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value[:-1],
        lambda value: value + b"x",
        lambda value: value[:20] + bytes([value[20] ^ 1]) + value[21:],
        lambda value: b"XXXX" + value[4:],
        lambda value: value[12:],  # the bare body
        lambda value: packed("another", b"body of one"),  # right bytes under a wrong key
        lambda value: b"",
    ],
)
async def test_a_value_that_is_not_what_was_written_is_not_served(tier, redis, damage):
    await written(tier, "one")
    value = await redis.get("tilewatch:1:one")
    await redis.set("tilewatch:1:one", damage(value))
    assert await tier.get("one") is None
    assert (tier.corrupt, tier.misses, tier.hits) == (1, 1, 0)
    await written(tier, "one")
    assert await tier.get("one") == b"body of one"


async def test_a_key_of_another_type_is_not_served(tier, redis):
    await redis.lpush("tilewatch:1:one", "list")
    assert await tier.get("one") is None


def test_the_form_of_a_value():
    # CRC-32 of b"keybody" by zlib: python -c 'import zlib; print(hex(zlib.crc32(b"keybody")))'
    assert packed("key", b"body") == b"TLW1\x00\x00\x00\x04\x42\xca\x0f\x98body"
    assert unpacked("key", packed("key", b"")) == b""


async def test_too_many_waiting_writes_are_dropped_and_counted(tier, redis):
    for number in range(MAX_UNWRITTEN + 5):
        tier.put(f"k{number}", b"x")
    await until(lambda: not tier._tasks)
    assert tier.dropped == 5
    assert await redis.dbsize() == MAX_UNWRITTEN


async def test_bodies_past_the_largest_are_not_sent(tier, redis):
    tier.put("large", bytes(MAX_BODY_BYTES + 1))
    tier.put("largest", bytes(MAX_BODY_BYTES))
    await until(lambda: not tier._tasks)
    assert await redis.keys() == [b"tilewatch:1:largest"]


async def test_a_full_redis_is_read_on_and_loses_the_writes(tier, redis):
    await written(tier, "one")
    await redis.config_set("maxmemory", "1")
    try:
        await written(tier, "two")
        assert await tier.get("one") == b"body of one"
    finally:
        await redis.config_set("maxmemory", "0")
    assert (tier.dropped, tier.open) == (1, False)
    await written(tier, "two")
    assert await tier.get("two") == b"body of two"


async def test_close_writes_what_still_waits(redis, redis_url):
    tier = RedisTier(redis_url, timeout_s=PATIENT_S)
    for number in range(100):
        tier.put(f"k{number}", b"x")
    await tier.close()
    assert await redis.dbsize() == 100


async def test_a_redis_that_was_never_there_costs_a_few_tries_and_then_nothing():
    tier = RedisTier(f"redis://127.0.0.1:{free_port()}/0")
    assert [await tier.get("one") for _ in range(3)] == [None] * 3
    assert tier.open
    assert tier.errors == 3
    start = time.perf_counter()
    for _ in range(1000):
        assert await tier.get("one") is None
    assert time.perf_counter() - start < 0.2
    tier.put("one", b"x")
    assert tier.dropped == 1
    assert not await tier.ping()
    await tier.close()


async def test_a_hanging_redis_costs_no_request_more_than_the_time_out(redis_server, redis_url):
    tier = RedisTier(redis_url, timeout_s=0.1, breaker=Breaker(failures=3, pause_s=0.2))
    redis_server.pause()
    try:
        slowest_s = 0.0
        for _ in range(60):
            start = time.perf_counter()
            assert await asyncio.gather(*(tier.get(f"k{n}") for n in range(100))) == [None] * 100
            slowest_s = max(slowest_s, time.perf_counter() - start)
            await asyncio.sleep(0.01)
        assert tier.open
        # One time-out in the queue, one in the read, and what a busy machine adds.
        assert slowest_s < 2 * 0.1 + 0.15
    finally:
        redis_server.resume()
    await until(lambda: _answers(tier))
    await written(tier, "one")
    assert await tier.get("one") == b"body of one"
    await tier.close()


async def test_after_a_restart_it_is_used_again(redis_server, redis_url):
    tier = RedisTier(redis_url, breaker=Breaker(failures=3, pause_s=0.1))
    await written(tier, "one")
    redis_server.stop()
    while not tier.open:
        assert await tier.get("one") is None
    redis_server.start()
    await until(lambda: _answers(tier))
    await written(tier, "two")
    assert await tier.get("two") == b"body of two"
    await tier.close()


async def test_a_password_that_is_wrong_is_an_outage_not_an_error(redis: Redis, redis_url):
    await redis.config_set("requirepass", "secret")
    await redis.execute_command("AUTH", "secret")
    try:
        tier = RedisTier(redis_url, timeout_s=PATIENT_S)
        assert await tier.get("one") is None
        assert tier.errors == 1
        await tier.close()
    finally:
        await redis.config_set("requirepass", "")


def _answers(tier):
    """Ask once, which sends a PING after the pause, and say whether the tier is in use."""
    asyncio.ensure_future(tier.get("anything"))  # noqa: RUF006 - answered at once while open
    return not tier.open
