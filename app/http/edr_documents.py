"""OGC API EDR: what collections say of the queries they take, the landing page and conformance."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from app.errors import RequestError
from app.http.covjson import COVJSON
from app.products.adhoc import adhoc_product
from app.products.product import Product
from app.state import AppState
from mosaics.collection import Collection

EDR = "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf"

CONFORMANCE = (f"{EDR}/core", f"{EDR}/collections", f"{EDR}/json", f"{EDR}/covjson")
"""The conformance classes. Not `queries`, which wants instances; nor `oas30`: `openapi.json` is 3.1."""

CRS84 = "CRS84"

CRS84_NAMES = frozenset(
    {
        *(CRS84, "OGC:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84"),
        *(f"{scheme}://www.opengis.net/def/crs/OGC/1.3/CRS84" for scheme in ("http", "https")),
        *(f"{scheme}://www.opengis.net/def/crs/OGC/0/CRS84" for scheme in ("http", "https")),
    }
)

CRS84_WKT = (
    'GEOGCS["WGS 84 (CRS84)",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AXIS["Longitude",EAST],AXIS["Latitude",NORTH]]'
)

FORMATS = ("CoverageJSON", "CSV")

UNITS = {"m": 1.0, "km": 1000.0}
"""Of widths and heights, in metres."""

QUERIES = {
    "trajectory": "Values along a way, exactly from cell to cell",
    "corridor": "Values of the cells within a distance of a way",
}

MAX_PARAMETERS = 20


TRS = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"


def edr_extent(extent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extent of a collection with the systems its numbers are in."""
    spatial = extent["spatial"] | {"crs": CRS84}
    return {**extent, "spatial": spatial, "temporal": extent["temporal"] | {"trs": TRS}}


def query_links(request: Request, collection: Collection) -> list[dict[str, Any]]:
    """Return links to the queries of a collection."""
    return [
        {
            "rel": "data",
            "href": str(request.url_for(f"edr_{name}", collection=collection.id)),
            "type": COVJSON,
            "title": title,
        }
        for name, title in QUERIES.items()
    ]


def edr_fields(request: Request, state: AppState, collection: Collection) -> dict[str, Any]:
    """Return what EDR adds to the description of a collection."""
    queries: dict[str, dict[str, Any]] = {
        name: {
            "link": {
                "href": str(request.url_for(f"edr_{name}", collection=collection.id)),
                "rel": "data",
                "title": title,
                "variables": {
                    "title": title,
                    "query_type": name,
                    "output_formats": list(FORMATS),
                    "default_output_format": FORMATS[0],
                    "crs_details": [{"crs": CRS84, "wkt": CRS84_WKT}],
                },
            }
        }
        for name, title in QUERIES.items()
    }
    queries["corridor"]["link"]["variables"] |= {"width_units": list(UNITS), "height_units": list(UNITS)}
    return {
        "data_queries": queries,
        "crs": [CRS84],
        "output_formats": list(FORMATS),
        "parameter_names": {
            name: _parameter(name, product) for name, product in parameters_of(state, collection).items()
        },
    }


def parameters_of(state: AppState, collection: Collection) -> dict[str, Product]:
    """Return what can be asked of a collection: its products with one value a pixel, and its bands.

    A band has the values as they are stored; the product of the same name keeps its rules.
    """
    own = {p.id: p for p in state.registry.all() if p.collection == collection.id and p.planes == 1}
    bands = {
        band.name: adhoc_product(collection, bands=[band.name], painted=False).model_copy(
            update={"title": band.title, "unit": band.unit}
        )
        for band in collection.bands
        if band.name not in own
    }
    return own | bands


def asked_parameters(state: AppState, collection: Collection, names: Sequence[str]) -> dict[str, Product]:
    """Return the parameters a request names; without names, the products of one time.

    Raises:
        RequestError: If one does not exist, or there are too many.
    """
    known = parameters_of(state, collection)
    if not names:
        usual = {name: p for name, p in known.items() if p.collection and not p.roles}
        products = {name: p for name, p in usual.items() if p.id == name}
        return products or usual
    for name in names:
        if name not in known:
            raise RequestError(
                f"parameter-name {name[:80]!r} is not a parameter of {collection.id!r}; there are: "
                f"{', '.join(known)}"
            )
    chosen = dict.fromkeys(names)
    if len(chosen) > MAX_PARAMETERS:
        raise RequestError(f"parameter-name has {len(chosen)} names; at most {MAX_PARAMETERS} are allowed")
    return {name: known[name] for name in chosen}


def landing_document(request: Request) -> dict[str, Any]:
    """Return the landing page of the interface as JSON."""

    def link(rel: str, name: str, media_type: str, title: str) -> dict[str, str]:
        return {"rel": rel, "href": str(request.url_for(name)), "type": media_type, "title": title}

    return {
        "title": "Tilewatch",
        "description": "Live maps from satellite archives, with tiles computed on demand.",
        "links": [
            link("self", "page", "application/json", "This document"),
            link("alternate", "page", "text/html", "The map"),
            link("service-desc", "openapi", "application/vnd.oai.openapi+json;version=3.1", "The interface"),
            link("service-doc", "docs", "text/html", "The interface, to read"),
            link("conformance", "conformance", "application/json", "Conformance classes"),
            link("data", "collections", "application/json", "Collections"),
        ],
    }


def _parameter(name: str, product: Product) -> dict[str, Any]:
    unit = product.unit or "1"
    return {
        "id": name,
        "type": "Parameter",
        "description": product.description or product.title,
        "unit": {"label": unit, "symbol": unit},
        "observedProperty": {"id": name, "label": product.title},
    }
