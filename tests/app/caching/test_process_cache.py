"""The process tier keeps what was used last within its bytes; equal computations in flight are one."""

import asyncio
import tracemalloc
from sys import getsizeof

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.caching.process_cache import LINK_BYTES, ProcessCache, SingleFlight

KEYS = st.sampled_from([f"key-{number}" for number in range(8)])
ACTIONS = st.lists(st.one_of(KEYS, st.tuples(KEYS, st.integers(0, 3000))), max_size=60)


def weight(key: str, body: bytes) -> int:
    return getsizeof(key) + getsizeof(body) + LINK_BYTES


@given(actions=ACTIONS, max_bytes=st.integers(0, 8000))
def test_it_keeps_exactly_the_last_used_that_fit(actions, max_bytes):
    cache = ProcessCache(max_bytes)
    expected: list[tuple[str, bytes]] = []  # least recently used first
    for action in actions:
        if isinstance(action, str):
            known = dict(expected).get(action)
            assert cache.get(action) == known
            if known is not None:
                expected.remove((action, known))
                expected.append((action, known))
            continue
        key, length = action
        body = bytes(length)
        cache.put(key, body)
        expected = [entry for entry in expected if entry[0] != key]
        if weight(key, body) <= max_bytes:
            expected.append((key, body))
        while sum(weight(*entry) for entry in expected) > max_bytes:
            expected.pop(0)
        assert cache.size == sum(weight(*entry) for entry in expected) <= max_bytes
        assert cache.count == len(expected)
    for key, body in expected:
        assert cache.get(key) == body


def test_the_size_it_reports_covers_the_memory_it_takes():
    cache = ProcessCache(1 << 30)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        cache.put(f"{number:064d}", bytes(100))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.6 * cache.size < grown <= cache.size


def test_a_tile_larger_than_the_whole_cache_leaves_the_others_alone():
    cache = ProcessCache(2000)
    cache.put("small", b"s")
    cache.put("large", bytes(5000))
    assert cache.get("large") is None
    assert cache.get("small") == b"s"


def test_zero_bytes_switch_it_off():
    cache = ProcessCache(0)
    cache.put("key", b"")
    assert (cache.get("key"), cache.size, cache.count) == (None, 0, 0)


def test_an_empty_body_is_a_body():
    cache = ProcessCache(1000)
    cache.put("key", b"")
    assert cache.get("key") == b""


Flights = SingleFlight[int]


class Computation:
    """Counts its runs, ends when told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.runs += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.runs


async def started(flight, computation, waiters, key="key"):
    tasks = [asyncio.create_task(flight.run(key, computation)) for _ in range(waiters)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_all_who_ask_while_it_runs_get_the_one_result():
    flight, computation = Flights(), Computation()
    tasks = await started(flight, computation, 5)
    computation.may_end.set()
    assert await asyncio.gather(*tasks) == [1] * 5
    assert len(flight) == 0


async def test_the_next_one_after_it_ended_computes_anew():
    flight, computation = Flights(), Computation()
    computation.may_end.set()
    assert await flight.run("key", computation) == 1
    assert await flight.run("key", computation) == 2


async def test_different_keys_do_not_wait_for_one_another():
    flight, held, free = Flights(), Computation(), Computation()
    tasks = await started(flight, held, 1, key="held")
    free.may_end.set()
    assert await flight.run("free", free) == 1
    held.may_end.set()
    assert await tasks[0] == 1


async def test_a_cancelled_waiter_leaves_the_computation_to_the_others():
    flight, computation = Flights(), Computation()
    first, second, third = await started(flight, computation, 3)
    first.cancel()
    third.cancel()
    computation.may_end.set()
    assert await second == 1
    for task in (first, third):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (computation.runs, computation.cancelled) == (1, 0)


async def test_the_last_waiter_to_leave_cancels_it_and_the_next_begins_anew():
    flight, computation = Flights(), Computation()
    for task in await started(flight, computation, 2):
        task.cancel()
    await asyncio.sleep(0)
    fresh = (await started(flight, computation, 1))[0]
    computation.may_end.set()
    assert await fresh == 2
    assert computation.cancelled == 1


async def test_an_error_reaches_all_who_wait_and_is_not_kept():
    flight, computation = Flights(), Computation()
    computation.error = ValueError("broken")
    tasks = await started(flight, computation, 3)
    computation.may_end.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes == [computation.error] * 3
    computation.error = None
    assert await flight.run("key", computation) == 2
