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


def conditions(rule):
    """What a rule of a product or of a composite says of a band's numbers."""
    names = ("reject", "keep", "reject_bits", "keep_bits", "field")
    return {name: said for name in names if (said := getattr(rule, name))}


@every_composite
def test_its_observations_are_those_that_products_over_the_same_scenes_count(composite):
    source = COLLECTIONS[composite.composition.of].collection
    rules = {rule.band: conditions(rule) for rule in composite.composition.rules}
    assert all(rules.values())
    masked = [
        {rule.band: conditions(rule) for rule in product.mask if source.band(rule.band).categorical}
        for product in PRODUCTS
        if product.collection == source.id
        and not product.roles
        and product.id.startswith(("ndvi", "nightlights"))
    ]
    assert masked == [rules]


@every_composite
def test_its_bands_mean_what_those_of_its_source_do(composite):
    source = COLLECTIONS[composite.composition.of].collection
    assert all(source.band(rule.band).categorical for rule in composite.composition.rules)
    for band in composite.collection.bands:
        if band.name != COUNT:
            its = source.band(band.name)
            assert band.unit == its.unit
            assert band.gsd_m == its.gsd_m
            # whole numbers, in which 0 is missing, or the numbers of the source, in which it may be a value
            physical = (its.dtype, its.nodata) if its.dtype == "float32" else None
            assert (band.dtype, band.nodata) == (physical or ("uint16", MISSING))
    assert composite.collection.band(COUNT).nodata is None


@every_composite
def test_products_show_it(composite):
    shown = {product.kind for product in PRODUCTS if product.collection == composite.collection.id}
    assert shown == (
        {"continuous"} if "lights" in composite.collection.description else {"continuous", "rgb"}
    )
