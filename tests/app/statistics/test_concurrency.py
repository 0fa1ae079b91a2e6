"""Several things at a time, their results in order."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from app.statistics.concurrency import in_order


class Work:
    """Notes how much is under way."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.most = 0

    async def one(self, number: int, lasts_s: float) -> int:
        self.begun.append(number)
        self.most = max(self.most, len(self.begun) - len(self.ended))
        try:
            await asyncio.sleep(lasts_s)
            if lasts_s == 0.013:
                raise ValueError(number)
        finally:
            self.ended.append(number)
        return number

    async def asked(self, lasting_s: list[float]) -> AsyncIterator[Coroutine[Any, Any, int]]:
        for number, lasts_s in enumerate(lasting_s):
            yield self.one(number, lasts_s)


async def test_results_come_in_order_and_no_more_run_than_allowed() -> None:
    work = Work()
    lasting = [0.03, 0.0, 0.02, 0.01, 0.0, 0.02, 0.0]
    assert [each async for each in in_order(work.asked(lasting), 3)] == list(range(7))
    assert work.most == 3
    assert work.ended[0] == 1


async def test_the_first_error_ends_it_and_stops_what_is_under_way() -> None:
    work = Work()
    running = in_order(work.asked([0.0, 0.013, 60.0, 60.0]), 3)
    assert await anext(running) == 0
    with pytest.raises(ValueError, match="1"):
        await anext(running)
    assert sorted(work.ended) == sorted(work.begun)


async def test_closing_stops_what_is_under_way() -> None:
    work = Work()
    running = in_order(work.asked([0.0, 60.0, 60.0]), 2)
    assert await anext(running) == 0
    await running.aclose()
    assert work.ended == work.begun


async def test_nothing_asked_gives_nothing() -> None:
    assert [each async for each in in_order(Work().asked([]), 3)] == []
