"""Reading items: what is kept of them, and what is made of those that say too little or too much."""

from pathlib import Path

import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from ingest.archives.archive import GranuleRefusedError, RemoteFile
from ingest.archives.stac.items import read_granule
from ingest.archives.stac.referencing import referenced_raster
from mosaics.descriptions.collections import load_collections
from mosaics.descriptions.sources import StacSource
from tests.ingest.archives.scenes import MOL_10M, sentinel_item

B04 = Path("B04.tif")
ROOT = "https://archive.example"
COLLECTION = load_collections()["sentinel-2-l2a"].collection


def source(offset="item", **assets):
    return StacSource(
        id="mine",
        title="Mine",
        api=ROOT,
        archive_collection="s2",
        collection="sentinel-2-l2a",
        offset=offset,
        assets=assets or {"red": "red", "nir": "nir", "scl": "scl"},
    )


def several(**given):
    """An item whose one file holds red and near infrared."""
    item = sentinel_item(ROOT)
    facts = [{"nodata": 0, "scale": 0.0001, "offset": -0.1}, {"nodata": 1, "scale": 0.0002, "offset": -0.2}]
    item["assets"] = {"image": {**item["assets"]["red"], "raster:bands": facts, **given}}
    return item


SEVERAL = {"red": {"asset": "image"}, "nir": {"asset": "image", "band": 2}}


def test_two_bands_of_an_asset_are_layers_of_one_file():
    found = read_granule(several(), source(**SEVERAL), ("red", "nir"))
    assert dict(found.files) == {
        "red.tif": RemoteFile(
            f"{ROOT}/{found.id}/B04.tif",
            media_type="image/tiff; application=geotiff; profile=cloud-optimized",
        )
    }
    layers = {band: (layer.file, layer.layer, layer.declared) for band, layer in found.layers.items()}
    assert layers == {"red": ("red.tif", 1, (0.0001, -0.1)), "nir": ("red.tif", 2, (0.0002, -0.2))}
    assert [found.layers[band].nodata for band in ("red", "nir")] == [0, 1]


def test_the_offset_is_declared_only_where_the_source_says_it_is_right():
    for offset in ("baseline", "flag"):
        found = read_granule(several(), source(offset, **SEVERAL), ("red",))
        assert found.layers["red"].declared is None


@pytest.mark.parametrize(("flag", "removed"), [(True, True), (False, False), (None, False)])
def test_the_flag_of_earth_search(flag, removed):
    item = sentinel_item(ROOT, boa_offset_applied=flag)
    assert read_granule(item, source("flag"), ("red",)).offset_removed is removed
    assert read_granule(item, source("baseline"), ("red",)).offset_removed is None


def test_a_band_that_is_not_wanted_may_be_missing():
    item = sentinel_item(ROOT)
    del item["assets"]["nir"]["href"]
    del item["assets"]["scl"]
    found = read_granule(item, source(), ("red",))
    assert list(found.layers) == ["red"]
    with pytest.raises(GranuleRefusedError, match=r"it has no scl \(asset scl\)"):
        read_granule(item, source(), ("red", "scl"))
    with pytest.raises(GranuleRefusedError, match=r"nir \(asset nir\): it does not say where its file is"):
        read_granule(item, source(), ("nir",))


@pytest.mark.parametrize(
    "said",
    [
        {"proj:code": "EPSG:32631"},
        {"proj:epsg": 32631},
        {"proj:wkt2": CRS.from_epsg(32631).to_wkt(version="WKT2_2019"), "proj:code": None},
    ],
)
def test_the_grid_of_an_asset(said):
    item = sentinel_item(ROOT)
    del item["properties"]["proj:epsg"]
    item["properties"] |= said
    grid = read_granule(item, source(), ("red",)).layers["red"].grid
    assert grid is not None
    assert (grid.width, grid.height, grid.crs) == (300, 300, CRS.from_epsg(32631))
    assert grid.transform == Affine(*MOL_10M)


@pytest.mark.parametrize(
    "given", [{"proj:shape": None}, {"proj:transform": [1]}, {"raster:bands": [{"nodata": "none"}]}]
)
def test_pixels_that_are_not_described_are_still_fetched_but_not_left_there(given):
    layer = read_granule(several(**given), source(**SEVERAL), ("red",)).layers["red"]
    assert layer.grid is None
    with pytest.raises(GranuleRefusedError, match="not described well enough"):
        referenced_raster(layer, "image/tiff; profile=cloud-optimized", COLLECTION.band("red"), B04)


@pytest.mark.parametrize(
    ("band", "media_type", "given", "said"),
    [
        ("red", "image/tiff; application=geotiff", {}, "not said to be a Cloud Optimized GeoTIFF; copy it"),
        ("nir", "image/tiff; profile=cloud-optimized", {}, r"is not the first band of B04\.tif; copy it"),
        (
            "red",
            "image/tiff; profile=cloud-optimized",
            {"proj:transform": [10, 0, 0, 0, 10, 0]},
            "a grid that does not run north up; copy it",
        ),
    ],
)
def test_what_cannot_be_read_where_it_lies(band, media_type, given, said):
    layer = read_granule(several(**given), source(**SEVERAL), (band,)).layers[band]
    with pytest.raises(GranuleRefusedError, match=said):
        referenced_raster(layer, media_type, COLLECTION.band(band), B04)


def test_properties_that_no_database_holds_are_left_out():
    item = sentinel_item(ROOT)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    odd = {"s2:nul": "a\0b", "s2:half": "\ud800", "s2:inf": float("inf"), "s2:long": "x" * 70_000}
    item["properties"] |= {**odd, "s2:deep": deep, "s2:nul\0": 1, "s2:right": "ä"}
    found = read_granule(item, source(), ("red",)).provenance.properties
    assert {name for name in found if name.startswith("s2:")} == {
        *("s2:processing_baseline", "s2:sequence", "s2:right"),
    }


def test_properties_that_are_ours_to_keep_are_kept():
    item = sentinel_item(ROOT, boa_offset_applied=True)
    item["properties"] |= {"view:off_nadir": 3, "other:thing": 4}
    found = read_granule(item, source(), ("red",)).provenance
    assert found.properties == {
        "platform": "sentinel-2a",
        "grid:code": "MGRS-31UFT",
        "s2:processing_baseline": "05.10",
        "s2:sequence": "0",
        "earthsearch:boa_offset_applied": True,
        "view:off_nadir": 3,
    }
    assert [link["rel"] for link in found.links] == ["derived_from"]
