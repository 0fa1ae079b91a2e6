"""The route: a named way, as the database holds it and as a GeoJSON Feature."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import shapely

from app.areas.area import (
    AreaError,
    feature_json,
    own_json,
    read_owner_id,
    read_products,
    read_removed,
    read_text,
    refuse_uncounted,
)
from app.exposure.journey import Journey
from app.exposure.line import Line
from app.exposure.polyline import read_polyline
from app.products.product import Product
from app.products.registry import Registry
from app.products.request import requested_product
from mosaics.period import PeriodError, instant_text, parse_instant

OURS = (
    *("name", "owner", "profile", "products", "parameters", "departure", "speed_km_h", "durations_s"),
    *("geometry_source", "owner_id"),
)
GIVEN = ("length_km", "duration_s", "created_at", "updated_at")
"""Properties that answers add; a request that sends them back has them ignored."""

SPEEDS_KM_H = (0.1, 1_200.0)
"""From a slow walk to an airliner."""

MAX_PARAMETERS = 20


class RouteError(ValueError):
    """A route that is not valid; the message says what would be right."""


class UnknownRouteError(LookupError):
    """No route has this id."""

    def __init__(self, route_id: int) -> None:
        super().__init__(f"no route {route_id}; GET /routes lists the routes")


class GeometrySource(StrEnum):
    """Where the line of a route comes from."""

    GIVEN = "given"
    STRAIGHT_LINE = "straight-line"
    """Not a way that is gone, but the straight line in degrees between two points."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When a route is where, as far as it says."""

    departure: datetime | None = None
    speed_km_h: float | None = None
    durations_s: tuple[float, ...] | None = None
    """Of each segment."""

    def __post_init__(self) -> None:
        if self.speed_km_h is not None and self.durations_s is not None:
            raise RouteError(
                "a route has a speed (speed_km_h) or durations of its segments (durations_s), not both"
            )
        if self.departure is not None and self.speed_km_h is None and self.durations_s is None:
            raise RouteError(
                "a departure needs a speed (speed_km_h) or durations of segments (durations_s) beside it"
            )

    def journey(self, line: Line) -> Journey:
        """Return the journey of a line.

        Raises:
            LineError: If durations do not fit it.
        """
        if self.speed_km_h is not None:
            return Journey.at_speed(line, self.speed_km_h, self.departure)
        durations = None if self.durations_s is None else np.array(self.durations_s)
        return Journey(line, durations, self.departure)


@dataclass(frozen=True, slots=True)
class RouteDescription:
    """All of a route except its line."""

    name: str
    owner: str | None = None
    profile: str | None = None
    products: tuple[str, ...] = ()
    """Ids of the products whose exposure is kept."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Numbers of mask rules in place of the products' own, by name."""
    timing: Timing = Timing()
    source: GeometrySource = GeometrySource.GIVEN
    properties: str = "{}"
    """The caller's own properties as a JSON object."""
    owner_id: str | None = None
    """Who sees and writes it with a key of their own."""

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> "RouteDescription":
        """Read the properties of a Feature.

        Raises:
            RouteError: If a property is not valid.
        """
        if "name" not in properties:
            raise RouteError("a route needs a name: set properties.name to a string")
        return cls._read({name: value for name, value in properties.items() if value is not None})

    def changed(self, properties: Mapping[str, Any]) -> "RouteDescription":
        """Return it with the changes of a merge patch (RFC 7396): null removes a property.

        Raises:
            RouteError: If a property is not valid, or the name is removed.
        """
        if properties.get("name", "") is None:
            raise RouteError("properties.name must be a string, not null")
        for name, value in properties.items():
            if value is None and name not in {*OURS, *GIVEN}:
                _refused(lambda name=name: read_removed([name]))
        merged = {**self.document(), **properties}
        return self._read({name: value for name, value in merged.items() if value is not None})

    @classmethod
    def _read(cls, properties: Mapping[str, Any]) -> "RouteDescription":
        own = {name: value for name, value in properties.items() if name not in {*OURS, *GIVEN}}
        return cls(
            name=_refused(lambda: read_text("name", properties["name"])),
            owner=_text(properties, "owner"),
            profile=_text(properties, "profile"),
            products=_refused(lambda: read_products(properties.get("products"))),
            parameters=_parameters(properties.get("parameters", {})),
            timing=Timing(
                _departure(properties.get("departure")),
                _speed(properties.get("speed_km_h")),
                _durations(properties.get("durations_s")),
            ),
            source=_source(properties.get("geometry_source", GeometrySource.GIVEN)),
            properties=_refused(lambda: own_json(own)),
            owner_id=_refused(lambda: read_owner_id(properties.get("owner_id"))),
        )

    def document(self) -> dict[str, Any]:
        """Return it as properties, ready for JSON."""
        timing = self.timing
        own: dict[str, Any] = json.loads(self.properties)
        return own | {
            "name": self.name,
            "owner": self.owner,
            "owner_id": self.owner_id,
            "profile": self.profile,
            "products": list(self.products),
            "parameters": dict(self.parameters),
            "departure": None if timing.departure is None else instant_text(timing.departure),
            "speed_km_h": timing.speed_km_h,
            "durations_s": None if timing.durations_s is None else list(timing.durations_s),
            "geometry_source": str(self.source),
        }


@dataclass(frozen=True, slots=True)
class Route:
    """A registered route."""

    id: int
    description: RouteDescription
    line: Line
    is_multi: bool
    """Whether it was sent as a MultiLineString."""
    created_at: datetime
    updated_at: datetime

    @property
    def journey(self) -> Journey:
        """Its line and its times."""
        return self.description.timing.journey(self.line)

    @property
    def is_trip(self) -> bool:
        """Whether it is one trip, whose places take the scans of their moments."""
        return self.description.timing.departure is not None

    def ruled(self, product: Product) -> Product:
        """Return a product under the route's own numbers."""
        own = {
            name: value for name, value in self.description.parameters.items() if name in product.parameters
        }
        return product.with_parameters(own)

    def feature(self) -> str:
        """Return the route as a GeoJSON Feature, its positions as they were sent."""
        journey = self.journey
        properties = self.description.document() | {
            "length_km": self.line.length_m / 1000,
            "duration_s": None if journey.durations_s is None else journey.duration_s,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }
        shape = self.line.shape if self.is_multi else self.line.shape.geoms[0]
        return feature_json(self.id, shapely.to_geojson(shape), properties)


def read_line(document: Mapping[str, Any]) -> tuple[Line, bool]:
    """Read the line of a Feature: its geometry, or an encoded polyline in place of one.

    Returns:
        The line, and whether it is a MultiLineString.

    Raises:
        RouteError: If it has neither, or both.
        LineError: If the line is not valid.
    """
    geometry, polyline = document.get("geometry"), document.get("polyline")
    if (geometry is None) == (polyline is None):
        raise RouteError(
            "a route needs a geometry, a GeoJSON LineString or MultiLineString, or in its place polyline, an "
            "encoded polyline, with precision 5 or 6"
        )
    if polyline is not None:
        precision = document.get("precision", 5)
        if not isinstance(polyline, str) or not isinstance(precision, int) or isinstance(precision, bool):
            raise RouteError("polyline must be a string, and precision 5 or 6")
        return read_polyline(polyline, precision), False
    if not isinstance(geometry, dict):
        raise RouteError("geometry must be a GeoJSON LineString or MultiLineString")
    return Line.read(geometry), geometry.get("type") == "MultiLineString"


def refuse_unsaid(line: Line, source: GeometrySource) -> None:
    """Raise `RouteError` for a straight line between two points that is not called one, or a line that is."""
    if line.is_between_two_points and source is not GeometrySource.STRAIGHT_LINE:
        raise RouteError(
            "a line between two points is not a way that is gone; send the way itself, or say "
            'geometry_source "straight-line", which every answer about it repeats'
        )
    if source is GeometrySource.STRAIGHT_LINE and not line.is_between_two_points:
        raise RouteError(
            f'geometry_source is "straight-line", and the line has {line.vertices:,} positions, not two'
        )


def refuse_unkept(registry: Registry, description: RouteDescription) -> None:
    """Raise an error if a product does not exist or has no exposure, or a parameter is of no product.

    Raises:
        RouteError: If a product cannot be kept, or a parameter is not one of its products.
        ProductRequestError: If a parameter lies out of its range.
    """
    _refused(lambda: refuse_uncounted(registry, description.products))
    products = [registry.get(product) for product in description.products]
    for product in products:
        if product.roles and description.timing.departure is not None:
            raise RouteError(
                f"properties.products: {product.id!r} compares dates, and a route with a departure takes the "
                "scan of each moment"
            )
    for name, value in description.parameters.items():
        having = [product for product in products if name in product.parameters]
        if not having:
            there_are = sorted({each for product in products for each in product.parameters})
            raise RouteError(
                f"properties.parameters: {name[:40]!r} is not a parameter of its products; "
                + (f"there are: {', '.join(there_are)}" if there_are else "they have none")
            )
        for product in having:
            requested_product(product, windows={}, offset=None, datetime=None, parameters={name: repr(value)})


def _refused(read: Any) -> Any:
    try:
        return read()
    except AreaError as error:
        raise RouteError(str(error).replace("an area keeps", "a route keeps")) from error


def _text(properties: Mapping[str, Any], name: str) -> str | None:
    value = properties.get(name)
    return None if value is None else _refused(lambda: read_text(name, value))


def _parameters(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > MAX_PARAMETERS:
        raise RouteError('properties.parameters must be an object of numbers, such as {"cloud_max": 0.3}')
    return {name: _number(f"parameters.{name[:40]}", number) for name, number in value.items()}


def _departure(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except PeriodError as error:
        raise RouteError(
            'properties.departure must be an RFC 3339 instant, such as "2024-07-03T17:30:00Z"'
        ) from error


def _speed(value: object) -> float | None:
    if value is None:
        return None
    low, high = SPEEDS_KM_H
    speed = _number("speed_km_h", value)
    if not low <= speed <= high:
        raise RouteError(f"properties.speed_km_h must be from {low:g} to {high:,.0f}, not {speed:g}")
    return speed


def _durations(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise RouteError("properties.durations_s must be a list of seconds, one of each segment")
    return tuple(_number("durations_s", each) for each in value)


def _source(value: object) -> GeometrySource:
    try:
        return GeometrySource(str(value))
    except ValueError as error:
        raise RouteError(f"properties.geometry_source must be one of {', '.join(GeometrySource)}") from error


def _number(name: str, value: object) -> float:
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not abs(value) < 1e12
        or math.isnan(value)
    ):
        raise RouteError(f"properties.{name} must be a number")
    return float(value)


def line_of(wkb: bytes) -> Line:
    """Return a geometry of the database as a line."""
    parts: Iterable[shapely.Geometry] = shapely.get_parts(shapely.from_wkb(wkb))
    return Line(tuple(shapely.get_coordinates(part) for part in parts))
