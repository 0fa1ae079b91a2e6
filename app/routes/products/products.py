"""Products: what can be shown, and what each product means."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request

from app.http.parameters import ReadyState, known_names, revalidated
from app.http.schemas import (
    JSON,
    Link,
    PeriodRange,
    ProductDetail,
    ProductList,
    ProductSummary,
    RoleFacts,
    product_facts,
)
from app.http.zooms import zoom_range
from app.jobs.job import JobRequestError
from app.jobs.sources import choose_source
from app.products.product import Product
from app.rendering.address import matrix_set
from app.rendering.selecting import shown_periods
from app.state import AppState
from mosaics.period import Period

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])


@router.get("/products", name="products")
async def list_products(request: Request, state: ReadyState) -> ProductList:
    """List all products with a summary of their periods; those of one date first."""
    return ProductList(
        products=[
            ProductSummary(
                **product_facts(product, state.catalogue),
                periods=PeriodRange.of(periods_of(state, product)),
                links=links_of(request, product),
            )
            for product in sorted(state.registry.all(), key=lambda product: bool(product.roles))
        ]
    )


@router.get("/products/{product}", name="product")
async def describe_product(request: Request, state: ReadyState, product: str) -> ProductDetail:
    """Return a product: formula, mask rules, classes, references and periods."""
    found = state.registry.get(product)
    periods = periods_of(state, found)
    return ProductDetail(
        **product_facts(found, state.catalogue),
        **await _place(state, found, periods),
        expression=found.formula.text if found.formula else None,
        index=found.index_facts,
        bands=list(found.bands),
        mask=[_stated(rule.model_dump(mode="json")) for rule in found.mask],
        classes=_classes(found),
        references=list(found.references),
        roles={name: RoleFacts.of(role) for name, role in found.roles.items()},
        offset=found.offset,
        parameters={
            name: each.model_dump() | {"default": found.parameter_values[name]}
            for name, each in found.parameters.items()
        },
        plausible=found.plausible,
        counted=[row.model_dump() for row in found.counted],
        lit_above=[] if found.lights is not None else list(found.lit_thresholds),
        lit_changes_above=[] if found.lights is None else list(found.lit_thresholds),
        source=await asyncio.to_thread(source_of, state, found),
        periods=[str(period) for period in periods],
        links=links_of(request, found),
    )


def periods_of(state: AppState, product: Product) -> tuple[Period, ...]:
    """Return the periods a product can be requested for, oldest first; none if nothing has landed."""
    if product.collection not in state.catalogue.collections():
        return ()
    return shown_periods(state.catalogue, product)


def source_of(state: AppState, product: Product) -> str | None:
    """Return the source from which feeds bring what a product reads; None where nothing new can be had."""
    descriptions = state.descriptions.current()
    described = descriptions.collections.get(product.collection)
    if described is not None and described.collection.ended is not None:
        return None
    try:
        chosen = choose_source(
            descriptions.sources, None, collection=product.collection, preferred=state.settings.order_source
        )
    except JobRequestError:
        return None
    return chosen.id


def links_of(request: Request, product: Product) -> list[Link]:
    """Return links to the parts of a product."""

    def address(name: str, **more: str) -> str:
        return str(request.url_for(name, product=product.id, **more))

    tile = address("product_tile", tms="{tms}", z="{z}", x="{x}", y="{y}", format="png")
    return [
        Link(rel="self", href=address("product")),
        Link(rel="alternate", href=address("product_viewer", tms="WebMercatorQuad"), type="text/html"),
        Link(rel="tilejson", href=address("product_tilejson", tms="WebMercatorQuad")),
        Link(rel="tiles", href=tile, type="image/png", templated=True),
        Link(rel="legend", href=address("product_legend", format="json")),
        Link(rel="legend", href=address("product_legend", format="png"), type="image/png"),
        Link(rel="times", href=address("product_times")),
        Link(rel="point", href=address("product_point", lon="{lon}", lat="{lat}"), templated=True),
        Link(rel="tilesets", href=f"{address('product')}/tiles"),
        Link(rel="wmts", href=f"{address('product')}/WMTSCapabilities.xml", type="application/xml"),
        Link(
            rel="collection",
            href=str(request.url_for("collection", collection=product.collection)),
            type=JSON,
        ),
    ]


async def _place(state: AppState, product: Product, periods: tuple[Period, ...]) -> dict[str, Any]:
    if not periods:
        return {"bbox": None, "minzoom": None, "maxzoom": None}
    index = await state.catalogue.index(product.collection, periods[-1])
    zooms = zoom_range(
        [index], matrix_set("WebMercatorQuad"), tilesize=256, limit=state.settings.max_scenes_per_tile
    )
    return {"bbox": index.bounds, "minzoom": zooms.lowest, "maxzoom": zooms.highest}


def _classes(product: Product) -> list[dict[str, Any]]:
    """Return ranges as the file has them; of single values each with its colour, and all others last."""
    if not product.takes_codes or product.palette is None:
        return [_stated(row.model_dump(mode="json", by_alias=True)) for row in product.classes]
    entries = zip((*product.codes, None), product.palette.entries, strict=True)
    return [_stated({"name": e.label, "color": e.color, "value": code}) for code, e in entries]


def _stated(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != []}
