"""A cache that threads share: within a number of bytes, the least recently used let go."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class SharedCache(Generic[KeyT, ValueT]):
    """Values by key. Any thread may ask.

    Args:
        limit_bytes: Of all values.
        weigh: Tells the bytes of a value.
    """

    def __init__(self, limit_bytes: int, weigh: Callable[[ValueT], int]) -> None:
        self.held_bytes = 0
        """Of the values kept."""
        self.limit_bytes = limit_bytes
        """Most of them; another number holds from the next value on."""
        self._weigh = weigh
        self._values: OrderedDict[KeyT, ValueT] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Iterable[KeyT]) -> dict[KeyT, ValueT]:
        """Return those of some values that are there."""
        with self._lock:
            found = {key: self._values[key] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
        return found

    def put(self, values: Mapping[KeyT, ValueT]) -> None:
        """Keep values, which must not change any more; those that are there stay as they are."""
        with self._lock:
            for key, value in values.items():
                if key not in self._values:
                    self._values[key] = value
                    self.held_bytes += self._weigh(value)
            while self.held_bytes > self.limit_bytes:
                _, oldest = self._values.popitem(last=False)
                self.held_bytes -= self._weigh(oldest)

    def drop(self, key: KeyT) -> None:
        """Let one go."""
        with self._lock:
            if key in self._values:
                self.held_bytes -= self._weigh(self._values.pop(key))

    def clear(self) -> None:
        """Let everything go."""
        with self._lock:
            self._values.clear()
            self.held_bytes = 0
