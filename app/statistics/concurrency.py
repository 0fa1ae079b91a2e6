"""Concurrency: several computations at a time, with their results in the order they were requested."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 8
"""Entries computed concurrently: enough to keep the render threads busy with small polygons."""


async def in_order(asked: AsyncIterable[Coroutine[Any, Any, T]], at_once: int = AT_ONCE) -> AsyncGenerator[T]:
    """Run coroutines, at most `at_once` concurrently, and yield their results in order.

    `asked` is read only as far as needed. The first error ends the iteration. Close the iterator to stop what
    is running.
    """
    under_way: deque[asyncio.Task[T]] = deque()
    try:
        async for each in asked:
            under_way.append(asyncio.create_task(each))
            if len(under_way) == at_once:
                yield await under_way[0]
                under_way.popleft()
        while under_way:
            yield await under_way[0]
            under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
