"""Redis tiers for the tests of this folder."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.caching.redis_tier import RedisTier
from tests.app.caching.stand_ins import PATIENT_S


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A plain client of the tests' own, on an empty server."""
    client = Redis.from_url(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def tier(redis: Redis, redis_url: str) -> AsyncIterator[RedisTier]:
    """The tier on an empty server."""
    tier = RedisTier(redis_url, timeout_s=PATIENT_S)
    yield tier
    await tier.close()
