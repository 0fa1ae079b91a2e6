"""The command line: what it says when all is well, and the one sentence when it is not."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from tests.rasters import ramp, write_geotiff


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWATCH_STORAGE", (tmp_path / "store").as_uri())
    monkeypatch.delenv("TILEWATCH_COLLECTIONS", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, list(words), catch_exceptions=False)


@pytest.fixture
def red(tmp_path):
    write_geotiff(tmp_path / "red.tif", ramp(300, 280), nodata=0)
    return "red=red.tif"


LAND = ("land", "sentinel-2-l2a", "--id", "a", "--datetime", "2024-06-15T10:50:29Z", "--baseline", "05.10")


def test_landing_says_what_landed_and_where(run, red):
    done = run(*LAND, "--asset", red, "--cloud-cover", "4")
    assert done.exit_code == 0
    assert "Landed a in sentinel-2-l2a: red; " in done.stdout
    assert "period 2024-06; commit 1." in done.stdout
    assert "It covers 5.22" in done.stdout
    assert "offset of the reflectance: -0.1; processing baseline 05.10 is 04.00 or later" in done.stderr


def test_landing_again_says_that_nothing_changed(run, red):
    run(*LAND, "--asset", red)
    again = run(*LAND, "--asset", red)
    assert again.exit_code == 0
    assert again.stdout == "a has already landed, identically; nothing changed.\n"


def test_a_refusal_calls_a_file_by_its_name(run, tmp_path):
    (tmp_path / "b04_10m.tif").write_text("no picture")
    refused = run(*LAND, "--asset", "red=b04_10m.tif")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: b04_10m.tif is not a GeoTIFF that can be read.")


def test_the_log_tells_what_came_when(run, red):
    run(*LAND, "--asset", red)
    run(*LAND, "--asset", red, "--cloud-cover", "9")
    shown = run("log", "sentinel-2-l2a")
    assert shown.exit_code == 0
    assert [line[:1] for line in shown.stdout.splitlines()] == ["1", " ", "2", " "]
    assert shown.stdout.count("    + a  2024-06\n") == 2


def test_the_log_of_nothing_names_what_there_is(run, red):
    run(*LAND, "--asset", red)
    shown = run("log", "sentinel")
    assert shown.exit_code == 2
    assert shown.stderr == "Error: No collection 'sentinel'; there are: sentinel-2-l2a\n"


def test_a_sweep_says_what_it_removed(run, red, tmp_path):
    run(*LAND, "--asset", red)
    orphan = tmp_path / "store/collections/sentinel-2-l2a/scenes/a/dead/red.tif"
    orphan.parent.mkdir()
    orphan.write_bytes(bytes(2000))
    tried = run("sweep", "--older-than", "0", "--dry-run")
    assert tried.stdout.endswith("scenes/a/dead/red.tif\n1 object (2.0 kB) would be removed.\n")
    assert run("sweep").stdout == "0 objects (0 bytes) removed.\n"
    assert orphan.exists()
    assert run("sweep", "--older-than", "0").stdout == "1 object (2.0 kB) removed.\n"
    assert not orphan.exists()
    assert run(*LAND, "--asset", red).stdout == "a has already landed, identically; nothing changed.\n"


def test_a_sweep_removes_what_was_superseded_only_where_that_is_asked(run, red, tmp_path):
    run(*LAND, "--asset", red)
    run(*LAND, "--asset", red, "--cloud-cover", "3")  # another version of the scene
    scenes = tmp_path / "store/collections/sentinel-2-l2a/scenes/a"
    assert len(list(scenes.iterdir())) == 2
    assert run("sweep", "--older-than", "0").stdout == "0 objects (0 bytes) removed.\n"
    assert run("sweep", "--older-than", "0", "--superseded-older-than", "1h").stdout.startswith("0 objects")
    asked = ("--older-than", "0", "--superseded-older-than", "0h")
    assert "/a/" in run("sweep", *asked, "--dry-run").stdout
    assert len(list(scenes.glob("*/*.tif"))) == 2
    assert "removed" in run("sweep", *asked).stdout
    assert len(list(scenes.glob("*/*.tif"))) == 1
    assert run("log", "sentinel-2-l2a").stdout.count("+ a") == 2
    assert run(*LAND, "--asset", red, "--cloud-cover", "3").stdout.startswith("a has already landed")


@pytest.mark.parametrize(
    ("age", "words"),
    [("5", "write hours, days or weeks: 12h, 30d, 8w"), ("12h", "replaced less than 24 hours ago")],
)
def test_an_age_that_makes_no_sense_is_refused(run, age, words):
    refused = run("sweep", "--superseded-older-than", age)
    assert refused.exit_code == 2
    assert words in refused.stderr


def test_collections_are_listed_with_their_bands(run):
    listed = run("collections", "list").stdout
    assert "tempo-no2  TEMPO nitrogen dioxide; a mosaic each hour\n    no2, quality, cloud_fraction" in listed


def test_collections_are_told_to_programs(run):
    listed = json.loads(run("collections", "list", "--json").stdout)
    landsat = ["coastal", "blue", "green", "red", "nir08", "swir16", "swir22"]
    assert listed["landsat-c2-l2"] == {
        "title": "Landsat Collection 2 Level-2",
        "cadence": "month",
        "bands": [*landsat, "qa_pixel"],
        "composites": None,
    }
    assert listed["landsat-monthly"]["bands"] == [*landsat, "count"]
    assert listed["landsat-monthly"]["composites"] == {
        "of": "landsat-c2-l2",
        "mask": "qa_pixel",
        "bands": landsat,
    }


def test_a_collection_of_ones_own(run, red, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.toml").write_text(
        'title = "Mine"\ndescription = "Mine."\ncadence = "day"\nlicense = "MIT"\nattribution = "Me"\n'
        '[[bands]]\nname = "red"\ntitle = "Red"\ndtype = "uint16"\n'
    )
    monkeypatch.setenv("TILEWATCH_COLLECTIONS", str(tmp_path / "own"))
    done = run("land", "mine", "--id", "a", "--datetime", "2024-06-15", "--asset", red)
    assert "period 2024-06-15; commit 1." in done.stdout
    (tmp_path / "own/mine.toml").write_text("title = 3")
    refused = run("land", "mine", "--id", "a", "--datetime", "2024-06-15", "--asset", red)
    assert refused.exit_code == 2
    reason = "left out: mine.toml: title: Input should be a valid string, not 3.\n"
    assert refused.stderr == (f"{tmp_path / 'own/mine.toml'} is {reason}Error: Collection 'mine' is {reason}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("land", "sentinel", "--id", "a", "--datetime", "2024"),
            "No collection 'sentinel'; there are: black-",
        ),
        ((*LAND, "--datetime", "June"), "'June' names no time"),
        ((*LAND, "--asset", "nir=nowhere.tif"), "There is no file nowhere.tif"),
        ((*LAND, "--asset", "nir=red.tif:4"), "red.tif has no band 4"),
        ((*LAND, "--baseline", "5"), "'5' is not a valid processing baseline"),
        ((*LAND, "--scale", "x"), "--scale x: 'x' is not a valid number"),
        ((*LAND, "--cloud-cover", "120"), "120 is not a valid cloud cover"),
        ((*LAND, "--storage", "ftp://there"), "'ftp://there' names no storage"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(run, red, words, said):
    refused = run(*words, "--asset", red)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {said}")
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


def test_an_unknown_band_is_answered_with_those_there_are(run, red):
    refused = run("land", "naip", "--id", "a", "--datetime", "2024", "--asset", "swir=red.tif")
    assert refused.exit_code == 2
    assert refused.stderr == "Error: No band 'swir' in collection 'naip'; there are: red, green, blue, nir\n"


def test_an_unknown_offset_is_asked_for(run, red, tmp_path):
    write_geotiff(tmp_path / "red.tif", ramp(100, 100, low=1200), nodata=0)
    words = ("land", "sentinel-2-l2a", "--id", "a", "--datetime", "2024-06-15", "--asset", red)
    refused = run(*words)
    assert refused.exit_code == 2
    assert "Give --baseline" in refused.stderr
    assert run(*words, "--offset", "0").exit_code == 0


def test_pixels_that_contradict_the_baseline_are_pointed_out(run, red):
    assert "--offset 0 if it has" in run(*LAND, "--asset", red).stderr


@pytest.mark.parametrize(
    "command", [(), ("land",), ("demo",), ("log",), ("sweep",), ("collections",), ("serve",)]
)
def test_every_command_explains_itself(run, command):
    helped = run(*command, "--help")
    assert helped.exit_code == 0
    assert helped.stdout.startswith("Usage: ")


def test_serving_does_not_wait_for_the_code_that_lands():
    source = Path(main.__module__.replace(".", "/"))
    assert source.name == "cli"
    import subprocess

    loaded = subprocess.run(
        [sys.executable, "-c", "import sys; from app.cli import main; print('rasterio' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "False\n"
