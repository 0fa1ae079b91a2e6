"""Tile addresses: what a tile request is, and how one is read from a path and a query.

The tile middleware and the routes share this parser, so that they never read an address in two ways. Nothing
in an address names a file: products, collections and bands are looked up by id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

import morecantile
from morecantile import Tile, TileMatrixSet
from rasterio.crs import CRS

from app.products.adhoc import adhoc_product
from app.products.product import Product
from app.products.registry import Registry
from app.products.request import requested_product
from app.products.role import ROLES
from mosaics.catalogue import Catalogue
from mosaics.collection import Collection
from mosaics.raster.grid import Grid

TILE_SIZES = {"256": 256, "512": 512}
"""Pixels a side, by how they are written."""

MAX_QUERY_LENGTH = 2000
"""Characters; the longest expression served fits in twice over."""

PLAIN_PARAMETERS = frozenset({"datetime", "tilesize", "v"})
WINDOW_PARAMETERS = frozenset({*ROLES, "offset"})
PRODUCT_PARAMETERS = PLAIN_PARAMETERS | WINDOW_PARAMETERS
PRODUCT_TIF_PARAMETERS = PRODUCT_PARAMETERS | {"absence"}
BANDS_PARAMETERS = PLAIN_PARAMETERS | {"bands", "expression", "index", "rescale", "colormap"}
BANDS_TIF_PARAMETERS = BANDS_PARAMETERS | {"absence"}

ABSENCE = "Of .tif: a further band that tells of each pixel why it has no value."
"""What the parameter `absence` means, for the documentation."""

SHORT_FORM_TMS = "WebMercatorQuad"

_TILE = re.compile(
    r"/(?:(products|collections)/([^/]+)/tiles/([^/]+)|tiles/([^/]+))/([^/]+)/([^/]+)/([^/]+)\.([^/.]+)"
)


class TileFormat(StrEnum):
    """The encodings a tile is served in."""

    PNG = "png"
    WEBP = "webp"
    NPY = "npy"
    TIF = "tif"

    @property
    def media_type(self) -> str:
        """Return the IANA media type, or the vendor one NumPy files are known by."""
        return MEDIA_TYPES[self]


MEDIA_TYPES = {
    TileFormat.PNG: "image/png",
    TileFormat.WEBP: "image/webp",
    TileFormat.NPY: "application/x-binary",
    TileFormat.TIF: "image/tiff; application=geotiff",
}


@dataclass(frozen=True, slots=True)
class TileRequest:
    """One tile of one product, in one format, for one time."""

    product: Product
    tms: TileMatrixSet
    z: int
    x: int
    y: int
    size: int
    """Width and height in pixels: 256 or 512."""
    format: TileFormat
    datetime: str | None
    """A period or interval as the caller wrote it; None asks for the latest period."""
    absence: bool = False
    """Whether a GeoTIFF has a further band that tells why pixels have no value."""

    @property
    def tells_absence(self) -> bool:
        """Whether the tile tells of each pixel why it has no value."""
        return self.absence or self.format is TileFormat.NPY

    @property
    def text(self) -> str:
        """What is asked for besides the product and its time, as part of a key."""
        told = "+absence" if self.tells_absence else ""
        return f"{self.tms.id}/{self.z}/{self.x}/{self.y}/{self.size}.{self.format}{told}"

    def grid(self) -> Grid:
        """Return the tile's pixels in the coordinates of its matrix set."""
        left, bottom, right, top = self.tms.xy_bounds(Tile(self.x, self.y, self.z))
        return Grid(crs_of(self.tms.id), (left, bottom, right, top), self.size, self.size)


class TileAddressError(ValueError):
    """A tile address that means nothing; the message says what would."""


class UnknownTileError(LookupError):
    """A matrix set or tile that does not exist; the message says what does."""


class TileAddresses:
    """Reads tile addresses.

    Args:
        registry: The products there are.
        catalogue: The collections there are.
    """

    def __init__(self, registry: Registry, catalogue: Catalogue) -> None:
        self._registry = registry
        self._catalogue = catalogue

    def parse(self, path: str, query: str) -> TileRequest:
        """Read an address.

        Args:
            path: The decoded path, below the application's root.
            query: The raw query, without the question mark.

        Raises:
            LookupError: If there is no such product, collection, band, matrix set or tile.
            ValueError: If a part of it makes no sense: `TileAddressError`, and what `adhoc_product` and
                `requested_product` raise.
        """
        match = _TILE.fullmatch(path)
        if match is None:
            raise TileAddressError("not the address of a tile; /docs lists the addresses there are")
        kind, name, tms, short_name, *tile = match.groups()
        if kind != "collections":
            return self._of_product(name or short_name, tms or SHORT_FORM_TMS, tile, query)
        known = BANDS_TIF_PARAMETERS if tile[-1] == TileFormat.TIF else BANDS_PARAMETERS
        parameters = query_parameters(query, known)
        painted = tile[-1] in {TileFormat.PNG, TileFormat.WEBP}
        return _request(self._adhoc(name, parameters, painted=painted), tms, tile, parameters)

    def _of_product(self, name: str, tms: str, tile: list[str], query: str) -> TileRequest:
        product = self._registry.get(name)
        if not query:
            return _request(product, tms, tile, {})
        known = PRODUCT_TIF_PARAMETERS if tile[-1] == TileFormat.TIF else PRODUCT_PARAMETERS
        parameters = query_parameters(query, known.union(product.parameters), product)
        if parameters.keys() & WINDOW_PARAMETERS.union(product.parameters):
            product, parameters = _with_windows(product, parameters)
        return _request(product, tms, tile, parameters)

    def _adhoc(self, collection_id: str, parameters: Mapping[str, str], *, painted: bool) -> Product:
        return product_over(self._catalogue.collection(collection_id), parameters, painted=painted)


def product_over(collection: Collection, parameters: Mapping[str, str], *, painted: bool) -> Product:
    """The product that the query parameters of an address below a collection describe.

    Args:
        collection: The collection.
        parameters: Those of `BANDS_PARAMETERS` that are given.
        painted: As in `adhoc_product`, whose errors it raises.
    """
    bands = parameters.get("bands")
    return adhoc_product(
        collection,
        bands=None if bands is None else [band.strip() for band in bands.split(",")],
        expression=parameters.get("expression"),
        index=parameters.get("index"),
        rescale=parameters.get("rescale"),
        colormap=parameters.get("colormap"),
        painted=painted,
    )


def _with_windows(product: Product, parameters: dict[str, str]) -> tuple[Product, dict[str, str]]:
    """Return a product with the windows, offset and parameters of a request, at the tested time."""
    product, datetime = requested_product(
        product,
        windows={role: parameters.get(role) for role in ROLES},
        offset=parameters.get("offset"),
        datetime=parameters.get("datetime"),
        parameters={name: parameters[name] for name in product.parameters.keys() & parameters.keys()},
    )
    return product, parameters if datetime is None else parameters | {"datetime": datetime}


def query_parameters(query: str, known: frozenset[str], product: Product | None = None) -> dict[str, str]:
    """Return the parameters of a query.

    Args:
        query: As it came.
        known: Names that have a meaning somewhere.
        product: What is asked for; the message names no windows and offset that it does not have.

    Raises:
        TileAddressError: If one is not known, given twice, or the query is too long.
    """
    if len(query) > MAX_QUERY_LENGTH:
        raise TileAddressError(f"the query has {len(query)} characters; {MAX_QUERY_LENGTH} are read at most")
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise _unknown_parameter(name, known, product)
        if name in parameters:
            raise TileAddressError(f"parameter '{name}' is given more than once; give it once")
        parameters[name] = value
    return parameters


def _unknown_parameter(name: str, known: frozenset[str], product: Product | None) -> TileAddressError:
    has: set[str] = set()
    if product is not None:
        has = {*product.roles, *(["offset"] if product.offset is not None else []), *product.parameters}
    names = ", ".join(sorted(known - WINDOW_PARAMETERS | has))
    return TileAddressError(f"'{shown(name)}' is not a query parameter of this address; there are: {names}")


@lru_cache(maxsize=64)
def matrix_set(tms_id: str) -> TileMatrixSet:
    """A tile matrix set by its id; kept, since morecantile copies the whole set whenever it is asked.

    Raises:
        UnknownTileError: If there is none of that id.
    """
    if tms_id not in morecantile.tms.list():
        names = ", ".join(morecantile.tms.list())
        raise UnknownTileError(f"no tile matrix set '{shown(tms_id)}'; there are: {names}")
    return morecantile.tms.get(tms_id)


@lru_cache(maxsize=64)
def crs_of(tms_id: str) -> CRS:
    """Return the coordinate system of a matrix set; kept, since deriving it costs as much as a small read."""
    return morecantile.tms.get(tms_id).rasterio_crs


def shown(text: str) -> str:
    """A caller's text as it may be repeated to them: short, and on one line."""
    plain = "".join(c if c.isprintable() else "?" for c in unquote(text))
    return plain if len(plain) <= 40 else plain[:37] + "..."


def _request(product: Product, tms_id: str, tile: list[str], parameters: Mapping[str, str]) -> TileRequest:
    tms = matrix_set(tms_id)
    *zxy, extension = tile
    z, x, y = (_tile_number(name, text) for name, text in zip("zxy", zxy, strict=True))
    _refuse_outside(tms, z, x, y)
    try:
        form = TileFormat(extension)
    except ValueError:
        names = ", ".join(TileFormat)
        raise TileAddressError(f"no tile format '{shown(extension)}'; there are: {names}") from None
    size = parameters.get("tilesize", "256")
    if size not in TILE_SIZES:
        raise TileAddressError(f"tilesize is 256 or 512, not '{shown(size)}'")
    absence = parameters.get("absence", "false")
    if absence not in {"true", "false"}:
        raise TileAddressError(f"absence is true or false, not '{shown(absence)}'")
    when = parameters.get("datetime")
    return TileRequest(product, tms, z, x, y, TILE_SIZES[size], form, when, absence == "true")


def _tile_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise TileAddressError(f"{name} is a whole number from 0, not '{shown(text)}'")
    return int(text)


def _refuse_outside(tms: TileMatrixSet, z: int, x: int, y: int) -> None:
    if not tms.minzoom <= z <= tms.maxzoom:
        raise UnknownTileError(f"{tms.id} has zooms {tms.minzoom} to {tms.maxzoom}, not {z}")
    matrix = tms.matrix(z)
    if x >= matrix.matrixWidth or y >= matrix.matrixHeight:
        raise UnknownTileError(
            f"at zoom {z} {tms.id} has tiles 0 to {matrix.matrixWidth - 1} in x "
            f"and 0 to {matrix.matrixHeight - 1} in y, not {x}, {y}"
        )
