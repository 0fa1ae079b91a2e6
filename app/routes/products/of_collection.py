"""Legend, TileJSON, point and statistics of a collection's bands, expressions and indices."""

import inspect
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.http.auth import require
from app.http.bodies import JsonObject
from app.http.parameters import Datetime, Position, ReadyState, TileSize, known_names, revalidated
from app.http.schemas import PointValue, TileJson
from app.keys import Scope
from app.routes.products import legend, point, statistics, tilejson
from app.routes.products.tiles import OfCollection
from app.statistics.summary import SummaryOptions
from mosaics.period import Cadence

router = APIRouter(tags=["products"], dependencies=[Depends(known_names)])


async def drawing(**given: Any) -> OfCollection:
    """Return what a request says is drawn of a collection; FastAPI would make the class on a thread."""
    return OfCollection(**given)


drawing.__signature__ = inspect.signature(OfCollection)  # type: ignore[attr-defined]

Drawing = Annotated[OfCollection, Depends(drawing)]


@router.get(
    "/collections/{collection}/legend.{format}",
    name="collection_legend",
    responses=legend.ANSWERS,
    response_class=Response,
)
async def collection_legend(
    state: ReadyState,
    drawn: Drawing,
    format: legend.LegendFormat,  # noqa: A002
) -> Response:
    """Return what the colours of a collection's tile mean; of an index with formula and reference."""
    found = drawn.shown(state, painted=True)
    return await legend.drawn_legend(state, found, format, legend.legend_note(state, found, None))


@router.get(
    "/collections/{collection}/{tms}/tilejson.json",
    name="collection_tilejson",
    dependencies=[Depends(revalidated)],
)
async def collection_tilejson(
    *,
    request: Request,
    state: ReadyState,
    drawn: Drawing,
    tms: Annotated[str, Path(description="A tile matrix set of /tileMatrixSets.")],
    datetime: Datetime = None,
    tilesize: Annotated[
        TileSize, Query(description="Pixels per side; part of the tile address.")
    ] = TileSize.SMALL,
    tile_format: Annotated[Literal["png", "webp"], Query(description="Encoding of the pictures.")] = "png",
) -> TileJson:
    """Return the TileJSON 3.0.0 of a collection's bands, expression or index."""
    names = {"tms": tms, "z": "{z}", "x": "{x}", "y": "{y}", "format": tile_format}
    tile = request.url_for("collection_tile", collection=drawn.collection, **names)
    found = drawn.shown(state, painted=True)
    addressed = tilejson.Addressed(str(tile), tms, tilesize, drawn.query)
    return await tilejson.described_tiles(state, found, datetime, addressed)


@router.get(
    "/collections/{collection}/point/{lon},{lat}",
    name="collection_point",
    dependencies=[Depends(revalidated)],
)
async def collection_point(
    *,
    response: Response,
    state: ReadyState,
    drawn: Drawing,
    lon: float,
    lat: float,
    datetime: Datetime = None,
) -> PointValue:
    """Return the value of a band, three bands, an expression or an index at a place."""
    found = drawn.shown(state, painted=False)
    return await point.point_of(response, state, found, Position(lon, lat), datetime)


@router.post(
    "/collections/{collection}/statistics",
    name="collection_statistics",
    dependencies=[Depends(require(Scope.READ))],
    openapi_extra=statistics.BODY,
    responses={200: {"description": "The series.", "content": {"application/geo+json": {}}}},
    response_class=Response,
)
async def collection_statistics(
    *,
    request: Request,
    state: ReadyState,
    drawn: Drawing,
    document: JsonObject,
    wanted: Annotated[SummaryOptions, Depends(statistics.wanted)],
    datetime: Datetime = None,
    step: Annotated[Cadence | None, Query(description="How long an entry lasts.")] = None,
    repair: Annotated[
        bool, Query(description="Make invalid polygons valid and say what that changed.")
    ] = False,
) -> Response:
    """Return statistics of a band, an expression or an index, as `/products/{product}/statistics` does."""
    found = drawn.shown(state, painted=False)
    given = statistics.Asked(document, wanted, step, repair)
    return await statistics.series_answer(request, state, found, datetime, given)
