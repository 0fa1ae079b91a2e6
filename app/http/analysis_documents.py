"""Analysis documents: what was found of a parcel or a scene, and where its layer is shown."""

from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field
from starlette.requests import Request

from app.analysis.analysis_store import KeptAnalysis
from app.analysis.verdict import Basis, Direction, Level
from app.http.schemas import Link


class VerdictDocument(BaseModel):
    """A verdict in a word, and in sentences."""

    level: Level = Field(
        description="usual; drifting: no single value is far off, but a chart alarms; notable: at least 2 "
        "standard deviations off; strong: at least 3; unknown: neither history nor neighbours tell."
    )
    direction: Direction | None
    basis: Basis | None = Field(description="What the level rests on.")
    is_confirmed: bool = Field(description="Whether at least two values in a row, or a chart, say the same.")
    persistence: int = Field(description="Latest values in a row that depart to the same side.")
    text: str


class HistoryDocument(BaseModel):
    """A value against the same season of earlier years."""

    years: int
    periods: list[str] = Field(description="Those that were compared.")
    mean: float
    std: float = Field(description="Sample standard deviation of the years, before the floor.")
    difference: float
    z: float = Field(description="The difference in standard deviations.")
    vci: float | None = Field(
        description="Vegetation condition index, percent of the range of the earlier years."
    )


class ChartDocument(BaseModel):
    """A control chart at the period that is looked at."""

    level: float
    limit: float
    alarm: bool


class AlarmDocument(BaseModel):
    """A departure for which a chart alarms now."""

    direction: Direction
    onset: str = Field(description="The period at which it began, as the chart tells.")
    first: str = Field(description="The period of its first alarm.")
    magnitude: float | None = Field(
        description="Median difference from the mean of earlier years since it began."
    )


class MonitoringDocument(BaseModel):
    """Monitoring of the whole series for a lasting change."""

    values: int = Field(description="Values that have enough earlier years.")
    since: str = Field(description="The first of them.")
    ewma: ChartDocument
    cusum: ChartDocument
    alarm: AlarmDocument | None


class NeighboursDocument(BaseModel):
    """A value among those of its neighbours in the same period."""

    count: int
    median: float
    mad: float = Field(description="Median absolute deviation.")
    percentile: float = Field(description="Percent of the neighbours that have a lower value.")
    z: float | None = Field(description="Difference from the median over 1.4826 MAD, at least the floor.")


class NotComputable(BaseModel):
    """A part that could not be worked out."""

    part: Literal["value", "history", "monitoring", "neighbours"]
    reason: str


class ParcelAnalysis(BaseModel):
    """The analysis of a parcel."""

    id: int
    kind: Literal["parcel"]
    parcel: int
    product: str
    period: str
    verdict: VerdictDocument
    value: float | None = Field(description="Mean of the parcel; null where too little was seen.")
    valid_fraction: float
    history: HistoryDocument | None
    monitoring: MonitoringDocument | None
    neighbours: NeighboursDocument | None
    not_computable: list[NotComputable]
    options: dict[str, Any]
    zone: int | None = Field(description="Id of the zone that was made of it on request.")
    inputs: str = Field(description="SHA-256 of all that determines the result.")
    computed_at: str
    links: list[Link]


def parcel_document(request: Request, kept: KeptAnalysis, zone: int | None = None) -> ParcelAnalysis:
    """Return the document of the analysis of a parcel."""
    found = kept.document()
    assert kept.area_id is not None  # noqa: S101 - of a parcel
    return ParcelAnalysis(
        **found, parcel=kept.area_id, zone=zone, links=_links(request, kept, found, zone=zone)
    )


def _links(request: Request, kept: KeptAnalysis, found: dict[str, Any], *, zone: int | None) -> list[Link]:
    product, period = found["product"], found["period"]
    time = urlencode({"datetime": period})
    tilejson = request.url_for("product_tilejson", product=product, tms="WebMercatorQuad")
    series = request.url_for("area_timeseries", area=kept.area_id)
    links = [
        Link(rel="self", href=str(request.url_for("analysis", analysis=kept.id))),
        Link(rel="tilejson", href=f"{tilejson}?{time}"),
        Link(rel="timeseries", href=f"{series}?{urlencode({'product': product})}"),
        Link(rel="parcel", href=str(request.url_for("area", area=kept.area_id))),
        Link(
            rel="alternate",
            href=f"{request.base_url}#{urlencode({'product': product, 'period': period})}",
            type="text/html",
        ),
    ]
    if zone is not None:
        links.append(Link(rel="zone", href=str(request.url_for("zone", zone=zone))))
    return links


def analysis_document(request: Request, kept: KeptAnalysis) -> dict[str, Any]:
    """Return the document of an analysis, of whatever kind, ready for JSON."""
    if kept.kind == "parcel":
        return parcel_document(request, kept).model_dump(mode="json")
    return kept.document()
