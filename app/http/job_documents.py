"""Job documents: the state of a job, and where its results are served."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Header
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.http.schemas import JSON, Link
from app.http.stac_documents import GEOJSON, PREVIEW_PIXELS, shown_products
from app.jobs.job import Job, Kind, LandedScene, Progress, Status, first_reasons
from app.products.product import Product
from app.state import AppState
from mosaics.bbox import Bbox
from mosaics.storage import StorageError

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Sending the same key and body again returns the same job.",
    ),
]

ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The job; `Location` is the address of its state.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


class JobProgress(BaseModel):
    """How far a job has come."""

    step: str = Field(description="The command that is running: ingest or composite.")
    step_number: int
    steps: int
    done: int
    total: int = Field(description="0 while the amount of work is unknown.")
    unit: str
    fraction: float | None = Field(description="Share of the step that is done, 0 to 1.")

    @classmethod
    def of(cls, progress: Progress) -> "JobProgress":
        """Return the document of a job's progress."""
        fraction = progress.done / progress.total if progress.total else None
        return cls(
            step=progress.step,
            step_number=progress.step_number,
            steps=progress.steps,
            done=progress.done,
            total=progress.total,
            unit=progress.unit,
            fraction=None if fraction is None else round(min(max(fraction, 0.0), 1.0), 4),
        )


class JobPartial(BaseModel):
    """How many of a job's scenes were refused, and why."""

    landed: int = Field(description="Scenes that landed, or had landed before.")
    refused: int
    reasons: dict[str, str] = Field(description="Why, by id, the first of them were refused.")

    @classmethod
    def of(cls, job: Job) -> "JobPartial | None":
        """Return what was refused of a job that is done; None where nothing was."""
        if not job.is_partial:
            return None
        return cls(landed=len(job.landed), refused=len(job.refused), reasons=first_reasons(job.refused))


class JobSummary(BaseModel):
    """A job in a list."""

    id: int
    kind: Kind
    status: Status
    cancelling: bool = Field(description="Whether it is being cancelled but still runs.")
    progress: JobProgress | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    partial: JobPartial | None = Field(
        description="What was refused of a job that is done: one bad scene costs itself, not the job."
    )
    error: str | None
    links: list[Link]


class JobScene(BaseModel):
    """A scene that a job landed, or found already landed."""

    collection: str
    scene: str
    period: str
    commit: int | None = Field(description="Null if the scene had landed before.")
    links: list[Link]


class JobLayer(BaseModel):
    """A product that shows what landed, at the period it landed in."""

    product: str
    title: str
    collection: str
    period: str
    links: list[Link]


class JobResult(BaseModel):
    """The results of a job so far."""

    scenes: list[JobScene]
    layers: list[JobLayer]
    steps: dict[str, Any] = Field(description="What each step reported at its end.")


class JobDocument(JobSummary):
    """A job."""

    request: dict[str, Any] = Field(
        description="The request as it was understood; `aoi` is the box that is used."
    )
    attempts: int = Field(description="How often the job was started; more than once if a server was lost.")
    log: list[str] = Field(description="The last lines of its output.")
    result: JobResult


def summary(request: Request, job: Job) -> JobSummary:
    """Return the summary of a job for a list."""
    return JobSummary(
        id=job.id,
        kind=job.kind,
        status=job.status,
        cancelling=job.is_cancelling,
        progress=None if job.progress is None else JobProgress.of(job.progress),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        partial=JobPartial.of(job),
        error=job.error,
        links=[Link(rel="self", href=_address(request, job))],
    )


async def document(request: Request, state: AppState, job: Job) -> JobDocument:
    """Return the document of a job and its results; layers can be opened once the job is done."""
    shown = {(scene.collection, scene.period) for scene in job.landed}
    if job.has_ended and not all(_is_known(state, *each) for each in shown):
        with suppress(StorageError):  # the layers then become available a little after their addresses
            await state.catalogue.refresh()
    layers = [
        _layer(request, job, product, period)
        for collection, period in sorted(shown)
        for product in _products(state, job, collection)
    ]
    scenes = [_scene(request, scene) for scene in job.landed]
    return JobDocument(
        **dict(summary(request, job)),
        request=dict(job.request),
        attempts=job.attempts,
        log=list(job.log),
        result=JobResult(scenes=scenes, layers=layers, steps=dict(job.result)),
    )


async def accepted(request: Request, response: Response, state: AppState, job: Job) -> JobDocument:
    """Return the answer to a job that was accepted."""
    response.headers["Location"] = _address(request, job)
    return await document(request, state, job)


def _address(request: Request, job: Job) -> str:
    return str(request.url_for("job", job=job.id))


def _is_known(state: AppState, collection: str, period: str) -> bool:
    known = collection in state.catalogue.collections()
    return known and period in {each.text for each in state.catalogue.periods(collection)}


def _products(state: AppState, job: Job, collection: str) -> Iterator[Product]:
    """Yield the products that show a collection with the bands of the job, or with all bands."""
    bands = set(job.request.get("bands", ()))
    for product in shown_products(state, collection):
        if not bands or bands >= set(product.bands):
            yield product


def _layer(request: Request, job: Job, product: Product, period: str) -> JobLayer:
    def address(name: str, **more: str) -> str:
        return str(request.url_for(name, product=product.id, **more))

    time = urlencode({"datetime": period})
    shared = urlencode({"product": product.id, "period": period})
    tile = address("product_tile", tms="WebMercatorQuad", z="{z}", x="{x}", y="{y}", format="png")
    tilejson = address("product_tilejson", tms="WebMercatorQuad")
    links = [
        Link(rel="tilejson", href=f"{tilejson}?{time}"),
        Link(rel="tiles", href=f"{tile}?{time}", type="image/png", templated=True),
        Link(rel="product", href=address("product")),
        Link(rel="alternate", href=f"{request.base_url}#{shared}", type="text/html"),
    ]
    box = Bbox(*job.request["aoi"])
    if not box.crosses_antimeridian:  # a picture of both sides would go around the world
        picture = f"{address('product')}/bbox/{box:.7g}.png"
        href = f"{picture}?{time}&max_size={PREVIEW_PIXELS}"
        links.append(Link(rel="preview", href=href, type="image/png"))
    return JobLayer(
        product=product.id, title=product.title, collection=product.collection, period=period, links=links
    )


def _scene(request: Request, scene: LandedScene) -> JobScene:
    collection = str(request.url_for("collection", collection=scene.collection))
    items = str(request.url_for("stac_items", collection_id=scene.collection))
    return JobScene(
        collection=scene.collection,
        scene=scene.scene,
        period=scene.period,
        commit=scene.commit,
        links=[
            Link(rel="item", href=f"{items}/{quote(scene.scene, safe='')}", type=GEOJSON),
            Link(rel="collection", href=collection, type=JSON),
        ],
    )
