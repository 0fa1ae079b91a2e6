"""Places of the corpus: where each product has something to show, and the tiles and polygons there."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import morecantile
from morecantile.errors import PointOutsideTMSBounds

METRES_A_DEGREE = 111_320.0
"""Of latitude, and of longitude at the equator."""

COLLECTIONS = (
    *("sentinel-2-l2a", "landsat-c2-l2", "naip", "black-marble-monthly", "black-marble-yearly", "tempo-no2"),
    *("sentinel-2-monthly", "landsat-monthly", "fire-zones", "no-such-collection"),
)
"""All there are, and one there is not."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in degrees."""

    lon: float
    lat: float


FIRE = Place(-98.966, 40.477)
"""In the demo: hills that burn at the end of June 2024."""
FIELDS = Place(-99.03, 40.50)
"""In the demo, west of the town."""
TOWN = Place(-99.0, 40.52)
"""In the demo's lights and NO2."""
MOL = Place(5.262, 51.262)
SEAM = Place(-54.69, -25.25)
"""Where the two Landsat scenes overlap."""
SHANGHAI = Place(121.47, 31.23)
PUNE = Place(73.86, 18.52)
LOS_ANGELES = Place(-118.2, 34.0)
POTTERS = Place(-121.49, 39.552)
INCIDENT = Place(-119.783, 35.77)
NAIP = Place(-99.155, 47.02)
JULYS = Place(15.006, 46.048)
CROWD = Place(6.24, 49.6)
DATELINE_WEST = Place(179.98, -16.99)
DATELINE_EAST = Place(-179.98, -16.99)
LANDSAT = Place(-98.985, 39.735)
NOWHERE = Place(60.0, 10.0)


@dataclass(frozen=True, slots=True)
class Shown:
    """Where and when a product is looked at."""

    product: str
    place: Place
    zooms: tuple[int, int, int]
    """From afar, at the middle, close by."""
    query: tuple[tuple[str, str], ...] = ()

    def tile(self, zoom: int, extension: str = "png", **more: str) -> str:
        """The address of a tile in the short form."""
        return (
            f"/tiles/{self.product}/{numbers(self.place, zoom)}.{extension}{asked(dict(self.query) | more)}"
        )


SHOWN = (
    Shown("ndvi", FIELDS, (8, 12, 14), (("datetime", "2024-07"),)),
    Shown("true-color", FIELDS, (7, 11, 15), (("datetime", "2024-07"),)),
    Shown("ndvi-landsat", LANDSAT, (8, 11, 14), (("datetime", "2024-06"),)),
    Shown("landsat-color", SEAM, (7, 11, 13), (("datetime", "2020-05"),)),
    Shown("ndvi-monthly", TOWN, (9, 12, 14)),
    Shown("true-color-monthly", TOWN, (9, 12, 14)),
    Shown("ndvi-landsat-monthly", LANDSAT, (9, 12, 14)),
    Shown("landsat-color-monthly", LANDSAT, (9, 12, 14)),
    Shown("naip-color", NAIP, (10, 14, 17)),
    Shown("nightlights", TOWN, (6, 9, 11), (("datetime", "2024-12"),)),
    Shown("nightlights-yearly", SHANGHAI, (6, 9, 11)),
    Shown("no2", TOWN, (5, 7, 9), (("datetime", "2024-06-15T18"),)),
    Shown("dnbr", FIRE, (9, 12, 14), (("pre", "2024-06"), ("post", "2024-07"))),
    Shown("rdnbr", FIRE, (9, 12, 14), (("pre", "2024-06"), ("post", "2024-07"))),
    Shown("rbr", FIRE, (9, 12, 14), (("pre", "2024-06"), ("post", "2024-07"))),
    Shown("dnbr-landsat", LANDSAT, (9, 11, 13), (("pre", "2023-06"), ("post", "2024-06"))),
    Shown("rdnbr-landsat", LANDSAT, (9, 11, 13), (("pre", "2023-06"), ("post", "2024-06"))),
    Shown("rbr-landsat", LANDSAT, (9, 11, 13), (("pre", "2023-06"), ("post", "2024-06"))),
    Shown("ndvi-change", FIRE, (9, 12, 14), (("pre", "2023-08"), ("post", "2024-07"))),
    Shown("ndvi-anomaly", JULYS, (10, 13, 15), (("datetime", "2024-07"),)),
    Shown("nightlights-change", TOWN, (6, 9, 11), (("datetime", "2024-12"),)),
)
"""Every product that is shipped, once."""


def asked(query: dict[str, str]) -> str:
    """A query with its question mark; nothing where it is empty."""
    return f"?{urlencode(query, safe='/:,')}" if query else ""


def numbers(place: Place, zoom: int, tms: str = "WebMercatorQuad") -> str:
    """`z/x/y` of the tile over a place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PointOutsideTMSBounds)  # such tiles are asked for as well
        tile = morecantile.tms.get(tms).tile(place.lon, place.lat, zoom)
    return f"{tile.z}/{tile.x}/{tile.y}"


def zoom_of(tms: str, pixel_m: float) -> int:
    """The first zoom of a matrix set whose pixels are no larger."""
    grid = morecantile.tms.get(tms)
    unit_m = METRES_A_DEGREE if grid.crs._pyproj_crs.is_geographic else 1.0  # noqa: SLF001
    zooms = range(grid.minzoom, grid.maxzoom + 1)
    return next((zoom for zoom in zooms if grid.matrix(zoom).cellSize * unit_m <= pixel_m), grid.maxzoom)


def box(place: Place, width: float, height: float) -> tuple[float, float, float, float]:
    """West, south, east, north around a place."""
    west, south = round(place.lon - width / 2, 6), round(place.lat - height / 2, 6)
    return (west, south, round(west + width, 6), round(south + height, 6))


def box_text(place: Place, width: float, height: float) -> str:
    """A box as addresses have it."""
    return ",".join(f"{degrees:g}" for degrees in box(place, width, height))


def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """The corners of a box, the first twice."""
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def square(place: Place, side: float) -> dict[str, object]:
    """A polygon of one ring around a place."""
    return {"type": "Polygon", "coordinates": [ring(*box(place, side, side))]}


def triangle(place: Place, side: float) -> dict[str, object]:
    """A polygon whose edges follow no grid."""
    west, south, east, north = box(place, side, side)
    corners = [[west, south], [east, south + side / 7], [west + side / 3, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def holed(place: Place, side: float) -> dict[str, object]:
    """A square with a hole."""
    inner = ring(*box(place, side / 3, side / 3))[::-1]
    return {"type": "Polygon", "coordinates": [ring(*box(place, side, side)), inner]}


def several(*polygons: dict[str, object]) -> dict[str, object]:
    """A MultiPolygon."""
    return {"type": "MultiPolygon", "coordinates": [polygon["coordinates"] for polygon in polygons]}


def feature(geometry: object, **more: object) -> str:
    """A Feature as JSON; `more` are members beside the geometry."""
    return json.dumps({"type": "Feature", "properties": {}, "geometry": geometry} | more)


def collection(features: Sequence[str]) -> str:
    """A FeatureCollection as JSON."""
    return json.dumps({"type": "FeatureCollection", "features": [json.loads(each) for each in features]})
