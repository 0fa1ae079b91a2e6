"""The demo: the same bytes each time, synthetic wherever it shows, and never among real scenes."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from ingest.demo import RealScenesError, demo_item_key, demo_scenes, land_demo, no2, remove_demo, sentinel2
from ingest.landing import convert_scene, land_scene
from ingest.planning import plan_scene
from mosaics.catalogue import Catalogue
from mosaics.descriptions.collections import load_collections
from mosaics.log import read_commits, read_state
from mosaics.storage import Storage, open_storage


@pytest.fixture
def store(demo_folder: Path) -> Path:
    """A folder with the demo in it."""
    return demo_folder


def within(folder: Path, work: Callable[[Storage], Coroutine[Any, Any, Any]]) -> Any:
    async def opened() -> Any:
        async with await open_storage(str(folder)) as storage:
            return await work(storage)

    return asyncio.run(opened())


def band(store: Path, scene: Any, name: str) -> np.ma.MaskedArray[Any, Any]:
    with rasterio.open((store / demo_item_key(scene)).parent / f"{name}.tif") as dataset:
        return dataset.read(1, masked=True)  # type: ignore[no-any-return]


def test_every_scene_is_there_and_called_synthetic(store):
    async def look(storage: Storage) -> dict[str, int]:
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        for name in catalogue.collections():
            assert catalogue.is_synthetic(name)
            described = catalogue.collection(name)
            assert described.attribution == "Synthetic demonstration data"
            assert "synthetic demonstration data" in described.title
            assert [provider.name for provider in described.providers] == ["Synthetic demonstration data"]
        return {name: len(catalogue.periods(name)) for name in catalogue.collections()}

    assert within(store, look) == {"sentinel-2-l2a": 12, "black-marble-monthly": 24, "tempo-no2": 13}
    for scene in demo_scenes():
        item = json.loads((store / demo_item_key(scene)).read_text())
        assert item["id"].startswith("synthetic-")
        assert item["properties"]["tilewatch:synthetic"] is True
        assert item["properties"]["title"] == "Synthetic demonstration data"


def test_the_command_says_what_it_landed(store):
    told = store.with_name("demo.txt").read_text().splitlines()
    assert told[0].startswith("sentinel-2-l2a: 24 synthetic scenes, 2023-08 to 2024-07, ")


def test_one_commit_a_collection(store):
    async def count(storage: Storage) -> list[int]:
        names = await storage.folders("collections/")
        return [len([commit async for commit in read_commits(storage, name)]) for name in names]

    assert within(store, count) == [1, 1, 1]


def test_it_is_small(store):
    assert sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) < 65e6


def test_cogs_are_valid(store):
    for file in sorted(store.rglob("*.tif"))[::17]:
        assert cog_validate(file, strict=True, quiet=True) == (True, [], [])


def test_landing_it_again_is_quick_and_changes_nothing(store):
    before = {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()}
    began = time.perf_counter()
    report = within(store, land_demo)
    assert time.perf_counter() - began < 2
    assert report.lines[0] == "The demo is landed already; nothing changed."
    assert {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("at", [0, 13, 30, 55])
def test_drawing_a_scene_again_gives_the_same_bytes(store, tmp_path, at):
    scene = demo_scenes()[at]
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    plan = plan_scene(load_collections()[scene.collection_id], scene.draw(drawn))
    convert_scene(plan, tmp_path)
    for name in plan.bands:
        landed = (store / demo_item_key(scene)).parent / f"{name}.tif"
        assert landed.read_bytes() == (tmp_path / f"{name}.tif").read_bytes()


def ndvi(store: Path, scene: Any) -> np.ma.MaskedArray[Any, Any]:
    red, nir = (band(store, scene, name) * 0.0001 - 0.1 for name in ("red", "nir"))
    clear = np.isin(np.kron(band(store, scene, "scl").filled(0), np.ones((2, 2))), (4, 5))
    return np.ma.masked_where(~clear, (nir - red) / (nir + red))


def test_summer_is_greener_than_winter(store):
    june, march = (ndvi(store, scene).mean() for scene in (
        sentinel2.SentinelScene(sentinel2.EAST, 7), sentinel2.SentinelScene(sentinel2.EAST, 3)
    ))  # fmt: skip
    assert june > march + 0.2


def nbr(store: Path, scene: Any) -> np.ma.MaskedArray[Any, Any]:
    nir08, swir22 = (band(store, scene, name) * 0.0001 - 0.1 for name in ("nir08", "swir22"))
    clear = np.isin(band(store, scene, "scl").filled(0), (4, 5))
    return np.ma.masked_where(~clear, (nir08 - swir22) / (nir08 + swir22))


def test_the_fire_shows_between_the_last_two_months(store):
    before, after = (nbr(store, sentinel2.SentinelScene(sentinel2.EAST, month)) for month in (6, 7))
    side = sentinel2.EAST
    part = np.s_[side.top_px : side.top_px + 1024 : 2, side.left_px : side.left_px + 1024 : 2]
    charred = sentinel2.severity()[part]
    dnbr = before - after
    assert dnbr.shape == (512, 512)
    # High severity from 0.66 on (Key & Benson 2006); elsewhere crops ripen or grow, and the middle stays.
    assert np.ma.median(dnbr[charred > 0.8]) > 0.66
    assert abs(np.ma.median(dnbr[charred == 0])) < 0.1
    assert 200 < 0.04 * int((dnbr[charred > 0] >= 0.27).sum()) < 2000, "hectares"


def test_the_two_footprints_overlap_and_one_fills_the_others_edge(store):
    west = band(store, sentinel2.SentinelScene(sentinel2.WEST, 6), "red")
    east = band(store, sentinel2.SentinelScene(sentinel2.EAST, 6), "red")
    # east begins 640 pixels to the right and 128 down; beyond its swath west sees nothing
    assert np.ma.getmaskarray(west)[128:, 960:].all()
    assert not np.ma.getmaskarray(east).any()


def test_clouds_are_counted_as_the_classification_has_them(store):
    for scene in sentinel2.scenes()[:6]:
        item = json.loads((store / demo_item_key(scene)).read_text())
        scl = band(store, scene, "scl").compressed()
        assert item["properties"]["eo:cloud_cover"] == pytest.approx(
            100 * np.isin(scl, (8, 9, 10)).mean(), abs=0.5
        )


def test_the_town_grows(store):
    nights = [scene for scene in demo_scenes() if scene.collection_id == "black-marble-monthly"]
    lit = [(band(store, scene, "radiance") > 1).sum() for scene in nights]
    assert lit[-1] > 2 * lit[0]


def test_no2_drifts_and_has_a_few_negative_values(store):
    morning, evening = (band(store, no2.scenes()[at], "no2") for at in (2, 11))
    assert 0 < (morning < 0).mean() < 0.05
    clean_then, clean_now = np.ma.median(morning), np.ma.median(evening)
    assert np.unravel_index(morning.argmax(), morning.shape) != np.unravel_index(
        evening.argmax(), evening.shape
    )
    # downwind of the town, north-east in the morning and south-east in the evening
    assert morning[40:46, 62:68].mean() > 3 * clean_then
    assert evening[54:60, 64:70].mean() > 2 * clean_now


@pytest.fixture
def store_with_real_scene(tmp_path) -> Path:
    """A folder whose tempo-no2 holds a scene that does not call itself synthetic."""
    (tmp_path / "drawn").mkdir()
    order = replace(no2.scenes()[0].draw(tmp_path / "drawn"), id="real", synthetic=False)
    plan = plan_scene(load_collections()["tempo-no2"], order)
    within(tmp_path / "store", lambda storage: land_scene(storage, plan))
    return Path(tmp_path / "store")


def test_it_stays_away_from_real_scenes(store_with_real_scene):
    with pytest.raises(RealScenesError, match=r"there are real scenes in tempo-no2; .* --force"):
        within(store_with_real_scene, land_demo)
    assert within(store_with_real_scene, lambda storage: read_state(storage, "sentinel-2-l2a")).number == 0


def test_forced_among_real_scenes_it_leaves_their_collection_its_name(store_with_real_scene, monkeypatch):
    monkeypatch.setattr("ingest.demo.demo_scenes", lambda: tuple(no2.scenes()[:2]))
    counted: list[int] = []
    within(store_with_real_scene, lambda storage: land_demo(storage, counted.append, force=True))
    assert sum(counted) == 100
    described = json.loads((store_with_real_scene / "collections/tempo-no2/collection.json").read_text())
    assert described["title"] == "TEMPO nitrogen dioxide"
    scenes = within(store_with_real_scene, lambda storage: read_state(storage, "tempo-no2")).scenes
    assert {name: scene.synthetic for name, scene in scenes.items()} == {
        "real": False,
        "synthetic-no2-2024-06-15T12": True,
        "synthetic-no2-2024-06-15T13": True,
    }
    within(store_with_real_scene, remove_demo)
    assert set(within(store_with_real_scene, lambda storage: read_state(storage, "tempo-no2")).scenes) == {
        "real"
    }


def test_it_can_be_taken_out_again(store, tmp_path):
    store = shutil.copytree(store, tmp_path / "store", copy_function=os.link)
    report = within(store, remove_demo)
    assert report.lines == (
        "sentinel-2-l2a: 24 synthetic scenes removed.",
        "black-marble-monthly: 24 synthetic scenes removed.",
        "tempo-no2: 13 synthetic scenes removed.",
    )
    assert not within(store, lambda storage: read_state(storage, "tempo-no2")).scenes
    assert within(store, remove_demo).lines == ("There is no demo; nothing changed.",)
