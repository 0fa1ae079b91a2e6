"""The generic rest from TiTiler's factories: tilesets, WMTS, boxes, polygons, grids and colours.

They know products and times alone: nothing in a request is ever opened, and what they answer has the
values and colours of our own tiles.
"""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any

import jinja2
import morecantile
import numpy as np
from attrs import define
from fastapi import APIRouter, Depends
from fastapi.encoders import jsonable_encoder
from fastapi.routing import APIRoute
from morecantile.defaults import TileMatrixSets
from pydantic import Field
from pyproj import CRS as PROJ_CRS
from pyproj.exceptions import CRSError
from rio_tiler.colormap import ColorMaps
from rio_tiler.models import ImageData
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates
from titiler.core.dependencies import DefaultDependency
from titiler.core.factory import ColorMapFactory, TMSFactory
from titiler.core.resources.enums import ImageType
from titiler.mosaic.extensions.wmts import wmtsExtension
from titiler.mosaic.factory import MosaicTilerFactory

from app.errors import RequestError
from app.http.extents import extents_of
from app.http.parameters import (
    AskedWindows,
    Datetime,
    ReadyState,
    Windows,
    known_names,
    own_parameters,
    refuse_twice,
    refuse_unknown,
)
from app.http.periods import chosen_periods, load_indexes, scenes_of_each
from app.products.product import Product
from app.products.role import ROLES
from app.rendering.address import ABSENCE, TileFormat
from app.rendering.computing import Clock
from app.rendering.painting import encode
from app.rendering.selecting import Selection
from app.rendering.values import Values
from app.routes.ogc import viewer
from app.routes.ogc.backend import MAX_SIZE, LandedProduct, ProductBackend
from app.routes.products.products import periods_of
from app.state import AppState
from colormaps import colormap_names, load_colormap
from mosaics.period import Period
from mosaics.raster.grid import Grid

PREFIX = "/products/{product}"

GLOBAL_SETS = ("WebMercatorQuad", "WorldCRS84Quad", "WGS1984Quad", "WorldMercatorWGS84Quad")
"""Tile matrix sets a product is listed in; tiles themselves are served in every one of morecantile's."""

WMTS_SETS = ("WebMercatorQuad", "WorldCRS84Quad")
"""Those that every WMTS client knows; each more makes the document half as long again."""

WMTS_WORDS = (
    "service",
    "request",
    "version",
    "acceptversions",
    "sections",
    "updatesequence",
    "acceptformats",
)
"""What a WMTS client adds to the address, in any case of letters."""

LISTINGS = ("tilesets", "tileset", "tilematrixsets", "tilematrixset", "colormaps", "colormap")
"""What the factories show to a browser, by the names of their templates."""

CRS_NAME = re.compile(r"(EPSG|ESRI|OGC):[A-Z0-9]{2,10}", re.IGNORECASE)
"""The only way to name a coordinate system; PROJ strings and addresses can name files."""

OWN_ROUTES = {"tile": "product_tile", "tilejson": "product_tilejson", "point": "product_point"}
"""What the factories would serve themselves, under the names of our routes."""


@dataclass
class PartSize(DefaultDependency):
    """How large a picture of a box or polygon may be, in pixels, and what it tells."""

    request: Request
    max_size: Annotated[int, Field(gt=0, le=MAX_SIZE, description="Longest side, in pixels.")] = 1024
    height: Annotated[int | None, Field(gt=0, le=MAX_SIZE, description="Height in pixels.")] = None
    width: Annotated[int | None, Field(gt=0, le=MAX_SIZE, description="Width in pixels.")] = None
    absence: Annotated[bool, Field(description=ABSENCE)] = False

    def as_dict(self, exclude_none: bool = True) -> dict[str, Any]:
        """Return what the backend takes.

        Raises:
            RequestError: If `absence` is asked of another format than GeoTIFF.
        """
        form = self.request.path_params.get("format")
        if self.absence and form not in ("tif", "tiff"):
            raise RequestError(f"absence is for .tif, not for .{form or 'png'}; .npy always tells it")
        told = {"tells_absence": self.absence or form == "npy"}
        sizes = {"max_size": self.max_size, "height": self.height, "width": self.width}
        return told | {name: size for name, size in sizes.items() if size is not None or not exclude_none}


async def landed_product(
    *, request: Request, state: ReadyState, product: str, windows: AskedWindows, datetime: Datetime = None
) -> LandedProduct:
    """The product and time of a request, with their scenes: what a factory gets in place of an address."""
    found, time = windows.product(state, product, datetime)
    written, selection = chosen_periods(state, found, time)
    landed = LandedProduct(
        state=state,
        product=found,
        written=written,
        periods=periods_of(state, found),
        indexes=tuple(await load_indexes(state, found, selection.periods)),
    )
    request.state.landed = landed
    return landed


async def offered_product(
    *, request: Request, state: ReadyState, product: str, windows: AskedWindows, datetime: Datetime = None
) -> LandedProduct:
    """Return the product of a WMTS request with the times to offer, and the extents of all of these."""
    found, time = windows.product(state, product, datetime)
    written, selection = chosen_periods(state, found, time)
    times, span = offered_times(state, found, time, selection)
    limit = scenes_of_each(state, selection)
    landed = LandedProduct(
        state=state,
        product=found,
        written=written,
        periods=times,
        indexes=tuple(await extents_of(state, found.collection, times, limit=limit)),
        pinned=pinned_parameters(found, windows),
        span=span,
    )
    request.state.landed = landed
    return landed


def offered_times(
    state: AppState, product: Product, time: str | None, selection: Selection
) -> tuple[tuple[Period, ...], str | None]:
    """Return the periods a WMTS document offers, oldest first, and the interval if they are drawn as one.

    Without a time these are all periods; with one, those in it. A time that holds parts of periods is offered
    as it was given.
    """
    if time is None:
        return periods_of(state, product) or selection.periods[::-1], None
    if selection.is_whole:
        shown = set(periods_of(state, product))
        asked = selection.periods[::-1]
        return tuple(period for period in asked if period in shown) or asked, None
    return selection.periods[::-1], time


def pinned_parameters(product: Product, windows: Windows) -> tuple[tuple[str, str], ...]:
    """Return the parameters besides the time that a request's tiles take over."""
    given = {name: getattr(windows, name) for name in (*ROLES, "offset")}
    tested = product.tested_role
    pinned = ((name, text) for name, text in given.items() if text is not None and name != tested)
    return (*pinned, *windows.parameters.items())


async def plain_crs_names(request: Request) -> None:
    """Refuse coordinate systems written in any way but as a name of a register."""
    for parameter in ("crs", "coord_crs", "dst_crs"):
        for value in request.query_params.getlist(parameter):
            if not CRS_NAME.fullmatch(value):
                raise RequestError(f"{parameter} is the name of a coordinate system, like EPSG:4326")
            if not is_of_two_axes(value):
                raise RequestError(
                    f"{value} is not a system of two coordinates on Earth; give one such as EPSG:4326"
                )


@lru_cache(maxsize=256)
def is_of_two_axes(name: str) -> bool:
    """Return whether a coordinate system is geographic or projected, without heights, or not known at all.

    Each pixel of the others fails in PROJ by itself, which takes twenty seconds a picture.
    """
    try:
        system = PROJ_CRS.from_user_input(name)
    except CRSError:
        return True  # refused by the route, in its own words
    return len(system.axis_info) == 2 and (system.is_geographic or system.is_projected)


async def known_names_of_wmts(request: Request) -> None:
    """Refuse query names that are neither ours nor a WMTS client's, and ours given twice."""
    ours = ("datetime", *ROLES, "offset", "tile_format", "use_epsg", *own_parameters(request))
    names = {name for name in request.query_params if name.lower() not in WMTS_WORDS}
    refuse_unknown(names, known=ours)
    refuse_twice(request, ours)


async def small_pictures(request: Request) -> None:
    """Refuse pictures of colours past a size."""
    for side in ("width", "height"):
        text = request.query_params.get(side, "1")
        if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MAX_SIZE and len(text) < 9):
            raise RequestError(f"{side} is a number of pixels from 1 to {MAX_SIZE}")


def nothing() -> None:
    """A dependency for what our products leave no choice in."""


def render(image: ImageData, output_format: ImageType | None = None, **_: Any) -> tuple[bytes, str]:
    """Encode values as a tile of their product would be, those that the image masks left out."""
    try:
        form = TileFormat("tif" if output_format == ImageType.tiff else output_format or "png")
    except ValueError:
        wanted = output_format.value if output_format else "png"
        raise RequestError(f"no format {wanted!r}; there are: {', '.join(TileFormat)}") from None
    assert image.bounds is not None  # noqa: S101 - our backend sets them
    assert image.metadata is not None  # noqa: S101 - and product and values
    grid = Grid(image.crs, image.bounds, image.width, image.height)
    values: Values = image.metadata["values"]
    left_out = np.asarray(image.array.mask.all(axis=0))
    if left_out.any():
        values = values.without(left_out)
    return encode(image.metadata["product"], values, grid, form, Clock()), form.media_type


class ReportingRoute(APIRoute):
    """A route whose answers say which scenes they lack, and are not kept then, as tiles do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers, with the headers added."""
        answer = super().get_route_handler()

        async def reported(request: Request) -> Response:
            response = await answer(request)
            landed: LandedProduct | None = getattr(request.state, "landed", None)
            if landed is not None and landed.skipped:
                response.headers["X-Tilewatch-Skipped"] = str(len(landed.skipped))
                response.headers["Cache-Control"] = "no-store"
            return response

        return reported


@define(kw_only=True)
class ProductFactory(MosaicTilerFactory):
    """TiTiler's mosaic endpoints save those we serve ourselves, over our backend."""

    backend: type[ProductBackend] = ProductBackend
    path_dependency: Callable[..., Any] = landed_product
    layer_dependency: type[DefaultDependency] = DefaultDependency
    dataset_dependency: type[DefaultDependency] = DefaultDependency
    tile_dependency: type[DefaultDependency] = DefaultDependency
    render_dependency: type[DefaultDependency] = DefaultDependency
    img_part_dependency: type[DefaultDependency] = PartSize
    process_dependency: Callable[..., Any] = nothing
    colormap_dependency: Callable[..., Any] = nothing
    pixel_selection_dependency: Callable[..., Any] = nothing
    render_func: Callable[..., tuple[bytes, str]] = render
    router_prefix: str = PREFIX
    add_viewer: bool = False

    def register_routes(self) -> None:
        """Register the endpoints we do not have ourselves."""
        self.tilesets()  # type: ignore[no-untyped-call]
        self.part()  # type: ignore[no-untyped-call]

    def url_for(self, request: Request, name: str, **path_params: Any) -> str:
        """The address of a route, ours where we have one."""
        if name not in OWN_ROUTES:
            return str(super().url_for(request, name, **path_params))
        if "tileMatrixSetId" in path_params:
            path_params["tms"] = path_params.pop("tileMatrixSetId")
        if name == "tile":
            path_params.setdefault("format", "png")
        return str(request.url_for(OWN_ROUTES[name], product=request.path_params["product"], **path_params))


@define(kw_only=True)
class WmtsFactory(ProductFactory):
    """The WMTS document alone, over fewer tile matrix sets and all times it offers."""

    path_dependency: Callable[..., Any] = offered_product

    def register_routes(self) -> None:
        """Leave everything to the extension."""


def matrix_sets(names: tuple[str, ...]) -> TileMatrixSets:
    """Some of morecantile's tile matrix sets."""
    return TileMatrixSets({name: morecantile.tms.get(name) for name in names})


def our_colormaps() -> ColorMaps:
    """The colormaps a `colormap` parameter takes, in rio-tiler's form: 256 colours each."""
    return ColorMaps({name: colors_of(name) for name in colormap_names()})


def colors_of(name: str) -> dict[int, tuple[int, int, int, int]]:
    """The 256 colours of a colormap, opaque."""
    table = load_colormap(name).table(256).tolist()
    return {number: (red, green, blue, 255) for number, (red, green, blue) in enumerate(table)}


def our_templates() -> Jinja2Templates:
    """Our documents and pages, in place of the factories' own, which load scripts from elsewhere."""
    folder = jinja2.PackageLoader("app.routes.ogc", "templates")
    environment = jinja2.Environment(autoescape=True, loader=folder, trim_blocks=True)
    environment.filters["plain"] = jsonable_encoder
    listing = folder.get_source(environment, "listing.html")[0]
    pages = jinja2.DictLoader({f"{name}.html": listing for name in LISTINGS})
    environment.loader = jinja2.ChoiceLoader([folder, pages])
    return Jinja2Templates(env=environment)


@cache
def assemble() -> APIRouter:
    """Return the factories' routes under one router, made once: they take two thirds of a start."""
    templates = our_templates()
    maps = ProductFactory(
        name="product",
        router=APIRouter(route_class=ReportingRoute),
        supported_tms=matrix_sets(GLOBAL_SETS),
        templates=templates,
    )
    wmts = WmtsFactory(
        name="wmts",
        supported_tms=matrix_sets(WMTS_SETS),
        extensions=[
            wmtsExtension(
                templates=templates,
                tile_dependencies=[],
                layer_identifier_provider=lambda landed: landed.product.id,
            )
        ],
    )
    checks = [Depends(known_names), Depends(plain_crs_names)]
    router = APIRouter(tags=["OGC"])
    router.include_router(viewer.router)
    router.include_router(wmts.router, prefix=PREFIX, dependencies=[Depends(known_names_of_wmts)])
    router.include_router(maps.router, prefix=PREFIX, dependencies=checks)
    router.include_router(
        TMSFactory(name="tms", templates=templates).router, dependencies=[Depends(known_names)]
    )
    colors = ColorMapFactory(name="colormaps", supported_colormaps=our_colormaps(), templates=templates)
    router.include_router(colors.router, dependencies=[Depends(known_names), Depends(small_pictures)])
    return router
