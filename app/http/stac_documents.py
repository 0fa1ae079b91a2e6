"""STAC documents of the API: what has landed, with addresses a caller can open."""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import antimeridian
from stac_fastapi.api.models import GeoJSONResponse
from starlette.requests import Request
from starlette.responses import Response

from app.http.schemas import JSON
from app.products.product import Product
from app.stac.scene_store import Holding, IndexedScene
from app.state import AppState
from mosaics.collection import Collection
from mosaics.period import instant_text

GEOJSON = "application/geo+json"
JSON_SCHEMA = "application/schema+json"
QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
RENDER = "https://stac-extensions.github.io/render/v2.0.0/schema.json"
PREVIEW_PIXELS = 512
"""Longer side of a preview."""

MADE_HERE = frozenset({"self", "root", "parent", "collection", "item", "items"})
"""Links that are made here, since those of a landed item point into storage."""

ITEM_KEY = re.compile(r"collections/([^/]+)/scenes/([^/]+)/[^/]+/item\.json")


@dataclass(frozen=True)
class Addresses:
    """Addresses as one caller reaches them, worked out once for a whole page of items."""

    stac: str
    tilejson: str
    product: str

    @classmethod
    def of(cls, request: Request) -> "Addresses":
        """Return the addresses under the host and path a request came to."""
        tilejson = request.url_for("product_tilejson", product="{product}", tms="WebMercatorQuad")
        product = str(request.url_for("product", product="{product}"))
        return cls(str(request.url_for("stac")), str(tilejson), product)

    def collection(self, collection: str) -> str:
        """Return the address of a collection."""
        return f"{self.stac}/collections/{collection}"

    def item(self, collection: str, scene_id: str) -> str:
        """Return the address of an item."""
        return f"{self.collection(collection)}/items/{quote(scene_id, safe='')}"

    def item_map(self, scene: IndexedScene, product: Product) -> str:
        """Return the address below which a product is drawn from one item."""
        return f"{self.item(scene.collection, scene.id)}/products/{product.id}"


def item_document(state: AppState, addresses: Addresses, scene: IndexedScene) -> dict[str, Any]:
    """Return the item of a scene."""
    products = products_of(state, scene)
    properties = {**scene.item["properties"], "tilewatch:period": scene.period}
    if scene.ends > scene.starts:
        properties["start_datetime"] = instant_text(scene.starts)
        properties["end_datetime"] = instant_text(scene.last)
    extensions = list(scene.item.get("stac_extensions", ()))
    if products:
        properties["renders"] = renders_of(products)
        extensions.append(RENDER)
    own = addresses.item(scene.collection, scene.id)
    return {
        **scene.item,
        "stac_extensions": list(dict.fromkeys(extensions)),
        "bbox": scene.item.get("bbox") or box_of(scene.item["geometry"]),
        "properties": properties,
        "links": [
            link("self", own, GEOJSON),
            link("root", addresses.stac),
            link("parent", addresses.collection(scene.collection)),
            link("collection", addresses.collection(scene.collection)),
            *kept_links(addresses, scene),
            *shown_by(addresses, scene, products),
        ],
        "assets": {
            name: {**asset, "href": asset_address(own, scene, name, asset)}
            for name, asset in scene.item["assets"].items()
        }
        | thumbnail(addresses, scene, products),
    }


def collection_document(
    state: AppState, addresses: Addresses, collection: Collection, holding: Holding | None
) -> dict[str, Any]:
    """Return a collection with what the index holds of it; if `holding` is None, it holds nothing."""
    products = shown_products(state, collection.id)
    own = addresses.collection(collection.id)
    document = collection.to_stac()
    document["links"] = [
        link("self", own),
        link("root", addresses.stac),
        link("parent", addresses.stac),
        link("items", f"{own}/items", GEOJSON),
        link(QUERYABLES_REL, f"{own}/queryables", JSON_SCHEMA),
        *(link("product", addresses.product.format(product=p.id), title=p.title) for p in products),
        *(link("tilejson", addresses.tilejson.format(product=p.id), title=p.title) for p in products),
    ]
    document["tilewatch:synthetic"] = state.catalogue.is_synthetic(collection.id)
    if products:
        document["renders"] = renders_of(products)
        document["stac_extensions"].append(RENDER)
    if holding is not None and holding.bbox is not None:
        document["extent"] = {
            "spatial": {"bbox": [list(holding.bbox)]},
            "temporal": {"interval": [[_time(holding.starts), _time(holding.last)]]},
        }
        document["summaries"] = dict(holding.summaries)
    return document


def shown_products(state: AppState, collection: str) -> list[Product]:
    """Return products that show a collection at one time; those of two dates do not describe one scene."""
    return [p for p in state.registry.all() if p.collection == collection and not p.roles]


def products_of(state: AppState, scene: IndexedScene) -> list[Product]:
    """Return those of them for which a scene has the bands."""
    held = scene.item["assets"].keys()
    return [p for p in shown_products(state, scene.collection) if held >= set(p.bands)]


def renders_of(products: Iterable[Product]) -> dict[str, Any]:
    """Return how products show the bands (STAC render extension); values are in the bands' units."""
    renders: dict[str, Any] = {}
    for product in products:
        render: dict[str, Any] = {"title": product.title, "assets": list(product.bands)}
        if product.expression is not None:
            render["expression"] = product.expression
        if product.rescale:
            render["rescale"] = [list(stretch) for stretch in product.rescale]
        if product.colormap is not None:
            render["colormap_name"] = product.colormap
        if product.takes_codes and product.palette is not None:
            colors = zip(product.codes, product.palette.colors[1:].tolist(), strict=False)
            render["colormap"] = {str(code): color for code, color in colors}
        renders[product.id] = render
    return renders


def shown_by(addresses: Addresses, scene: IndexedScene, products: Iterable[Product]) -> list[dict[str, Any]]:
    """Return links to maps: of the scene alone as a layer and a picture, and of its period's mosaic."""
    links = []
    for product in products:
        own = addresses.item_map(scene, product)
        name = f"{product.title}, {scene.id}"
        links.append(link("tilejson", f"{own}/tilejson.json", title=name))
        if has_preview(scene, product):
            links.append(link("preview", f"{own}/preview.png", "image/png", title=f"Picture: {name}"))
        mosaic = f"{addresses.tilejson.format(product=product.id)}?datetime={scene.period}"
        links.append(link("related", mosaic, title=f"{product.title}, mosaic of {scene.period}"))
    return links


def thumbnail(
    addresses: Addresses, scene: IndexedScene, products: Sequence[Product]
) -> dict[str, dict[str, Any]]:
    """Return the thumbnail asset of an item: its picture in true colour if there is one; none without one."""
    shown = [product for product in products if has_preview(scene, product)]
    if not shown or "thumbnail" in scene.item["assets"]:
        return {}
    best = min(shown, key=lambda product: product.kind != "rgb")
    picture = {
        "href": f"{addresses.item_map(scene, best)}/preview.png",
        "type": "image/png",
        "title": best.title,
        "roles": ["thumbnail"],
    }
    return {"thumbnail": picture}


def has_preview(scene: IndexedScene, product: Product) -> bool:
    """Return whether a picture of a scene can be drawn: in its projection or in its box."""
    asset = scene.item["assets"].get(product.bands[0], {}) if product.bands else {}
    facts = [asset, scene.item["properties"]]
    if asset.get("proj:bbox") and any(each.get("proj:code") or each.get("proj:wkt2") for each in facts):
        return True
    west, _, east, _ = _flat(scene.item.get("bbox") or box_of(scene.item["geometry"]))
    return west < east


def kept_links(addresses: Addresses, scene: IndexedScene) -> list[dict[str, Any]]:
    """Return links an item landed with: those to other hosts, and those to other scenes here."""
    links = []
    for landed in scene.item.get("links", ()):
        href = landed.get("href", "")
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(scene.item_key), href))
        if landed.get("rel") in MADE_HERE:
            continue
        if href.startswith(("https://", "http://")):
            links.append(dict(landed))
        elif here := ITEM_KEY.fullmatch(beside):
            links.append({**landed, "href": addresses.item(here[1], here[2]), "type": GEOJSON})
    return links


def asset_address(item: str, scene: IndexedScene, name: str, asset: Mapping[str, Any]) -> str:
    """Return where an asset is fetched: from here if it is in our storage, otherwise where it is."""
    key = scene.asset_key(name)
    if key is None:
        return str(asset["href"])
    return f"{item}/files/{scene.version}/{posixpath.basename(key)}"


def link(rel: str, href: str, media_type: str = JSON, *, title: str | None = None) -> dict[str, Any]:
    """Return a link object."""
    return {"rel": rel, "href": href, "type": media_type} | ({} if title is None else {"title": title})


def geojson(document: Mapping[str, Any]) -> Response:
    """Return a GeoJSON answer that clients must revalidate."""
    return GeoJSONResponse(document, headers={"Cache-Control": "no-cache"})


def box_of(geometry: Mapping[str, Any]) -> list[float]:
    """Return the box around a footprint."""
    return list(antimeridian.bbox(dict(geometry)))


def _flat(box: list[float]) -> tuple[float, float, float, float]:
    return (box[0], box[1], box[2], box[3]) if len(box) == 4 else (box[0], box[1], box[3], box[4])


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else instant_text(moment)
