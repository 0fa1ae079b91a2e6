"""Zones as vector tiles, and the TileJSON of them."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.http.auth import owner_of, require
from app.http.parameters import OpenDatabase, known_names, revalidated
from app.http.vector_tiles import ANSWER, USUAL_ZOOM, TilePlace, VectorLayer, tile_answer
from app.keys import Scope
from app.routes.zones.zones import AskedZones
from app.zones.zone_tiles import FIELDS, LAYER, read_extent, read_tile

router = APIRouter(tags=["zones"], dependencies=[Depends(known_names), Depends(require(Scope.READ))])

OUTLINES = "Zones; the id of a feature is that of its zone."


class ZonesTileJson(BaseModel):
    """TileJSON 3.0.0 of zones."""

    tilejson: str = "3.0.0"
    name: str = "zones"
    tiles: list[str]
    vector_layers: list[VectorLayer]
    minzoom: int = 0
    maxzoom: int = USUAL_ZOOM
    bounds: tuple[float, float, float, float]
    zones: int = Field(description="Zones that are drawn.")


@router.get("/zones/tiles.json", name="zones_tilejson", dependencies=[Depends(revalidated)])
async def tilejson(
    request: Request, database: OpenDatabase, asked: Annotated[AskedZones, Depends()]
) -> ZonesTileJson:
    """Return the TileJSON of zones as vector tiles; tile addresses repeat what was asked."""
    async with database.searching() as connection:
        found = await read_extent(connection, asked.search(owner_of(request)))
    tile = request.url_for("zones_tile", z="{z}", x="{x}", y="{y}")
    query = urlencode(sorted(request.query_params.items()))
    layer = VectorLayer(id=LAYER, description=OUTLINES, fields=dict.fromkeys(FIELDS, "String"))
    return ZonesTileJson(
        tiles=[f"{tile}?{query}" if query else str(tile)],
        vector_layers=[layer],
        bounds=found.bounds or (-180.0, -90.0, 180.0, 90.0),
        zones=found.zones,
    )


@router.get(
    "/zones/tiles/{z}/{x}/{y}.pbf",
    name="zones_tile",
    response_class=Response,
    responses=ANSWER,
)
async def tile(
    *, request: Request, database: OpenDatabase, asked: Annotated[AskedZones, Depends()], place: TilePlace
) -> Response:
    """Return the zones of a tile of web Mercator, with their kind, severity, name and state.

    What is left out, and how a tile is revalidated, is as of the tiles of areas.
    """
    search = asked.search(owner_of(request))
    async with database.searching() as connection:
        return tile_answer(await read_tile(connection, search, *place))
