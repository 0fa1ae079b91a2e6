"""Queries of OGC API EDR: what an address or a body may ask, described and read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request

from app.errors import RequestError
from app.exposure.wkt import Way, read_way
from app.http.edr_documents import CRS84, CRS84_NAMES, FORMATS, UNITS, asked_parameters
from app.http.parameters import refuse_twice, refuse_unknown
from app.products.product import Product
from app.products.request import requested_product
from app.state import AppState
from mosaics.collection import Collection

NAMES = ("coords", "datetime", "parameter-name", "crs", "f")
CORRIDOR_NAMES = (*NAMES, "corridor-width", "width-units", "corridor-height", "height-units")

TEXT = {"type": "string"}
MEMBERS: dict[str, Any] = {
    "coords": TEXT,
    "datetime": TEXT,
    "parameter-name": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
    "crs": TEXT,
    "f": {"enum": list(FORMATS)},
}
WIDTH = {"anyOf": [TEXT, {"type": "number"}]}
CORRIDOR_MEMBERS = MEMBERS | {
    "corridor-width": WIDTH,
    "width-units": {"enum": list(UNITS)},
    "corridor-height": WIDTH,
    "height-units": {"enum": list(UNITS)},
}


@dataclass(frozen=True, slots=True)
class TrajectoryQuery:
    """The query of a trajectory, for the documentation."""

    coords: Annotated[
        str | None,
        Query(
            max_length=100_000,
            description="A way as well-known text, longitude first: LINESTRING or MULTILINESTRING, with Z "
            "(dropped) or M (Unix seconds).",
        ),
    ] = None
    datetime: Annotated[
        str | None,
        Query(
            max_length=100,
            description="A period, an interval or an RFC 3339 instant; the latest period if absent. Not "
            "with M.",
        ),
    ] = None
    parameter_name: Annotated[
        str | None,
        Query(
            alias="parameter-name",
            max_length=2000,
            description="Names separated by commas, as parameter_names of the collection has them; products "
            "of one time if absent.",
        ),
    ] = None
    crs: Annotated[str | None, Query(max_length=200, description=f"{CRS84}, which is used if absent.")] = None
    f: Annotated[str | None, Query(max_length=40, description=" or ".join(FORMATS))] = None


@dataclass(frozen=True, slots=True)
class CorridorQuery(TrajectoryQuery):
    """The query of a corridor, for the documentation."""

    width: Annotated[
        str | None, Query(alias="corridor-width", max_length=40, description="The whole width.")
    ] = None
    width_units: Annotated[
        str | None, Query(alias="width-units", max_length=20, description=", ".join(UNITS))
    ] = None
    height: Annotated[
        str | None,
        Query(
            alias="corridor-height",
            max_length=40,
            description="Taken and without effect: the data have no heights.",
        ),
    ] = None
    height_units: Annotated[
        str | None, Query(alias="height-units", max_length=20, description=", ".join(UNITS))
    ] = None


def body_of(members: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """Return how the body of a POST is described."""
    schema = {"type": "object", "properties": dict(members), "required": list(required)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@dataclass(frozen=True, slots=True)
class Asked:
    """An EDR query as it was sent."""

    way: Way
    products: Mapping[str, Product]
    """By the name of the parameter."""
    when: str | None
    is_csv: bool

    @classmethod
    def read(cls, state: AppState, collection: Collection, sent: Mapping[str, Any]) -> "Asked":
        """Read the members of a query, or of the body of one.

        Raises:
            RequestError: If one is not valid.
            LineError: If the way is not.
        """
        coords = sent.get("coords")
        if not isinstance(coords, str) or not coords:
            raise RequestError("coords is missing; give a LINESTRING of longitudes and latitudes")
        crs = _text(sent, "crs")
        if crs is not None and crs not in CRS84_NAMES:
            raise RequestError(f"crs {crs[:80]!r} is not served; there is: {CRS84}, longitude first")
        form = (_text(sent, "f") or FORMATS[0]).lower()
        if form not in map(str.lower, FORMATS):
            raise RequestError(
                f"f {form[:40]!r} is not a format of this address; there are: {', '.join(FORMATS)}"
            )
        way, when = read_way(coords), _text(sent, "datetime")
        if way.moments_s is not None and when is not None:
            raise RequestError("coords has times (M), and datetime names another; give one of them")
        products = asked_parameters(state, collection, _names(sent.get("parameter-name")))
        own = {name: str(sent[name]) for p in products.values() for name in p.parameters if name in sent}
        ruled = {name: _ruled(product, own) for name, product in products.items()}
        return cls(way, ruled, when, form == "csv")


def _ruled(product: Product, own: Mapping[str, str]) -> Product:
    given = {name: text for name, text in own.items() if name in product.parameters}
    return requested_product(product, windows={}, offset=None, datetime=None, parameters=given)[0]


def sent_query(
    request: Request, state: AppState, collection: Collection, names: Sequence[str]
) -> Mapping[str, str]:
    """Return the query of a request, none of whose names is ignored."""
    known = (*names, *_rules(state, collection))
    refuse_unknown(request.query_params.keys(), known=known)
    refuse_twice(request, known)
    return dict(request.query_params)


def sent_members(
    state: AppState, collection: Collection, document: Mapping[str, Any], names: Sequence[str]
) -> Mapping[str, Any]:
    """Return the members of a body, none of which is ignored."""
    known = (*names, *_rules(state, collection))
    for name in document:
        if name not in known:
            raise RequestError(f"{name[:80]!r} is not a member of this query; there are: {', '.join(known)}")
    return document


def _rules(state: AppState, collection: Collection) -> list[str]:
    """Return the parameters of mask rules that products of a collection have."""
    products = [product for product in state.registry.all() if product.collection == collection.id]
    return list(dict.fromkeys(name for product in products for name in product.parameters))


def _names(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise RequestError("parameter-name must be a list of names")
    return list(value)


def _text(sent: Mapping[str, Any], name: str) -> str | None:
    value = sent.get(name)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{name} must be a string")
    return value


def length_m(sent: Mapping[str, Any], name: str, units_name: str) -> float:
    """Return a length of a query in metres."""
    value, unit = sent.get(name), sent.get(units_name)
    try:
        number = float(str(value)) if value is not None and not isinstance(value, bool) else float("nan")
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise RequestError(f"{name} is missing or not a number above 0; give one, with {units_name}")
    if not isinstance(unit, str) or unit not in UNITS:
        raise RequestError(f"{units_name} must be one of {', '.join(UNITS)}")
    return number * UNITS[unit]
