"""`tilewatch analyze`: what is unusual in a region or in parcels, as jobs of the server do it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import shapely
from pydantic import ValidationError

from app.analysis.analysis_store import Asked, known_scene_analysis
from app.analysis.beyond import ThresholdError
from app.analysis.labelling import TooManyRunsError
from app.analysis.parcel_service import AnalysisRequestError, ParcelAnalyses
from app.analysis.scene_reading import RegionTooLargeError
from app.analysis.scene_service import (
    Prepared,
    SceneAnalyses,
    SceneFindings,
    SceneQuestion,
    scene_period,
    threshold_for,
)
from app.analysis.scene_store import keep_findings
from app.areas.area import UnknownAreaError
from app.areas.area_store import read_shape
from app.cli.exit import CommandError, refusing
from app.cli.reporting import Reporter, json_option, reporting
from app.database import DatabaseUnavailableError
from app.jobs.analyses import ParcelsAnalysisRequest, SceneAnalysisRequest
from app.jobs.subprocess import CommandLine
from app.lifespan import open_state
from app.products.registry import UnknownProductError
from app.rendering.comparability import MixedProcessingError
from app.rendering.selecting import EmptyWindowError, WindowError
from app.settings import Settings
from app.state import AppState
from app.statistics.geometry import GeometryError, Polygonal, read_polygon
from app.statistics.summary import StatisticsRequestError
from app.validation import first_fault
from mosaics.bbox import Bbox, BboxError
from mosaics.period import Period, PeriodError
from mosaics.storage import StorageAddressError, StorageError

REFUSALS = (
    *(AnalysisRequestError, RegionTooLargeError, ThresholdError, TooManyRunsError, UnknownAreaError),
    *(UnknownProductError, MixedProcessingError, EmptyWindowError, WindowError, GeometryError),
    *(StatisticsRequestError, BboxError, PeriodError, StorageError, StorageAddressError),
)


@click.group()
def analyze() -> None:
    """Find what is unusual, in a region or in parcels."""


@analyze.command()
@click.option("--bbox", required=True, metavar="W,S,E,N", help="Degrees; west above east crosses 180.")
@click.option("--datetime", "when", required=True, metavar="T", help="A period of the product: 2024-06.")
@click.option("--area", type=int, help="Only within this registered area.")
@click.option("--product", default="ndvi-anomaly", show_default=True, help="Id of a product.")
@click.option("--beyond", type=float, help="Gather values at most -X and at least X; 3 for deviations.")
@click.option("--low", type=float, help="Gather values at most this.")
@click.option("--high", type=float, help="Gather values at least this.")
@click.option(
    "--connectivity",
    type=click.Choice(["4", "8"]),
    default="8",
    show_default=True,
    help="Whether pixels touch by edges alone, or by corners, too.",
)
@click.option("--minimum-cells", type=int, default=9, show_default=True, help="Pixels of a zone at least.")
@click.option("--persistence", type=int, default=3, show_default=True, help="Periods to follow zones back.")
@click.option("--zones", is_flag=True, help="Keep the largest 1,000 as zones of anomalies.")
@click.option("--owner", help="Whose the analysis and the zones are.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Also write GeoJSON.")
@json_option
def scene(*, bbox: str, when: str, output: Path | None, as_json: bool, **given: Any) -> None:
    """Gather pixels of a product beyond a threshold into zones, and keep them.

    \b
    tilewatch analyze scene --bbox 5.0,51.1,5.3,51.3 --datetime 2024-06 --beyond 3
    """  # noqa: D301 - click needs the backspace
    with reporting("Analysing", as_json=as_json) as told, refusing(*REFUSALS):
        given["connectivity"] = int(given["connectivity"])
        with _understood():
            request = SceneAnalysisRequest(aoi=Bbox.parse(bbox), toi=when, **given)
        asyncio.run(_with_state(lambda state: SceneRun(state, told, request, output).run()))


@analyze.command()
@click.option("--request", "text", default="{}", metavar="JSON", help="The body of POST /analyze/parcels.")
@json_option
def parcels(*, text: str, as_json: bool) -> None:
    """Give verdicts on many parcels, from what is kept of them.

    \b
    tilewatch analyze parcels --request '{"product": "ndvi", "properties": {"crop_type": "cocoa"}}'
    """  # noqa: D301 - click needs the backspace
    with reporting("Analysing", as_json=as_json) as told, refusing(*REFUSALS):
        with _understood():
            request = ParcelsAnalysisRequest.model_validate_json(text)
        asyncio.run(_with_state(lambda state: _parcels(state, told, request)))


class _understood:  # noqa: N801 - reads as a statement
    """Tells what is wrong with a request in a sentence."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValidationError):
            where, why = first_fault(error)
            raise CommandError(f"{where}: {why}" if where else why) from error


async def _with_state(work: Callable[[AppState], Awaitable[None]]) -> None:
    """Open what a worker has, without tasks and Redis, and do some work with it."""
    settings = Settings().model_copy(update={"jobs": False, "redis_url": None})
    async with AsyncExitStack() as stack:
        state = await open_state(settings, stack, CommandLine.of(settings))
        if state.database is None:
            raise CommandError(
                "No database is given, in which analyses are kept; set TILEWATCH_DATABASE_URL."
            )
        await state.catalogue.refresh()
        try:
            await work(state)
        except DatabaseUnavailableError as error:
            raise CommandError(f"The database does not answer: {error.__cause__}") from error


@dataclass(frozen=True, slots=True)
class SceneRun:
    """The analysis of a region, and what is said on the way."""

    state: AppState
    told: Reporter
    request: SceneAnalysisRequest
    output: Path | None

    async def run(self) -> None:
        """Find the zones, or what was found before from the same inputs, and keep them."""
        request, database = self.request, self.state.database
        assert database is not None  # noqa: S101 - `_with_state` refuses to go on without
        analyses = SceneAnalyses(self.state.catalogue, self.state.renderer)
        prepared = await analyses.prepare(await self._question())
        asked = Asked(request.product, prepared.question.period.text)
        async with database.connection() as connection:
            known = await known_scene_analysis(connection, request.owner, prepared.inputs)
        if known is not None and not request.zones and self.output is None:
            self.told.say(f"Found before from the same scenes: analysis {known.id}.")
            self._result(known.id, known.result)
            return
        found = await analyses.run(prepared, lambda done, total: self.told.progress(done, total, "steps"))
        async with database.transaction() as connection:
            kept, zones = await keep_findings(
                connection, request.owner, asked, prepared.inputs, found, with_zones=request.zones
            )
        self._write(found)
        self._say(prepared, found, kept)
        self._result(kept, found.facts, zones=zones)

    async def _question(self) -> SceneQuestion:
        request, catalogue = self.request, self.state.catalogue
        product = self.state.registry.get(request.product)
        return SceneQuestion(
            product,
            await self._polygon(),
            scene_period(catalogue, product, request.toi),
            threshold_for(product, request.threshold),
            request.connectivity,
            request.minimum_cells,
            request.persistence,
        )

    async def _polygon(self) -> Polygonal:
        box = read_polygon(json.loads(shapely.to_geojson(self.request.aoi.geometry)))
        if self.request.area is None or self.state.database is None:
            return box
        async with self.state.database.connection() as connection:
            return await read_shape(connection, self.request.area)

    def _write(self, found: SceneFindings) -> None:
        if self.output is not None:
            document = {"type": "FeatureCollection", "features": found.zones, "analysis": found.facts}
            self.output.write_text(json.dumps(document))
            self.told.say(f"Wrote {self.output}.")

    def _say(self, prepared: Prepared, found: SceneFindings, kept: int) -> None:
        facts = found.facts
        self.told.say(
            f"{prepared.question.period.text}: {facts['found']:,} zones of {facts['zones_ha']:,.1f} ha in "
            f"{facts['area_ha']:,.1f} ha, of which {100 * facts['valid_fraction']:.3g} % have a value; "
            f"analysis {kept}."
        )

    def _result(self, analysis: int, facts: Mapping[str, Any], zones: int = 0) -> None:
        told = ("period", "found", "left_out", "zones_ha", "area_ha", "valid_fraction")
        self.told.result(analysis=analysis, kept_zones=zones, **{name: facts[name] for name in told})


async def _parcels(state: AppState, told: Reporter, request: ParcelsAnalysisRequest) -> None:
    assert state.database is not None  # noqa: S101 - `_with_state` refuses to go on without
    product = state.registry.get(request.product)
    period = None if request.period is None else Period.parse(request.period)
    analyses = ParcelAnalyses(state.database, state.catalogue, state.statistics)
    ids = await analyses.ids_of(request.search)

    def progress(done: int, total: int) -> None:
        told.progress(done, total, "steps")

    found = await analyses.analyse_many(product, ids, period, request.numbers, progress)
    told.say(f"{found.parcels:,} of {len(ids):,} parcels have entries: {dict(found.levels or {})}.")
    told.result(parcels=found.parcels, asked=len(ids), levels=dict(found.levels or {}))
