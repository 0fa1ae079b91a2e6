"""Bodies of requests: a JSON object, and the GeoJSON polygons in it, which are returned with their series.

A body is read only after the request is known to be allowed.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import shapely
from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.errors import OTHER_MEDIA, RequestError, sends_json
from app.statistics.geometry import GeometryError, InvalidPolygonError, Polygonal, read_polygon
from app.statistics.repairing import Repair, repaired_polygon

MAX_FEATURES = 1000
"""Features per request; larger sets are better registered as areas."""

POLYGONS = ("Polygon", "MultiPolygon")


SMALL_BYTES = 16 << 10
"""Bodies up to which reading takes about as long as handing them to a thread: 400 vertices."""


def refuse_other_media(request: Request) -> None:
    """Raise `HTTPException`, status 415, if a body is not of a JSON media type."""
    if not sends_json(request):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, OTHER_MEDIA)


async def json_object(request: Request) -> Mapping[str, Any]:
    """Return the JSON object in a request's body.

    Only JSON media types are accepted: a page of another site cannot send those without a preflight.

    Raises:
        HTTPException: If the media type is another; status 415.
        RequestError: If the body is not a JSON object.
    """
    refuse_other_media(request)
    body = await request.body()
    try:
        document = json.loads(body) if len(body) <= SMALL_BYTES else await asyncio.to_thread(json.loads, body)
    except json.JSONDecodeError as error:
        raise RequestError(
            f"the body is not valid JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(
            "the body cannot be read: it is not UTF-8, is nested too deeply, or contains a number with "
            "thousands of digits"
        ) from error
    if not isinstance(document, dict):
        raise RequestError("the body is not a JSON object")
    return document


JsonObject = Annotated[Mapping[str, Any], Depends(json_object)]


@dataclass(frozen=True, slots=True)
class RequestedFeature:
    """One polygon in a request."""

    polygon: Polygonal
    label: str
    """JSON of the feature's id, or of its position among the features, from 0, if it has no id."""
    before: str
    """The feature's JSON up to the place of its series' entries."""
    repair: Repair | None = None
    """What was changed to make the polygon valid."""

    AFTER = "]}}"

    def with_series(self, entries: Sequence[str]) -> str:
        """Return the feature with the entries of its series, given as JSON texts."""
        return f"{self.before}{','.join(entries)}{self.AFTER}"


@dataclass(frozen=True, slots=True)
class RequestedFeatures:
    """The body of a request: a FeatureCollection, a Feature, or a geometry that is made a Feature."""

    features: tuple[RequestedFeature, ...]
    around: tuple[str, str] = ("", "")
    """JSON before and after a collection's features."""

    @classmethod
    def read(cls, document: Mapping[str, Any], *, repair: bool = False) -> "RequestedFeatures":
        """Read the body of a request; do not call it on the event loop for large bodies.

        Args:
            document: The body.
            repair: Whether invalid polygons are made valid.

        Raises:
            RequestError: If the body is not one of the three, or has too many features.
            GeometryError: If statistics cannot be computed for a geometry; the message names its feature.
        """
        if document.get("type") != "FeatureCollection":
            return cls((_feature(document, 0, "", repair=repair),))
        features = document.get("features")
        if not isinstance(features, list):
            raise RequestError("the features of a FeatureCollection must be a list")
        if len(features) > MAX_FEATURES:
            raise RequestError(
                f"a request may have at most {MAX_FEATURES:,} features, not {len(features):,}; send them in "
                "parts, or register them as areas"
            )
        read = tuple(_feature(each, n, f"feature {n}: ", repair=repair) for n, each in enumerate(features))
        rest = {name: value for name, value in document.items() if name != "features"}
        before = _json({**rest, "features": []}, "the FeatureCollection").removesuffix("]}")
        return cls(read, (before, "]}"))

    def with_series(self, series: Sequence[Sequence[str]]) -> str:
        """Return the document as GeoJSON, with the entries of each feature's series given as JSON texts."""
        features = (f.with_series(entries) for f, entries in zip(self.features, series, strict=True))
        before, after = self.around
        return f"{before}{','.join(features)}{after}"


def _feature(document: object, number: int, where: str, *, repair: bool) -> RequestedFeature:
    if not isinstance(document, dict):
        raise RequestError(f"{where}a feature must be an object")
    feature = {"type": "Feature", "geometry": document} if document.get("type") in POLYGONS else document
    if feature.get("type") != "Feature":
        raise RequestError(
            f"{where}send a GeoJSON Feature or FeatureCollection, or one Polygon or MultiPolygon"
        )
    geometry = feature.get("geometry")
    try:
        polygon, repaired = _read_outline(geometry if isinstance(geometry, dict) else {}, repair=repair)
    except GeometryError as error:
        raise GeometryError(f"{where}{error}") from error
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise RequestError(f"{where}properties must be an object or null")
    rest = {name: value for name, value in feature.items() if name not in {"properties", "repair"}}
    if repaired is not None:
        rest |= {"geometry": json.loads(shapely.to_geojson(shapely.reverse(polygon)))}
        rest |= {"repair": repaired.document()}
    named = {name: value for name, value in properties.items() if name != "series"}
    before = _json({**rest, "properties": {**named, "series": []}}, f"{where}the Feature")
    return RequestedFeature(
        polygon,
        label=_json(feature.get("id", number), f"{where}the id"),
        before=before.removesuffix(RequestedFeature.AFTER),
        repair=repaired,
    )


def _json(document: object, what: str) -> str:
    try:
        return json.dumps(document, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{what} contains a number that is not finite, or is nested too deeply") from error


def _read_outline(outline: Mapping[str, Any], *, repair: bool) -> tuple[Polygonal, Repair | None]:
    """Read a polygon, repaired if that is requested and needed."""
    try:
        return read_polygon(outline), None
    except InvalidPolygonError as fault:
        return repaired_polygon(outline, fault, repair=repair)
