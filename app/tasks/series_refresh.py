"""SeriesRefresh: keeps the series of areas current, and recomputes only what changed.

A changed mosaic affects the areas that its changed scenes touch, found by the PostGIS index; of those, areas
are counted whose inputs have another hash than the stored row. New areas and changed products are filled
period by period. Everything is written before it is recorded as seen, so that after a crash the next run
continues from there, and recognises by its hash what was already done.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from app.areas.kept_series import NewEntry, write_entries
from app.areas.series_updates import (
    AreaToCount,
    areas_touched,
    forget_entries,
    forget_period,
    kept_inputs_of,
    mosaics_seen,
    note_filled,
    note_mosaic,
    series_behind,
    shapes_of,
)
from app.database import Database
from app.products.product import Product
from app.products.registry import Registry
from app.rendering.basis import of_one_basis
from app.rendering.selecting import compared_periods
from app.statistics.geometry import GeometryError, Polygonal
from app.statistics.resolved import ResolvedStatistics
from app.statistics.service import StatisticsService, in_order
from app.statistics.summary import StatisticsRequestError
from app.tasks.mosaic_diff import changed_footprint
from app.tasks.task import StillLeading
from mosaics.catalogue import Catalogue
from mosaics.period import Period

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Entries computed concurrently: half of what a request may have, so that requests come first."""

PAGE_AREAS = 200
PAGE_VERTICES = 250_000
"""Of the areas held at a time: 4 MB of coordinates; a single area may have nearly as many."""

PAGE_ENTRIES = 2_000
"""Entries filled before that is recorded: about ten seconds of work."""

FILLING_S = 60.0
"""How long one run fills series; the rest waits for the next run, after the changes."""

SERIES_A_RUN = 10_000


@dataclass(slots=True)
class Refreshed:
    """The outcome of a run."""

    periods: int = 0
    """Periods with changes."""
    series: int = 0
    """Series filled."""
    checked: int = 0
    """Entries whose inputs were compared."""
    computed: int = 0
    """Entries written."""
    removed: int = 0
    """Entries that no scene lies over any more."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An entry whose inputs differ from those of the stored row."""

    area_id: int
    resolved: ResolvedStatistics | None
    """None if the statistic cannot be computed."""
    refusal: str = ""


class SeriesRefresh:
    """Keeps stored series current.

    Args:
        database: Where series are stored.
        catalogue: What exists now.
        registry: The products.
        statistics: Counts, and remembers the results.
    """

    def __init__(
        self, database: Database, catalogue: Catalogue, registry: Registry, statistics: StatisticsService
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._registry = registry
        self._statistics = statistics

    async def refresh(self, still_leading: StillLeading) -> Refreshed:
        """Update everything that changed, then fill series for a limited time.

        Raises:
            app.tasks.leader_election.LeadershipLostError: If this process no longer leads.
            app.database.DatabaseUnavailableError: If the database does not answer.
            mosaics.storage.StorageError: If the store does not answer.
        """
        done = Refreshed()
        landed = [p for p in self._registry.all() if p.planes == 1 and self._has_landed(p)]
        products = [of_one_basis(self._catalogue, p) for p in landed]
        for collection in sorted({name for p in products for name in (p.collection, *p.zone_rules)}):
            readers = [p for p in products if collection in (p.collection, *p.zone_rules)]
            await self._follow(collection, readers, still_leading, done)
        await self._fill({p.id: p for p in products}, still_leading, done)
        return done

    async def _follow(
        self, collection: str, products: Sequence[Product], still_leading: StillLeading, done: Refreshed
    ) -> None:
        """Update the filled series of products that read a collection."""
        async with self._database.connection() as connection:
            seen = await mosaics_seen(connection, collection)
        landed = self._catalogue.periods(collection) if collection in self._catalogue.collections() else ()
        now = {p.text: self._catalogue.mosaic_key(collection, p) for p in landed}
        for text in sorted(seen.keys() | now.keys()):
            before, after = seen.get(text), now.get(text)
            if before == after:
                continue
            if after is None:
                async with self._database.connection() as connection:
                    own = [p.id for p in products if p.collection == collection]
                    await forget_period(connection, own, text)
            footprint = await changed_footprint(self._catalogue.storage, before, after)
            for product in products:
                # A period that appears or disappears may replace another one in a comparison, everywhere.
                replaces = bool(product.roles) and None in (before, after)
                changed = Period.parse(text)
                affected = affected_periods(self._catalogue, product, collection, changed, replaces=replaces)
                if not affected:
                    continue
                async with self._database.connection() as connection:
                    touched = await areas_touched(connection, product.id, None if replaces else footprint)
                for page in pages(touched, PAGE_AREAS):
                    await self._count(product, affected, page, still_leading, done)
            await still_leading()
            async with self._database.connection() as connection:
                await note_mosaic(connection, collection, text, after)
            done.periods += 1

    async def _fill(
        self, products: Mapping[str, Product], still_leading: StillLeading, done: Refreshed
    ) -> None:
        """Count every period of series that were never counted or that changed as a whole."""
        versions = {id_: await self._statistics.version(product) for id_, product in products.items()}
        async with self._database.connection() as connection:
            behind = await series_behind(connection, versions, limit=SERIES_A_RUN)
        end = time.monotonic() + FILLING_S
        for id_, of_product in groupby(behind, key=lambda series: series.product):
            product, version = products[id_], versions[id_]
            periods = self._catalogue.periods(product.collection)
            for page in pages(list(of_product), min(PAGE_AREAS, max(1, PAGE_ENTRIES // len(periods)))):
                await self._count(product, periods, page, still_leading, done)
                await still_leading()
                async with self._database.transaction() as connection:
                    await note_filled(connection, page, version, [p.text for p in periods])
                done.series += len(page)
                if time.monotonic() > end:
                    return

    async def _count(
        self,
        product: Product,
        periods: Iterable[Period],
        areas: Sequence[AreaToCount],
        still_leading: StillLeading,
        done: Refreshed,
    ) -> None:
        """Update the entries of some areas, period by period."""
        async with self._database.connection() as connection:
            shapes = await shapes_of(connection, [area.id for area in areas])
        for period in periods:
            async with self._database.connection() as connection:
                kept = await kept_inputs_of(connection, list(shapes), product.id, period.text)
            changed, gone = await self._compare(product, period, shapes, kept)
            done.checked += len(shapes)
            if not changed and not gone:
                continue
            entries = await self._entries(product, period, shapes, changed)
            await still_leading()
            async with self._database.transaction() as connection:
                await forget_entries(connection, gone, product.id, period.text)
                for area_id, entry in entries:
                    written = await write_entries(connection, area_id, shapes[area_id], product.id, [entry])
                    done.computed += written
            done.removed += len(gone)

    async def _compare(
        self, product: Product, period: Period, shapes: Mapping[int, Polygonal], kept: Mapping[int, str]
    ) -> tuple[list[Changed], list[int]]:
        """Return the areas whose inputs changed, and those with an entry but no scene any more."""
        changed: list[Changed] = []
        gone: list[int] = []
        for area_id, polygon in shapes.items():
            await asyncio.sleep(0)  # resolving from memory never yields by itself
            try:
                resolved = await self._statistics.engine.resolve(product, polygon, period.text)
            except StatisticsRequestError as error:
                changed.append(Changed(area_id, None, str(error)))
                continue
            if resolved.scenes.best_first and kept.get(area_id) != resolved.inputs:
                changed.append(Changed(area_id, resolved))
            elif not resolved.scenes.best_first and area_id in kept:
                gone.append(area_id)
        return changed, gone

    async def _entries(
        self,
        product: Product,
        period: Period,
        shapes: Mapping[int, Polygonal],
        changed: Sequence[Changed],
    ) -> list[tuple[int, NewEntry]]:
        known = await self._statistics.memory.recall([c.resolved.inputs for c in changed if c.resolved])

        async def entry(change: Changed) -> tuple[int, NewEntry]:
            facts: dict[str, Any] | None = None
            if change.resolved is not None and change.resolved.inputs in known:
                facts = json.loads(known[change.resolved.inputs])
            refusal = change.refusal
            if facts is None and change.resolved is not None:
                try:
                    facts = (await self._statistics.engine.summarise(change.resolved)).entry(period.text)
                except GeometryError as error:
                    refusal = str(error)
            if facts is None:
                log.warning("area %d has no %s for %s: %s", change.area_id, product.id, period, refusal)
                gap = await self._statistics.gap(product, shapes[change.area_id], period.text)
                facts = gap | {"reason": refusal, "inputs": ""}
            text = json.dumps(facts | {"period": period.text})
            return change.area_id, NewEntry(period.text, period.start, text, facts["inputs"])

        async def asked() -> AsyncGenerator[Coroutine[Any, Any, tuple[int, NewEntry]]]:
            for change in changed:
                yield entry(change)

        async with aclosing(in_order(asked(), AT_ONCE)) as entries:
            return [each async for each in entries]

    def _has_landed(self, product: Product) -> bool:
        collections = self._catalogue.collections()
        return product.collection in collections and bool(self._catalogue.periods(product.collection))


def affected_periods(
    catalogue: Catalogue, product: Product, collection: str, changed: Period, *, replaces: bool
) -> Sequence[Period]:
    """Return the periods of a product whose entries may differ after a period of a collection changed.

    A mask collection, and a window fixed by a product's file, affect every period; a window before the
    tested one affects some periods up to as many years later as it spans. Which ones is certain if no period
    appeared or disappeared (not `replaces`), since then the windows are the same as before.
    """
    known = catalogue.periods(product.collection)
    if collection != product.collection or any(role.window for role in product.roles.values()):
        return known
    if not product.roles:
        return [changed] if changed in known else []
    years = max(role.years for role in product.roles.values())
    last = changed.start.year + years
    later = [
        p for p in known if changed <= p and (p.start.year, p.start.month) <= (last, changed.start.month)
    ]
    return later if replaces else [p for p in later if changed in compared_periods(catalogue, product, p)]


A = TypeVar("A", bound=AreaToCount)


def pages(areas: Sequence[A], size: int) -> list[list[A]]:
    """Split areas into parts of at most `size` areas and `PAGE_VERTICES` vertices, or of one area."""
    found: list[list[A]] = []
    vertices = 0
    for area in areas:
        vertices += area.vertices
        if not found or len(found[-1]) == size or vertices > PAGE_VERTICES:
            found.append([])
            vertices = area.vertices
        found[-1].append(area)
    return found
