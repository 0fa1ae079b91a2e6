"""Which bands a file holds: by descriptions, then colours, then order; refused where none of them tells."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp as C

from ingest.file_bands import bands_of_file
from ingest.landing_request import LandingError
from mosaics.collection import Band, Collection, UnknownBandError
from mosaics.descriptions.collections import load_collections
from mosaics.period import Cadence
from tests.rasters import write_geotiff

NAIP = load_collections()["naip"].collection
"""Red, green, blue, nir."""


@pytest.fixture
def picture(tmp_path):
    def write(*colours, descriptions=()):
        values = np.ones((len(colours), 4, 4), np.uint8)
        path = write_geotiff(
            tmp_path / "picture.tif",
            values,
            colorinterp=colours,
            photometric="rgb" if C.red in colours[:1] else "minisblack",
            alpha="yes" if C.alpha in colours else "unspecified",
        )
        with rasterio.open(path, "r+") as dataset:
            for index, text in enumerate(descriptions, start=1):
                dataset.set_band_description(index, text)
        return path

    return write


def found(path, collection=NAIP, **given):
    return {asset.band: asset.index for asset in bands_of_file(path, collection, **given)}


def bands(*names):
    described = tuple(Band(name=name, title=name, dtype="uint8") for name in names)
    return Collection(
        id="own", title="Own", description="", cadence=Cadence.YEAR, license="other", attribution="",
        bands=described,
    )  # fmt: skip


def test_colours_say_it_in_whatever_order_they_stand(picture):
    assert found(picture(C.red, C.green, C.blue)) == {"red": 1, "green": 2, "blue": 3}
    assert found(picture(C.blue, C.green, C.red)) == {"blue": 1, "green": 2, "red": 3}
    assert found(picture(C.red, C.green, C.blue, C.nir)) == {"red": 1, "green": 2, "blue": 3, "nir": 4}
    assert found(picture(C.red, C.green, C.blue), bands("blue", "green", "red"))["blue"] == 3


def test_an_alpha_band_marks_missing_pixels_and_is_left_out(picture):
    rgb = bands("red", "green", "blue")
    assert found(picture(C.red, C.green, C.blue, C.alpha), rgb) == {"red": 1, "green": 2, "blue": 3}
    assert found(picture(C.gray, C.alpha), bands("height")) == {"height": 1}


def test_an_alpha_band_where_the_collection_has_a_fourth_is_asked_about(picture):
    """GDAL marks the fourth of four bands of bytes as alpha, whatever it is."""
    with pytest.raises(LandingError, match=r"colours: red, green, blue, alpha.*--bands red,green,blue,-"):
        found(picture(C.red, C.green, C.blue, C.alpha))


def test_descriptions_come_before_colours_and_order(picture):
    path = picture(C.red, C.green, C.blue, C.undefined, descriptions=("NIR", "Red", "green", "quality"))
    assert found(path) == {"nir": 1, "red": 2, "green": 3}
    path = picture(C.gray, C.undefined, descriptions=("B08", "B04"))
    assert found(path, names={"b04": "red", "b08": "nir"}) == {"nir": 1, "red": 2}


def test_as_many_bands_as_the_collection_are_in_its_order_unless_colours_contradict(picture):
    assert found(picture(C.gray, *[C.undefined] * 3)) == {"red": 1, "green": 2, "blue": 3, "nir": 4}
    assert found(picture(C.red, C.green, C.blue, C.undefined))["nir"] == 4
    with pytest.raises(LandingError, match="does not say which bands"):
        found(picture(C.undefined, C.red, C.green, C.blue))
    with pytest.raises(LandingError, match="does not say"):  # near infrared, red, green stored as a picture
        found(picture(C.red, C.green, C.blue), bands("nir", "red", "green"))


@pytest.mark.parametrize("colours", [(C.gray,), (C.gray, C.undefined), (C.gray, *[C.undefined] * 4)])
def test_what_nothing_tells_is_refused_with_the_option_that_says_it(picture, colours):
    with pytest.raises(LandingError, match=r"naip has 4: red, green, blue, nir.*--bands red"):
        found(picture(*colours))


def test_listed_bands_are_taken_as_listed(picture):
    path = picture(C.red, C.green, C.blue, C.alpha)
    assert found(path, bands=("nir", "-", "green")) == {"nir": 1, "green": 3}
    with pytest.raises(LandingError, match=r"5 bands are listed, and picture\.tif has 4"):
        found(path, bands=("red", "green", "blue", "nir", "-"))
    with pytest.raises(LandingError, match="red is listed more than once"):
        found(path, bands=("red", "red"))
    with pytest.raises(UnknownBandError, match="no band 'swir'"):
        found(path, bands=("swir",))
