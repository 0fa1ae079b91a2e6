"""ParcelAnalyses: analyses of parcels from their kept series, of one on request and of many at once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.analysis.analysis_store import (
    Asked,
    KeptAnalysis,
    NewAnalysis,
    keep_analyses,
    known_analysis,
    stale_parcels,
)
from app.analysis.neighbours import Standing, standings
from app.analysis.parcel import AnalysisOptions, Frame, assess
from app.analysis.parcel_inputs import (
    USUAL,
    input_hash,
    latest_valued,
    options_key,
    reported,
    series_of,
    standing_among,
    until,
)
from app.analysis.parcel_store import (
    Around,
    ParcelSeries,
    observed_of,
    read_around,
    read_parcel,
    read_series,
)
from app.analysis.request import ParcelNumbers
from app.areas.area_store import CRITERIA, AreaSearch
from app.areas.kept_areas import AreaSeries
from app.areas.timeseries import TimeSeriesReader
from app.database import Connection, Database
from app.products.product import Product
from app.statistics.service import StatisticsService
from mosaics.catalogue import Catalogue
from mosaics.period import Interval, Period

PAGE_PARCELS = 1_000
"""Parcels of which the series are held at a time: ten years of months take 2 MB."""

STALE_A_RUN = 50_000


class AnalysisRequestError(ValueError):
    """An analysis that cannot be made; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome of a run over many parcels."""

    parcels: int = 0
    """Parcels analysed."""
    levels: Mapping[str, int] | None = None
    """How many got each verdict."""


class ParcelAnalyses:
    """Analyses of parcels.

    Args:
        database: Where series and analyses are kept.
        catalogue: What exists now.
        statistics: Computes entries that are not kept.
    """

    def __init__(self, database: Database, catalogue: Catalogue, statistics: StatisticsService) -> None:
        self._database = database
        self._catalogue = catalogue
        self._series = AreaSeries(statistics)

    async def analyse(
        self, area_id: int, product: Product, period: Period | None, numbers: ParcelNumbers = USUAL
    ) -> KeptAnalysis:
        """Return the analysis of a parcel, as it is kept or from its series, whose latest entries may be new.

        Args:
            area_id: Of the parcel.
            product: With one value a pixel, and that not the number of a class.
            period: Which is looked at; None for the latest in which the parcel has a value.
            numbers: What the analysis depends on.

        Raises:
            app.areas.area.UnknownAreaError: If no area has this id.
            AnalysisRequestError: If values of the product cannot be compared, or it has no entry.
            app.statistics.summary.StatisticsRequestError: If the series is too long.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        refuse_classes(self._catalogue, product)
        options = numbers.options(product)
        reader = TimeSeriesReader(self._database, self._catalogue, self._series)
        found = await reader.read(area_id, product, Interval(None, None if period is None else period.end))
        series = await asyncio.to_thread(series_of, found.entries)
        tested = latest_valued(series) if period is None else period
        if tested is None or not series.periods:
            raise AnalysisRequestError(
                f"area {area_id} has no value of {product.id!r} yet; "
                f"GET /areas/{area_id}/timeseries says what there is"
            )
        asked = Asked(product.id, tested.text, options_key(numbers))
        async with self._database.connection() as connection:
            seen_at = await connection.fetchval("select now()")
            parcel = await read_parcel(connection, area_id, options.same)
            around = await read_around(
                connection,
                product.id,
                tested.text,
                options.same,
                seen=options.seen,
                near=parcel,
                within_m=options.within_m,
            )
        series = until(series, tested)
        among = await asyncio.to_thread(standing_among, parcel, series, around, options)
        inputs = input_hash(asked, options, series, among)
        async with self._database.connection() as connection:
            known = await known_analysis(connection, area_id, asked, inputs)
            if known is not None:
                return known
            frame = Frame(tuple(map(Period.parse, series.periods)), options)
            observed = observed_of([series], frame.periods)
            (assessed,) = await asyncio.to_thread(assess, frame, observed, [among])
            new = NewAnalysis(area_id, inputs, assessed.verdict.level, reported(asked, options, assessed))
            kept = await keep_analyses(connection, asked, [new], seen_at)
        return kept[0]

    async def refresh(self, product: Product, *, limit: int = STALE_A_RUN) -> Refreshed:
        """Analyse again the parcels that have got newer entries of a product, with the usual options.

        Raises:
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        if is_of_classes(self._catalogue, product):
            return Refreshed()
        async with self._database.connection() as connection:
            stale = await stale_parcels(connection, product.id, options_key(USUAL), limit=limit)
        by_period: dict[str, list[int]] = {}
        for area_id, period in stale:
            by_period.setdefault(period, []).append(area_id)
        return await self._many(product, by_period, USUAL)

    async def ids_of(self, search: AreaSearch) -> list[int]:
        """Return the ids of the areas that match a search."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(IDS, 0, None, *search.values)
        return [row["id"] for row in rows]

    async def analyse_many(
        self,
        product: Product,
        ids: Sequence[int],
        period: Period | None,
        numbers: ParcelNumbers = USUAL,
        progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
    ) -> Refreshed:
        """Analyse parcels from what is kept of them; nothing else is computed.

        Args:
            product: With one value a pixel, and that not the number of a class.
            ids: Of areas; those without an entry of the product are left out.
            period: Which is looked at; None for the latest in which each has a value.
            numbers: What the analyses depend on.
            progress: Is told after each page how many of how many are done.

        Raises:
            AnalysisRequestError: If values of the product cannot be compared.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        refuse_classes(self._catalogue, product)
        by_period: dict[str, list[int]] = {}
        if period is not None:
            by_period[period.text] = list(ids)
        else:
            async with self._database.connection() as connection:
                rows = await connection.fetch(LATEST, list(ids), product.id)
            for row in rows:
                by_period.setdefault(row["period"], []).append(row["area_id"])
        return await self._many(product, by_period, numbers, progress)

    async def _many(
        self,
        product: Product,
        by_period: Mapping[str, Sequence[int]],
        numbers: ParcelNumbers,
        progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
    ) -> Refreshed:
        options, levels = numbers.options(product), dict[str, int]()
        done, total = 0, sum(map(len, by_period.values()))
        for text, ids in by_period.items():
            asked = Asked(product.id, text, options_key(numbers))
            async with self._database.connection() as connection:
                around = await read_around(connection, product.id, text, options.same, seen=options.seen)
            among = await asyncio.to_thread(all_standings, around, options)
            for start in range(0, len(ids), PAGE_PARCELS):
                page = ids[start : start + PAGE_PARCELS]
                async with self._database.transaction() as connection:
                    for kept in await self._page(connection, asked, options, page, among):
                        level = kept.result["verdict"]["level"]
                        levels[level] = levels.get(level, 0) + 1
                done += len(page)
                progress(done, total)
        return Refreshed(sum(levels.values()), levels)

    async def _page(
        self,
        connection: Connection,
        asked: Asked,
        options: AnalysisOptions,
        ids: Sequence[int],
        among: Mapping[int, Standing],
    ) -> list[KeptAnalysis]:
        seen_at: datetime = await connection.fetchval("select now()")
        tested = Period.parse(asked.period)
        found = await read_series(connection, ids, asked.product, tested.start)
        series = {area_id: found[area_id] for area_id in ids if area_id in found}
        new = await asyncio.to_thread(assessed_page, asked, options, series, among)
        return await keep_analyses(connection, asked, new, seen_at)


IDS = f"select id from areas where id > $1 and $2::int is null and {CRITERIA} order by id"

LATEST = """
    select distinct on (area_id) area_id, period from area_statistics
    where area_id = any($1::bigint[]) and product = $2 and entry ->> 'mean' is not null
    order by area_id, starts desc
"""


def assessed_page(
    asked: Asked,
    options: AnalysisOptions,
    series: Mapping[int, ParcelSeries],
    among: Mapping[int, Standing],
) -> list[NewAnalysis]:
    """Return the analyses of some parcels, each from its series and where it stands among its neighbours."""
    texts = {text for each in series.values() for text in each.periods} | {asked.period}
    frame = Frame(tuple(sorted(map(Period.parse, texts))), options)
    standing_of = [among.get(area_id) for area_id in series]
    found = assess(frame, observed_of(list(series.values()), frame.periods), standing_of)
    return [
        NewAnalysis(
            area_id,
            input_hash(asked, options, each, standing),
            assessed.verdict.level,
            reported(asked, options, assessed),
        )
        for (area_id, each), standing, assessed in zip(series.items(), standing_of, found, strict=True)
    ]


def all_standings(around: Around, options: AnalysisOptions) -> dict[int, Standing]:
    """Return where every parcel with a value stands among its neighbours, by id."""
    found = standings(
        around.values, around.places_m, around.numbers, within_m=options.within_m, floor=options.floor
    )
    return {area_id: each for area_id, each in zip(around.ids, found, strict=True) if each is not None}


def is_of_classes(catalogue: Catalogue, product: Product) -> bool:
    """Return whether a product's values are pictures or numbers of classes, whose means say nothing."""
    collection = catalogue.collections().get(product.collection)
    categorical = set() if collection is None else {b.name for b in collection.bands if b.categorical}
    return product.planes != 1 or product.takes_codes or bool(categorical.intersection(product.bands))


def refuse_classes(catalogue: Catalogue, product: Product) -> None:
    """Raise `AnalysisRequestError` if values of a product cannot be compared by their means."""
    if is_of_classes(catalogue, product):
        raise AnalysisRequestError(
            f"product {product.id!r} is a picture or has numbers of classes, which have no mean to compare; "
            "choose one that has a quantity, such as ndvi"
        )
