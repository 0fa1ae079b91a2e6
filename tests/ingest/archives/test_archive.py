"""Granules and what every archive does that does not say otherwise."""

import json
from datetime import UTC, datetime

import pytest
from shapely.geometry import box

from ingest.archives.archive import BandLayer, Granule, GranuleRefusedError, RemoteFile
from ingest.downloads import NotesFile

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def granule(**given):
    both = {"files": {"a.h5": RemoteFile("https://example.org/a.h5")}, "bands": ("lights", "count")}
    layers = {"lights": BandLayer("a.h5", "Fields/NTL"), "count": BandLayer("a.h5", "Fields/NTL_Num")}
    return Granule(
        **{
            "id": "a",
            "start": NOON,
            "end": NOON,
            "footprint": box(0, 0, 1, 1),
            "layers": layers,
            **both,
            **given,
        }
    )


def test_a_file_is_wanted_once_however_many_bands_it_holds():
    found = granule()
    assert list(found.wanted_files) == ["a.h5"]
    assert found.bands_in("a.h5") == ("lights", "count")
    assert found.with_bands(["count"]).bands_in("a.h5") == ("count",)


def test_files_without_a_wanted_band_are_not_wanted():
    files = {name: RemoteFile(f"https://example.org/{name}") for name in ("red.tif", "nir.tif")}
    layers = {"red": BandLayer("red.tif"), "nir": BandLayer("nir.tif")}
    found = granule(files=files, layers=layers, bands=("nir",))
    assert list(found.wanted_files) == ["nir.tif"]
    assert list(found.with_bands(["red", "nir"]).wanted_files) == ["red.tif", "nir.tif"]


@pytest.mark.parametrize(
    "name", ["../a.tif", "/etc/a.tif", ".fetching.tif", "a", "a.json", "a/b.tif", "a\n.tif", ""]
)
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(GranuleRefusedError, match="is not a valid name of a file"):
        granule(
            files={name: RemoteFile("https://example.org/a")}, layers={"lights": BandLayer(name)}, bands=()
        )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"id": "../a"}, "its id is not one"),
        ({"bands": ("lights", "snow")}, "does not have its snow"),
        (
            {"layers": {"lights": BandLayer("b.h5")}, "bands": ("lights",)},
            "the file of its lights is missing",
        ),
    ],
)
def test_a_granule_that_cannot_become_a_scene_is_refused(given, said):
    with pytest.raises(GranuleRefusedError, match=said):
        granule(**given)


def test_what_is_remembered_outlasts_the_run(tmp_path):
    assert NotesFile(tmp_path).read() == {}
    NotesFile(tmp_path).write({"job": "https://example.org/jobs/1"})
    assert NotesFile(tmp_path).read() == {"job": "https://example.org/jobs/1"}
    NotesFile(tmp_path).write({"job": "https://example.org/jobs/2"})
    assert NotesFile(tmp_path).read() == {"job": "https://example.org/jobs/2"}
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_what_cannot_be_read_is_taken_for_forgotten(tmp_path, content):
    (tmp_path / "notes.json").write_text(content)
    assert NotesFile(tmp_path).read() == {}
    assert json.dumps(dict(NotesFile(tmp_path).read())) == "{}"
