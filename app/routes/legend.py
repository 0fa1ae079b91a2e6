"""Legends, made from the table a tile is painted with."""

from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from app.desk import Desk
from app.products.legend import legend_json, legend_svg
from app.products.model import Product
from app.routes.queries import OpenDesk, known_names

router = APIRouter(tags=["products"], dependencies=[Depends(known_names)])

FRESH = {"Cache-Control": "no-cache"}

SYNTHETIC_NOTE = "Synthetic data: made up for demonstration, not observed."


class LegendFormat(StrEnum):
    """The forms of a legend."""

    JSON = "json"
    PNG = "png"
    SVG = "svg"


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The legend.",
        "content": {"application/json": {}, "image/png": {}, "image/svg+xml": {}},
    },
    304: {"description": "The legend is the one the caller has."},
}


@router.get(
    "/products/{product}/legend.{format}",
    name="product_legend",
    responses=ANSWERS,
    response_class=Response,
)
async def legend(desk: OpenDesk, product: str, format: LegendFormat) -> Response:  # noqa: A002
    """What the colours of a product mean."""
    found = desk.registry.get(product)
    note = synthetic_note(desk, found)
    if format is LegendFormat.PNG:
        picture = await desk.legends.png(found, note)
        return Response(picture, media_type="image/png", headers=FRESH)
    if format is LegendFormat.SVG:
        return Response(legend_svg(found, note=note), media_type="image/svg+xml", headers=FRESH)
    return JSONResponse(legend_json(found, note=note), headers=FRESH)


def synthetic_note(desk: Desk, product: Product) -> str | None:
    """A sentence for where the data are made up."""
    known = product.collection in desk.catalogue.collections()
    return SYNTHETIC_NOTE if known and desk.catalogue.is_synthetic(product.collection) else None
