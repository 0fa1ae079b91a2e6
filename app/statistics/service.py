"""StatisticsService: the entries of a time in order, gaps among them, from memory where it has them."""

import asyncio
import json
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import shapely

from app.products.product import Product
from app.statistics.geometry import Polygonal
from app.statistics.memory import Memory
from app.statistics.resolved import ResolvedStatistics
from app.statistics.summary import StatisticsRequestError, SummaryOptions
from app.statistics.zonal import USUAL, ZonalEngine
from mosaics.catalogue import Catalogue
from mosaics.period import Cadence, Interval, Period, parse_when

T = TypeVar("T")

MAX_ENTRIES = 3650
"""Entries of one series: ten years of days, or five months of hours."""

FINEST_FIRST = (Cadence.HOUR, Cadence.DAY, Cadence.MONTH, Cadence.YEAR)

AT_ONCE = 16
"""Entries under way together: enough to keep the render threads busy with small polygons, and a bucket, where
the months of a year are then fetched at once."""

RECALLED_TOGETHER = 32
"""Entries recalled from memory at a time; half the number of mosaics the catalogue keeps loaded."""

ANYWHERE = shapely.box(0, 0, 1, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a series, before it is computed."""

    period: Period
    datetime: str
    """The part of the period that was requested, as an interval."""
    gap: bool
    """Whether the collection has nothing in it."""
    note: str | None = None
    """What is to be said of the time: that the archive has ended."""


def plan_series(
    catalogue: Catalogue, product: Product, when: str | None, cadence: Cadence | None = None
) -> tuple[Step, ...]:
    """Return the entries that a `datetime` parameter selects, in order of time.

    Args:
        catalogue: What exists now.
        product: The product.
        when: A period, interval or instant; None for the latest period. An open interval ends where the
            collection does.
        cadence: How long an entry lasts, for example `month`; None for the collection's own cadence. All
            scenes in that time count, those of the latest period first, as in a tile of that interval.

    Raises:
        mosaics.period.PeriodError: If `when` is not valid.
        StatisticsRequestError: If the step is finer than the collection's periods, or there would be too
            many entries.
    """
    collection = catalogue.collection(product.collection)
    own = collection.cadence
    step = own if cadence is None else cadence
    _refuse_finer(product, own, step)
    known = catalogue.periods(product.collection)
    asked = _asked(when, own, known)
    if asked is None:
        return ()
    begin, end = asked
    starts = [period.start for period in known]
    steps: list[Step] = []
    period = Period.containing(begin, step)
    while period.start < end:
        if len(steps) == MAX_ENTRIES:
            raise StatisticsRequestError(
                f"a series has at most {MAX_ENTRIES:,} entries, one per {step}; ask for a shorter interval "
                "or a longer step"
            )
        part = Interval(max(period.start, begin), min(period.end, end))
        first = bisect_left(starts, Period.containing(max(period.start, begin), own).start)
        is_gap = first == bisect_left(starts, min(period.end, end))
        note = None if collection.ended is None else collection.note_until(period.end)
        steps.append(Step(period, part.text, is_gap, note))
        period = period.following()
    return tuple(steps)


def _refuse_finer(product: Product, own: Cadence, step: Cadence) -> None:
    possible = FINEST_FIRST[FINEST_FIRST.index(own) :]
    if step not in possible:
        raise StatisticsRequestError(
            f"product '{product.id}' has one mosaic per {own}, so steps of a {step} are too fine; "
            f"there are: {', '.join(possible)}"
        )


def _asked(when: str | None, own: Cadence, known: Sequence[Period]) -> tuple[datetime, datetime] | None:
    """Return the start and end of what is requested; None if that is nothing."""
    if when is None:
        return (known[-1].start, known[-1].end) if known else None
    interval = parse_when(when, own)
    begin = interval.start or (known[0].start if known else None)
    end = interval.end or (known[-1].end if known else None)
    return (begin, end) if begin and end and begin < end else None


@dataclass(frozen=True, slots=True)
class Question:
    """One entry before it is known."""

    polygon: Polygonal
    step: Step
    subject: int = 0
    """Index of its polygon among several; passed on."""
    how: str | None = None
    """How the tested window was chosen, if the request did not name it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One entry."""

    subject: int
    entry: dict[str, Any]
    """Ready for JSON."""
    recalled: bool
    """Whether it had been computed before."""


class StatisticsService:
    """Answers questions about any polygon.

    Args:
        engine: Computes entries.
        memory: Remembers them.
    """

    def __init__(self, engine: ZonalEngine, memory: Memory) -> None:
        self.engine = engine
        self.memory = memory

    async def answers(
        self, product: Product, questions: Iterable[Question], wanted: SummaryOptions = USUAL
    ) -> AsyncGenerator[Answer]:
        """Yield the entries in the order of the questions, each as soon as it and those before it are ready.

        Entries before the first error are yielded. Close the iterator to stop what is running.

        Raises:
            StatisticsRequestError, app.statistics.geometry.GeometryError, mosaics.storage.StorageError,
            app.rendering.renderer.RenderingOverloadError: If `ZonalEngine` raises it.
        """
        fresh: dict[str, str] = {}
        asked = self._asked(product, questions, wanted, fresh)
        async with aclosing(in_order(asked)) as answers:
            async for answer in answers:
                yield answer
        await self.memory.keep(fresh)

    async def gap(self, product: Product, polygon: Polygonal, period: str) -> dict[str, Any]:
        """Return the entry for a time without scenes, which has no numbers; ready for JSON."""
        resolved = await self.engine.resolve(product, polygon, gap=True)
        return (await self.engine.summarise(resolved)).entry(period)

    async def version(self, product: Product) -> str:
        """Return a hash that changes whenever all entries of a product must be computed again."""
        return (await self.engine.resolve(product, ANYWHERE, gap=True)).inputs

    async def _asked(
        self, product: Product, questions: Iterable[Question], wanted: SummaryOptions, fresh: dict[str, str]
    ) -> AsyncGenerator[Coroutine[Any, Any, Answer]]:
        """Yield what to do for each question; remember entries in `fresh` on the way."""
        ahead = iter(questions)
        while some := list(islice(ahead, RECALLED_TOGETHER)):
            resolved = [
                await self.engine.resolve(product, q.polygon, q.step.datetime, wanted, gap=q.step.gap)
                for q in some
            ]
            kept = dict(fresh)
            fresh.clear()
            await self.memory.keep(kept)
            known = await self.memory.recall(list({r.inputs for r in resolved if r.scenes.best_first}))
            for question, found in zip(some, resolved, strict=True):
                entry = known.get(found.inputs) if found.scenes.best_first else None
                if entry is None:
                    yield self._compute(question, found, fresh)
                else:
                    yield _recalled(question, product, entry)

    async def _compute(
        self, question: Question, resolved: ResolvedStatistics, fresh: dict[str, str]
    ) -> Answer:
        summary = await self.engine.summarise(resolved)
        entry = summary.entry(question.step.period.text)
        if resolved.scenes.best_first and not summary.skipped:
            fresh[resolved.inputs] = json.dumps(entry)
        return Answer(question.subject, _told(question, resolved.product, entry), recalled=False)


def with_windows_in_order(entry: dict[str, Any], product: Product) -> dict[str, Any]:
    """Return an entry with the tested window first; a database stores names in an order of its own."""
    if "windows" not in entry:
        return entry
    windows = entry["windows"]
    ordered = (*product.role_bands, *windows)  # an older entry may have others
    return entry | {"windows": {role: windows[role] for role in ordered if role in windows}}


async def _recalled(question: Question, product: Product, entry: str) -> Answer:
    """Return the answer for a remembered entry."""
    facts = with_windows_in_order(json.loads(entry), product)
    return Answer(question.subject, _told(question, product, facts), recalled=True)


def _told(question: Question, product: Product, entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry as the answer to a question, which may name the same scenes by another time."""
    told = entry | {"period": question.step.period.text}
    if question.step.note is not None:
        told["note"] = question.step.note
    if question.how is not None and "windows" in entry:
        tested = entry["windows"][product.tested_role] | {"how": question.how}
        told["windows"] = entry["windows"] | {product.tested_role: tested}
    return told


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
