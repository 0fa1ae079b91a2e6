"""TileJSON: everything a map needs to draw a product, in one document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request

from app.http.extents import kept_place_of_data
from app.http.parameters import AskedWindows, Datetime, ReadyState, TileSize, known_names, revalidated
from app.http.periods import chosen_periods, load_indexes, period_text, scenes_of_each
from app.http.schemas import PeriodRange, TileJson
from app.http.zooms import union_bounds, whole_view_zoom, zoom_range
from app.products.legend import legend_json
from app.products.product import Product
from app.rendering.address import matrix_set
from app.rendering.resolving import revision_of
from app.rendering.selecting import Selection, Span, select
from app.routes.products.legend import is_early, legend_note
from app.routes.products.products import periods_of
from app.state import AppState
from mosaics.index import QuadkeyIndex
from mosaics.period import Interval

NEWEST_PERIODS = 100
"""Periods listed: fifty thousand hours would be 700 kB for each map that opens the layer."""

router = APIRouter(tags=["tiles"], dependencies=[Depends(known_names), Depends(revalidated)])


@router.get("/products/{product}/{tms}/tilejson.json", name="product_tilejson")
async def tilejson(
    *,
    request: Request,
    state: ReadyState,
    product: str,
    windows: AskedWindows,
    tms: Annotated[str, Path(description="A tile matrix set of /tileMatrixSets.")],
    datetime: Datetime = None,
    tilesize: Annotated[
        TileSize, Query(description="Pixels per side; part of the tile address.")
    ] = TileSize.SMALL,
    tile_format: Annotated[Literal["png", "webp"], Query(description="Encoding of the pictures.")] = "png",
) -> TileJson:
    """Return the TileJSON 3.0.0 of a product; tile addresses fix the period that is described."""
    asked, time = windows.product(state, product, datetime)
    query = {**windows.parameters}
    if windows.offset is not None:
        query["offset"] = windows.offset
    tile = request.url_for(
        "product_tile", product=asked.id, tms=tms, z="{z}", x="{x}", y="{y}", format=tile_format
    )
    return await described_tiles(state, asked, time, Addressed(str(tile), tms, tilesize, query))


@dataclass(frozen=True, slots=True)
class Addressed:
    """Where the tiles of a document are."""

    tile: str
    """Their address, with {z}, {x} and {y}."""
    tms: str
    tilesize: TileSize
    query: Mapping[str, str]
    """What it asks beside time and size."""


async def described_tiles(state: AppState, asked: Product, time: str | None, at: Addressed) -> TileJson:
    """Return the TileJSON of a product at a time, whose addresses fix the period."""
    grid, tilesize = matrix_set(at.tms), at.tilesize
    written, selection = chosen_periods(state, asked, time)
    pinned = pinned_windows(asked, selection)
    found = asked.specified(windows=pinned)
    indexes = await load_indexes(state, found, selection.periods)
    zooms = zoom_range(
        indexes,
        grid,
        tilesize=tilesize,
        limit=scenes_of_each(state, selection),
        overviews=selection.is_whole,
    )
    bounds = union_bounds(indexes)
    windows_drawn = await windows_of(state, found, selection)
    drawn = select(state.catalogue, found, written)  # after the mosaics, since loading may bring news
    revision = revision_of(state.catalogue, found, drawn)
    center = await kept_place_of_data(state, revision, bounds, windows_drawn)
    center_zoom = whole_view_zoom(bounds, grid, tilesize=tilesize, zooms=zooms)
    known = periods_of(state, asked)
    query = {"datetime": written, **pinned, "v": revision, **at.query}
    if tilesize is not TileSize.SMALL:
        query["tilesize"] = str(tilesize)
    return TileJson(
        name=found.title,
        description=found.description,
        attribution=state.catalogue.collection(found.collection).attribution,
        tiles=[f"{at.tile}?{urlencode(query)}"],
        minzoom=zooms.lowest,
        maxzoom=zooms.highest,
        bounds=bounds,
        center=(*center, center_zoom),
        tilesize=tilesize,
        tile_size=tilesize,
        period=period_text(selection),
        periods=[period.text for period in known[-NEWEST_PERIODS:]],
        period_range=PeriodRange.of(known),
        legend=legend_json(found, note=legend_note(state, found, selection)),
        synthetic=state.catalogue.is_synthetic(found.collection),
        near_real_time=is_early(state, found, selection) or None,
        windows={window.role: window.to_json() for window in selection.windows} or None,
        offset=found.offset,
        parameters=dict(found.parameter_values) or None,
    )


async def windows_of(
    state: AppState, product: Product, selection: Selection
) -> list[list[tuple[QuadkeyIndex, Interval | None]]]:
    """Return the mosaics of each window (its latest year) and the time in which their scenes count."""
    spans: list[Span] = [window.spans[0] for window in selection.windows] or [selection]
    loaded = [await load_indexes(state, product, span.periods) for span in spans]
    return [
        [(index, span.interval) for index in of_span] for span, of_span in zip(spans, loaded, strict=True)
    ]


def pinned_windows(product: Product, selection: Selection) -> dict[str, str]:
    """Return the windows before the tested one as parameters; windows of several years follow from it."""
    return {
        window.role: product.roles[window.role].window or window.text
        for window in selection.windows[1:]
        if product.roles[window.role].window or not product.roles[window.role].is_repeated
    }
