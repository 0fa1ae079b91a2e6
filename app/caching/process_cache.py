"""What the requests of one process share: entries kept in memory, and computations under way.

Entries are the nearest tier: least recently used out first, bounded in bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from sys import getsizeof
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")

LINK_BYTES = 150
"""What an OrderedDict keeps for one entry beside key and value (55-75 bytes, twice that after it grew)."""


class BoundedCache(Generic[KeyT, ValueT]):
    """Entries in the order of their last use, whose weights never sum above `max_bytes`.

    Used from the event loop only, so nothing is locked.
    """

    def __init__(self, max_bytes: int, weigh: Callable[[KeyT, ValueT], int]) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self._weigh = weigh
        self._entries: OrderedDict[KeyT, ValueT] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def count(self) -> int:
        """Number of entries."""
        return len(self._entries)

    def get(self, key: KeyT) -> ValueT | None:
        """The value, which becomes the most recently used; None where there is none."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: KeyT, value: ValueT) -> None:
        """Keep the value, and drop the least recently used past the bound; one above it is not kept."""
        self.drop(key)
        weight = self._weigh(key, value)
        if weight > self.max_bytes:
            return
        self._entries[key] = value
        self.size += weight
        while self.size > self.max_bytes:
            oldest, dropped = self._entries.popitem(last=False)
            self.size -= self._weigh(oldest, dropped)

    def drop(self, key: KeyT) -> None:
        """Forget one key, if it is there."""
        value = self._entries.pop(key, None)
        if value is not None:
            self.size -= self._weigh(key, value)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.size = 0


class ProcessCache(BoundedCache[str, bytes]):
    """Tile bytes by tile key; zero bytes switch it off."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, tile_weight)


def tile_weight(key: str, body: bytes) -> int:
    """Bytes of memory one kept tile takes: key, body and what the cache keeps around them."""
    return getsizeof(key) + getsizeof(body) + LINK_BYTES


@dataclass(slots=True)
class _Flight(Generic[ResultT]):
    task: asyncio.Task[ResultT]
    waiters: int = 0


class SingleFlight(Generic[ResultT]):
    """Runs one computation a key at a time, for however many ask.

    A waiter that is cancelled leaves the computation to the others; the last one to leave
    cancels it, so that nothing is computed for nobody. An error reaches all who wait and is
    not kept: who asks next tries again.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[ResultT]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(self, key: str, compute: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """The result of `compute`, or of the equal computation already under way."""
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
