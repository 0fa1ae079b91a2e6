"""What a query may say: its names, and values that refuse themselves."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from fastapi import Depends, Query
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryField
from starlette.requests import Request
from starlette.responses import Response

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
        "or one RFC 3339 instant; the latest period where absent.",
        max_length=100,
    ),
]


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows and the offset a request may give, for products that have them."""

    pre: Annotated[
        str | None,
        Query(description="Of a product with windows: a period or interval before.", max_length=100),
    ] = None
    post: Annotated[
        str | None,
        Query(description="The window that is tested; the same as datetime.", max_length=100),
    ] = None
    baseline: Annotated[
        str | None, Query(description="The earlier years compared with: 2018/2022.", max_length=100)
    ] = None
    offset: Annotated[
        str | None,
        Query(description="Subtracted from every value, of a product that has an offset.", max_length=40),
    ] = None

    def product(self, state: AppState, product_id: str, datetime: str | None) -> tuple[Product, str | None]:
        """The product a request means, and the time of its tested window.

        Raises:
            app.products.registry.UnknownProductError: If there is none.
            app.products.adhoc.ProductRequestError: If it has no such window or offset.
        """
        found = state.registry.get(product_id)
        windows = {role: text for role in ROLES if (text := getattr(self, role)) is not None}
        if not windows and self.offset is None:
            return found, datetime
        return requested_product(found, windows=windows, offset=self.offset, datetime=datetime)


AskedWindows = Annotated[Windows, Depends()]


class TileSize(IntEnum):
    """Pixels a side of a tile."""

    SMALL = 256
    LARGE = 512


async def open_state(request: Request) -> AppState:
    """The worker's state, whether or not storage has answered yet."""
    state: AppState | None = getattr(request.app.state, "tilewatch", None)
    if state is None:
        raise StorageUnavailableError("the application is starting or stopping")
    return state


async def informed_desk(state: Annotated[AppState, Depends(open_state)]) -> AppState:
    """The worker's state, once it knows what is in storage: an empty catalogue is no answer."""
    if state.freshness.refreshed_at is None:
        raise StorageUnavailableError("the catalogue has not been read yet")
    return state


OpenState = Annotated[AppState, Depends(open_state)]
ReadyState = Annotated[AppState, Depends(informed_desk)]


async def known_names(request: Request) -> None:
    """Refuse query names that the route does not declare, or that come twice: none is silently ignored."""
    if not request.query_params:
        return
    route = request.scope["route"]
    fields = [field for field in get_flat_params(route.dependant) if isinstance(field.field_info, QueryField)]
    known = [field.alias for field in fields]
    if not request.query_params.keys() <= set(known):
        absent = absent_windows(request)
        refuse_unknown(request.query_params.keys(), known=known, shown=[n for n in known if n not in absent])
    refuse_twice(request, known)


async def revalidated(response: Response) -> None:
    """Let nobody keep an answer that the next scene changes."""
    response.headers["Cache-Control"] = "no-cache"


def absent_windows(request: Request) -> frozenset[str]:
    """Parameters of windows and offsets that the product of a request's path does not have."""
    state: AppState | None = getattr(request.app.state, "tilewatch", None)
    try:
        product = state.registry.get(request.path_params["product"]) if state else None
    except LookupError:
        return frozenset()
    if product is None:
        return frozenset()
    offset = {"offset"} if product.offset is None else set()
    return frozenset({*ROLES, *offset} - product.roles.keys())


def refuse_unknown(
    names: Collection[str], *, known: Collection[str], shown: Collection[str] | None = None
) -> None:
    """Raise for a query name that is not among the known ones; the message names those `shown`."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        there_are = f"there are: {', '.join(sorted(shown or known))}" if known else "it takes none"
        raise RequestError(f"no query parameter {unknown[0]!r} here; {there_are}")


def refuse_twice(request: Request, names: Collection[str]) -> None:
    """Raise for a query name of these that is given more than once; no parameter takes a list."""
    for name in names:
        if len(request.query_params.getlist(name)) > 1:
            raise RequestError(f"parameter {name!r} is given twice")


@dataclass(frozen=True, slots=True)
class Position:
    """A point on the globe."""

    lon: float
    """Degrees east, -180..180."""
    lat: float
    """Degrees north, -90..90."""

    def __post_init__(self) -> None:
        if not -180 <= self.lon <= 180:
            raise RequestError(f"longitude {self.lon} is not between -180 and 180")
        if not -90 <= self.lat <= 90:
            raise RequestError(f"latitude {self.lat} is not between -90 and 90")
