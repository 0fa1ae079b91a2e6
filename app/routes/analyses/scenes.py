"""Scenes and many parcels: analyses that run as jobs, and the zones they find."""

import json
from typing import Self

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from app.analysis.analysis_store import read_analysis, read_zones
from app.analysis.parcel_service import refuse_classes
from app.analysis.scene_service import scene_period, threshold_for
from app.areas.area_store import read_shape, refuse_others_area
from app.database import Database
from app.http.auth import owner_of, require
from app.http.features import GeoJsonResponse, geojson_answer
from app.http.job_documents import ACCEPTED, IdempotencyKey, JobDocument, accepted
from app.http.parameters import OpenDatabase, ReadyState, known_names, revalidated
from app.jobs.analyses import OneId, ParcelsAnalysisRequest, SceneAnalysisRequest, SceneNumbers
from app.jobs.aoi import Aoi, smallest_box
from app.keys import Scope
from app.routes.analyses.analyses import AnalysisId
from app.routes.analyses.model_runs import model_run, named_model
from mosaics.bbox import Bbox

router = APIRouter(tags=["analyses"], dependencies=[Depends(known_names), Depends(revalidated)])

WRITING = [Depends(require(Scope.WRITE))]


class SceneBody(SceneNumbers):
    """What is asked of a scene."""

    aoi: Aoi | None = None
    area: OneId | None = Field(default=None, description="A registered area, in place of aoi.")
    toi: str | None = Field(
        default=None, max_length=100, description="A period of the product; by default the latest."
    )
    model: str | None = Field(
        default=None, max_length=100, description="A model of /models in place of product and threshold."
    )
    probability: bool = Field(default=False, description="Of a model: also land the shares of its classes.")

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.aoi is None) == (self.area is None):
            raise ValueError("give aoi or area, one of them")
        if self.model is not None and (more := self.model_fields_set & set(SceneNumbers.model_fields)):
            raise ValueError(
                f"model stands in place of {', '.join(sorted(more))}; leave out one or the other"
            )
        if self.model is None and self.probability:
            raise ValueError("probability belongs to a model")
        return self


@router.post("/analyze/scene", status_code=202, responses=ACCEPTED, dependencies=WRITING)
async def analyze_scene(
    *,
    request: Request,
    response: Response,
    state: ReadyState,
    database: OpenDatabase,
    asked: SceneBody,
    idempotency_key: IdempotencyKey = None,
) -> JobDocument:
    """Gather pixels beyond a threshold into zones, as a job: what `tilewatch analyze scene` does.

    By default pixels of `ndvi-anomaly` at least 3 standard deviations off; of any other product with a
    quantity what is at most `low` or at least `high`. Zones follow the edges of pixels and are not smoothed;
    the job's result names the analysis that has them.

    With `model` the network of that name looks at the region instead, as `tilewatch models run` does, and its
    classes land as a layer of their own, `model-NAME`; 501 where this service has no models.
    """
    owner = owner_of(request)
    if asked.model is not None:
        model = await named_model(state, asked.model)
        box = await _box_of(database, asked, owner)
        run = model_run(state, model, box, asked.toi, probability=asked.probability)
        job = await state.jobs.submit("model", run, key=idempotency_key, owner=owner)
        return await accepted(request, response, state, job)
    product = state.registry.get(asked.product)
    refuse_classes(state.catalogue, product)
    threshold_for(product, asked.threshold)
    period = scene_period(state.catalogue, product, asked.toi)
    box = await _box_of(database, asked, owner)
    numbers = asked.model_dump(include=set(SceneNumbers.model_fields))
    wanted = SceneAnalysisRequest(aoi=box, area=asked.area, toi=period.text, owner=owner, **numbers)
    job = await state.jobs.submit("analyze-scene", wanted, key=idempotency_key, owner=owner)
    return await accepted(request, response, state, job)


async def _box_of(database: Database, asked: SceneBody, owner: str | None) -> Bbox:
    """Return the box that is asked for, or the one around the area."""
    if asked.area is None:
        assert asked.aoi is not None  # noqa: S101 - the body has one of them
        return asked.aoi
    async with database.connection() as connection:
        await refuse_others_area(connection, asked.area, owner)
        return smallest_box(await read_shape(connection, asked.area))


@router.post("/analyze/parcels", status_code=202, responses=ACCEPTED, dependencies=WRITING)
async def analyze_parcels(
    request: Request,
    response: Response,
    state: ReadyState,
    asked: ParcelsAnalysisRequest,
    idempotency_key: IdempotencyKey = None,
) -> JobDocument:
    """Give verdicts on many parcels, as a job: what `tilewatch analyze parcels` does.

    Entries that are kept are read, and nothing else is computed. `GET /analyses` lists the verdicts.
    """
    owner = owner_of(request)
    refuse_classes(state.catalogue, state.registry.get(asked.product))
    wanted = asked if owner is None else asked.model_copy(update={"owner": owner})
    job = await state.jobs.submit("analyze-parcels", wanted, key=idempotency_key, owner=owner)
    return await accepted(request, response, state, job)


@router.get(
    "/analyses/{analysis}/zones",
    name="analysis_zones",
    dependencies=[Depends(require(Scope.READ))],
    response_class=GeoJsonResponse,
)
async def zones(request: Request, database: OpenDatabase, analysis_id: AnalysisId) -> Response:
    """Return the zones of the analysis of a scene as GeoJSON, the largest first.

    Each has `side` (low or high), `cells`, `area_ha` (the sum of its pixels' areas on the ellipsoid), `mean`,
    `extreme`, `valid_fraction` (of its pixels and those across its edges), and `persistence`: periods in a
    row in which half of what was seen of it was beyond the threshold. An analysis of a parcel has none.
    """
    owner = owner_of(request)
    async with database.connection() as connection:
        kept = await read_analysis(connection, analysis_id, owner)
        features = await read_zones(connection, analysis_id, owner) if kept.kind == "scene" else "[]"
    about = json.dumps(kept.document())
    return geojson_answer(f'{{"type":"FeatureCollection","features":{features},"analysis":{about}}}')
