"""SceneAnalyses: zones of a region in which values of a product are beyond a threshold."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import shapely

from app.analysis.beyond import Threshold
from app.analysis.labelling import Connectivity
from app.analysis.parcel_service import AnalysisRequestError, refuse_classes
from app.analysis.scene_outlines import features
from app.analysis.scene_reading import Region, RegionReader
from app.analysis.scene_zones import SceneZone, SceneZones, corners_of, largest_first
from app.products.product import Product
from app.rendering.renderer import Renderer
from app.rendering.resolving import RENDERER_VERSION, SceneWindows, scenes_in
from app.rendering.selecting import select_periods, shown_periods
from app.statistics.geometry import Polygonal
from mosaics.catalogue import Catalogue
from mosaics.index import TooManyScenesError
from mosaics.period import Period

SCENE_VERSION = "1"
"""Part of every hash: changes whenever the same inputs would give other zones."""

MAX_SCENES = 4_096
"""Scenes of one period and the windows it is compared with."""

MAX_ZONES = 10_000
MAX_CORNERS = 1_000_000
"""Limits of an answer, some 40 MB: the largest zones are kept, and how many are left out is told."""

BEYOND = 3.0
"""Of products of standard deviations: from where on a deviation is strong."""


@dataclass(frozen=True, slots=True)
class SceneQuestion:
    """What is asked of a region."""

    product: Product
    polygon: Polygonal
    """In degrees."""
    period: Period
    threshold: Threshold
    connectivity: Connectivity = 8
    minimum_cells: int = 9
    persistence: int = 3
    """Periods over which zones are followed back, the present one included."""

    def facts(self) -> dict[str, Any]:
        """Return it by name, ready for JSON, without the polygon."""
        return {
            "product": self.product.id,
            "period": self.period.text,
            "threshold": asdict(self.threshold),
            "connectivity": self.connectivity,
            "minimum_cells": self.minimum_cells,
            "persistence": self.persistence,
        }


@dataclass(frozen=True, slots=True)
class SceneFindings:
    """The zones of a region."""

    facts: dict[str, Any]
    """All of the answer but the zones, ready for JSON."""
    zones: list[dict[str, Any]] = field(default_factory=list)
    """GeoJSON Features, the largest first."""

    def to_json(self) -> str:
        """Return both as one JSON object."""
        return json.dumps(self.facts | {"zones": self.zones}, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question with the scenes that will answer it."""

    question: SceneQuestion
    earlier: tuple[Period, ...]
    """The latest first."""
    periods: tuple[SceneWindows, ...]

    @property
    def inputs(self) -> str:
        """SHA-256, in hex, of all that determines the zones."""
        facts = [
            SCENE_VERSION,
            RENDERER_VERSION,
            self.question.product.digest,
            self.question.facts(),
            [period.text for period in self.earlier],
            [windows.key_parts for windows in self.periods],
        ]
        digest = sha256(json.dumps(facts, sort_keys=True).encode())
        digest.update(shapely.to_wkb(self.question.polygon, output_dimension=2, byte_order=1))
        return digest.hexdigest()


class SceneAnalyses:
    """Finds zones on the render threads.

    Args:
        catalogue: What exists now.
        renderer: Whose threads read.
    """

    def __init__(self, catalogue: Catalogue, renderer: Renderer) -> None:
        self._catalogue = catalogue
        self._renderer = renderer

    async def prepare(self, question: SceneQuestion) -> Prepared:
        """Find the scenes of a question; reads no pixel.

        Raises:
            AnalysisRequestError: If its product has no quantity, or too many scenes lie under the region.
            app.rendering.selecting.EmptyWindowError, app.rendering.selecting.WindowError: If its period
                cannot be compared.
            mosaics.storage.StorageError: If the store does not answer.
        """
        refuse_classes(self._catalogue, question.product)
        known = shown_periods(self._catalogue, question.product)
        before = [period for period in known if period.start < question.period.start]
        earlier = tuple(reversed(before))[: question.persistence - 1]
        periods = [await self._scenes(question, period) for period in (question.period, *earlier)]
        return Prepared(question, earlier, tuple(periods))

    async def run(self, prepared: Prepared, progress: Callable[[int, int], None]) -> SceneFindings:
        """Read a region and return its zones.

        Args:
            prepared: What is asked, with its scenes.
            progress: Is told how many strips of how many are done.

        Raises:
            AnalysisRequestError: If no scene lies over the region, or none can be read.
            app.analysis.scene_reading.RegionTooLargeError: If the region has too many cells.
            app.analysis.labelling.TooManyRunsError: If more is connected than can be held.
            app.statistics.geometry.GeometryError: If the region has no place in the scenes' projection.
            mosaics.storage.StorageError: If the store does not answer.
        """
        question = prepared.question
        if not prepared.periods[0].best_first:
            raise AnalysisRequestError(
                f"no scene of {question.product.id!r} lies over the area in {question.period}, or in what it "
                "is compared with; GET /products/{product}/times says what there is"
            )
        reader = RegionReader(self._renderer, question.product, prepared.periods)
        grid = await reader.grid()
        if grid is None:
            raise AnalysisRequestError("no scene over the area can be read; GET /health says what is damaged")
        region = Region.of(question.polygon, grid)
        gathering = SceneZones(
            question.threshold, question.connectivity, question.minimum_cells, len(prepared.earlier)
        )
        found = _Largest()
        async for strip in reader.strips(region, progress):
            found.add(await asyncio.to_thread(gathering.add, strip))
        found.add(await asyncio.to_thread(gathering.close))
        return await asyncio.to_thread(_findings, prepared, reader, region, found)

    async def _scenes(self, question: SceneQuestion, period: Period) -> SceneWindows:
        try:
            return await scenes_in(
                self._catalogue, question.product, question.polygon, period.text, limit=MAX_SCENES
            )
        except TooManyScenesError as error:
            raise AnalysisRequestError(
                f"more than {error.limit:,} scenes lie under the area in {period}, which is the limit; "
                "ask for a smaller area"
            ) from error


class _Largest:
    """The largest of the zones found, as many as an answer may have."""

    def __init__(self) -> None:
        self.zones: list[SceneZone] = []
        self.count = 0
        """Zones found in all."""
        self.area_m2 = 0.0
        """Their area."""

    def add(self, zones: Sequence[SceneZone]) -> None:
        """Add zones, and let the smallest go where there are too many."""
        self.count += len(zones)
        self.area_m2 += sum(zone.area_m2 for zone in zones)
        self.zones += zones
        if len(self.zones) > 2 * MAX_ZONES:
            self.zones = self.chosen()

    def chosen(self) -> list[SceneZone]:
        """Return the largest, within both limits."""
        found, corners = list[SceneZone](), 0
        for zone in largest_first(self.zones)[:MAX_ZONES]:
            corners += corners_of(zone)
            if found and corners > MAX_CORNERS:
                break
            found.append(zone)
        return found


def _findings(prepared: Prepared, reader: RegionReader, region: Region, found: _Largest) -> SceneFindings:
    seen, zones = reader.seen, found.chosen()
    facts = prepared.question.facts() | {
        "earlier": [period.text for period in prepared.earlier],
        "found": found.count,
        "left_out": found.count - len(zones),
        "zones_ha": found.area_m2 / 1e4,
        "area_ha": seen.area_m2 / 1e4,
        "valid_fraction": seen.valid_m2 / seen.area_m2 if seen.area_m2 else 0.0,
        "cell_size_m": region.lattice.cell_size_m,
        "crs": region.lattice.crs.to_string(),
        "scenes": sorted(seen.used),
        "skipped": sorted(seen.skipped),
        "unmasked": sorted(seen.unmasked),
        "synthetic": any(scene.synthetic for scene in prepared.periods[0].best_first),
    }
    return SceneFindings(facts, features(zones, region, [period.text for period in prepared.earlier]))


def scene_period(catalogue: Catalogue, product: Product, text: str | None) -> Period:
    """Return the period that a request means; None: the latest that can be shown.

    Raises:
        AnalysisRequestError: If nothing has landed in it, or it is several.
        mosaics.period.PeriodError: If the text is not a period.
    """
    known = shown_periods(catalogue, product) if catalogue.has(product.collection) else ()
    if not known:
        raise AnalysisRequestError(f"nothing has landed for {product.id!r} that could be looked at")
    if text is None:
        return known[-1]
    periods = select_periods(catalogue, product.collection, text).periods
    if len(periods) != 1:
        raise AnalysisRequestError(
            f"{text!r} selects {len(periods)} periods of {product.id!r}; give one of those from {known[0]} "
            f"to {known[-1]}"
        )
    return periods[0]


def threshold_for(product: Product, given: Threshold | None) -> Threshold:
    """Return what is gathered of a product; where nothing is said, of standard deviations strong ones.

    Raises:
        AnalysisRequestError: If nothing is said, and values are not standard deviations.
    """
    if given is not None:
        return given
    if product.unit == "standard deviations":
        return Threshold(-BEYOND, BEYOND)
    raise AnalysisRequestError(
        f"values of {product.id!r} have no usual threshold; give beyond, low or high in {product.unit}"
    )
