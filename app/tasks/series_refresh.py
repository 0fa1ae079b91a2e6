"""SeriesRefresh: keeps the series of areas and routes current, and recomputes only what changed.

A changed mosaic affects the subjects (areas, routes) that its changed scenes touch, found by the PostGIS
index; of those, the ones are counted whose inputs have another hash than the stored row. New subjects and
changed products are filled period by period. Everything is written before it is recorded as seen, so that
after a crash the next run continues from there, and recognises by its hash what was already done.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from app.areas.kept_kind import KeptKind, S
from app.areas.kept_series import NewEntry
from app.areas.series_tables import SubjectToCount
from app.areas.series_updates import mosaics_seen, note_mosaic
from app.database import Database
from app.products.product import Product
from app.products.registry import Registry
from app.rendering.basis import of_one_basis
from app.rendering.selecting import compared_periods
from app.statistics.geometry import GeometryError
from app.statistics.resolved import Resolved
from app.statistics.service import in_order
from app.statistics.summary import StatisticsRequestError
from app.tasks.mosaic_diff import changed_footprint
from app.tasks.task import StillLeading
from mosaics.catalogue import Catalogue
from mosaics.period import Period

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Entries computed concurrently: half of what a request may have, so that requests come first."""

PAGE_SUBJECTS = 200
PAGE_VERTICES = 250_000
"""Of the subjects held at a time: 4 MB of coordinates; a single one may have nearly as many."""

PAGE_ENTRIES = 2_000
"""Entries filled before that is recorded: about ten seconds of work."""

FILLING_S = 60.0
"""How long one run fills series of a kind; the rest waits for the next run, after the changes."""

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

    subject_id: int
    resolved: Resolved | None
    """None if the entry cannot be computed."""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that is under way."""

    still_leading: StillLeading
    done: Refreshed


class SeriesRefresh:
    """Keeps stored series current.

    Args:
        database: Where series are stored.
        catalogue: What exists now.
        registry: The products.
        kinds: What series there are: of areas, of routes.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        registry: Registry,
        kinds: Sequence[KeptKind[Any]],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._registry = registry
        self._kinds = kinds

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
        for kind in self._kinds:
            await self._fill(kind, {p.id: p for p in products}, still_leading, done)
        return done

    async def _follow(
        self, collection: str, products: Sequence[Product], still_leading: StillLeading, done: Refreshed
    ) -> None:
        """Update the filled series of products that read a collection."""
        async with self._database.connection() as connection:
            seen = await mosaics_seen(connection, collection)
            filled = {kind.noun: await kind.tables.products_filled(connection) for kind in self._kinds}
        landed = self._catalogue.periods(collection) if collection in self._catalogue.collections() else ()
        now = {p.text: self._catalogue.mosaic_key(collection, p) for p in landed}
        for text in sorted(seen.keys() | now.keys()):
            before, after = seen.get(text), now.get(text)
            if before == after:
                continue
            if after is None:
                async with self._database.connection() as connection:
                    own = [p.id for p in products if p.collection == collection]
                    for kind in self._kinds:
                        await kind.tables.forget_period(connection, own, text)
            footprint = await changed_footprint(self._catalogue.storage, before, after)
            for product in products:
                # A period that appears or disappears may replace another one in a comparison, everywhere.
                replaces = bool(product.roles) and None in (before, after)
                changed = Period.parse(text)
                affected = affected_periods(self._catalogue, product, collection, changed, replaces=replaces)
                within = None if replaces else footprint
                for kind in self._kinds:
                    if product.id not in filled[kind.noun] or not (affected or kind.tables.beside):
                        continue
                    async with self._database.connection() as connection:
                        touched = await kind.tables.touched(connection, product.id, within)
                    for page in pages(touched, PAGE_SUBJECTS):
                        run = _Run(still_leading, done)
                        await self._count(kind, product, affected or [changed], page, run)
            await still_leading()
            async with self._database.connection() as connection:
                await note_mosaic(connection, collection, text, after)
            done.periods += 1

    async def _fill(
        self,
        kind: KeptKind[Any],
        products: Mapping[str, Product],
        still_leading: StillLeading,
        done: Refreshed,
    ) -> None:
        """Count every period of series that were never counted or that changed as a whole."""
        versions = {id_: await kind.version(product) for id_, product in products.items()}
        async with self._database.connection() as connection:
            behind = await kind.tables.behind(connection, versions, limit=SERIES_A_RUN)
        end = time.monotonic() + FILLING_S
        for id_, of_product in groupby(behind, key=lambda series: series.product):
            product, version = products[id_], versions[id_]
            periods = self._catalogue.periods(product.collection)
            for page in pages(list(of_product), min(PAGE_SUBJECTS, max(1, PAGE_ENTRIES // len(periods)))):
                await self._count(kind, product, periods, page, _Run(still_leading, done))
                await still_leading()
                async with self._database.transaction() as connection:
                    await kind.tables.note_filled(connection, page, version, [p.text for p in periods])
                done.series += len(page)
                if time.monotonic() > end:
                    return

    async def _count(
        self,
        kind: KeptKind[S],
        product: Product,
        periods: Sequence[Period],
        page: Sequence[SubjectToCount],
        run: "_Run",
    ) -> None:
        """Update the entries of some subjects, period by period."""
        async with self._database.connection() as connection:
            subjects = await kind.subjects_of(connection, [each.id for each in page])
        for period, asked in kind.asked(subjects, periods):
            async with self._database.connection() as connection:
                kept = await kind.tables.inputs_of(connection, list(asked), product.id, period.text)
            changed, gone = await self._compare(kind, product, period, asked, kept)
            run.done.checked += len(asked)
            if not changed and not gone:
                continue
            entries = await self._entries(kind, product, period, asked, changed)
            await run.still_leading()
            async with self._database.transaction() as connection:
                await kind.tables.forget_entries(connection, gone, product.id, period.text)
                for id_, entry in entries:
                    run.done.computed += await kind.write(connection, id_, asked[id_], product.id, entry)
            run.done.removed += len(gone)

    async def _compare(
        self,
        kind: KeptKind[S],
        product: Product,
        period: Period,
        subjects: Mapping[int, S],
        kept: Mapping[int, str],
    ) -> tuple[list[Changed], list[int]]:
        """Return the subjects whose inputs changed, and those with an entry but no scene any more."""
        changed: list[Changed] = []
        gone: list[int] = []
        for id_, subject in subjects.items():
            await asyncio.sleep(0)  # resolving from memory never yields by itself
            try:
                resolved = await kind.resolve(product, subject, period.text)
            except StatisticsRequestError as error:
                changed.append(Changed(id_, None, str(error)))
                continue
            if resolved.scenes.best_first and kept.get(id_) != resolved.inputs:
                changed.append(Changed(id_, resolved))
            elif not resolved.scenes.best_first and id_ in kept:
                gone.append(id_)
        return changed, gone

    async def _entries(
        self,
        kind: KeptKind[S],
        product: Product,
        period: Period,
        subjects: Mapping[int, S],
        changed: Sequence[Changed],
    ) -> list[tuple[int, NewEntry]]:
        known = await kind.memory.recall([c.resolved.inputs for c in changed if c.resolved])

        async def entry(change: Changed) -> tuple[int, NewEntry]:
            facts: dict[str, Any] | None = None
            if change.resolved is not None and change.resolved.inputs in known:
                facts = json.loads(known[change.resolved.inputs])
            refusal = change.refusal
            if facts is None and change.resolved is not None:
                try:
                    facts, _ = await kind.facts(change.resolved, period.text)
                except GeometryError as error:
                    refusal = str(error)
            if facts is None:
                log.warning(
                    "%s %d has no %s for %s: %s", kind.noun, change.subject_id, product.id, period, refusal
                )
                gap = await kind.gap(product, subjects[change.subject_id], period.text)
                facts = gap | {"reason": refusal, "inputs": ""}
            text = json.dumps(facts | {"period": period.text})
            return change.subject_id, NewEntry(period.text, period.start, text, facts["inputs"])

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


A = TypeVar("A", bound=SubjectToCount)


def pages(subjects: Sequence[A], size: int) -> list[list[A]]:
    """Split subjects into parts of at most `size` of them and `PAGE_VERTICES` vertices, or of one."""
    found: list[list[A]] = []
    vertices = 0
    for each in subjects:
        vertices += each.vertices
        if not found or len(found[-1]) == size or vertices > PAGE_VERTICES:
            found.append([])
            vertices = each.vertices
        found[-1].append(each)
    return found
