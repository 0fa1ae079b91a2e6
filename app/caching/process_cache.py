"""The nearest tier: a cache in this process, least recently used out first, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable
from sys import getsizeof
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

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
