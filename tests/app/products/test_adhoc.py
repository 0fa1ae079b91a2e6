"""Products of a request."""

import numpy as np
import pytest

from app.products.adhoc import ProductRequestError, adhoc_product
from mosaics.collection import Band, Collection, UnknownBandError
from mosaics.period import Cadence


def reflectance(name: str, title: str, wavelength_um: float) -> Band:
    return Band(name=name, title=title, dtype="uint16", scale=0.0001, nodata=0, wavelength_um=wavelength_um)


COLLECTION = Collection(
    id="sentinel-2_l2a",
    title="Sentinel-2",
    description="",
    cadence=Cadence.DAY,
    license="other",
    attribution="",
    bands=(
        reflectance("red", "Red", 0.665),
        reflectance("green", "Green", 0.56),
        reflectance("nir", "Near infrared", 0.842),
        Band(name="scl", title="Scene classes", dtype="uint8", categorical=True),
        Band(name="photo", title="Photograph", dtype="uint8", unit=""),
        Band(name="surface_temperature", title="Temperature", dtype="uint16", unit="K", wavelength_um=10.9),
    ),
)


def test_three_bands_are_red_green_and_blue():
    product = adhoc_product(COLLECTION, bands=["nir", "red", "green"])
    assert (product.kind, product.rgb_bands) == ("rgb", ("nir", "red", "green"))
    assert product.rescale == ((0.0, 0.4),) * 3
    assert product.collection == "sentinel-2_l2a"
    assert product.mask == ()


def test_one_band_is_drawn_with_a_colour_map():
    product = adhoc_product(COLLECTION, bands=["nir"], colormap="greys")
    assert (product.kind, product.colormap, product.unit) == ("continuous", "greys", "1")
    assert product.rescale == ((0.0, 0.4),)
    value = np.full((1, 1), 0.25, dtype=np.float32)
    assert product.formula is not None
    assert product.formula.evaluate({"nir": value}).item() == 0.25


def test_an_expression_is_drawn_over_the_range_that_is_asked_for():
    product = adhoc_product(COLLECTION, expression="(nir-red)/(nir+red)", rescale="-1,1")
    assert (product.bands, product.rescale, product.colormap) == (("nir", "red"), ((-1.0, 1.0),), "viridis")


def test_eight_bit_pictures_are_drawn_as_they_are():
    assert adhoc_product(COLLECTION, bands=["photo"]).rescale == ((0.0, 255.0),)


def test_each_of_three_bands_can_have_its_own_range():
    product = adhoc_product(COLLECTION, bands=["nir", "red", "green"], rescale="0,0.5,0,0.2,0,0.3")
    assert product.rescale == ((0.0, 0.5), (0.0, 0.2), (0.0, 0.3))


def test_equal_requests_have_equal_digests_and_others_do_not():
    first = adhoc_product(COLLECTION, expression="nir/red", rescale="0,10")
    assert adhoc_product(COLLECTION, expression=" nir / red ", rescale="0,10.0").digest == first.digest
    assert adhoc_product(COLLECTION, expression="nir/red", rescale="0,9").digest != first.digest
    assert (
        adhoc_product(COLLECTION, expression="nir/red", rescale="0,10", colormap="greys").digest
        != first.digest
    )


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "give either bands=red,green,blue"),
        ({"bands": ["red"], "expression": "red"}, "give either bands=red,green,blue"),
        ({"bands": ["red", "nir"]}, "bands has 2 names; give one, or three"),
        ({"expression": "nir / red"}, "an expression has no default range; .* rescale=-1,1"),
        ({"bands": ["scl"]}, "band 'scl' has no default range"),
        ({"bands": ["surface_temperature"]}, "band 'surface_temperature' has no default range"),
        ({"bands": ["red"], "rescale": "low,high"}, "rescale='low,high' is not valid; .* rescale=0,0.4"),
        ({"bands": ["red"], "rescale": "1"}, "is not valid"),
        ({"bands": ["red"], "rescale": "0,nan"}, "rescale: numbers from"),
        ({"bands": ["red"], "rescale": "1,0"}, "rescale: low stands below high"),
        ({"bands": ["red"], "rescale": "0,1,0,1,0,1"}, "rescale: an expression has one pair"),
        ({"bands": ["red"], "colormap": "../greys"}, "colormap: no colormap '../greys'; there are"),
        ({"bands": ["nir", "red", "green"], "colormap": "greys"}, "colormap: this belongs to an expression"),
        ({"expression": "9**9**9", "rescale": "0,1"}, "expression: .*exponents 2 and 3"),
        ({"expression": "pre.nir", "rescale": "0,1"}, "expression: this product has no time windows"),
    ],
)
def test_a_request_for_nothing_is_refused_with_what_would_work(request_, words):
    with pytest.raises(ProductRequestError, match=words):
        adhoc_product(COLLECTION, **request_)


@pytest.mark.parametrize("request_", [{"bands": ["rot"]}, {"expression": "rot * 2", "rescale": "0,1"}])
def test_a_band_there_is_not_is_answered_with_those_there_are(request_):
    with pytest.raises(UnknownBandError, match=r"no band 'rot' .* there are: red, green, nir"):
        adhoc_product(COLLECTION, **request_)
