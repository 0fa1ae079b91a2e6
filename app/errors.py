"""How errors reach a caller: one table of statuses, and one form, `application/problem+json`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from rio_tiler.errors import NoAssetFoundError
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.analysis.analysis_store import UnknownAnalysisError
from app.analysis.beyond import ThresholdError
from app.analysis.parcel_service import AnalysisRequestError
from app.areas.area import AreaError, UnknownAreaError
from app.database import (
    DatabaseUnavailableError,
    NoDatabaseError,
    SchemaMissingError,
    SearchCostError,
    ValueRefusedError,
)
from app.exposure.line import LineError
from app.exposure.route import RouteError, UnknownRouteError
from app.feeds.feed import FeedChangedError, FeedError, UnknownFeedError
from app.idempotency import KeyReusedError
from app.jobs.job import (
    JobEndedError,
    JobLimitError,
    JobRequestError,
    QueueFullError,
    UnknownJobError,
)
from app.keys import KeyMissingError, NotAllowedError
from app.models.finding import NoModelsError, UnknownModelError
from app.products.adhoc import ProductRequestError
from app.products.grammar import ExpressionError
from app.products.registry import UnknownProductError
from app.regions.service import UnknownRegionError
from app.rendering.address import TileAddressError, UnknownTileError
from app.rendering.comparability import MixedProcessingError
from app.rendering.renderer import RenderingOverloadError
from app.rendering.selecting import EmptyWindowError, WindowError
from app.stac.fields import FieldsError
from app.stac.search import SearchError, UnknownSceneError
from app.statistics.geometry import GeometryError
from app.statistics.summary import StatisticsRequestError
from app.tasks.region_rotation import RefreshUnderWayError
from app.zones.circle import CircleError
from app.zones.zone import UnknownZoneError, ZoneError
from colormaps import UnknownColormapError
from mosaics.bbox import BboxError
from mosaics.catalogue import UnknownPeriodError
from mosaics.collection import UnknownBandError, UnknownCollectionError, UnreadableCollectionError
from mosaics.index import TooManyScenesError
from mosaics.lanes import PixelBudgetError, TurnOverError
from mosaics.period import PeriodError
from mosaics.storage import StorageAccessError, StorageUnavailableError
from mosaics.storage.descriptors import NoDescriptorsError

RETRY_AFTER_S = 5
"""When a caller may retry: by then the catalogue was refreshed twice and one render queue is done."""

QUEUE_AFTER_S = 60
"""When a caller may retry a job: ingestions take minutes."""

STORAGE_UNAVAILABLE = "The object storage does not answer at the moment; the service will recover by itself."
DATABASE_UNAVAILABLE = (
    "The database does not answer at the moment; maps are still served, and the service will recover by "
    "itself."
)
SEARCH_COST = (
    "The search takes too much time, or too many are being made; narrow it by collections, bbox and "
    "datetime, or try again in a moment."
)
NO_DATABASE = (
    "Areas and routes need PostgreSQL with PostGIS, and so do jobs, feeds, refreshes of regions and the STAC "
    "catalogue; no database is configured for this service (TILEWATCH_DATABASE_URL)."
)
SCHEMA_MISSING = "The database is not prepared yet; run `tilewatch migrate`."
OVERLOADED = "Too many tiles are being rendered to answer in time; try again in a moment."
BUSY = "The server has too many files and connections open at the moment; try again in a moment."
OTHER_MEDIA = "Send the body with Content-Type application/json or application/geo+json."
UNFORESEEN = "The request could not be answered; the log has the reason under this request id."


class RequestError(ValueError):
    """A request that cannot be answered; the message says what would have worked."""


class NothingLandedError(LookupError):
    """The subject of a request is known but has no data."""


STATUS: Mapping[type[Exception], HTTPStatus] = {
    RequestError: HTTPStatus.BAD_REQUEST,
    PeriodError: HTTPStatus.BAD_REQUEST,
    WindowError: HTTPStatus.BAD_REQUEST,
    ExpressionError: HTTPStatus.BAD_REQUEST,
    ProductRequestError: HTTPStatus.BAD_REQUEST,
    NoModelsError: HTTPStatus.NOT_IMPLEMENTED,
    UnknownModelError: HTTPStatus.NOT_FOUND,
    UnknownBandError: HTTPStatus.BAD_REQUEST,
    UnknownColormapError: HTTPStatus.BAD_REQUEST,
    TooManyScenesError: HTTPStatus.BAD_REQUEST,
    TileAddressError: HTTPStatus.BAD_REQUEST,
    AreaError: HTTPStatus.BAD_REQUEST,
    AnalysisRequestError: HTTPStatus.BAD_REQUEST,
    ThresholdError: HTTPStatus.BAD_REQUEST,
    RouteError: HTTPStatus.BAD_REQUEST,
    LineError: HTTPStatus.BAD_REQUEST,
    ZoneError: HTTPStatus.BAD_REQUEST,
    CircleError: HTTPStatus.BAD_REQUEST,
    ValueRefusedError: HTTPStatus.BAD_REQUEST,
    GeometryError: HTTPStatus.BAD_REQUEST,
    SearchError: HTTPStatus.BAD_REQUEST,
    FieldsError: HTTPStatus.BAD_REQUEST,
    SearchCostError: HTTPStatus.SERVICE_UNAVAILABLE,
    BboxError: HTTPStatus.BAD_REQUEST,
    PixelBudgetError: HTTPStatus.BAD_REQUEST,
    StatisticsRequestError: HTTPStatus.BAD_REQUEST,
    JobRequestError: HTTPStatus.BAD_REQUEST,
    JobLimitError: HTTPStatus.BAD_REQUEST,
    FeedError: HTTPStatus.BAD_REQUEST,
    KeyMissingError: HTTPStatus.UNAUTHORIZED,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    UnknownAreaError: HTTPStatus.NOT_FOUND,
    UnknownAnalysisError: HTTPStatus.NOT_FOUND,
    UnknownRouteError: HTTPStatus.NOT_FOUND,
    UnknownZoneError: HTTPStatus.NOT_FOUND,
    UnknownFeedError: HTTPStatus.NOT_FOUND,
    FeedChangedError: HTTPStatus.PRECONDITION_FAILED,
    UnknownRegionError: HTTPStatus.NOT_FOUND,
    RefreshUnderWayError: HTTPStatus.CONFLICT,
    UnknownSceneError: HTTPStatus.NOT_FOUND,
    UnknownProductError: HTTPStatus.NOT_FOUND,
    UnknownCollectionError: HTTPStatus.NOT_FOUND,
    UnknownTileError: HTTPStatus.NOT_FOUND,
    UnknownPeriodError: HTTPStatus.NOT_FOUND,
    NothingLandedError: HTTPStatus.NOT_FOUND,
    EmptyWindowError: HTTPStatus.NOT_FOUND,
    MixedProcessingError: HTTPStatus.CONFLICT,
    UnknownJobError: HTTPStatus.NOT_FOUND,
    JobEndedError: HTTPStatus.CONFLICT,
    KeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    QueueFullError: HTTPStatus.TOO_MANY_REQUESTS,
    NoAssetFoundError: HTTPStatus.NO_CONTENT,
    StorageUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    NoDescriptorsError: HTTPStatus.SERVICE_UNAVAILABLE,
    TurnOverError: HTTPStatus.SERVICE_UNAVAILABLE,
    StorageAccessError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnreadableCollectionError: HTTPStatus.SERVICE_UNAVAILABLE,
    RenderingOverloadError: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    NoDatabaseError: HTTPStatus.SERVICE_UNAVAILABLE,
    SchemaMissingError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Errors whose messages are written for callers, except those of status 500 and above (see `UNSAID`)."""

UNSAID: Mapping[type[Exception], str] = {
    StorageUnavailableError: STORAGE_UNAVAILABLE,
    StorageAccessError: STORAGE_UNAVAILABLE,
    NoDescriptorsError: BUSY,
    TurnOverError: OVERLOADED,
    RenderingOverloadError: OVERLOADED,
    DatabaseUnavailableError: DATABASE_UNAVAILABLE,
    SearchCostError: SEARCH_COST,
    NoDatabaseError: NO_DATABASE,
    SchemaMissingError: SCHEMA_MISSING,
}
"""What is said instead of a message that may name an address or a key."""


ASKING: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_AFTER_S)},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": str(QUEUE_AFTER_S)},
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
}
"""Headers that tell a caller what to do."""


class ProblemResponse(JSONResponse):
    """An answer in the form of RFC 9457."""

    media_type = "application/problem+json"


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
) -> ProblemResponse:
    """Return the answer for an error, with `extra` members besides the standard ones."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return ProblemResponse(
        body | extra, status_code=status, headers={"Cache-Control": "no-store", **(headers or {})}
    )


async def answer_foreseen(_: Request, error: Exception) -> Response:
    """Return the answer for an error in the table."""
    kind = next(kind for kind in type(error).__mro__ if kind in STATUS)
    status = STATUS[kind]
    if status == HTTPStatus.NO_CONTENT:
        return Response(status_code=status)
    return problem(status, UNSAID.get(kind, str(error)), headers=ASKING.get(status))


async def answer_http(request: Request, error: Exception) -> Response:
    """Return the answer for what routing refuses: an unknown address, or a method it does not take."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    if error.status_code == HTTPStatus.NO_CONTENT:
        return Response(status_code=error.status_code, headers=error.headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return answer_method(request, error)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "Nothing is served at this address; see /docs for those that exist."
    return problem(error.status_code, detail, headers=error.headers)


def answer_method(request: Request, error: HTTPException) -> Response:
    """Return the answer for a method an address does not take, or for OPTIONS: the methods it takes."""
    path = get_route_path(request.scope)
    routes = iter_route_contexts(request.app.routes)
    served = [route for route in routes if route.methods and route.path_regex.match(path)]
    # An address of its own is not one of those that have an id in its place.
    own = [route for route in served if route.path == path]
    allowed = "" if own else (error.headers or {}).get("Allow", "")
    methods = {"OPTIONS", *allowed.split(", ")} - {""}
    methods.update(*(route.methods or () for route in own or served))
    if "GET" in methods:
        methods.add("HEAD")
    headers = {"Allow": ", ".join(sorted(methods))}
    if request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    detail = f"{request.method} is not a valid method of this address; it takes {headers['Allow']}."
    return problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers=headers)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Return the answer for parameters and bodies that do not match the route's declaration, by field."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
    is_of_body = any(tuple(entry["loc"])[:1] == ("body",) for entry in error.errors())
    if is_of_body and not sends_json(request):
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, OTHER_MEDIA)
    fields = [_invalid(entry) for entry in error.errors()]
    sentences = "; ".join(f"{entry['field']}: {entry['reason']}" for entry in fields)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentences, errors=fields)


def sends_json(request: Request) -> bool:
    """Return whether the body of a request is of a JSON media type."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def without_descriptors() -> Response:
    """Return the answer where no file or connection can be opened; the next request may find one closed."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return problem(status, BUSY, headers=ASKING[status])


def unforeseen(request_id: str) -> Response:
    """Return the answer for any other error: an id to find the reason in the log, and nothing else."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNFORESEEN, request_id=request_id)


def install(app: FastAPI) -> None:
    """Install these answers in an application."""
    for kind in STATUS:
        app.add_exception_handler(kind, answer_foreseen)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_invalid)


def _invalid(entry: Mapping[str, Any]) -> dict[str, str]:
    if entry["type"] == "json_invalid":
        reason = f"not valid JSON: {entry['ctx']['error']} at character {entry['loc'][-1]}"
        return {"field": str(entry["loc"][0]), "reason": reason}
    return {"field": _field(entry["loc"]), "reason": str(entry["msg"]).removeprefix("Value error, ")}


def _field(location: Sequence[Any]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])
