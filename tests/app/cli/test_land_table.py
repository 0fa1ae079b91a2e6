"""Landing a table: in one run and commit, what is wrong told by its line, gone on with after a kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from app.cli import main
from mosaics.descriptions.collections import SHIPPED as COLLECTIONS
from mosaics.descriptions.sources import SHIPPED as SOURCES
from tests.rasters import MOL, write_geotiff


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWATCH_STORAGE", (tmp_path / "store").as_uri())
    monkeypatch.delenv("TILEWATCH_COLLECTIONS", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, list(words), catch_exceptions=False)


def picture(path: Path, at: int = 0) -> Path:
    """Red, green and blue, 8 pixels wide, of values that tell picture and band."""
    values = np.stack([np.full((8, 8), 10 * at + band, np.uint8) for band in (1, 2, 3)])
    return write_geotiff(path, values, upper_left=(MOL[0] + 100 * at, MOL[1]), photometric="rgb")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "tiles"
    folder.mkdir()
    for at in range(4):
        picture(folder / f"t{at}.tif", at)
    (folder / "bad.tif").write_bytes((folder / "t0.tif").read_bytes()[:300])
    lines = ["id,datetime,file", *(f"s{at},2023-07-0{at + 1},t{at}.tif" for at in range(4))]
    (folder / "scenes.csv").write_text(
        "\n".join([*lines, "x,2023-07-05,bad.tif", "y,2023-07-05,gone.tif", ""])
    )
    return folder


def stored(tmp_path, scene_id, band):
    (path,) = (tmp_path / "store/collections/naip/scenes" / scene_id).glob(f"*/{band}.tif")
    with rasterio.open(path) as dataset:
        return dataset.read(1).max()


def test_a_picture_is_named_once(run, tmp_path):
    picture(tmp_path / "ortho.tif", 2)
    done = run("land", "naip", "ortho.tif", "--datetime", "2023", "--no-overviews")
    assert done.exit_code == 0, done.output
    assert "Landed ortho in naip: red, green, blue; " in done.stdout
    assert [stored(tmp_path, "ortho", band) for band in ("red", "green", "blue")] == [21, 22, 23]
    assets = [f"--asset={band}=ortho.tif:{at}" for at, band in enumerate(("red", "green", "blue"), 1)]
    same = run("land", "naip", "--id", "ortho", "--datetime", "2023", *assets)
    assert same.stdout == "ortho has already landed, identically; nothing changed.\n"


def test_a_table_lands_by_one_commit_and_tells_what_is_wrong(run, files, tmp_path):
    done = run("land", "naip", str(files / "scenes.csv"))
    assert done.exit_code == 2
    assert "Landed 4 scenes in naip, " in done.stdout
    assert "by 1 commit; 2 not landed" in done.stdout
    assert "row 5 (line 6), x: not landed: bad.tif" in done.stderr
    assert "row 6 (line 7), y: not landed: there is no file gone.tif" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: Partial: ")
    assert "2 scenes were not landed: row 5 (line 6), x: bad.tif" in last
    tried = run("land", "naip", str(files / "scenes.csv"), "--dry-run")
    assert tried.stderr.splitlines()[-1].startswith("Error: 2 scenes were not landed: row 5 (line 6), x: bad")
    assert run("log", "naip").stdout.count("    + s") == 4
    assert [stored(tmp_path, f"s{at}", "blue") for at in range(4)] == [3, 13, 23, 33]


def test_a_second_run_lands_what_is_new_and_a_row_changed(run, files):
    table = files / "scenes.csv"
    lines = table.read_text().splitlines()[:4]
    table.write_text("\n".join(lines))
    assert run("land", "naip", str(table)).exit_code == 0
    table.write_text("\n".join([*lines, "s3,2023-07-04,t3.tif"]).replace("s0,2023-07-01", "s0,2023-07-11"))
    tried = run("land", "naip", str(table), "--dry-run")
    assert tried.stdout.splitlines()[:2] == [
        "row 1 (line 2): s0, period 2023: red from t0.tif:1, green from t0.tif:2, blue from t0.tif:3",
        "row 4 (line 5): s3, period 2023: red from t3.tif:1, green from t3.tif:2, blue from t3.tif:3",
    ]
    assert "2 would be landed; 2 had landed before; 0 would not be landed." in tried.stdout
    done = run("land", "naip", str(table), "--json", "--no-overviews")
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["landed"], result["landed_already"], result["failures"]) == (2, 2, {})
    assert run("log", "naip").stdout.count("    + ") == 5


def test_a_folder_lands_by_the_pattern_of_its_names(run, files, tmp_path):
    done = run("land", "naip", str(files), "--pattern", "t{id}.tif", "--datetime", "2023-07-01")
    assert done.exit_code == 0, done.output
    assert "Note: 2 files do not fit the pattern: bad.tif, scenes.csv." in done.stderr
    assert stored(tmp_path, "3", "red") == 31
    refused = run("land", "naip", str(files))
    assert "it is a folder; say what the names of its files are: --pattern" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give FILE, or an --asset for each band"),
        (("tiles/t0.tif",), "Missing option '--datetime'"),
        (("tiles/t0.tif", "--datetime", "2023", "--bands", "red,green,swir"), "No band 'swir'"),
        (("tiles/scenes.csv", "--id", "a"), "--id is the id of one scene"),
        (
            ("tiles/t0.tif", "--datetime", "2023", "--pattern", "{id}"),
            "--pattern is about the names of files",
        ),
        (("tiles/scenes.csv", "--band", "red"), "'red' is not a valid name of a band"),
        (("tiles/scenes.csv", "--band", "red=B", "--band", "nir=b"), "b is given as the name of red and of"),
    ],
)
def test_what_does_not_go_together_is_refused(run, files, words, said):
    done = run("land", "naip", *words)
    assert done.exit_code == 2
    assert said.casefold() in done.stderr.casefold()


def test_a_killed_run_is_gone_on_with(run, files, tmp_path):
    """Killed while scenes are converted: what it had written is taken, and nothing lands twice."""
    lines = ["id,datetime,file"]
    for at in range(12):
        picture(files / f"k{at}.tif", at)
        lines.append(f"k{at},2023-07-01,k{at}.tif")
    table = files / "many.csv"
    table.write_text("\n".join(lines))
    work = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", "land", "naip", str(table)],
        stdout=subprocess.PIPE,
    )
    scenes = tmp_path / "store/collections/naip/scenes"
    until = time.monotonic() + 60
    while len(list(scenes.glob("*/*/item.json"))) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    work.send_signal(signal.SIGKILL)
    work.communicate()
    written = {path: path.stat().st_mtime_ns for path in scenes.glob("*/*/item.json")}
    assert written
    done = run("land", "naip", str(table), "--no-overviews")
    assert done.exit_code == 0, done.output
    assert run("log", "naip").stdout.count("    + k") == 12
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_wrong_file_of_the_deployment_is_told_and_others_are_landed_in(run, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.toml").write_text("title =")
    monkeypatch.setenv("TILEWATCH_COLLECTIONS", str(tmp_path / "own"))
    picture(tmp_path / "ortho.tif")
    done = run("land", "naip", "ortho.tif", "--datetime", "2023", "--no-overviews")
    assert (done.exit_code, "mine.toml is left out: mine.toml is not TOML" in done.stderr) == (0, True)
    refused = run("land", "mine", "ortho.tif", "--datetime", "2023")
    assert refused.exit_code == 2
    assert "Error: Collection 'mine' is left out: mine.toml is not TOML" in refused.stderr
    checked = run("products", "check")
    assert checked.exit_code == 2
    collections, sources = (len(list(folder.glob("*.toml"))) for folder in (COLLECTIONS, SOURCES))
    assert f"products, {collections} collections and {sources} sources are valid." in checked.stdout
    assert checked.stderr.endswith("Error: 1 is left out; see above.\n")
    assert "naip-color  " in run("products", "list").stdout
