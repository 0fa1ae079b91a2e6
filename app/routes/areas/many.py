"""Many areas at once: the kept series of all that match, and their statistics of one period."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.areas.area import own_json
from app.areas.area_store import AreaSearch
from app.areas.many_series import ManySeries, ManySeriesReader
from app.areas.many_statistics import MAX_AREAS, ManyStatistics
from app.errors import NothingLandedError, RequestError
from app.http.auth import owner_of, require
from app.http.bodies import JsonObject
from app.http.features import searched
from app.http.lights import LitAbove, lit_at
from app.http.parameters import OpenDatabase, ReadyState, known_names
from app.http.series_stream import ManyFormat, PagesResponse, streamed
from app.keys import Scope
from app.products.product import Product
from app.rendering.basis import of_one_basis
from app.rendering.selecting import select_periods, shown_periods
from app.stac.collection_search import read_box
from app.stac.search import box_shape
from app.validation import first_fault
from mosaics.catalogue import Catalogue
from mosaics.period import Interval, Period

router = APIRouter(tags=["areas"], dependencies=[Depends(known_names), Depends(require(Scope.READ))])

CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One row an area and period.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

AreaNumber = Annotated[int, Field(ge=1, le=2**63 - 1)]


class WantedAreas(BaseModel):
    """Which areas; members that are absent are not applied."""

    ids: Annotated[list[AreaNumber], Field(max_length=MAX_AREAS)] | None = None
    kind: Annotated[str, Field(max_length=200)] | None = None
    name: Annotated[str, Field(max_length=200, description="Part of the name.")] | None = None
    bbox: Annotated[list[float], Field(description="west, south, east, north in degrees")] | None = None
    properties: Annotated[dict[str, Any], Field(description="Own properties they have.")] | None = None


Wanted = TypeVar("Wanted", bound=WantedAreas)

SEARCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": WantedAreas.model_json_schema()}},
    }
}

Bound = Annotated[str | None, Query(max_length=50, description="A period (included) or an instant.")]


@router.get("/areas/timeseries", name="areas_timeseries", responses=CONTENT, response_class=Response)
async def timeseries(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    product: Annotated[str, Query(max_length=200, description="Id of a product that areas keep.")],
    kind: Annotated[str | None, Query(max_length=200)] = None,
    name: Annotated[str | None, Query(max_length=200, description="Part of the name")] = None,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None,
    properties: Annotated[
        str | None,
        Query(max_length=2000, description='Own properties the areas have, as JSON: {"crop":"barley"}.'),
    ] = None,
    start: Bound = None,
    end: Bound = None,
    f: ManyFormat = ManyFormat.JSON,
) -> Response:
    """Return the kept series of all areas that keep a product and match: one row an area and period.

    Rows are streamed in order of area and time, as they were at one moment. Nothing is computed: what is not
    kept yet has the status `pending`, and `current` is false where a row does not tell of all that landed.
    `X-Tilewatch-Unfilled` is the number of areas whose series are not counted as a whole yet, and
    `X-Tilewatch-Changed` the number of periods with news.
    """
    time = Interval.parse(f"{start or '..'}/{end or '..'}")
    found = state.registry.get(product)
    search = AreaSearch(
        owner=owner_of(request),
        kind=searched("kind", kind),
        name=searched("name", name),
        product=found.id,
        bbox=read_box(bbox),
        properties=None if properties is None else own_properties(properties),
    )
    reader = ManySeriesReader(database, state.catalogue, state.statistics)
    series = await reader.open(found, search, time)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="areas-{found.id}.{f}"',
        "X-Tilewatch-Unfilled": str(series.unfilled),
        "X-Tilewatch-Changed": str(len(series.frame.changed)),
    }
    if request.scope.get("asked_by_head"):
        await series.close()
        return Response(media_type=f.media_type, headers=headers)
    parts = streamed(f, series.frame.product, about(series), series.pages())
    return PagesResponse(parts, media_type=f.media_type, headers=headers)


@router.post(
    "/areas/statistics",
    name="areas_statistics",
    responses=CONTENT,
    response_class=Response,
    openapi_extra=SEARCH_BODY,
)
async def statistics(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    document: JsonObject,
    product: Annotated[str, Query(max_length=200, description="Id of a product.")],
    datetime: Annotated[
        str | None, Query(max_length=100, description="One period; the latest if absent.")
    ] = None,
    lit_above: LitAbove = None,
    f: ManyFormat = ManyFormat.JSON,
) -> Response:
    """Return the statistics of all areas that match in one period: one row an area.

    Rows are streamed in order of the areas' ids. Entries that are kept and tell of all that landed are read;
    the others are computed, whether or not the area keeps the product, and have `kept` false.
    """
    found = state.registry.get(product)
    if lit_above is not None:
        found = lit_at(found, lit_above)
    found = of_one_basis(state.catalogue, found)
    period = one_period(state.catalogue, found, datetime)
    search = searched_areas(document, owner=owner_of(request))
    reader = ManyStatistics(database, state.catalogue, state.statistics)
    areas = await reader.count(search)
    facts = {"product": found.id, "unit": found.unit, "areas": areas, "period": period.text}
    parts = streamed(f, found, facts, reader.pages(found, period, search))
    name = f'attachment; filename="areas-{found.id}-{period.text}.{f}"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": name}
    return PagesResponse(parts, media_type=f.media_type, headers=headers)


def one_period(catalogue: Catalogue, product: Product, datetime: str | None) -> Period:
    """Return the period that a `datetime` parameter selects; of products that compare, the latest that can.

    Raises:
        NothingLandedError: If nothing has landed in it.
        RequestError: If it selects several.
    """
    if not (catalogue.has(product.collection) and catalogue.periods(product.collection)):
        raise NothingLandedError(f"nothing has landed for {product.id!r} yet")
    known = catalogue.periods(product.collection)
    if datetime is None:
        return (shown_periods(catalogue, product) or known)[-1]
    periods = select_periods(catalogue, product.collection, datetime).periods
    if not periods:
        raise NothingLandedError(
            f"{product.id!r} has nothing for {datetime!r}; its periods run from {known[0]} to {known[-1]}"
        )
    if len(periods) > 1:
        raise RequestError(
            f"{datetime!r} selects {len(periods)} periods; ask for one, or for series at /areas/timeseries"
        )
    return periods[0]


def searched_areas(document: Mapping[str, Any], *, owner: str | None) -> AreaSearch:
    """Read the body of a request for areas, which may be bound to an owner.

    Raises:
        RequestError: If it is not valid.
    """
    wanted = read_wanted(document, WantedAreas)
    return AreaSearch(
        owner=owner,
        kind=searched("kind", wanted.kind),
        name=searched("name", wanted.name),
        bbox=None if wanted.bbox is None else box_shape(wanted.bbox),
        properties=None if wanted.properties is None else own_json(wanted.properties),
        ids=wanted.ids,
    )


def read_wanted(document: Mapping[str, Any], body: type[Wanted]) -> Wanted:
    """Read a body that says which areas are wanted.

    Raises:
        RequestError: If it is not valid.
    """
    refuse = document.keys() - body.model_fields.keys()
    if refuse:
        raise RequestError(
            f"{min(refuse)!r} is not a member of this body; there are: {', '.join(sorted(body.model_fields))}"
        )
    try:
        return body.model_validate(document, strict=True)
    except ValidationError as error:
        where, why = first_fault(error)
        raise RequestError(f"{where} is not valid: {why}") from error


def about(series: ManySeries) -> dict[str, Any]:
    """Return what is said of the series of many areas before their rows."""
    return {
        "product": series.frame.product.id,
        "unit": series.frame.product.unit,
        "areas": series.areas,
        "periods": series.frame.length,
        "unfilled": series.unfilled,
        "changed": [period.text for period in sorted(series.frame.changed)],
    }


def own_properties(text: str) -> str:
    """Read the properties that areas are to have.

    Raises:
        RequestError: If they are not a JSON object that areas can have.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError('properties is not valid JSON; give an object, as in {"crop":"barley"}') from error
    if not isinstance(found, dict):
        raise RequestError('properties is not a JSON object; give one, as in {"crop":"barley"}')
    return own_json(found)
