"""Equal computations in flight are one; who leaves does not take it from the others."""

import asyncio

import pytest

from app.caching.single_flight import SingleFlight

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


async def test_the_next_one_after_it_ended_computes_again():
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


async def test_the_last_waiter_to_leave_cancels_it_and_the_next_begins_again():
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
