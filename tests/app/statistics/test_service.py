"""What was counted once is remembered under all that determines it, and nothing else is."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from app.caching.process_cache import ProcessCache
from app.statistics.geometry import Polygonal
from app.statistics.memory import ProcessMemory
from app.statistics.service import Answer, Question, StatisticsService, in_order, plan_series
from mosaics.period import Cadence
from tests.app.statistics.landed import Raster, World, plain_product, world
from tests.app.statistics.polygons import near_mol
from tests.app.statistics.test_service_series import FIELD, flat

OTHER = near_mol([30, 40, 40, 30], [30, 30, 40, 40])


class Watched(ProcessMemory):
    """A memory that tells what it was asked and given."""

    def __init__(self) -> None:
        super().__init__(ProcessCache(1 << 20))
        self.asked = 0
        self.kept: dict[str, str] = {}

    async def recall(self, inputs: Sequence[str]) -> Mapping[str, str]:
        self.asked += 1
        return await super().recall(inputs)

    async def keep(self, entries: Mapping[str, str]) -> None:
        self.kept |= entries
        await super().keep(entries)


async def ask(
    here: World,
    memory: Watched,
    when: str,
    polygons: Sequence[Polygonal] = (FIELD,),
    step: Cadence | None = None,
) -> list[Answer]:
    steps = plan_series(here.catalogue, plain_product(), when, step)
    questions = [Question(p, s, n) for n, p in enumerate(polygons) for s in steps]
    return [
        answer async for answer in StatisticsService(here.engine, memory).answers(plain_product(), questions)
    ]


def recalled(answers: Sequence[Answer]) -> list[bool]:
    return [answer.recalled for answer in answers]


def without_period(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.entry.items() if name != "period"}


async def test_an_equal_question_is_answered_from_memory_whatever_its_time_is_called(tmp_path):
    memory = Watched()
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        (first,) = await ask(here, memory, "2024-02")
        (again,) = await ask(here, memory, "2024-02")
        (year,) = await ask(here, memory, "2024", step=Cadence.YEAR)
    assert recalled([first, again, year]) == [False, True, True]
    assert again.entry == first.entry
    assert (year.entry["period"], without_period(year)) == ("2024", without_period(first))
    assert list(memory.kept) == [first.entry["inputs"]]


async def test_only_the_months_a_scene_touches_are_counted_again(tmp_path):
    memory = Watched()
    async with world(tmp_path) as here:
        for month in (1, 2, 3):
            await here.land(f"2024-0{month}", flat(month))
        await ask(here, memory, "2024-01/2024-04")
        await here.land("2024-02", flat(9), scene_id="clearer", cloud_cover_percent=0)
        after = await ask(here, memory, "2024-01/2024-04")
    assert recalled(after) == [True, False, True, False]
    assert [answer.entry["mean"] for answer in after] == [1, 9, 3, None]


async def test_answers_keep_the_order_of_questions_known_and_unknown(tmp_path):
    memory = Watched()
    async with world(tmp_path) as here:
        for month in range(1, 10):
            await here.land(f"2024-0{month}", flat(month))
        await ask(here, memory, "2024-03/2024-05")
        answers = await ask(here, memory, "2024-01/2024-09", (FIELD, OTHER))
    assert [answer.subject for answer in answers] == [0] * 9 + [1] * 9
    assert [answer.entry["mean"] for answer in answers] == [*range(1, 10)] * 2
    assert recalled(answers) == [*[False] * 2, *[True] * 3, *[False] * 13]


async def test_gaps_are_neither_asked_for_nor_kept(tmp_path):
    memory = Watched()
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        await ask(here, memory, "2020/2023")
    assert memory.kept == {}


async def test_what_a_damaged_scene_is_missing_from_is_not_kept(tmp_path):
    memory = Watched()
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        half = np.full((100, 100), 7, "uint8")
        await here.land(
            "2024-02", {"value": Raster(half)}, scene_id="damaged", damaged=True, cloud_cover_percent=0
        )
        (answer,) = await ask(here, memory, "2024-02")
    assert answer.entry["skipped"] == ["damaged"]
    assert memory.kept == {}


async def test_many_questions_are_recalled_together(tmp_path):
    memory = Watched()
    async with world(tmp_path) as here:
        await here.land("2024-02", flat(2))
        polygons = [near_mol([x, x + 1, x + 1, x], [20, 20, 21, 21]) for x in range(20, 60)]
        await ask(here, memory, "2024-02", polygons)
        assert (memory.asked, len(memory.kept)) == (2, 40)
        assert recalled(await ask(here, memory, "2024-02", polygons)) == [True] * 40
    assert all(json.loads(entry)["status"] == "ok" for entry in memory.kept.values())


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
