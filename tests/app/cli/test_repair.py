"""`tilewatch repair`: what it says and does of a collection whose log or description is damaged."""

import json

import pytest
from click.testing import CliRunner

from app.cli import main
from tests.app.landed import land_two_months


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


def test_a_collection_that_is_not_there_is_named(store):
    status, said = repaired(store, "nothing")
    assert status != 0
    assert "there is no collection 'nothing'" in said
