"""Source files: those shipped fit the collections they are landed in, and wrong ones say what is wrong."""

import pytest

from mosaics.descriptions.collections import load_collections
from mosaics.descriptions.sources import SHIPPED, SourceFileError, load_sources, read_source

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
    assert set(source.assets) <= set(collection.band_names)
    assert source.api.startswith("https://")
    categorical = {band.name for band in collection.bands if band.categorical}
    assert categorical <= set(source.assets)  # without them nothing masks clouds


def test_a_source_of_ones_own(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    found = load_sources(tmp_path)
    assert found["mine"].assets == {"red": "B04_10m"}
    assert len(found) == 1 + len(list(SHIPPED.glob("*.toml")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("https://stac.example.org/v1", "ftp://stac.example.org"), "mine.toml: api: "),
        (("https://stac", "https://user@stac"), "mine.toml: api: "),
        (('"baseline"', '"guess"'), "mine.toml: offset: "),
        (('title = "Mine"', ""), "mine.toml: title: "),
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
