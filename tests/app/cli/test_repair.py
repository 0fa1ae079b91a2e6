"""`tilewatch repair`: what it says and does of a collection whose log or description is damaged."""

import json
import shutil

import pytest
from click.testing import CliRunner

from app.cli import main
from tests.app.landed import land_two_months
from tests.rasters import ramp, write_geotiff


@pytest.fixture
async def store(tmp_path, settings):
    await land_two_months((tmp_path / "store").as_uri(), tmp_path)
    return tmp_path / "store"


def repaired(store, *names):
    done = CliRunner().invoke(main, ["repair", *names, "--storage", store.as_uri()])
    return done.exit_code, done.output


def test_what_is_whole_is_said_to_be_and_left_alone(store):
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert repaired(store, "sentinel-2-l2a") == (0, "sentinel-2-l2a: nothing is damaged.\n")
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


def test_a_lost_commit_and_a_damaged_description_are_told_and_rebuilt(store):
    folder = store / "collections" / "sentinel-2-l2a"
    described = json.loads((folder / "collection.json").read_text())
    numbers = sorted((folder / "log").glob("*.json"))
    assert len(numbers) >= 2
    numbers[0].unlink()
    (folder / "collection.json").write_text("null")
    status, said = repaired(store)
    assert status == 0
    assert "collection.json is damaged" in said
    assert "commit 1 missing." in said
    assert f"rebuilt by commit {len(numbers) + 1}" in said
    rebuilt = json.loads((folder / "collection.json").read_text())
    assert rebuilt["item_assets"].keys() >= described["item_assets"].keys()
    assert repaired(store, "sentinel-2-l2a") == (0, "sentinel-2-l2a: nothing is damaged.\n")


def test_scenes_of_a_log_that_is_gone_are_found_by_the_items_that_landing_wrote(tmp_path, settings):
    red = write_geotiff(tmp_path / "red.tif", ramp(300, 280), nodata=0)
    land = ["land", "sentinel-2-l2a", str(red), "--bands", "red", "--datetime", "2024-06-10"]
    address = (tmp_path / "store").as_uri()
    landed = CliRunner().invoke(main, [*land, "--baseline", "05.10", "--storage", address])
    assert landed.exit_code == 0, landed.output
    shutil.rmtree(tmp_path / "store" / "collections" / "sentinel-2-l2a" / "log")
    status, said = repaired(tmp_path / "store")
    assert status == 0
    assert "scenes found in storage that no commit left names: red" in said
    assert "with 1 mosaics rebuilt" in said
    assert repaired(tmp_path / "store") == (0, "sentinel-2-l2a: nothing is damaged.\n")


@pytest.mark.parametrize("damage", ["log", "mosaic"])
def test_every_writer_refuses_until_it_is_repaired(store, tmp_path, damage):
    folder = store / "collections" / "sentinel-2-l2a"
    if damage == "log":
        (folder / "log" / "00000001.json").unlink()
    else:
        for mosaic in (folder / "mosaics").rglob("*.json.gz"):
            mosaic.write_bytes(mosaic.read_bytes()[:-9] + bytes(9))
    (folder / "overviews" / "left-over").mkdir(parents=True)
    (folder / "overviews" / "left-over" / "red.tif").write_bytes(b"")
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    red = write_geotiff(tmp_path / "red.tif", ramp(300, 280), nodata=0)
    land = ["land", "sentinel-2-l2a", str(red), "--bands", "red", "--datetime", "2024-06-10"]
    writers = [[*land, "--baseline", "05.10"], ["overviews"], ["sweep", "--older-than", "0"]]
    if damage == "log":
        writers += [["verify", "--repair"], ["demo"]]
    for words in writers:
        done = CliRunner().invoke(main, [*words, "--storage", store.as_uri()])
        assert done.exit_code == 2, (words, done.output)
        assert "tilewatch repair sentinel-2-l2a" in done.output, words
        changed = [path for path in before if not path.exists() or path.read_bytes() != before[path]]
        assert [path for path in changed if path.name != "collection.json"] == [], words
    assert repaired(store)[0] == 0
    for words in (["overviews"], ["verify"]):
        assert CliRunner().invoke(main, [*words, "--storage", store.as_uri()]).exit_code == 0, words


def test_a_collection_that_is_not_there_is_named(store):
    status, said = repaired(store, "nothing")
    assert status != 0
    assert "there is no collection 'nothing'" in said
