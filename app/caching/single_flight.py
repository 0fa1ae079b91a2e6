"""Single flight: equal requests in progress share one computation."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class _Flight(Generic[ResultT]):
    task: asyncio.Task[ResultT]
    waiters: int = 0


class SingleFlight(Generic[ResultT]):
    """Runs one computation per key at a time, however many callers ask for it.

    A waiter that is cancelled leaves the computation to the others; the last one to leave cancels it, so
    that nothing is computed needlessly. An error reaches all waiters and is not kept: the next caller tries
    again.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[ResultT]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(self, key: str, compute: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Return the result of `compute`, or of the equal computation in progress."""
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.ensure_future(_awaited(compute)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _: self._land(key, flight))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                self._land(key, flight)
                flight.task.cancel()

    def _land(self, key: str, flight: _Flight[ResultT]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _awaited(compute: Callable[[], Awaitable[ResultT]]) -> ResultT:
    return await compute()
