"""The OpenAPI document: what FastAPI finds in the routes, in our own words."""

import asyncio
from collections.abc import Iterator
from threading import Lock
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.rendering.address import TileFormat

GEOJSON = "application/geo+json"

TAGS = {
    "tiles": "Pictures and values of a product, a band or an expression, as tiles.",
    "products": "What can be shown, what it means, and where and when it is available.",
    "statistics": "Statistics of polygons, per period.",
    "areas": "Registered polygons whose statistics are kept; writing needs a key.",
    "analyses": "What is unusual in a parcel or a scene, in words and numbers.",
    "zones": "Outlines where something is unusual or was found; writing needs a key.",
    "routes": "Registered ways, and what they are exposed to at every scan; writing needs a key.",
    "EDR": "Values along a way and to both sides of it, as CoverageJSON (OGC API EDR).",
    "regions": "Boxes that are refreshed in rotation, what they show and how old that is.",
    "feeds": "Standing orders that keep what an archive has of a place up to date; and how fresh that is.",
    "jobs": "Ingestions and composites, run in the background; starting one needs a key.",
    "collections": "The collections that have landed, and their bands.",
    "STAC": "The scenes that have landed, for any STAC client.",
    "OGC": "WMTS, tilesets, boxes, polygons, grids and colours: TiTiler's endpoints for the same values.",
    "health": "Whether the service is up and working, and what it does in the background.",
}
"""Tags, in reading order."""


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong and what would have worked.")


def answered_by_problem(description: str, **headers: str) -> dict[str, Any]:
    """Return the OpenAPI description of an answer that is a `Problem`."""
    described: dict[str, Any] = {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if headers:
        described["headers"] = {
            name.replace("_", "-"): {"description": says, "schema": {"type": "string"}}
            for name, says in headers.items()
        }
    return described


REFUSED = answered_by_problem("The request cannot be answered; `detail` says what would have worked.")
UNAVAILABLE = answered_by_problem(
    "Storage or the database is unavailable, or too many requests arrived at once.",
    Retry_After="Seconds to wait.",
)

TEXT = {"type": "string"}
"""What FastAPI takes an answer for of which it knows no model."""

FEATURE = {
    "type": "object",
    "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"const": "Feature"},
        "geometry": {"type": "object"},
        "properties": {"type": "object"},
    },
}
FEATURES = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {"type": {"const": "FeatureCollection"}, "features": {"type": "array", "items": FEATURE}},
}
"""What GeoJSON answers are, which FastAPI takes for texts."""

FOUND = {
    **FEATURES,
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {"type": "array", "items": {**FEATURE, "required": ["type", "id", "collection"]}},
    },
}
"""What a search answers, which may be asked for some fields of items alone."""

ONE_OR_MORE = {"anyOf": [FEATURE, FEATURES]}

LISTED = (
    *(
        "/areas",
        "/areas/search",
        "/parcels",
        "/parcels/search",
        "/zones",
        "/routes",
        "/coverage",
        "/catalog/scenes",
    ),
    "/stac/collections/{collection_id}/items",
)
"""Addresses that answer a FeatureCollection with status 200."""

WITH_FIELDS = ("/stac/search",)
"""Addresses that answer the items found."""

AS_SENT = ("/products/{product}/statistics",)
"""Addresses that answer a Feature or a FeatureCollection, as they were sent."""

TAKES_ANYTHING = "health"
"""The tag of routes that refuse no request."""


class DocumentedApp(FastAPI):
    """An application that describes itself with this document."""

    def setup(self) -> None:
        """Add the address of the document before FastAPI's own, which would make it on the event loop."""
        self._making = Lock()

        async def document(request: Request) -> JSONResponse:
            made = await asyncio.to_thread(self.openapi)
            root = request.scope.get("root_path", "").rstrip("/")
            return JSONResponse({**made, "servers": [{"url": root}]} if root else made)

        self.add_route(self.openapi_url or "/openapi.json", document, include_in_schema=False)
        super().setup()

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once, in two seconds of a processor."""
        with self._making:
            if self.openapi_schema is None:
                amend(super().openapi())
        assert self.openapi_schema is not None  # noqa: S101 - FastAPI keeps what it made
        return self.openapi_schema


def operation_id(route: APIRoute) -> str:
    """Return the name by which a generated client calls a route."""
    return f"{route.tags[0] if route.tags else 'page'}.{route.name}"


def amend(document: dict[str, Any]) -> None:
    """Give a document our tags, summaries taken from the routes' docstrings, and our errors."""
    document["tags"] = [{"name": name, "description": says} for name, says in TAGS.items()]
    schemas = document["components"]["schemas"]
    for made_by_fastapi in ("HTTPValidationError", "ValidationError"):
        schemas.pop(made_by_fastapi, None)
    schemas["Problem"] = Problem.model_json_schema()
    for path, operation in operations(document):
        summarise(operation)
        restate_errors(operation)
        restate_geojson(operation, path)
        if "image/jp2" in picture_types(operation) and path.startswith("/products/"):
            restate_pictures(operation)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every operation with its path."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def summarise(operation: dict[str, Any]) -> None:
    """Make the first paragraph of a route's docstring its summary."""
    first, _, rest = operation.pop("description", "").strip().partition("\n\n")
    if first:
        operation["summary"] = " ".join(first.split()).removesuffix(".")
    if rest:
        operation["description"] = rest.strip()


def restate_errors(operation: dict[str, Any]) -> None:
    """State which errors an operation has, in the form they take here."""
    answers = operation["responses"]
    answers.pop("422", None)
    if TAKES_ANYTHING not in operation["tags"]:
        answers["4XX"] = REFUSED
    answers.setdefault("503", UNAVAILABLE)


def restate_geojson(operation: dict[str, Any], path: str) -> None:
    """Say of GeoJSON answers which objects they are."""
    for status in ("200", "201"):
        content = operation["responses"].get(status, {}).get("content", {})
        if GEOJSON in content and (content[GEOJSON].get("schema") or TEXT) == TEXT:
            listed = FEATURES if path in LISTED and status == "200" else FEATURE
            listed = FOUND if path in WITH_FIELDS else listed
            content[GEOJSON]["schema"] = ONE_OR_MORE if path in AS_SENT else listed


def picture_types(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the content types that a route declares for its answers."""
    content: dict[str, Any] = operation["responses"].get("200", {}).get("content", {})
    return content


def restate_pictures(operation: dict[str, Any]) -> None:
    """Name the formats encoded here, which are fewer than TiTiler's."""
    answers = operation["responses"]
    answers["200"] = {
        "description": "The picture, or its values.",
        "content": {form.media_type: {} for form in TileFormat},
    }
    answers["204"] = {"description": "No scene covers this place."}
    for parameter in operation["parameters"]:
        if parameter["name"] == "format":
            parameter["description"] = "png and webp are pictures; npy and tif hold the values."
            parameter["schema"] = {"type": "string", "enum": list(TileFormat)}
