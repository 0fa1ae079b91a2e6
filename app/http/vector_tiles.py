"""Vector tiles over HTTP: their addresses, their answers and what TileJSON says of their layers."""

from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import BaseModel
from starlette.responses import Response

from app.areas.vector_tiles import VectorTile
from app.errors import RequestError

MVT = "application/vnd.mapbox-vector-tile"

ANSWER: dict[int | str, dict[str, Any]] = {200: {"description": "A vector tile.", "content": {MVT: {}}}}

MAX_ZOOM = 22
USUAL_ZOOM = 14
"""The highest zoom of TileJSON documents: at the next ones a map draws these tiles larger."""


class VectorLayer(BaseModel):
    """A layer of vector tiles, as TileJSON 3.0.0 describes it."""

    id: str
    description: str
    fields: dict[str, str]


async def tile_place(
    z: Annotated[int, Path(ge=0, le=MAX_ZOOM)],
    x: Annotated[int, Path(ge=0)],
    y: Annotated[int, Path(ge=0)],
) -> tuple[int, int, int]:
    """Return the zoom, column and row of a tile of web Mercator.

    Raises:
        RequestError: If the zoom has no such column or row.
    """
    if max(x, y) >= 1 << z:
        raise RequestError(f"zoom {z} has columns and rows from 0 to {(1 << z) - 1}, not {x} and {y}")
    return z, x, y


TilePlace = Annotated[tuple[int, int, int], Depends(tile_place)]


def tile_answer(tile: VectorTile) -> Response:
    """Return a tile, which must be revalidated; `X-Tilewatch-Dropped` counts what it leaves out."""
    headers = {"Cache-Control": "no-cache", "X-Tilewatch-Dropped": str(tile.dropped)}
    return Response(tile.content, media_type=MVT, headers=headers)
