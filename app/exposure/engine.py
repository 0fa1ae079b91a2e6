"""The engine: what a journey meets of a product, from the same values that tiles show."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.exposure.exposure import Exposure, Missing, states_of, used_of
from app.exposure.journey import Journey
from app.exposure.readings import BlockReading, Split, read_block, split_over, unsplit
from app.exposure.splitting import Pieces, TooManyPiecesError
from app.products.product import Product
from app.rendering.comparability import MixedProcessingError
from app.rendering.renderer import Renderer
from app.rendering.resolving import SceneWindows, WindowScenes
from app.rendering.values import Code, ItemOf
from app.statistics.coverage import Block
from app.statistics.pixel_grid import CELL_BUDGET
from app.statistics.resolved import Resolved, resolve_statistics
from app.statistics.summary import StatisticsRequestError
from app.statistics.zonal import MAX_SCENES, USUAL
from mosaics.catalogue import Catalogue
from mosaics.index import SceneRef
from mosaics.period import Interval
from mosaics.raster.decimals import Floats
from mosaics.raster.fetched import fetched_each
from mosaics.scene import Asset

EXPOSURE_VERSION = "1"
"""Part of every hash: changes whenever the same inputs would give other numbers."""

PIECE_BUDGET = 200_000
"""Pieces of one line: some 1,400 km at 10 m, or any way on Earth at 500 m. Past it cells are coarser."""

TOO_MANY = "pixels, which is the limit for classes: those of overviews are majorities. Ask for a shorter way."

SMALL = 256 * 256
"""Cells up to which a line is read in one turn."""

ITEMS_AHEAD = 4
"""Items fetched together before reading begins; routes seldom need more."""


@dataclass(frozen=True)
class ResolvedExposure(Resolved):
    """A question about a journey, with the scenes that will answer it."""

    journey: Journey = field(kw_only=True)
    """Its moments count where it has a departure: each place takes the scans of its moment."""

    @property
    def shape_key(self) -> bytes:
        """What tells the journey from others: positions, durations and, where it is timed, moments."""
        journey = self.journey
        numbers = (*journey.line.parts, journey.durations_s, journey.begins_s)
        parts = [b"" if each is None else np.ascontiguousarray(each, "<f8").tobytes() for each in numbers]
        if self.is_timed:
            scans = [f"{scene.id} {scene.start} {scene.end}" for scene in self.scenes.best_first]
            parts += [str(journey.departure).encode(), ";".join(scans).encode()]
        return b"|".join([f"exposure {EXPOSURE_VERSION}".encode(), *parts])

    @property
    def is_timed(self) -> bool:
        """Whether each place takes the scans of its moment."""
        return self.journey.departure is not None and self.journey.durations_s is not None


class ExposureEngine:
    """Computes exposures on the render threads, a few blocks at a time so that tiles need not wait.

    Args:
        catalogue: What exists now.
        renderer: Whose threads read.
        piece_budget: Pieces of one line.
        cell_budget: Cells read for one line and time.
        max_scenes: Scenes one exposure may draw on.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        renderer: Renderer,
        *,
        piece_budget: int = PIECE_BUDGET,
        cell_budget: int = CELL_BUDGET,
        max_scenes: int = MAX_SCENES,
    ) -> None:
        self._catalogue = catalogue
        self._renderer = renderer
        self._piece_budget = piece_budget
        self._cell_budget = cell_budget
        self._max_scenes = max_scenes
        self._turns = asyncio.Semaphore(2 * renderer.threads)

    async def resolve(
        self, product: Product, journey: Journey, datetime: str | None = None, *, gap: bool = False
    ) -> ResolvedExposure:
        """Find the scenes of a question, and its input hash; reads no pixel.

        Args:
            product: With one value a pixel.
            journey: Of one with a departure, each place takes the scans that contain its moment.
            datetime: A period, interval or instant, as for tiles; None for the latest period. Without meaning
                for a journey with a departure.
            gap: Whether it is known already that there is no scene at that time.

        Raises:
            StatisticsRequestError: If the product has not one value a pixel, too many scenes are needed, or
                it compares dates and the journey has a departure.
            mosaics.period.PeriodError: If `datetime` makes no sense.
            mosaics.storage.StorageError: If the store does not answer.
        """
        question = ResolvedExposure(
            product, journey.line.on_map, datetime, USUAL, self._cell_budget, journey=journey
        )
        if question.is_timed:
            if product.roles:
                raise StatisticsRequestError(
                    f"product '{product.id}' compares dates; a route with a departure takes the scan of each "
                    "moment: ask without times, or for a product of one time"
                )
            question = replace(question, datetime=_time_of(journey))
        if gap:
            return question
        return await resolve_statistics(self._catalogue, question, limit=self._max_scenes)

    async def expose(self, resolved: ResolvedExposure) -> Exposure:
        """Answer a question.

        Raises:
            app.rendering.renderer.RenderingOverloadError: If too many renderings wait.
            mosaics.storage.StorageError: If the store does not answer.
        """
        if not resolved.scenes.best_first:
            return _nothing(resolved, unsplit(resolved.journey.line))
        ahead = [scene.item_key for scene in resolved.scenes.best_first[:ITEMS_AHEAD]]
        await asyncio.gather(*(self._catalogue.item(key) for key in ahead))
        try:
            found = await self._begin(resolved)
            if found.readings is None:
                found = replace(found, readings=await self._read(resolved, found))
        except MixedProcessingError as error:  # one entry of a series; the others go on
            refused = replace(resolved, refusal=f"{error}.")
            return _nothing(refused, unsplit(resolved.journey.line))
        except TooManyPiecesError:
            refused = replace(
                resolved, refusal=f"The way crosses more than {self._piece_budget:,} {TOO_MANY}"
            )
            return _nothing(refused, unsplit(resolved.journey.line))
        return _exposure(resolved, found)

    async def _begin(self, resolved: ResolvedExposure) -> "_Beginning":
        """Split the line; where there is little to be read, read it at once."""

        def work(item_of: ItemOf) -> _Beginning:
            split = split_over(
                resolved.product,
                resolved.journey.line,
                resolved.scenes.best_first,
                item_of,
                pieces=self._piece_budget,
                cells=self._cell_budget,
            )
            groups = _groups(resolved, split)
            if split.cells * len(groups) > SMALL:
                return _Beginning(split, groups)
            readings = fetched_each(
                lambda part: read_block(
                    resolved.product, part[0].scenes, split, part[1], item_of, among=part[0].pieces
                ),
                [(group, block) for group in groups for block in split.blocks],
            )
            return _Beginning(split, groups, readings)

        return await self._renderer.run(work, self._turns)

    async def _read(self, resolved: ResolvedExposure, found: "_Beginning") -> list[BlockReading]:
        tasks = [
            asyncio.create_task(self._read_block(resolved, found.split, group, block))
            for group in found.groups
            for block in found.split.blocks
        ]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            raise

    async def _read_block(
        self, resolved: ResolvedExposure, split: Split, group: "_Group", block: Block
    ) -> BlockReading:
        return await self._renderer.run(
            lambda item_of: read_block(
                resolved.product, group.scenes, split, block, item_of, among=group.pieces
            ),
            self._turns,
        )


@dataclass(frozen=True, slots=True)
class _Group:
    """Pieces that are read from the same scenes."""

    scenes: SceneWindows
    pieces: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What a line's first turn on a render thread gives."""

    split: Split
    groups: Sequence[_Group]
    readings: Sequence[BlockReading] | None = None
    """Of all blocks, where they are small."""

    @property
    def failed(self) -> tuple[Asset, ...]:
        """Files that could not be read."""
        return (*self.split.failed, *(asset for each in self.readings or () for asset in each.failed))


def _time_of(journey: Journey) -> str:
    """Return the time of a journey with a departure in whole seconds, its last moment within it."""
    assert journey.departure is not None and journey.end is not None  # noqa: S101, PT018 - it is timed
    start, end = journey.departure.replace(microsecond=0), journey.end.replace(microsecond=0)
    return Interval(start, end + timedelta(seconds=1)).text


def _groups(resolved: ResolvedExposure, split: Split) -> list[_Group]:
    """Return the pieces by what they are read from: all by the same, or each by the scans of its moment."""
    pieces, scenes = split.pieces, resolved.scenes
    if not resolved.is_timed:
        return [_Group(scenes, np.ones(pieces.count, bool))]
    holding = _scans_of_moments(resolved, split)
    kinds, kind = np.unique(holding, axis=0, return_inverse=True)
    groups = []
    for number, held in enumerate(kinds):
        if held.any():
            chosen = tuple(scene for scene, is_in in zip(scenes.best_first, held, strict=True) if is_in)
            windows = SceneWindows((WindowScenes("", (chosen,)),), scenes.zones)
            groups.append(_Group(windows, kind.ravel() == number))
    return groups


def _scans_of_moments(resolved: ResolvedExposure, split: Split) -> NDArray[np.bool_]:
    """Return which scenes' time, both ends included, holds the middle of each piece, (pieces, scenes)."""
    middles, departure = resolved.journey.middles_of(split.pieces), resolved.journey.departure
    assert middles is not None and departure is not None  # noqa: S101, PT018 - it is timed
    spans = [
        [(moment - departure).total_seconds() for moment in (scene.start, scene.end)]
        for scene in resolved.scenes.best_first
    ]
    starts, ends = np.array(spans).reshape(-1, 2).T
    return np.asarray((middles[:, None] >= starts) & (middles[:, None] <= ends))


def _exposure(resolved: ResolvedExposure, found: _Beginning) -> Exposure:
    """Return what blocks have given, piece by piece."""
    split, readings = found.split, found.readings or ()
    count = split.pieces.count
    codes = np.full(count, Code.OUTSIDE, np.uint8)
    precise = any(each.values.dtype == np.float64 for each in readings)
    values: Floats = np.full(count, np.nan, np.float64 if precise else np.float32)
    for each in readings:
        values[each.piece], codes[each.piece] = each.values, each.codes
    states = states_of(codes, values, is_failing=bool(found.failed))
    if resolved.is_timed:
        within = (
            np.any([group.pieces for group in found.groups], axis=0)
            if found.groups
            else np.zeros(count, bool)
        )
        states[~within] = Missing.NO_SCAN
    skipped: dict[SceneRef, None] = dict.fromkeys(split.skipped)
    skipped |= dict.fromkeys(scene for each in readings for scene in each.skipped)
    return Exposure(
        resolved.product,
        resolved.journey,
        split.pieces,
        values,
        states,
        scans=used_of(resolved.scenes.best_first, [name for each in readings for name in each.used]),
        skipped=tuple(skipped),
        failed=found.failed,
        unmasked=tuple(dict.fromkeys(label for each in readings for label in each.unmasked)),
        cell_size_m=None if split.grid is None else split.grid.cell_size_m,
        **_told(resolved),
    )


def _nothing(resolved: ResolvedExposure, pieces: Pieces) -> Exposure:
    """Return the exposure of a time without scenes."""
    count = pieces.count
    lacking = Missing.NO_SCAN if resolved.is_timed else "outside"
    states = np.full(count, lacking, dtype="<U12")
    values: Floats = np.full(count, np.nan, np.float32)
    return Exposure(
        resolved.product,
        resolved.journey,
        pieces,
        values,
        states,
        refusal=resolved.refusal,
        **_told(resolved),
    )


def _told(resolved: ResolvedExposure) -> dict[str, Any]:
    windows = {window.role: window.to_json() for window in resolved.windows}
    return {"inputs": resolved.inputs, "windows": windows}
