"""Trend: how steadily a number of an area's series rises or falls, and how sure that is."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from app.areas.kept_areas import AreaSeries
from app.areas.timeseries import TimeSeriesReader
from app.http.auth import require
from app.http.parameters import OpenDatabase, ReadyState, known_names, revalidated
from app.http.values import Value, notes_of, number_of, refuse_absent, unit_of
from app.keys import Scope
from app.routes.areas.areas import AreaId
from app.routes.areas.timeseries import only_product
from app.statistics.trend import CONFIDENCE, FEWEST_PAIRS, Observation, Trend, trend_of
from mosaics.period import Cadence, Interval, Period

router = APIRouter(tags=["areas"], dependencies=[Depends(known_names), Depends(require(Scope.READ))])

METHOD = (
    "The median of the slopes between all pairs of the same season (Theil and Sen; Hirsch, Slack & Smith "
    "1982), its interval by Gilbert (1987), and the seasonal Mann-Kendall test, which takes values for "
    "independent of each other: where a high month follows a high one, it is more certain than it should be."
)

SEASONS = {Cadence.YEAR: "", Cadence.MONTH: "%m", Cadence.DAY: "%m-%d", Cadence.HOUR: "%m-%dT%H"}
"""What recurs each year, by the length of periods."""


class Slope(BaseModel):
    """A trend."""

    slope_per_year: float = Field(description="In the unit, a year.")
    low_per_year: float
    high_per_year: float = Field(description="The slope is between low and high with the confidence stated.")
    p_value: float = Field(description="Of the seasonal Mann-Kendall test, two-sided.")
    pairs: int = Field(description="Pairs of the same season.")
    years: int = Field(description="From the first value to the last.")


class AreaTrend(BaseModel):
    """The trend of a series of an area."""

    area: int
    name: str
    product: str
    value: Value
    unit: str | None = Field(description="Of the value; null for shares.")
    trend: Slope | None = Field(description="Null where there are too few pairs; reason says so.")
    reason: str | None
    confidence: float = CONFIDENCE
    used: int = Field(description="Values used.")
    missing: int = Field(description="Periods without a value, which are left out and never taken for 0.")
    left_out: int = Field(description="Values of periods of which too little of the area was seen.")
    pending: int = Field(description="Periods that are not computed yet.")
    first: str | None = Field(description="Period of the first value used.")
    last: str | None
    synthetic: bool = Field(description="Whether a value comes from synthetic scenes.")
    notes: list[str] = Field(description="That a satellite had ended, or what a threshold means.")
    method: str = METHOD


@router.get("/areas/{area}/trend", name="area_trend", dependencies=[Depends(revalidated)])
async def trend(
    *,
    state: ReadyState,
    database: OpenDatabase,
    area_id: AreaId,
    product: Annotated[str | None, Query(description="Optional if the area keeps only one.")] = None,
    value: Annotated[Value, Query(description="A number of the entries.")] = Value.MEAN,
    start: Annotated[str | None, Query(max_length=50, description="A period or an instant.")] = None,
    end: Annotated[str | None, Query(max_length=50, description="A period (included) or an instant.")] = None,
    seen: Annotated[
        float, Query(ge=0, le=1, description="Entries of which less of the area has a value are left out.")
    ] = 0.5,
) -> AreaTrend:
    """Return the trend of a number of an area's series, in its unit a year, over pairs of the same season.

    The series is that of `/areas/{area}/timeseries`. Months are compared with the same months of other years
    alone, so that seasons are not taken for a trend. Missing months are missing, and never 0.
    """
    time = Interval.parse(f"{start or '..'}/{end or '..'}")
    kind = AreaSeries(state.statistics)
    found = state.registry.get(product or await only_product(database, kind, area_id))
    refuse_absent(found, value)
    series = await TimeSeriesReader(database, state.catalogue, kind).read(area_id, found, time)
    entries = await asyncio.to_thread(lambda: [json.loads(entry) for entry in series.entries])
    valued = [entry for entry in entries if number_of(entry, value) is not None]
    used = [entry for entry in valued if entry["valid_fraction"] >= seen]
    slope = await asyncio.to_thread(trend_of, observations_of(used, value))
    return AreaTrend(
        area=area_id,
        name=series.name,
        product=found.id,
        value=value,
        unit=unit_of(found, value),
        trend=None if slope is None else Slope(**asdict(slope)),
        reason=why_none(slope),
        used=len(used),
        missing=len(entries) - len(valued),
        left_out=len(valued) - len(used),
        pending=series.pending,
        first=used[0]["period"] if used else None,
        last=used[-1]["period"] if used else None,
        synthetic=any(entry["synthetic"] for entry in used),
        notes=[
            *dict.fromkeys(entry["note"] for entry in used if "note" in entry),
            *notes_of(found, value),
        ],
    )


def observations_of(entries: Sequence[Mapping[str, Any]], value: Value) -> list[Observation]:
    """Return a number of some entries, of those that have it, with its year and season."""
    found = []
    for entry in entries:
        period = Period.parse(entry["period"])
        season = period.start.strftime(SEASONS[period.cadence])
        number = number_of(entry, value)
        if number is not None:
            found.append(Observation(period.start.year, season, number))
    return found


def why_none(slope: Trend | None) -> str | None:
    """Return why there is no trend, as a sentence; None where there is one."""
    if slope is not None:
        return None
    return f"There are fewer than {FEWEST_PAIRS} pairs of the same season in different years."
