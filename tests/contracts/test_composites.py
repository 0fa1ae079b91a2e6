"""What holds for every collection of composites there is."""

import pytest

from app.products.registry import Registry
from ingest.compositing.reducing import MISSING
from mosaics.descriptions.collections import load_collections
from mosaics.descriptions.composites import COUNT

COLLECTIONS = load_collections()
PRODUCTS = Registry.load().all()

every_composite = pytest.mark.parametrize(
    "composite",
    [each for each in COLLECTIONS.values() if each.composition],
    ids=lambda composite: composite.collection.id,
)


@every_composite
def test_its_observations_are_those_that_products_over_the_same_scenes_count(composite):
    rule = composite.composition.mask
    masked = [
        (tuple(mask.reject or ()), tuple(mask.reject_bits or ()))
        for product in PRODUCTS
        if product.collection == composite.composition.of
        and not product.roles
        and product.id.startswith("ndvi")
        for mask in product.mask
        if mask.band == rule.band
    ]
    assert masked == [(rule.reject, rule.reject_bits)]


@every_composite
def test_its_bands_mean_what_those_of_its_source_do(composite):
    source = COLLECTIONS[composite.composition.of].collection
    assert source.band(composite.composition.mask.band).categorical
    for band in composite.collection.bands:
        if band.name != COUNT:
            assert band.unit == source.band(band.name).unit
            assert band.gsd_m == source.band(band.name).gsd_m
            assert (band.dtype, band.nodata) == ("uint16", MISSING)
    assert composite.collection.band(COUNT).nodata is None


@every_composite
def test_products_show_it(composite):
    shown = {product.kind for product in PRODUCTS if product.collection == composite.collection.id}
    assert shown == {"continuous", "rgb"}
