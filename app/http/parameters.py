"""Query parameters: their names, and value types that refuse invalid values."""

import inspect
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any

import shapely
from fastapi import Depends, Query
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryField
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.database import Database, NoDatabaseError
from app.errors import RequestError
from app.products.product import Product
from app.products.request import requested_product
from app.products.role import ROLES
from app.state import AppState
from mosaics.storage import StorageUnavailableError

Datetime = Annotated[
    str | None,
    Query(
        alias="datetime",
        description="A period (2024-06), an interval of periods or instants (2024-01/2024-06, open with ..), "
        "or one RFC 3339 instant; the latest period if absent.",
        max_length=100,
    ),
]


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows and the offset of a request, for products that have them."""

    pre: Annotated[
        str | None,
        Query(
            description="The earlier window, a period or an interval; for products with windows.",
            max_length=100,
        ),
    ] = None
    post: Annotated[
        str | None,
        Query(description="The tested window; another name for datetime.", max_length=100),
    ] = None
    baseline: Annotated[
        str | None, Query(description="The earlier years to compare with, such as 2018/2022.", max_length=100)
    ] = None
    offset: Annotated[
        str | None,
        Query(description="Subtracted from every value; for products with an offset.", max_length=40),
    ] = None

    parameters: Mapping[str, str] = field(default_factory=dict)
    """Those of the product, by name."""

    def product(self, state: AppState, product_id: str, datetime: str | None) -> tuple[Product, str | None]:
        """Return the product a request means and the time of its tested window.

        Raises:
            app.products.registry.UnknownProductError: If no product has this id.
            app.products.adhoc.ProductRequestError: If the product has no such window or offset.
        """
        found = state.registry.get(product_id)
        windows = {role: text for role in ROLES if (text := getattr(self, role)) is not None}
        if not windows and self.offset is None and not self.parameters:
            return found, datetime
        return requested_product(
            found, windows=windows, offset=self.offset, datetime=datetime, parameters=self.parameters
        )


async def asked_windows(request: Request, **given: str | None) -> Windows:
    """Return the windows a request gives, and what else it gives of its product's parameters.

    FastAPI would make a class that is a dependency on a thread.
    """
    own = own_parameters(request)
    parameters = {name: text for name, text in request.query_params.items() if name in own}
    return Windows(parameters=parameters, **given)


def declared(kind: type[Any]) -> Callable[..., Awaitable[None]]:
    """Return a dependency that declares the fields of a class for the documentation, and makes nothing."""

    async def nothing(**_: object) -> None: ...

    nothing.__signature__ = inspect.Signature(_fields(kind))  # type: ignore[attr-defined]
    return nothing


def _fields(kind: type[Any]) -> list[inspect.Parameter]:
    """Return the parameters that FastAPI is to read for a class."""
    return [each for name, each in inspect.signature(kind).parameters.items() if name != "parameters"]


asked_windows.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [inspect.signature(asked_windows).parameters["request"], *_fields(Windows)]
)

AskedWindows = Annotated[Windows, Depends(asked_windows)]


_QUERY_NAMES: dict[int, tuple[APIRoute, tuple[str, ...]]] = {}
"""By the identity of a route, which has no hash: the route, and the parameters it declares."""


class TileSize(IntEnum):
    """Pixels per side of a tile."""

    SMALL = 256
    LARGE = 512


async def open_state(request: Request) -> AppState:
    """Return the worker's state, even if storage has not answered yet."""
    state: AppState | None = getattr(request.app.state, "tilewatch", None)
    if state is None:
        raise StorageUnavailableError("the application is starting or stopping")
    return state


async def ready_state(state: Annotated[AppState, Depends(open_state)]) -> AppState:
    """Return the worker's state once the catalogue has been read: an empty one would be a wrong answer."""
    if state.freshness.refreshed_at is None:
        raise StorageUnavailableError("the catalogue has not been read yet")
    return state


OpenState = Annotated[AppState, Depends(open_state)]


async def open_database(state: OpenState) -> Database:
    """Return the worker's database.

    Raises:
        NoDatabaseError: If none is configured.
    """
    if state.database is None:
        raise NoDatabaseError("no database is configured")
    return state.database


OpenDatabase = Annotated[Database, Depends(open_database)]
ReadyState = Annotated[AppState, Depends(ready_state)]


async def known_names(request: Request) -> None:
    """Refuse query parameters that the route does not declare or that are repeated; none is ignored."""
    if not request.query_params:
        return
    known = _query_names(request.scope["route"])
    if not request.query_params.keys() <= set(known):
        absent, known = absent_windows(request), (*known, *own_parameters(request))
        refuse_unknown(request.query_params.keys(), known=known, shown=[n for n in known if n not in absent])
    refuse_twice(request, known)


def known_names_and(prefix: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency as `known_names` that lets names through that begin so; their route reads them."""

    async def refuse_others(request: Request) -> None:
        known = _query_names(request.scope["route"])
        begun = [name for name in request.query_params if name.startswith(prefix)]
        refuse_unknown(request.query_params.keys() - set(begun), known=known)
        refuse_twice(request, (*known, *begun))

    return refuse_others


async def names_of_any_product(request: Request) -> None:
    """As `known_names` for an address whose path names no product: parameters of products are known, too."""
    if not request.query_params:
        return
    state = await open_state(request)
    declared = _query_names(request.scope["route"])
    own = dict.fromkeys(name for product in state.registry.all() for name in product.parameters)
    refuse_unknown(request.query_params.keys(), known=(*declared, *own), shown=declared)
    refuse_twice(request, (*declared, *own))


def given_parameters(request: Request, product: Product) -> dict[str, float]:
    """Return the numbers of mask rules that a request gives beside what its address declares.

    Raises:
        app.products.adhoc.ProductRequestError: If the product has no such parameter, or one is not valid.
    """
    declared = _query_names(request.scope["route"])
    texts = {name: text for name, text in request.query_params.items() if name not in declared}
    asked, _ = requested_product(product, windows={}, offset=None, datetime=None, parameters=texts)
    return {name: asked.parameter_values[name] for name in texts}


def _query_names(route: APIRoute) -> Sequence[str]:
    """Return the query parameters of a route, gathered once."""
    gathered = _QUERY_NAMES.get(id(route))
    if gathered is not None and gathered[0] is route:
        return gathered[1]
    fields = get_flat_params(route.dependant)
    known = tuple(field.alias for field in fields if isinstance(field.field_info, QueryField))
    _QUERY_NAMES[id(route)] = route, known
    return known


async def revalidated(response: Response) -> None:
    """Make clients revalidate an answer that the next scene may change."""
    response.headers["Cache-Control"] = "no-cache"


def _product_of_path(request: Request) -> Product | None:
    """Return the product in a request's path, if it names one."""
    state: AppState | None = getattr(request.app.state, "tilewatch", None)
    try:
        return state.registry.get(request.path_params["product"]) if state else None
    except LookupError:
        return None


def own_parameters(request: Request) -> frozenset[str]:
    """Return the names of the parameters that the product in a request's path has, where it takes any."""
    product = _product_of_path(request) if request.query_params else None
    return frozenset() if product is None else frozenset(product.parameters)


def absent_windows(request: Request) -> frozenset[str]:
    """Return the window and offset parameters that the product in a request's path does not have."""
    product = _product_of_path(request)
    if product is None:
        return frozenset()
    offset = {"offset"} if product.offset is None else set()
    return frozenset({*ROLES, *offset} - product.roles.keys())


def refuse_unknown(
    names: Collection[str], *, known: Collection[str], shown: Collection[str] | None = None
) -> None:
    """Raise `RequestError` for a query parameter that is not known; the message lists those `shown`."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        there_are = f"there are: {', '.join(sorted(shown or known))}" if known else "there are none"
        raise RequestError(f"{unknown[0]!r} is not a query parameter of this address; {there_are}")


def refuse_twice(request: Request, names: Collection[str]) -> None:
    """Raise `RequestError` if one of these query parameters is repeated; none takes a list."""
    for name in names:
        if len(request.query_params.getlist(name)) > 1:
            raise RequestError(f"parameter {name!r} is given more than once; give it once")


def numbers_in(name: str, text: str) -> list[float]:
    """Read a parameter that holds numbers.

    Raises:
        RequestError: If it holds anything else.
    """
    try:
        numbers = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise RequestError(f"{name} must be numbers separated by commas, not {text[:80]!r}")
    return numbers


@dataclass(frozen=True, slots=True)
class Position:
    """A point on the globe."""

    lon: float
    """Degrees east, -180..180."""
    lat: float
    """Degrees north, -90..90."""

    @property
    def point(self) -> shapely.Point:
        """As a geometry."""
        return shapely.Point(self.lon, self.lat)

    def __post_init__(self) -> None:
        if not -180 <= self.lon <= 180:
            raise RequestError(f"longitude {self.lon} is not between -180 and 180")
        if not -90 <= self.lat <= 90:
            raise RequestError(f"latitude {self.lat} is not between -90 and 90")
