"""Questions for what describes the service: products, collections, legends, TileJSON, WMTS, the interface."""

from scripts.corpora.asking import Question, Questions
from scripts.corpora.questions.places import (
    COLLECTIONS,
    CROWD,
    FIELDS,
    FIRE,
    MOL,
    NOWHERE,
    SHOWN,
    asked,
    box_text,
)

GZIP = {"Accept-Encoding": "gzip"}


def products() -> Questions:
    """The list and each product, with its times."""
    listed = yield Question("products", "/products")
    yield Question("products", "/products", headers={"If-None-Match": listed.headers.get("etag", "*")})
    yield Question("products", "/products", headers=GZIP)
    yield Question("products", "/products", "HEAD")
    for shown in SHOWN:
        yield Question("products", f"/products/{shown.product}")
        yield Question("times", f"/products/{shown.product}/times")
        side = 2.0 if shown.product == "no2" else 0.1
        yield Question("times", f"/products/{shown.product}/times?bbox={box_text(shown.place, side, side)}")
    for query in (
        "datetime=2024-01/2024-06",
        "datetime=2024-06",
        f"bbox={box_text(NOWHERE, 1, 1)}",
        "bbox=179,-20,-179,-10",
        "bbox=1,2,3",
        "bbox=5,51,5,52",
        "datetime=soon",
        "box=1",
    ):
        yield Question("times", f"/products/ndvi/times?{query}")
    yield Question("products", "/products/ndvx")
    yield Question("products", "/products/ndvi?x=1")
    yield Question("products", "/products/ndvi/", "GET")


def collections() -> Questions:
    """The list and each collection."""
    yield Question("collections", "/collections")
    for name in COLLECTIONS:
        yield Question("collections", f"/collections/{name}")


def legends() -> Questions:
    """Every legend in every form."""
    for shown in SHOWN:
        for form in ("json", "png", "svg"):
            yield Question("legend", f"/products/{shown.product}/legend.{form}{asked(dict(shown.query))}")
    first = yield Question("legend", "/products/ndvi/legend.png")
    if "etag" in first.headers:
        yield Question(
            "legend", "/products/ndvi/legend.png", headers={"If-None-Match": first.headers["etag"]}
        )
    yield Question("legend", "/products/dnbr/legend.json?pre=2024-06&post=2024-07&offset=0.012")
    yield Question("legend", "/products/dnbr/legend.json")
    yield Question("legend", "/products/dnbr/legend.json?pre=2024-07&post=2024-06")
    yield Question("legend", "/products/ndvi/legend.gif")
    yield Question("legend", "/products/ndvx/legend.json")


def tilejsons() -> Questions:
    """Every product, and NDVI on other grids, sizes and times."""
    for shown in SHOWN:
        at = f"/products/{shown.product}/WebMercatorQuad/tilejson.json"
        yield Question("tilejson", f"{at}{asked(dict(shown.query))}")
        yield Question("tilejson", at)
    for tms in ("WorldCRS84Quad", "EuropeanETRS89_LAEAQuad", "UTM31WGS84Quad", "WGS1984Quad", "NoSuchSet"):
        yield Question("tilejson", f"/products/ndvi/{tms}/tilejson.json")
    for query in [
        "tilesize=512",
        "tile_format=webp",
        "datetime=2024-06",
        "datetime=2024-05/2024-06",
        "datetime=../2023-09",
        "tilesize=300",
        "tile_format=tif",
        "datetime=2031",
        "datetime=soon",
        "colour=red",
    ]:
        yield Question("tilejson", f"/products/ndvi/WebMercatorQuad/tilejson.json?{query}")
    for query in ("post=2024-07", "pre=2024-06&post=2024-07&offset=0.012", "pre=2024-07&post=2024-06"):
        yield Question("tilejson", f"/products/dnbr/WebMercatorQuad/tilejson.json?{query}")
    yield Question(
        "tilejson", "/products/ndvi/WebMercatorQuad/tilejson.json", headers={"X-Forwarded-Proto": "https"}
    )


def ogc() -> Questions:
    """WMTS, tilesets, colour maps, conformance, the viewer."""
    for product in ("ndvi", "true-color", "dnbr", "nightlights-yearly", "no2"):
        yield Question("wmts", f"/products/{product}/WMTSCapabilities.xml")
    for query in [
        "datetime=2024-06",
        "service=WMTS&request=GetCapabilities",
        "SERVICE=WMTS&VERSION=1.0.0",
        "use_epsg=true",
        "tile_format=webp",
        "colour=red",
        "datetime=2031",
    ]:
        yield Question("wmts", f"/products/ndvi/WMTSCapabilities.xml?{query}")
    yield Question("wmts", "/products/dnbr/WMTSCapabilities.xml?pre=2024-06&post=2024-07")
    yield Question("tilesets", "/products/ndvi/tiles")
    yield Question("tilesets", "/products/ndvi/tiles?f=html")
    for tms in ("WebMercatorQuad", "WorldCRS84Quad", "EuropeanETRS89_LAEAQuad", "NoSuchSet"):
        yield Question("tilesets", f"/products/ndvi/tiles/{tms}")
    for path in ("info", "info.geojson", "assets", "statistics", "preview.png", "bounds"):
        yield Question("titiler", f"/products/ndvi/{path}")
    for place in (FIELDS, FIRE, MOL, CROWD):
        yield Question("titiler", f"/products/ndvi/point/{place.lon},{place.lat}/assets")
        yield Question("titiler", f"/products/ndvi/bbox/{box_text(place, 0.1, 0.1)}/assets")
    yield Question("colour maps", "/colorMaps")
    for name in ("vegetation", "night-lights", "viridis", "no-such-map"):
        yield Question("colour maps", f"/colorMaps/{name}")
        yield Question("colour maps", f"/colorMaps/{name}?f=png&width=200&height=20")
    yield Question("colour maps", "/colorMaps/vegetation?f=png&width=99999")
    yield Question("viewer", "/products/ndvi/WebMercatorQuad/map.html")
    yield Question("viewer", "/products/ndvi/WebMercatorQuad/map.html?datetime=2024-06")
    yield Question("viewer", "/products/ndvx/WebMercatorQuad/map.html")


def interface() -> Questions:
    """The description of all there is, and addresses that are not served."""
    yield Question("interface", "/openapi.json")
    for path in ("/conformance", "/favicon.ico", "/nothing/here", "/docs", "/redoc", "/"):
        yield Question("pages", path)
    for path in ("/products", "/areas", "/stac/search", "/tiles/ndvi/0/0/0.png", "/nothing", "/jobs/99"):
        yield Question("methods", path, "OPTIONS")
        yield Question("methods", path, "DELETE")
        preflight = {"Origin": "https://maps.example", "Access-Control-Request-Method": "POST"}
        yield Question("methods", path, "OPTIONS", preflight)


ALL = (products, collections, legends, tilejsons, ogc, interface)
