"""Collections: what they refuse, and their form as STAC."""

import json
import math

import pystac
import pytest
from pydantic import ValidationError

from mosaics.collection import Band, Collection, Provider, UnknownBandError, UnknownCollectionError
from mosaics.period import Cadence

SCL = Band(
    name="scl",
    title="Scene classification",
    dtype="uint8",
    nodata=0,
    categorical=True,
    gsd_m=20,
    values={3: "Cloud shadow", 4: "Vegetation"},
)
RED = Band(
    name="red",
    title="Red",
    description="Surface reflectance",
    dtype="uint16",
    scale=0.0001,
    offset=-0.1,
    nodata=0,
    gsd_m=10,
    wavelength_um=0.665,
)
LIGHT = Band(name="radiance", title="Radiance", dtype="float32", unit="nW cm-2 sr-1", nodata=math.nan)


def collection(**fields):
    return Collection(
        **{
            "id": "sentinel-2-l2a",
            "title": "Sentinel-2",
            "description": "Surface reflectance.",
            "cadence": Cadence.MONTH,
            "license": "other",
            "attribution": "Contains modified Copernicus Sentinel data",
            "providers": (Provider(name="ESA", roles=("producer",), url="https://esa.int"),),
            "bands": (RED, SCL),
            "references": ("Product guide",),
            **fields,
        }
    )


def test_a_collection_comes_back_from_stac_as_it_was():
    document = json.loads(json.dumps(collection().to_stac(), allow_nan=False))
    assert Collection.from_stac(document) == collection()


def test_nodata_that_is_not_a_number_survives_json():
    document = json.loads(json.dumps(collection(bands=(LIGHT,)).to_stac(), allow_nan=False))
    assert document["item_assets"]["radiance"]["bands"][0]["nodata"] == "nan"
    nodata = Collection.from_stac(document).band("radiance").nodata
    assert nodata is not None
    assert math.isnan(nodata)


def test_a_stac_library_reads_it():
    read = pystac.Collection.from_dict(collection().to_stac())
    assert read.id == "sentinel-2-l2a"
    assert set(read.item_assets) == {"red", "scl"}
    facts = read.item_assets["red"].properties["bands"][0]
    assert (facts["raster:scale"], facts["raster:offset"], facts["nodata"]) == (0.0001, -0.1, 0)


def test_an_unknown_band_is_answered_with_those_there_are():
    with pytest.raises(UnknownBandError) as caught:
        collection().band("nir")
    assert str(caught.value) == "no band 'nir' in collection 'sentinel-2-l2a'; there are: red, scl"


def test_an_unknown_collection_is_answered_with_those_there_are():
    assert str(UnknownCollectionError("naip", ["b", "a"])) == "no collection 'naip'; there are: a, b"
    assert str(UnknownCollectionError("naip", [])) == "no collection 'naip'; there are none yet"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bands": (RED, RED)}, "given twice: red"),
        ({"bands": ()}, "bands"),
        ({"id": "Sentinel 2"}, "id"),
        ({"id": "../up"}, "id"),
        ({"cadence": "fortnight"}, "cadence"),
    ],
)
def test_a_wrong_collection_never_exists(fields, message):
    with pytest.raises(ValidationError, match=message):
        collection(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dtype": "uint12"}, "'uint12' is not a type of numbers; there are: int8"),
        ({"values": {1: "Water"}}, "categorical = true"),
        ({"name": "Band 4"}, "name"),
        ({"gsd_m": 0}, "gsd_m"),
    ],
)
def test_a_wrong_band_never_exists(fields, message):
    with pytest.raises(ValidationError, match=message):
        Band(**{"name": "red", "title": "Red", "dtype": "uint16", **fields})
