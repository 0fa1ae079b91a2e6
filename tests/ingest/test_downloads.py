"""The folder of downloads: one run a scene, and nothing that is left for ever."""

import os
import time

import pytest

from ingest.downloads import KEPT_S, BeingFetchedError, Downloads


@pytest.fixture
def downloads(tmp_path):
    return Downloads(tmp_path / "downloads")


def test_a_scene_is_fetched_by_one_run_at_a_time(downloads):
    folder = downloads.of_scene("a", "b", "c")
    with (
        downloads.claimed(folder),
        pytest.raises(BeingFetchedError),
        Downloads(downloads.folder).claimed(folder),
    ):
        pass
    with downloads.claimed(folder):
        downloads.remove(folder)
    assert list(downloads.folder.iterdir()) == []


def test_what_is_left_for_a_week_is_cleared_away(downloads):
    for name, age_s in (("old", KEPT_S + 60), ("young", 60)):
        folder = downloads.of_scene("a", name, "c")
        with downloads.claimed(folder):
            (folder / "red.tif.part").write_bytes(b"x")
        for file in folder.iterdir():
            os.utime(file, (time.time() - age_s,) * 2)
    downloads.clear_abandoned()
    assert [path.name for path in (downloads.folder / "a").iterdir()] == ["young"]


def test_what_is_in_use_is_not_cleared_away(downloads):
    folder = downloads.of_scene("a", "b", "c")
    with downloads.claimed(folder):
        os.utime(folder / ".fetching", (0, 0))
        downloads.clear_abandoned()
        assert folder.is_dir()


def test_sizes_of_what_has_come(downloads):
    folder = downloads.of_scene("a", "b", "c")
    assert downloads.size_bytes(folder) == 0
    with downloads.claimed(folder):
        (folder / "red.tif").write_bytes(bytes(10))
        (folder / "nir.tif.part").write_bytes(bytes(5))
        with (folder / "scl.blocks.tif").open("wb") as file:
            file.truncate(10**9)
    assert downloads.size_bytes(folder) == 15
