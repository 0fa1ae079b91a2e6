"""Time series: the kept statistics of a registered area."""

import asyncio
import json
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.areas.kept_areas import AreaSeries
from app.areas.kept_kind import KeptKind
from app.areas.timeseries import TimeSeries, TimeSeriesReader
from app.database import Database
from app.errors import RequestError
from app.http.auth import require
from app.http.lights import LitAbove, lit_at
from app.http.parameters import OpenDatabase, ReadyState, given_parameters, names_of_any_product
from app.http.series_csv import series_csv
from app.keys import Scope
from app.products.product import Product
from app.routes.areas.areas import AreaId
from mosaics.period import Interval

router = APIRouter(tags=["areas"], dependencies=[Depends(names_of_any_product), Depends(require(Scope.READ))])

FRESH = {"Cache-Control": "no-cache"}


class SeriesFormat(StrEnum):
    """The formats of a series."""

    JSON = "json"
    CSV = "csv"


@router.get(
    "/areas/{area}/timeseries",
    name="area_timeseries",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def timeseries(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    area_id: AreaId,
    product: Annotated[str | None, Query(description="Optional if the area keeps only one.")] = None,
    start: Annotated[str | None, Query(max_length=50, description="A period or an instant.")] = None,
    end: Annotated[str | None, Query(max_length=50, description="A period (included) or an instant.")] = None,
    lit_above: LitAbove = None,
    f: SeriesFormat = SeriesFormat.JSON,
) -> Response:
    """Return the statistics of an area for every period from `start` to `end`; without them, for all.

    Kept entries are read, not computed. Those not kept yet, because the area is new, a scene has just
    landed or the area does not keep the product, are computed up to a limit: their `kept` is false, and
    `pending` is the number of entries left out. All are computed for thresholds and parameters of the
    request's own (`lit_above=1,3`, `cloud_max=0.3`).
    """
    time = Interval.parse(f"{start or '..'}/{end or '..'}")
    kind = AreaSeries(state.statistics)
    found = state.registry.get(product or await only_product(database, kind, area_id))
    asked = found.with_parameters(given_parameters(request, found))
    if lit_above is not None:
        asked = lit_at(asked, lit_above)
    is_own = (asked.digest, asked.lit_thresholds) != (found.digest, found.lit_thresholds)
    reader = TimeSeriesReader(database, state.catalogue, kind)
    series = await reader.read(area_id, asked, time, is_own=is_own)
    if f is SeriesFormat.CSV:
        return await as_csv(area_id, asked, series)
    return as_json(area_id, asked, series)


async def only_product(database: Database, kind: KeptKind[Any], subject_id: int) -> str:
    """Return the only product an area or a route keeps.

    Raises:
        RequestError: If it keeps none or several.
    """
    async with database.connection() as connection:
        products = (await kind.standing(connection, subject_id, "", "")).products
    if len(products) == 1:
        return products[0]
    kept = ", ".join(products) or "no product"
    raise RequestError(f"{kind.noun} {subject_id} keeps {kept}; name the product with product=")


def as_json(area_id: int, product: Product, series: TimeSeries) -> Response:
    """Return the answer as one JSON object; the entries are JSON already."""
    about = {
        "area": area_id,
        "name": series.name,
        "product": product.id,
        "unit": product.unit,
        "kept": len(series.entries) - series.computed,
        "computed": series.computed,
        "pending": series.pending,
    }
    body = f'{json.dumps(about)[:-1]}, "series": [{",".join(series.entries)}]}}'
    return Response(body, media_type="application/json", headers=FRESH)


async def as_csv(area_id: int, product: Product, series: TimeSeries) -> Response:
    """Return the answer as a table."""
    body = await asyncio.to_thread(lambda: series_csv(product, map(json.loads, series.entries)))
    name = f"area-{area_id}-{product.id}.csv"
    headers = FRESH | {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Tilewatch-Pending": str(series.pending),
    }
    return Response(body, media_type="text/csv", headers=headers)
