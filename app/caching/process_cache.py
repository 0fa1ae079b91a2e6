"""What the requests of one process share: entries kept in memory, and computations under way.

Entries are the nearest tier: least recently used out first, bounded in bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")

LINK_BYTES = 150
"""What an OrderedDict takes per entry besides key and value (55-75 bytes, twice that after growing)."""


class BoundedCache(Generic[KeyT, ValueT]):
    """Entries in order of last use, whose weights never exceed `max_bytes` in total.

    Used from the event loop only, so it takes no locks.
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
        """Return a value and make it the most recently used; None if there is none."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: KeyT, value: ValueT) -> None:
        """Keep a value, dropping the least recently used over the limit; a value above it is not kept."""
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
        """Drop a key if it is there."""
        value = self._entries.pop(key, None)
        if value is not None:
            self.size -= self._weigh(key, value)

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self.size = 0


class ProcessCache(BoundedCache[str, bytes]):
    """Tile bytes by tile key; a limit of 0 bytes switches the cache off."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, tile_weight)


def tile_weight(key: str, body: bytes) -> int:
    """Return the memory a cached tile takes: key, body and what the cache adds, in bytes."""
    return getsizeof(key) + getsizeof(body) + LINK_BYTES


@dataclass(slots=True)
class _Flight(Generic[ResultT]):
    task: asyncio.Task[ResultT]
    waiters: int = 0


class SingleFlight(Generic[ResultT]):
    """Runs one computation a key at a time, for however many ask.

    A waiter that is cancelled leaves the computation to the others; the last one to leave
    cancels it, so that nothing is computed in vain. An error reaches all who wait and is
    not kept: who asks next tries again.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[ResultT]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(self, key: str, compute: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """Return the result of `compute`, or of the equal computation already under way."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(compute()))
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
