"""Redis goes away and comes back while many ask: every answer is right, and soon there."""

import asyncio
import hashlib
import time

import pytest

from app.caching.process_cache import ProcessCache
from app.caching.redis_tier import RedisTier
from app.caching.tile_middleware import TileMiddleware
from app.caching.tile_reply import reply
from app.caching.tile_service import TileService
from mosaics.breaker import Breaker
from tests.app.caching.stand_ins import KeyedRenderer, ask, body_of, resolved_tile, state_of
from tests.services.redis_server import RedisServer

ADDRESSES = [f"/products/ndvi/tiles/WebMercatorQuad/13/{x}/2700.png" for x in range(40)]
CLIENTS = 16
TIME_OUT_S = 0.2


def key_of(path):
    return hashlib.sha256(path.encode()).hexdigest()


class Load:
    """Clients that ask one address after the other until stopped, and check each answer."""

    def __init__(self, app):
        self.app = app
        self.tiers: list[str] = []
        self.slowest_s = 0.0
        self._stopped = False

    async def client(self, number):
        while not self._stopped:
            for path in ADDRESSES[number:] + ADDRESSES[:number]:
                start = time.perf_counter()
                answer = await ask(self.app, path)
                self.slowest_s = max(self.slowest_s, time.perf_counter() - start)
                assert (answer.status, answer.body) == (200, body_of(key_of(path)))
                self.tiers.append(answer.headers["x-cache"])
                await asyncio.sleep(0.001)

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self.client(number)) for number in range(CLIENTS)]
        return self

    async def __aexit__(self, *_):
        self._stopped = True
        await asyncio.gather(*self._tasks)

    async def until_seen(self, tier, at_least=100):
        """Wait for that many further answers from a tier."""
        seen = len(self.tiers)
        deadline = time.monotonic() + 10
        while self.tiers[seen:].count(tier) < at_least:
            assert time.monotonic() < deadline, f"no {at_least} answers from {tier}"
            assert not any(task.done() for task in self._tasks), "an answer was wrong"
            await asyncio.sleep(0.01)


# Both run on the main thread: the kernel ends a server with the thread that started it.
@pytest.mark.parametrize(
    ("outage", "recovery"), [(RedisServer.stop, RedisServer.start), (RedisServer.pause, RedisServer.resume)]
)
async def test_every_answer_is_right_while_redis_is_away_and_redis_is_used_when_back(
    outage, recovery, redis, redis_server, redis_url
):
    tier = RedisTier(redis_url, timeout_s=TIME_OUT_S, breaker=Breaker(failures=3, pause_s=0.3))
    service = TileService(KeyedRenderer(), ProcessCache(0), tier)  # so that every tile is asked of Redis

    async def route(scope, receive, send):
        await (await reply(service, scope["tilewatch.resolved"], scope))(scope, receive, send)

    state = state_of(service)
    middleware = TileMiddleware(
        route, state=lambda: state, resolve=lambda state, path, query: resolved_tile(key_of(path))
    )
    async with Load(middleware) as load:
        await load.until_seen("redis")
        outage(redis_server)
        try:
            await load.until_seen("computed", at_least=500)
            states = [tier.open]
            await asyncio.sleep(1)  # three pauses of the breaker, each with its trial
            states.append(tier.open)
            await load.until_seen("computed")
            slowest_s = load.slowest_s  # before the recovery, which holds this thread until the server is up
        finally:
            recovery(redis_server)
        await load.until_seen("redis", at_least=500)
        states.append(tier.open)
    assert states == [True, True, False]
    assert slowest_s < 2 * TIME_OUT_S + 0.3  # in the queue, in the read, and what a busy machine adds
    await tier.close()
