"""Folders of descriptions are read again when a file in them changes, and a wrong file takes nothing away."""

import logging
import os
from pathlib import Path

import pytest

from mosaics.descriptions.collections import SHIPPED as COLLECTIONS
from mosaics.descriptions.collections import CollectionFileError, find_collection
from mosaics.descriptions.folders import DescriptionFolders, Descriptions
from mosaics.descriptions.sources import SHIPPED as SOURCES
from mosaics.descriptions.sources import SourceFileError, find_source

LANDSAT = (SOURCES / "earth-search-landsat-c2-l2.toml").read_text()
NAIP = (COLLECTIONS / "naip.toml").read_text()


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of collections and of sources that nobody has put a file into."""
    folders = tmp_path / "collections", tmp_path / "sources"
    for folder in folders:
        folder.mkdir()
    return folders


def test_without_folders_the_shipped_files_count():
    shipped = DescriptionFolders().current()
    assert set(shipped.sources) == {path.stem for path in SOURCES.glob("*.toml")}
    assert set(shipped.collections) == {path.stem for path in COLLECTIONS.glob("*.toml")}


def test_nothing_is_read_again_until_a_file_changes(own):
    folders = DescriptionFolders(*own)
    first = folders.current()
    assert folders.current() is first
    (own[1] / "local.toml").write_text(LANDSAT)
    second = folders.current()
    assert second.sources.keys() - first.sources.keys() == {"local"}
    assert folders.current() is second
    (own[1] / "local.toml").write_text(LANDSAT.replace('title = "', 'title = "Our '))
    assert folders.current().sources["local"].title.startswith("Our ")
    (own[1] / "local.toml").unlink()
    assert folders.current() == first


def test_a_file_that_changes_its_content_alone_is_told_by_its_time(own):
    path = own[0] / "mine.toml"
    path.write_text(NAIP.replace('license = "', 'license = "a'))
    folders = DescriptionFolders(*own)
    before = folders.current().collections["mine"].collection.license
    path.write_text(NAIP.replace('license = "', 'license = "b'))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    after = folders.current().collections["mine"].collection.license
    assert (before[0], after[0]) == ("a", "b")


def test_a_wrong_file_costs_itself_alone_and_the_reason_is_told_once(own, caplog):
    folders = DescriptionFolders(*own)
    good = folders.current()
    (own[0] / "mine.toml").write_text("title =")
    (own[0] / "other.toml").write_text(NAIP)
    with caplog.at_level(logging.INFO, "mosaics.descriptions.folders"):
        second = folders.current()
        assert folders.current() is second
        assert second.collections.keys() - good.collections.keys() == {"other"}
        (own[0] / "mine.toml").write_text(NAIP)
        assert "mine" in folders.current().collections
        assert folders.current().left_out == ()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert told[0].startswith(f"{own[0] / 'mine.toml'} is left out: mine.toml is not TOML: ")
    assert told[1:] == ["collections and sources were read again"] * 2


def test_what_a_file_said_before_it_was_wrong_stays(own, caplog):
    (own[0] / "mine.toml").write_text(NAIP)
    (own[1] / "local.toml").write_text(LANDSAT)
    folders = DescriptionFolders(*own)
    good = folders.current()
    (own[0] / "mine.toml").write_text(NAIP.replace("license", "licence"))
    (own[1] / "local.toml").write_text(LANDSAT.replace("nir08 =", "nir09 ="))
    now = folders.current()
    assert (now.collections["mine"], now.sources["local"]) == (
        good.collections["mine"],
        good.sources["local"],
    )
    assert [one.path.name for one in now.left_out] == ["mine.toml", "local.toml"]
    assert "mine.toml is wrong, and what it said before stays: mine.toml: license: is missing." in caplog.text


def test_a_file_that_is_wrong_from_the_beginning_is_left_out(own, tmp_path, caplog):
    (own[0] / "mine.toml").write_text("title =")
    (own[0] / "naip.toml").mkdir()
    descriptions = DescriptionFolders(*own).current()
    assert {"mine", "naip"}.isdisjoint(descriptions.collections)
    assert "landsat-c2-l2" in descriptions.collections
    reasons = {one.path.name: one.reason for one in descriptions.left_out}
    assert reasons["mine.toml"].startswith("mine.toml is not TOML")
    assert reasons["naip.toml"] == "naip.toml cannot be read: Is a directory."
    assert "mine.toml is left out: mine.toml is not TOML" in caplog.text
    with pytest.raises(
        CollectionFileError, match=r"collection 'naip' is left out: naip\.toml cannot be read"
    ):
        find_collection(descriptions.collections, "naip")
    with pytest.raises(SourceFileError, match=r"there is no folder .*gone"):
        DescriptionFolders(None, tmp_path / "gone")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ('collection = "landsat-c2-l2"', 'collection = "landsat"'),
            r"local\.toml: collection: 'landsat' is not a collection; there are: black-marble-daily, ",
        ),
        (
            ('collection = "landsat-c2-l2"', 'collection = "mine"'),
            r"local\.toml: collection: 'mine' is left out: mine\.toml is not TOML: ",
        ),
        (
            ("nir08 =", "nir09 ="),
            r"local\.toml: assets: 'nir09' is not a band of 'landsat-c2-l2'; there are: coastal, ",
        ),
    ],
)
def test_a_source_that_does_not_fit_its_collection_is_left_out(own, change, said):
    text = LANDSAT.replace(f"\n{change[0]}", f"\n{change[1]}", 1)
    assert text != LANDSAT
    (own[1] / "local.toml").write_text(text)
    (own[0] / "mine.toml").write_text("title =")
    found = Descriptions.read(*own)
    with pytest.raises(SourceFileError, match=said):
        find_source(found.sources, "local")
    assert found.sources.keys() == Descriptions.read().sources.keys()


def test_every_shipped_file_is_right():
    assert Descriptions.read().left_out == ()


def test_masks_are_made_of_categorical_bands():
    shipped = Descriptions.read()
    masks = {name: shipped.categorical_bands(source) for name, source in shipped.sources.items()}
    assert masks["earth-search-sentinel-2-l2a"] == ("scl",)
    assert masks["planetary-computer-landsat-c2-l2"] == ("qa_pixel",)
