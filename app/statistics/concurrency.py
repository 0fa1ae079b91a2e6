"""Together: several things computed at a time, their results given in the order they were asked for."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 8
"""Entries under way together: enough to keep the render threads busy with small polygons."""


async def in_order(asked: AsyncIterable[Coroutine[Any, Any, T]], at_once: int = AT_ONCE) -> AsyncGenerator[T]:
    """Run coroutines, `at_once` of them at a time, and give their results in order.

    `asked` is read only as far as needed. The first error ends it. Close the iterator to stop what is under
    way.
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
