"""Source files: those shipped fit the collections they are landed in, and wrong ones say what is wrong."""

import tomllib

import pytest

from mosaics.descriptions.collections import load_collections
from mosaics.descriptions.sources import (
    KINDS,
    SHIPPED,
    BandAsset,
    SourceFileError,
    StacSource,
    load_sources,
    read_source,
)

GOOD = """
title = "Mine"
api = "https://stac.example.org/v1"
archive_collection = "s2"
collection = "sentinel-2-l2a"
offset = "baseline"
assets = { red = "B04_10m" }
"""


@pytest.mark.parametrize("source", load_sources().values(), ids=load_sources().keys())
def test_every_source_fits_its_collection(source):
    collection = load_collections()[source.collection].collection
    assert set(source.bands) <= set(collection.band_names)
    assert source.api.startswith("https://")
    categorical = {band.name for band in collection.bands if band.categorical}
    assert categorical <= set(source.bands)  # without them nothing masks clouds


def test_a_source_of_ones_own(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    found = load_sources(tmp_path)
    mine = found["mine"]
    assert isinstance(mine, StacSource)
    assert (mine.kind, mine.bands) == ("stac", ("red",))  # files written before there were kinds say none
    assert mine.band_asset("red") == BandAsset(asset="B04_10m", band=1)
    assert len(found) == 1 + len(list(SHIPPED.glob("*.toml")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("https://stac.example.org/v1", "ftp://stac.example.org"), "mine.toml: api: "),
        (("https://stac", "https://user@stac"), "mine.toml: api: "),
        (('"baseline"', '"guess"'), "mine.toml: offset: "),
        (('title = "Mine"', ""), "mine.toml: title: "),
        (
            ('title = "Mine"', 'kind = "ftp"\ntitle = "Mine"'),
            "mine.toml: kind: 'ftp' is not a kind of source; there are: cmr, harmony, stac.",
        ),
        (('title = "Mine"', 'kind = 3\ntitle = "Mine"'), "mine.toml: kind: 3 is not a kind of source"),
        (('"B04_10m"', '{ asset = "B04", band = 0 }'), "mine.toml: assets: red: "),
        (('title = "Mine"', 'title = "Mine"\nmore = 1'), "mine.toml: more: "),
        (('title = "Mine"', 'id = "other"'), "mine.toml: id: leave it out"),
        (('title = "Mine"', "title ="), "mine.toml is not TOML"),
        (('{ red = "B04_10m" }', "{}"), "mine.toml: assets: "),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, change, said):
    (tmp_path / "mine.toml").write_text(GOOD.replace(*change))
    with pytest.raises(SourceFileError) as refused:
        read_source(tmp_path / "mine.toml")
    assert str(refused.value).startswith(said)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SourceFileError, match="there is no folder"):
        load_sources(tmp_path / "nowhere")


def test_every_shipped_file_says_its_kind():
    for path in SHIPPED.glob("*.toml"):
        assert tomllib.loads(path.read_text())["kind"] in KINDS


def test_a_file_of_several_bands_is_told_by_name_and_number(tmp_path):
    several = '{ red = { asset = "image", band = 1 }, nir = { asset = "image", band = 4 } }'
    (tmp_path / "mine.toml").write_text(GOOD.replace('{ red = "B04_10m" }', several))
    source = read_source(tmp_path / "mine.toml")
    assert isinstance(source, StacSource)
    assert source.band_asset("nir") == BandAsset(asset="image", band=4)
