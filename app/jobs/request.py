"""Requests for jobs: models that refuse invalid values, and the limits of a service."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from app.jobs.analyses import ParcelsAnalysisRequest, SceneAnalysisRequest
from app.jobs.aoi import Aoi, Toi, read_toi
from app.jobs.job import JobLimitError, JobRequestError, Kind
from app.jobs.model_runs import ModelRunRequest
from app.settings import Settings

MAX_SCENES = 500
"""Scenes a job lands at most: three years of one place, or half a terabyte of whole Sentinel-2 scenes."""


def _each_once(bands: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(bands))


Band: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Of a source or a collection; a command line cannot mistake it for an option."""
Cloud: TypeAlias = Annotated[
    float | None,
    Field(ge=0, le=100, allow_inf_nan=False, description="Percent; cloudier scenes are not fetched."),
]
Scenes: TypeAlias = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_SCENES,
        description="Number of scenes to land at most; the log says how many are left out.",
    ),
]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    aoi: Aoi
    toi: Toi


class IngestRequest(_Request):
    """Scenes to fetch from an archive."""

    bands: Annotated[tuple[Band, ...], AfterValidator(_each_once)] = Field(
        default=(), max_length=100, description="Bands of the collection; by default all the source has."
    )
    source: Name | None = Field(
        default=None, description="An archive (see `tilewatch sources`); by default one of Sentinel-2."
    )
    max_cloud: Cloud = None
    limit: Scenes = MAX_SCENES
    mode: Literal["copy", "reference"] = Field(
        default="copy", description="Copy the files, or read them in the archive."
    )
    clip: bool | None = Field(
        default=None,
        description="Land only the pixels under the box; by default where the archive makes files on demand.",
    )
    revised_since: AwareDatetime | None = Field(
        default=None,
        description="Only what the archive has added or changed since; one that does not tell gives all.",
    )

    @model_validator(mode="after")
    def _clips_what_is_copied(self) -> Self:
        if self.clip and self.mode == "reference":
            raise ValueError("files read in the archive cannot be clipped; use mode copy or clip false")
        return self


class CompositeRequest(_Request):
    """A composite to make from the scenes of a time."""

    bands: Annotated[tuple[Band, ...], AfterValidator(_each_once)] = Field(min_length=1, max_length=100)
    collection: Name = Field(default="sentinel-2-l2a", description="The collection whose scenes are used.")
    method: Literal["median", "mean", "min", "max"] = "median"
    ingest: bool | Name | None = Field(
        default=None,
        description="Fetch the scenes first: true, or the name of a source of the collection. By default "
        "they are fetched if the service has an archive for that (TILEWATCH_ORDER_SOURCE).",
    )
    max_cloud: Cloud = None
    limit: Scenes = MAX_SCENES


LandingRequest: TypeAlias = IngestRequest | CompositeRequest
"""A request whose job lands scenes."""
JobRequest: TypeAlias = LandingRequest | SceneAnalysisRequest | ParcelsAnalysisRequest | ModelRunRequest

MODELS: Mapping[Kind, type[JobRequest]] = {
    "ingest": IngestRequest,
    "composite": CompositeRequest,
    "analyze-scene": SceneAnalysisRequest,
    "analyze-parcels": ParcelsAnalysisRequest,
    "model": ModelRunRequest,
}


def understand(kind: Kind, document: Mapping[str, Any]) -> JobRequest:
    """Read the request in a document.

    Raises:
        pydantic.ValidationError: If the document is not a valid request of this kind.
    """
    return MODELS[kind].model_validate(document)


def asks_for(request: JobRequest, complete: JobRequest) -> bool:
    """Return whether a request is the one that was completed: its source was named, all else unchanged."""
    if not isinstance(complete, LandingRequest):
        return request == complete
    chosen = "source" if isinstance(complete, IngestRequest) else "ingest"
    before, after = getattr(request, chosen), getattr(complete, chosen)
    is_left_open = before is None or (before is True and after is not False)
    return (is_left_open or before == after) and request.model_copy(update={chosen: after}) == complete


FINE_M = 10.0
"""Size of the pixels for which the largest box is stated."""


def refuse_excess(request: JobRequest, settings: Settings, *, pixel_m: float = FINE_M) -> None:
    """Raise `JobLimitError` if a job is larger than the service allows.

    Args:
        request: What is asked.
        settings: The limits.
        pixel_m: Size of the pixels it fetches; a box of coarser ones may be larger, with as many of them.
    """
    if isinstance(request, ParcelsAnalysisRequest):
        return
    area_km2 = request.aoi.area_km2
    allowed_km2 = settings.order_area_km2 * max(1.0, (pixel_m / FINE_M) ** 2)
    if area_km2 > allowed_km2:
        raise JobLimitError(
            "order_area_km2",
            f"the box has {area_km2:,.0f} km2; a job with pixels of {pixel_m:g} m may have at most "
            f"{allowed_km2:,.0f}",
        )
    if isinstance(request, SceneAnalysisRequest | ModelRunRequest):
        return
    interval = read_toi(request.toi)
    if interval.start is None or interval.end is None:  # refused above
        raise JobRequestError("a job needs a start and an end")
    length = interval.end - interval.start
    if length > timedelta(days=settings.order_days):
        raise JobLimitError(
            "order_days",
            f"{request.toi} is {length.days} days long; a job may have at most {settings.order_days}",
        )
    if len(request.bands) > settings.order_bands:
        raise JobLimitError(
            "order_bands",
            f"{len(request.bands)} bands are named; a job may have at most {settings.order_bands}",
        )
