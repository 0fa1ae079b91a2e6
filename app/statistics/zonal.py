"""The zonal engine: statistics of a product over a polygon, from the same values that tiles show."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.products.product import Product
from app.rendering.comparability import MixedProcessingError
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.renderer import Renderer
from app.rendering.values import ItemOf, Mask, Values
from app.statistics.counting import count_block
from app.statistics.coverage import Block
from app.statistics.geometry import Polygonal
from app.statistics.pixel_grid import (
    CELL_BUDGET,
    CLASS_CELL_BUDGET,
    Plan,
    StripSurvey,
    TooManyCellsError,
    survey,
)
from app.statistics.resolved import ResolvedStatistics, covered_share, resolve_statistics
from app.statistics.summarising import observations_of, summary_of
from app.statistics.summary import COMPLETE, Observations, Summary, SummaryOptions
from app.statistics.tally import Tally
from mosaics.catalogue import Catalogue
from mosaics.ellipsoid import polygon_area_m2
from mosaics.index import SceneRef
from mosaics.raster.grid import Grid
from mosaics.scene import Asset

T = TypeVar("T")

USUAL = SummaryOptions()

MAX_SCENES = 256
"""Scenes one summary may draw on."""

LARGE = 1 << 21
"""Cells from which on a polygon is large: few such are counted at a time, since their values are held."""

LARGE_AT_ONCE = 2
"""With the usual budget the values of all polygons under way take 300 MB at most, 450 MB with cells that each
have an area of their own."""

ITEMS_AHEAD = 4
"""Items fetched together before reading begins; polygons seldom need more."""


class ZonalEngine:
    """Computes statistics on the render threads, a few blocks at a time so that tiles need not wait.

    Args:
        catalogue: What exists now.
        renderer: Whose threads read.
        cell_budget: Cells read for one polygon and time. Past it an overview is read, or cells coarser still,
            and the summary's `cell_size_m` says so.
        class_cell_budget: The same for values that are numbers of classes, for which no overview is read;
            past it a summary has no numbers, and its reason says so.
        max_scenes: Scenes one summary may draw on.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        renderer: Renderer,
        *,
        cell_budget: int = CELL_BUDGET,
        class_cell_budget: int = CLASS_CELL_BUDGET,
        max_scenes: int = MAX_SCENES,
    ) -> None:
        self._catalogue = catalogue
        self._renderer = renderer
        self._cell_budget = cell_budget
        self._class_cell_budget = class_cell_budget
        self._max_scenes = max_scenes
        self._turns = asyncio.Semaphore(2 * renderer.threads)
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def resolve(
        self,
        product: Product,
        polygon: Polygonal,
        datetime: str | None = None,
        wanted: SummaryOptions = USUAL,
        *,
        gap: bool = False,
    ) -> ResolvedStatistics:
        """Find the scenes of a question, and its input hash; reads no pixel.

        Args:
            product: With one value a pixel.
            polygon: As `app.statistics.geometry.read_polygon` gives it.
            datetime: A period, interval or instant, as for tiles; None for the latest period.
            wanted: Percentiles and histogram.
            gap: Whether it is known already that there is no scene at that time.

        Raises:
            StatisticsRequestError: If the product has not one value a pixel, or too many scenes are needed.
            mosaics.period.PeriodError: If `datetime` makes no sense.
            mosaics.storage.StorageError: If the store does not answer.
        """
        of_classes = self._is_of_classes(product)
        budget = self._class_cell_budget if of_classes else self._cell_budget
        question = ResolvedStatistics(product, polygon, datetime, wanted, budget, of_classes)
        return (
            question if gap else await resolve_statistics(self._catalogue, question, limit=self._max_scenes)
        )

    async def summarise(self, resolved: ResolvedStatistics) -> Summary:
        """Answer a question.

        Raises:
            app.statistics.geometry.GeometryError: If the polygon has no place in the scenes' projection.
            app.rendering.renderer.RenderingOverloadError: If too many renderings wait.
            mosaics.storage.StorageError: If the store does not answer.
        """
        try:
            summary = await self._summarise(resolved)
            if resolved.product.observations is None or summary.numbers is None:
                return summary
            return replace(summary, observations=await self._observations(resolved))
        except MixedProcessingError as error:  # one entry of a series; the others go on
            return _uncounted(replace(resolved, refusal=f"{error}."), (), 0.0)
        except TooManyCellsError as error:
            return _uncounted(replace(resolved, refusal=str(error)), (), 0.0)

    async def _observations(self, resolved: ResolvedStatistics) -> Observations | None:
        """Return how often the cells with a value were observed; None where no scene tells."""
        counting = replace(resolved, product=resolved.product.observed)

        async def nothing(_: StripSurvey) -> None:
            """Say that no scene tells."""

        async def observations(found: StripSurvey, _: Plan, tallies: Sequence[Tally]) -> Observations | None:
            return observations_of(_together(found, tallies))

        return await self._counted(counting, nothing, observations)

    def _is_of_classes(self, product: Product) -> bool:
        """Return whether a product's values are made of categorical bands alone."""
        collection = self._catalogue.collections().get(product.collection)
        if collection is None or product.formula is None:
            return False
        categorical = {band.name for band in collection.bands if band.categorical}
        return bool(product.bands) and categorical.issuperset(product.bands)

    async def _summarise(self, resolved: ResolvedStatistics) -> Summary:
        if not resolved.scenes.best_first:
            return _uncounted(resolved, (), 1.0)

        async def nothing(found: StripSurvey) -> Summary:
            return _uncounted(resolved, found.skipped, await self._outside(resolved))

        async def summary(found: StripSurvey, plan: Plan, tallies: Sequence[Tally]) -> Summary:
            return await self._summary(resolved, found, plan, tallies)

        return await self._counted(resolved, nothing, summary)

    async def _counted(
        self,
        resolved: ResolvedStatistics,
        nothing: Callable[[StripSurvey], Awaitable[T]],
        finish: Callable[[StripSurvey, Plan, Sequence[Tally]], Awaitable[T]],
    ) -> T:
        """Return what is made of the tallies of all blocks; `nothing` where no scene can be read."""
        ahead = [scene.item_key for scene in resolved.scenes.best_first[:ITEMS_AHEAD]]
        await asyncio.gather(*(self._catalogue.item(key) for key in ahead))
        begun = await self._begin(resolved)
        found = begun.survey
        if found.plan is None:
            return await nothing(found)
        if begun.tally is not None:
            return await finish(found, found.plan, [begun.tally])
        if found.plan.cells < LARGE:
            return await finish(found, found.plan, await self._count(resolved, found.plan))
        async with self._large:  # as long as their values are held
            return await finish(found, found.plan, await self._count(resolved, found.plan))

    async def _begin(self, resolved: ResolvedStatistics) -> "_Beginning":
        """Find what is to be read; where that is little, count it at once."""

        def work(item_of: ItemOf) -> _Beginning:
            best = resolved.scenes.best_first
            found = survey(
                resolved.product,
                resolved.polygon,
                best,
                resolved.cell_budget,
                item_of,
                of_classes=resolved.of_classes,
            )
            if found.plan is None or not found.plan.small:
                return _Beginning(found)
            return _Beginning(found, _tally(resolved, found.plan, found.plan.blocks[0], item_of))

        return await self._renderer.run(work, self._turns)

    async def _count(self, resolved: ResolvedStatistics, plan: Plan) -> list[Tally]:
        counts = [asyncio.create_task(self._count_block(resolved, plan, block)) for block in plan.blocks]
        try:
            return await asyncio.gather(*counts)
        except BaseException:
            for count in counts:
                count.cancel()
            raise

    async def _count_block(self, resolved: ResolvedStatistics, plan: Plan, block: Block) -> Tally:
        return await self._renderer.run(lambda item_of: _tally(resolved, plan, block, item_of), self._turns)

    async def _summary(
        self, resolved: ResolvedStatistics, found: StripSurvey, plan: Plan, tallies: Sequence[Tally]
    ) -> Summary:
        tally = _together(found, [*tallies, Tally(area_m2=plan.off_map_m2)])
        complete = tally.moments.weight >= COMPLETE * tally.area_m2
        outside = 0.0 if complete else await self._outside(resolved)
        if plan.cells < LARGE:
            return summary_of(resolved, plan.lattice, tally, outside)
        return await asyncio.to_thread(summary_of, resolved, plan.lattice, tally, outside)

    async def _outside(self, resolved: ResolvedStatistics) -> float:
        """Share of the polygon that lies outside the footprints of the best covered period."""
        return 1 - await covered_share(self._catalogue, resolved)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What a polygon's first turn on a render thread gives."""

    survey: StripSurvey
    tally: Tally | None = None
    """Of the one block, where the polygon is small."""

    @property
    def failed(self) -> tuple[Asset, ...]:
        """Files that could not be read."""
        return self.survey.failed if self.tally is None else (*self.survey.failed, *self.tally.failed)


def _together(found: StripSurvey, tallies: Sequence[Tally]) -> Tally:
    return Tally.together([Tally(skipped=found.skipped, failed=found.failed), *tallies])


def _tally(resolved: ResolvedStatistics, plan: Plan, block: Block, item_of: ItemOf) -> Tally:
    """What a block adds; on a render thread."""

    def values_on(grid: Grid, wanted: Mask) -> Values:
        product, pixels = resolved.product.for_statistics, pixels_of(grid)
        return compute_values(
            product, resolved.scenes, pixels, item_of, Clock(), wanted=wanted, thorough=product.removed
        )

    tally = count_block(values_on, plan.lattice, plan.areas, plan.coverage(block), block)
    return tally.condensed() if resolved.of_classes else tally


def _uncounted(resolved: ResolvedStatistics, skipped: tuple[SceneRef, ...], outside: float) -> Summary:
    """The summary where there are no cells to count."""
    tally = Tally(area_m2=polygon_area_m2(resolved.polygon), skipped=skipped)
    return summary_of(resolved, None, tally, outside)
