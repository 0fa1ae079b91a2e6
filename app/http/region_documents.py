"""Region documents: the state of regions, in the keys of earlier services and in more of our own."""

from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field
from starlette.requests import Request

from app.products.request import requested_product
from app.regions.parsing import RegionFault, RegionListing
from app.regions.runs import Cause, PreBasis, Run, RunStatus
from app.regions.status import LastStatus, RegionStatus
from app.rendering.resolving import revision_of
from app.rendering.selecting import EmptyWindowError, WindowError, select
from app.state import AppState
from mosaics.bbox import Degrees
from mosaics.collection import UnknownCollectionError

MEGABYTE = 1_000_000


class RegionMeta(BaseModel):
    """What a region shows and how old that is."""

    region_name: str
    bbox: Degrees = Field(description="West, south, east, north; west above east crosses the antimeridian.")
    pre_start: date | None = Field(
        description="First day of the window before; null until a refresh has succeeded."
    )
    pre_end: date | None
    post_start: date | None = Field(description="First day of the window after.")
    post_end: date | None
    generated_at: datetime | None = Field(description="When the refresh that is shown ended.")
    tile_url_template: str = Field(description="Address of the tiles, with {z}, {x} and {y} to fill in.")
    zoom_min: int
    zoom_max: int
    tile_count: int = Field(description="WebMercatorQuad tiles that the box touches, at all its zooms.")
    disk_usage_mb: float | None = Field(
        description="Megabytes (10^6 bytes) of COGs that the refreshes of the last two years landed, "
        "including scenes replaced or swept since, but not scenes that others had landed, items, mosaics "
        "and overviews. 0 if files are left in their archive, null if unknown."
    )
    last_status: LastStatus
    last_run_at: datetime | None = Field(description="When the last refresh started, whatever its outcome.")
    age_days: float | None = Field(description="Days since the refresh that is shown started.")

    @classmethod
    def of(cls, request: Request, state: AppState, status: RegionStatus) -> "RegionMeta":
        """Return the document of a region."""
        return cls(**_meta(request, state, status))


class RegionPartial(BaseModel):
    """How many scenes of a refresh were refused, and why."""

    scenes_landed: int
    scenes_found: int = Field(description="Scenes that had landed before.")
    scenes_refused: int
    refused: dict[str, str] = Field(description="Why, by id, the first of them were refused.")

    @classmethod
    def of(cls, run: Run) -> "RegionPartial":
        """Return the document of a run that is partial."""
        return cls(
            scenes_landed=run.scenes_landed,
            scenes_found=run.scenes_found,
            scenes_refused=run.scenes_refused,
            refused=dict(run.refused),
        )


class RegionSummary(RegionMeta):
    """A region: its description and its state."""

    priority: int
    update_interval_days: int
    pre_window_days: int
    post_window_days: int
    pre_basis: PreBasis | None = Field(
        description="Source of the window before: the same season a year earlier or, if that has no scene, "
        "the days right before the window after."
    )
    fire_mask: str | None
    source: str
    product: str
    area_km2: float
    partial: RegionPartial | None = Field(
        description="Counts of the last finished refresh if its windows are shown though scenes were "
        "refused; it is repeated after one, two, four nights. `last_status` is then `done`."
    )
    changed: list[str] = Field(
        description="What has changed in the file since the last refresh began, such as bbox, and asks for "
        "other scenes: the region is due at once."
    )
    due: date | None = Field(description="Night from which the rotation refreshes it.")
    bound_days: int | None = Field(description="Age the rotation keeps it below if nothing fails.")
    is_late: bool
    failures_in_a_row: int
    error: str | None = Field(description="Why the last finished refresh brought nothing.")

    @classmethod
    def of(cls, request: Request, state: AppState, status: RegionStatus) -> "RegionSummary":
        """Return the document of a region."""
        return cls(**_summary(request, state, status))


class RegionRun(BaseModel):
    """One refresh of a region."""

    id: int
    night: date = Field(description="Day of the rotation's calendar that the refresh counts for.")
    cause: Cause
    status: RunStatus = Field(
        description="`empty`: the archive has no scene for one of the windows; `partial`: the windows are "
        "shown, though some scenes were refused."
    )
    pre_start: date
    pre_end: date
    pre_basis: PreBasis
    post_start: date
    post_end: date
    source: str
    product: str
    scenes_landed: int
    scenes_found: int = Field(description="Scenes that had landed before.")
    scenes_refused: int
    refused: dict[str, str] = Field(description="Why, by id, the first of them were refused.")
    landed_bytes: int
    started_at: datetime
    finished_at: datetime | None
    duration_s: float | None
    jobs: dict[str, int] = Field(description="Ids of the ingestion jobs by window; see /jobs/{id}.")
    error: str | None

    @classmethod
    def of(cls, run: Run) -> "RegionRun":
        """Return the document of a run."""
        return cls(
            id=run.id,
            night=run.night,
            cause=run.cause,
            status=run.status,
            pre_start=run.pre.start,
            pre_end=run.pre.end,
            pre_basis=run.pre_basis,
            post_start=run.post.start,
            post_end=run.post.end,
            source=run.asked["source"],
            product=run.asked["product"],
            scenes_landed=run.scenes_landed,
            scenes_found=run.scenes_found,
            scenes_refused=run.scenes_refused,
            refused=dict(run.refused),
            landed_bytes=run.landed_bytes,
            started_at=run.started_at,
            finished_at=run.finished_at,
            duration_s=run.duration_s,
            jobs=dict(run.jobs),
            error=run.error,
        )


class RegionDetail(RegionSummary):
    """A region with its latest refreshes."""

    runs: list[RegionRun] = Field(description="Newest first.")

    @classmethod
    def with_runs(
        cls, request: Request, state: AppState, status: RegionStatus, runs: list[Run]
    ) -> "RegionDetail":
        """Return the document of a region and its runs."""
        return cls(**_summary(request, state, status), runs=[RegionRun.of(run) for run in runs])


class RegionProblem(BaseModel):
    """A fault in the regions file, or in one region of it."""

    line: int | None
    region: str | None
    message: str

    @classmethod
    def of(cls, problem: RegionFault) -> "RegionProblem":
        """Return the document of a fault."""
        return cls(line=problem.line, region=problem.region, message=problem.message)


class RegionList(BaseModel):
    """All regions."""

    configured: bool = Field(description="Whether a regions file is configured (TILEWATCH_REGIONS).")
    current: bool = Field(description="False while the file is invalid and the regions read before are kept.")
    regions: list[RegionSummary]
    problems: list[RegionProblem]

    @classmethod
    def of(
        cls, request: Request, state: AppState, listing: RegionListing, statuses: list[RegionStatus]
    ) -> "RegionList":
        """Return the document of some regions."""
        return cls(
            configured=state.regions.is_configured,
            current=listing.is_current,
            regions=[RegionSummary.of(request, state, status) for status in statuses],
            problems=[RegionProblem.of(problem) for problem in listing.problems],
        )


def _meta(request: Request, state: AppState, status: RegionStatus) -> dict[str, Any]:
    region, pre, post = status.region, status.pre, status.post
    history = status.history
    return {
        "region_name": region.name,
        "bbox": region.bbox.degrees,
        "pre_start": pre and pre.start,
        "pre_end": pre and pre.end,
        "post_start": post and post.start,
        "post_end": post and post.end,
        "generated_at": status.shown and status.shown.finished_at,
        "tile_url_template": tile_url_template(request, state, status),
        "zoom_min": region.zoom_min,
        "zoom_max": region.zoom_max,
        "tile_count": region.tile_count,
        "disk_usage_mb": round(history.landed_bytes / MEGABYTE, 3) if history else None,
        "last_status": status.last_status,
        "last_run_at": status.last_run and status.last_run.started_at,
        "age_days": status.age_days,
    }


def _summary(request: Request, state: AppState, status: RegionStatus) -> dict[str, Any]:
    region = status.region
    return _meta(request, state, status) | {
        "priority": region.priority,
        "update_interval_days": region.update_interval_days,
        "pre_window_days": region.pre_window_days,
        "post_window_days": region.post_window_days,
        "pre_basis": status.shown and status.shown.pre_basis,
        "fire_mask": region.fire_mask,
        "source": region.source,
        "product": region.product,
        "area_km2": round(region.bbox.area_km2, 1),
        "partial": status.partial and RegionPartial.of(status.partial),
        "changed": list(status.changed),
        "due": status.due,
        "bound_days": status.bound_days,
        "is_late": status.is_late,
        "failures_in_a_row": status.failures,
        "error": status.error,
    }


def tile_url_template(request: Request, state: AppState, status: RegionStatus) -> str:
    """Return the address of a region's tiles, with its windows and the revision of what they show."""
    region = status.region
    address = request.url_for("short_tile", product=region.product, z="{z}", x="{x}", y="{y}", format="png")
    if status.pre is None or status.post is None:
        return str(address)
    query = {"pre": status.pre.text, "post": status.post.text}
    try:
        product, tested = requested_product(
            state.registry.get(region.product), windows=query, offset=None, datetime=None
        )
        query["v"] = revision_of(state.catalogue, product, select(state.catalogue, product, tested))
    except (EmptyWindowError, WindowError, UnknownCollectionError):
        return f"{address}?{urlencode(query, safe='/')}"  # this worker has not read the latest commit yet
    return f"{address}?{urlencode(query, safe='/')}"
