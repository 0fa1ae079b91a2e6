"""`tilewatch composite`: what it says to people and to programs, and what it refuses."""

import asyncio
import json
import shutil

import pytest
from click.testing import CliRunner

from app.cli import main
from mosaics.storage import open_storage
from tests.ingest.compositing.scenes import FIRST, THIRD, Drawn, june

ASKED = ("composite", "sentinel-2-l2a", "--bbox", "5.0,51.0,5.6,51.5")
JUNE = (*ASKED, "--datetime", "2024-06-01/2024-06-30", "--bands", "red,nir")


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")

    async def land():
        async with await open_storage((folder / "store").as_uri()) as storage:
            for scene in (FIRST, THIRD, Drawn("august", june(3).replace(month=8), synthetic=True)):
                await scene.land(storage)

    asyncio.run(land())
    return folder


@pytest.fixture
def run(landed, monkeypatch):
    monkeypatch.setenv("TILEWATCH_STORAGE", (landed / "store").as_uri())
    monkeypatch.delenv("TILEWATCH_DASK_SCHEDULER", raising=False)
    monkeypatch.delenv("TILEWATCH_COLLECTIONS", raising=False)
    monkeypatch.chdir(landed)
    return lambda *words: CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_composites_are_made_month_by_month_and_only_once(run, landed):
    tried = run(*ASKED, "--datetime", "2024-06/2024-08", "--bands", "red,nir", "--dry-run")
    assert tried.stdout.splitlines()[:3] == [
        "2024-06: 2 scenes of 2 overpasses; 136 x 116 pixels of 10 in EPSG:32631, 94.7 kB; blocks of 2048.",
        "    first  2024-06-02 10:50Z",
        "    third  2024-06-22 10:50Z",
    ]
    assert "2024-07: no scene of sentinel-2-l2a lies over the box" in tried.stderr
    assert not (landed / "store/collections/sentinel-2-monthly").exists()
    made = run(*JUNE, "--json", "--zarr", "june.zarr")
    assert made.exit_code == 0
    assert (landed / "june.zarr/zarr.json").is_file()
    events = [json.loads(line) for line in made.stdout.splitlines()]
    told = {event["event"]: event for event in events}
    assert told["progress"] | {"event": ""} == {
        "event": "",
        "done": (4 + 2) * 2 * 136 * 116 + 2 * 136 * 116 + 1,
        "total": (4 + 2) * 2 * 136 * 116 + 2 * 136 * 116 + 1,
        "unit": "steps",
    }
    scene = told["landed"].pop("scene")
    assert scene.startswith("sentinel-2-l2a-median-2024-06-")
    assert told["landed"] == {
        "event": "landed",
        "collection": "sentinel-2-monthly",
        "period": "2024-06",
        "commit": 1,
    }
    assert told["result"]["scenes"] == [scene]
    again = run(*JUNE)
    assert again.stdout.splitlines()[1] == f"{scene} is landed already, exactly so; nothing changed."
    logged = run("log", "sentinel-2-monthly").stdout
    assert [line for line in logged.splitlines() if "+" in line] == [f"    + {scene}  2024-06"]


def damage(path):
    """Cut a COG, so that it opens and its pixels cannot be read."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_scene_that_cannot_be_read_is_left_out_by_name_and_the_others_are_composited(landed, tmp_path, run):
    store = tmp_path / "store"
    shutil.copytree(landed / "store/collections/sentinel-2-l2a", store / "collections/sentinel-2-l2a")
    asked = (*JUNE, "--storage", store.as_uri(), "--json", "--zarr", str(tmp_path / "june.zarr"))
    for file in store.glob("collections/sentinel-2-l2a/scenes/first/*/nir.tif"):
        damage(file)
    made = run(*asked)
    assert made.exit_code == 0
    result = json.loads(made.stdout.splitlines()[-1])
    assert len(result["scenes"]) == 1
    assert list(result["left_out"]) == ["first"]
    assert result["left_out"]["first"].startswith("nir of scene first cannot be read; it is damaged")
    (item,) = store.glob("collections/sentinel-2-monthly/scenes/*/*/item.json")
    facts = json.loads(item.read_text())["properties"]["tilewatch:composite"]
    assert (facts["scenes"], facts["overpasses"]) == (1, 1)
    again = run(*asked[:-2])
    assert '"commit": null' in again.stdout
    for file in store.glob("collections/sentinel-2-l2a/scenes/third/*/nir.tif"):
        damage(file)
    refused = run(*asked[:-3], "--method", "max")  # another composite, of which nothing has landed
    assert refused.exit_code == 2
    assert "cannot be read; it is damaged" in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--bands", "ultraviolet"),
            "No band 'ultraviolet' in collection 'sentinel-2-l2a'; there are: blue,",
        ),
        (("--bands", "scl"), "The numbers of scl are names, of which there is no median; there are: blue,"),
        (("--bands", "red,red"), "Red given more than once."),
        (("--bands", ","), "A composite has at least one band"),
        (("--datetime", "2024-07"), "No scene of sentinel-2-l2a lies over the box in 2024-07-01"),
        (("--datetime", "2024-06/.."), "'2024-06/..' has an open end"),
        (("--datetime", "2010/2024"), "'2010/2024' has more than 24 periods"),
        (("--bbox", "5,52,6,51"), "5,52,6,51 is not a valid box; give west,south,east,north"),
        (("--bbox", "5,51,200,52"), "5,51,200,52 is not a valid box; give west,south,east,north"),
        (("--bbox", "5,51,6"), "'5,51,6' is not a valid box; give west,south,east,north"),
        (("--bbox", "20,40,21,41"), "No scene of sentinel-2-l2a lies over the box"),
        (("--zarr", "store"), "There is a store already"),
        (("--zarr", "s3://bucket/cube"), "A cube is written to a folder of this machine"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_sentence(run, words, said):
    refused = run(*JUNE, *words)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {said}")
    assert refused.stderr.count("\n") == 1


def test_limits_and_clusters_are_named(run, monkeypatch):
    unknown = run("composite", "naip", *JUNE[2:])
    assert (
        "No collection holds composites of 'naip'; there are composites of: black-marble-daily, "
        "black-marble-daily-noaa20, landsat-c2-l2, sent" in unknown.stderr
    )
    assert run("composite", "nothing", *JUNE[2:]).stderr.startswith("Error: No collection 'nothing'")
    assert "'mode' is not one of" in run(*JUNE, "--method", "mode").stderr
    monkeypatch.setenv("TILEWATCH_COMPOSITE_MAX_PIXELS", "50000")
    assert "at most 50,000 may be read (TILEWATCH_COMPOSITE_MAX_PIXELS)" in run(*JUNE).stderr
