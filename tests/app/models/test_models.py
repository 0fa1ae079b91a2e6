"""Models that are files: checked, run over a small world, and shown as a layer of their own."""

import asyncio
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from app.cli.models import models
from app.models.area import find_area
from app.models.checking import problems_of
from app.models.description import ModelFileError, read_model
from app.models.runtime import Bounds, ModelRunError, RunningModel
from app.settings import Settings
from mosaics.bbox import Bbox
from mosaics.catalogue import Catalogue
from mosaics.descriptions.collections import load_collections
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import land_two_months, lonlat
from tests.app.models.networks import (
    DARK,
    garbage,
    reading_another_file,
    threshold_network,
    write_model,
)
from tests.rasters import MOL

BOX = "5.0,51.0,5.6,51.5"
COLLECTIONS = load_collections()
WRONG = [
    ('bands = ["red", "nir"]', 'bands = ["red", "ir"]', "'sentinel-2-l2a' has no band 'ir'; there are: blue"),
    ('bands = ["red", "nir"]', 'bands = ["red", "scl"]', "the numbers of 'scl' are names of classes"),
    ('bands = ["red", "nir"]', 'bands = ["red"]', "bands and patch: the network takes (any, 2, 64, 64), and"),
    ("patch = 64", "patch = 128", "takes (any, 2, 64, 64), and the file says (1, 2, 128, 128)"),
    ('collection = "sentinel-2-l2a"', 'collection = "no2"', "'no2' is not a known collection"),
    ('output = "logits"', 'output = "probabilities"', 'shares add up to 1, and these to -1.5 to -1.5'),
    ("pixel_m = 10", 'unit = "K"\npixel_m = 10', "unit: the model expects 'K'; band 'red' is in '1'"),
    ('sha256 = "{sha256}"', f'sha256 = "{"0" * 64}"', "is not the one that is described: its sha256"),
    ("[[mask]]", '[[classes]]\nname = "x"\ncolor = "#ffffff"\n[[mask]]', "gives (any, 2, 64, 64), and the"),
]  # fmt: skip
UNREADABLE = [
    ("overlap = 16", "overlap = 40", "overlap: at most half of the patch, 32; this is 40"),
    ("pixel_m = 10", "pixel_m = 10\nmean = [1.0]", "mean: give one number a band, 2; these are 1"),
    ('license = "MIT"\n', "", "license: Field required"),
    ("patch = 64", "patch = 64\nlayout = 1", "layout: this is not a valid key; there are: title"),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[words[:40] for *_, words in WRONG])
def test_a_model_that_does_not_fit_is_refused_with_the_reason(tmp_path, old, new, words):
    assert DARK.count(old) == 1
    write_model(tmp_path, "dark", DARK.replace(old, new))
    model = read_model(tmp_path / "dark.toml")
    problems = problems_of(model, tmp_path, COLLECTIONS, Bounds(threads=1))
    assert words in "; ".join(problems)


@pytest.mark.parametrize(("old", "new", "words"), UNREADABLE)
def test_a_description_that_is_wrong_is_refused_naming_the_field(tmp_path, old, new, words):
    write_model(tmp_path, "dark", DARK.replace(old, new))
    with pytest.raises(ModelFileError, match=re.escape(f"dark.toml: {words}")):
        read_model(tmp_path / "dark.toml")


def test_a_network_is_ended_beyond_its_memory_and_its_time(tmp_path):
    write_model(tmp_path, "dark")
    model = read_model(tmp_path / "dark.toml")
    with pytest.raises(ModelRunError, match=r"cannot be|ended"):
        RunningModel(model, tmp_path, Bounds(threads=1, memory_bytes=48 << 20))
    with pytest.raises(ModelRunError, match=r"more than 0\.01 s|ended"):
        RunningModel(model, tmp_path, Bounds(threads=1, time_s=0.01))


@pytest.mark.parametrize("spoil", [garbage, reading_another_file])
def test_what_is_not_a_network_by_itself_is_refused(tmp_path, spoil):
    """With the right checksum: bytes of something else, and a graph whose weights are another file's."""
    content = spoil(tmp_path)
    (tmp_path / "dark.onnx").write_bytes(content)
    (tmp_path / "dark.toml").write_text(DARK.replace("{sha256}", hashlib.sha256(content).hexdigest()))
    problems = problems_of(read_model(tmp_path / "dark.toml"), tmp_path, COLLECTIONS, Bounds(threads=1))
    assert "model 'dark' cannot be run: onnxruntime cannot load it" in problems[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The small world, a folder with one model, and what a command over both needs of the environment."""
    folder = tmp_path_factory.mktemp("models")
    address = (folder / "store").as_uri()
    asyncio.run(land_two_months(address, folder))
    (folder / "models").mkdir()
    write_model(folder / "models", "dark")
    return address, folder / "models"


def command(world, *words: str):
    address, folder = world
    environment = {"TILEWATCH_STORAGE": address, "TILEWATCH_MODELS": str(folder)}
    return CliRunner().invoke(models, words, env=environment)


def landed(world) -> dict[str, Path]:
    """What has landed of the model, by name."""
    files = Path(world[0].removeprefix("file://")).glob("collections/model-dark/scenes/*/*/*")
    return {path.name: path for path in files}


@pytest.mark.parametrize(
    ("pixel_m", "box", "bounds"),
    [
        (10, (104.5, 100.5, 110.5, 104.5), (104, 100, 111, 105)),
        (20, (104.5, 100.5, 110.5, 104.5), (104, 100, 112, 106)),
        (10, (-50.0, -70.0, 300.0, 400.0), (0, 0, 256, 256)),
    ],
)
async def test_the_grid_lies_on_the_pixels_of_the_scene_and_ends_where_it_ends(world, pixel_m, box, bounds):
    """In columns and rows of the scene; a box of degrees leans there by a fifth of a pixel and less."""
    west, north = lonlat(box[0], box[1])
    east, south = lonlat(box[2], box[3])
    model = read_model(world[1] / "dark.toml").model_copy(update={"pixel_m": pixel_m})
    async with await open_storage(world[0]) as storage:
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        grid = (await find_area(catalogue, model, Bbox(west, south, east, north), "2024-06")).grid
    left, bottom, right, top = grid.bounds
    found = ((left - MOL[0]) / 10, (MOL[1] - top) / 10, (right - MOL[0]) / 10, (MOL[1] - bottom) / 10)
    assert found == bounds


async def test_a_model_lands_classes_that_are_a_layer_with_legend_and_statistics(world):
    """The west has red 0.1, the east 0.2; 64 rows of 256 are cloud and 32 have no data, as the world says."""
    words = ("run", "dark", "--bbox", BOX, "--datetime", "2024-06", "--probability", "--json")
    answer = await asyncio.to_thread(command, world, *words)
    assert answer.exit_code == 0, answer.output
    events = [json.loads(line) for line in answer.stdout.splitlines()]
    (result,) = [event for event in events if event.get("event") == "result"]
    assert result["pixels"] == {"dark": 128 * 160, "bright": 128 * 160}
    found = landed(world)
    with rasterio.open(found["class.tif"]) as raster:
        classes = raster.read(1)
        assert (raster.crs.to_epsg(), raster.shape, raster.res) == (32631, (256, 256), (10, 10))
    expected = np.full((256, 256), 255)
    expected[64:224, :128], expected[64:224, 128:] = 0, 1
    np.testing.assert_array_equal(classes, expected)
    with rasterio.open(found["probability.tif"]) as raster:
        share = raster.read(1)
    assert {share[100, 60], share[100, 200], share[0, 0]} == {62, 255}  # 1 / (1 + exp(-0.5)) = 0.622
    item = json.loads(found["item.json"].read_text())
    (source,) = [link for link in item["links"] if link["rel"] == "derived_from"]
    assert (found["item.json"].parent / source["href"]).resolve().is_file()
    assert item["properties"]["tilewatch:model"]["version"] == "1"
    async with serving(Settings(storage=world[0], models=world[1], render_threads=1)) as client:
        listed = (await client.get("/models")).json()
        (model,) = listed["models"]
        assert listed["problem"] is None
        assert (model["name"], model["product"], model["version"]) == ("dark", "model-dark", "1")
        legend = (await client.get("/products/model-dark/legend.json")).json()
        assert [(e["label"], e["color"]) for e in legend["entries"]][:2] == [
            ("dark", "#000080"), ("bright", "#ffff00"),
        ]  # fmt: skip
        lon, lat = lonlat(200.5, 100.5)
        assert (await client.get(f"/products/model-dark/point/{lon},{lat}")).json()["class"] == "bright"
        ring = [lonlat(*at) for at in ((108, 100), (138, 100), (138, 110), (108, 110), (108, 100))]
        polygon = {"type": "Polygon", "coordinates": [ring]}
        answer = await client.post("/products/model-dark/statistics?datetime=2024-06", json=polygon)
        (entry,) = answer.json()["properties"]["series"]
        shares = {row["name"]: row["fraction"] for row in entry["classes"] if row["fraction"]}
        assert shares == pytest.approx({"dark": 2 / 3, "bright": 1 / 3}, abs=1e-3)


def test_check_tells_what_fits_and_a_run_says_why_it_cannot(world):
    good = command(world, "check")
    assert (good.exit_code, "dark  Bright ground; 1, MIT; sentinel-2-l2a" in good.output) == (0, True)
    for words, said in (
        (("run", "dark", "--bbox", "170,10,-170,11"), "a box across the antimeridian has two grids"),
        (("run", "nothing", "--bbox", BOX), "no model 'nothing'; there are: dark"),
        (
            ("run", "dark", "--bbox", "20,10,21,11"),
            "no scene of 'sentinel-2-l2a' lies over the box in",
        ),
        (("run", "dark", "--bbox", BOX, "--datetime", "2024-05/2024-06"), "looks at one month at a time"),
    ):
        answer = command(world, *words)
        assert (answer.exit_code, said.lower() in answer.output.lower()) == (2, True), answer.output


def test_shares_are_taken_as_they_are_where_the_network_gives_them(tmp_path):
    digest = threshold_network(tmp_path / "dark.onnx", output="shares", side="s")
    text = DARK.replace("{sha256}", digest).replace('"logits"', '"probabilities"')
    (tmp_path / "dark.toml").write_text(text)
    model = read_model(tmp_path / "dark.toml")
    assert problems_of(model, tmp_path, COLLECTIONS, Bounds(threads=1)) == []
