"""Feeds of areas: those that an area wants, by what its products read."""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ValidationError

from app.areas.area import Area, AreaError, FeedWish
from app.feeds.feed import FeedRequest, Order
from app.feeds.orders import time_read
from app.jobs.sources import choose_source
from app.products.product import Product
from app.products.registry import Registry, UnknownProductError
from app.settings import Settings
from app.validation import first_fault
from mosaics.bbox import Bbox
from mosaics.descriptions.folders import Descriptions


def requests_for(
    area: Area, wish: FeedWish, registry: Registry, descriptions: Descriptions, settings: Settings
) -> dict[str, FeedRequest]:
    """Return the feeds an area wants, by collection: one for each that its products read and an archive has.

    Raises:
        AreaError: If it wants feeds, and none of its products can have one.
    """
    if not wish.is_wanted:
        return {}
    by_collection: dict[str, list[Product]] = {}
    for product in known_products(area.description.products, registry):
        by_collection.setdefault(product.collection, []).append(product)
    found = {}
    for collection, products in by_collection.items():
        if not any(source.collection == collection for source in descriptions.sources.values()):
            continue
        source = choose_source(
            descriptions.sources, None, collection=collection, preferred=settings.order_source
        )
        bands = [band for product in products for band in bands_of(product) if band in source.bands]
        given = {"source": source.id, "area": area.id, "bands": bands, "from": wish.starts, "to": wish.ends}
        try:
            found[collection] = FeedRequest.model_validate(given)
        except ValidationError as error:
            place, said = first_fault(error)
            raise AreaError(f"properties.feed.{place}: {said}") from error
    if not found:
        reading = ", ".join(by_collection) or "none, since it keeps no products"
        raise AreaError(
            "properties.feed needs a product whose collection an archive has (`tilewatch sources`); those of "
            f"this area read: {reading}"
        )
    return found


def adapted(order: Order, place: Bbox, request: FeedRequest | None) -> Order:
    """Return the order of a feed over an area's box, as the area is now.

    Args:
        order: As it was.
        place: The area's box.
        request: As the area wants it; None for a feed that was made by itself.
    """
    if request is None:
        return replace(order, box=place)
    starts, ends = time_read(request.starts, request.ends)
    return replace(
        order, box=place, bands=request.bands, starts=starts or order.starts, ends=ends or order.ends
    )


def bands_of(product: Product) -> Iterable[str]:
    """Return the bands of its own collection that a product and its statistics read."""
    observations = () if product.observations is None else product.observed.bands
    return dict.fromkeys((*product.bands, *product.mask_bands, *observations))


def known_products(ids: Iterable[str], registry: Registry) -> Iterable[Product]:
    """Yield the products of some ids, without those whose files are gone."""
    for product_id in ids:
        try:
            yield registry.get(product_id)
        except UnknownProductError:
            continue
