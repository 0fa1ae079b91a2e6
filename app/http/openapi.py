"""The interface as `openapi.json` tells it: what FastAPI finds in the routes, in our words."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from app.rendering.address import TileFormat

TAGS = {
    "tiles": "Pictures and values of a product, a band or an expression, tile by tile.",
    "products": "What there is to see, what it means, when and where.",
    "statistics": "Numbers over polygons, period by period.",
    "areas": "Registered polygons whose statistics are kept; writing needs a key.",
    "regions": "Boxes that are refreshed on a rotation, what they show and how old it is.",
    "jobs": "Ingestions and composites, ordered and done in the background; ordering needs a key.",
    "collections": "What has landed, and its bands.",
    "STAC": "What has landed, scene by scene, for any STAC client.",
    "OGC": "WMTS, tilesets, boxes, polygons, grids and colours: TiTiler's endpoints over the same values.",
    "health": "Whether the service lives and works, and what it does by itself.",
}
"""The chapters, in the order they are read in."""


class Problem(BaseModel):
    """Why there is no answer (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what would have worked.")


def answered_by_problem(description: str, **headers: str) -> dict[str, Any]:
    """The description of an answer that is a `Problem`."""
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


REFUSED = answered_by_problem(
    "Asked for something that cannot be given; `detail` says what would have worked."
)
UNAVAILABLE = answered_by_problem(
    "Storage or the database is away, or too much is asked at once.", Retry_After="Seconds to wait."
)

TAKES_ANYTHING = "health"
"""The tag of routes that have nothing to refuse."""


class DocumentedApp(FastAPI):
    """An application that tells its interface this way."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            amend(super().openapi())
        assert self.openapi_schema is not None  # noqa: S101 - FastAPI keeps what it made
        return self.openapi_schema


def operation_id(route: APIRoute) -> str:
    """The name a generated client calls a route by."""
    return f"{route.tags[0] if route.tags else 'page'}.{route.name}"


def amend(document: dict[str, Any]) -> None:
    """Give a document our chapters, summaries from the routes' own words, and our errors."""
    document["tags"] = [{"name": name, "description": says} for name, says in TAGS.items()]
    schemas = document["components"]["schemas"]
    for made_by_fastapi in ("HTTPValidationError", "ValidationError"):
        schemas.pop(made_by_fastapi, None)
    schemas["Problem"] = Problem.model_json_schema()
    for path, operation in operations(document):
        summarise(operation)
        restate_errors(operation)
        if "image/jp2" in picture_types(operation) and path.startswith("/products/"):
            restate_pictures(operation)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation, with its path."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def summarise(operation: dict[str, Any]) -> None:
    """Make the first paragraph of a route's words its summary."""
    first, _, rest = operation.pop("description", "").strip().partition("\n\n")
    if first:
        operation["summary"] = " ".join(first.split()).removesuffix(".")
    if rest:
        operation["description"] = rest.strip()


def restate_errors(operation: dict[str, Any]) -> None:
    """Say which errors there are, in the form they have here."""
    answers = operation["responses"]
    answers.pop("422", None)
    if TAKES_ANYTHING not in operation["tags"]:
        answers["4XX"] = REFUSED
    answers["503"] = UNAVAILABLE


def picture_types(operation: dict[str, Any]) -> dict[str, Any]:
    """What a route says its answers are."""
    content: dict[str, Any] = operation["responses"].get("200", {}).get("content", {})
    return content


def restate_pictures(operation: dict[str, Any]) -> None:
    """Name the formats that are encoded here, which are fewer than TiTiler's."""
    answers = operation["responses"]
    answers["200"] = {
        "description": "The picture, or its values.",
        "content": {form.media_type: {} for form in TileFormat},
    }
    answers["204"] = {"description": "No scene covers the place."}
    for parameter in operation["parameters"]:
        if parameter["name"] == "format":
            parameter["description"] = "png and webp are pictures; npy and tif hold the values."
            parameter["schema"] = {"type": "string", "enum": list(TileFormat)}
