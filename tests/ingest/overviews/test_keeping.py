"""Overviews stay true: as scenes come and go, builders die, files break, and people ask for them."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from app.cli import main
from app.products.adhoc import adhoc_product
from mosaics.storage import StorageUnavailableError
from mosaics.sweeping import unreferenced
from tests.ingest.overviews.scenes import COLLECTION, files_under, land, put_grid, put_scene
from tests.ingest.overviews.viewing import (
    FINEST,
    MIDDLE,
    PIXEL_DEG,
    Viewer,
    bring,
    overviews_of,
    renamed,
    small_grid,
    tile_of,
)

NOW = timedelta(seconds=-60)


async def test_no_tile_shows_a_scene_that_is_gone_or_lacks_one_that_has_come(storage):
    far = await put_grid(storage, 4, 3, pixel_deg=PIXEL_DEG, side=128, corner=(100.0, 8.0), version="far")
    far = [renamed(record, f"far-{record.id}") for record in far]
    await land(storage, [*await small_grid(storage), *far])
    await bring(storage)
    viewer = Viewer(storage)
    red = adhoc_product(COLLECTION, expression="red", rescale="0,1")
    bands = {"red": np.full((128, 128), 4000, np.uint16), "nir": np.full((128, 128), 8000, np.uint16)}
    corner = (10.0 + 150 * PIXEL_DEG, 8.0 - 100 * PIXEL_DEG)
    for change in ("add", "replace", "remove"):
        before = await overviews_of(storage)
        if change == "remove":
            await land(storage, [], remove=["s5"])
        else:
            given: dict[str, Any] = {
                "version": change,
                "cloud_cover_percent": 0.0 if change == "add" else 99.0,
            }
            await land(storage, [await put_scene(storage, "s5", corner, PIXEL_DEG, bands, **given)])
        for place in (tile_of(*MIDDLE, z) for z in (FINEST, 3, 0)):
            shown, files = await viewer.values(*place, product=red)
            assert files > 4  # the scenes themselves, until the overviews are made anew
            np.testing.assert_array_equal(shown, await viewer.from_scenes(*place, product=red))
        elsewhere = await viewer.values(*tile_of(100.0 + 200 * PIXEL_DEG, MIDDLE[1], FINEST), product=red)
        assert elsewhere[1] == 1

        # Zooms 0 to 3 are one cell for the whole world, and zoom 4 one for both places.
        near = {place for place in before if place[0] <= 4 or place[1] < 1.5 * 2 ** (place[0] - 4)}
        outcome = await bring(storage)
        after = await overviews_of(storage)
        assert after.keys() == before.keys()
        assert len(near) == outcome.made == 7
        same = {place for place in after if after[place].item_key == before[place].item_key}
        # Where few pixels are left of a scene its going may change none, and then nothing has changed.
        assert same >= after.keys() - near
        assert not same & {place for place in near if place[0] >= 5}
        place = tile_of(*MIDDLE, FINEST)
        shown, files = await viewer.values(*place, product=red)
        assert files == 1
        np.testing.assert_array_equal(shown, await viewer.from_scenes(*place, product=red))


async def test_a_builder_that_dies_anywhere_leaves_nothing_wrong_and_the_next_completes(storage):
    await land(storage, await small_grid(storage))
    viewer = Viewer(storage)
    place = tile_of(*MIDDLE, FINEST)
    truth, _ = await viewer.values(*place)

    class Dies:
        """Storage that takes so many writes and no more."""

        def __init__(self, left):
            self.left = left

        def __getattr__(self, name):
            return getattr(storage, name)

        async def put_new(self, *given):
            await self._count()
            await storage.put_new(*given)

        async def put_new_file(self, *given):
            await self._count()
            await storage.put_new_file(*given)

        async def _count(self):
            self.left -= 1
            if self.left < 0:
                raise StorageUnavailableError("the writer dies here")

    # Four objects an overview, seven of them, then the mosaic and its commit.
    for writes in (0, 3, 15, 28, 29):
        with pytest.raises(StorageUnavailableError):
            await bring(Dies(writes))
        assert await overviews_of(storage) == {}
        shown, files = await viewer.values(*place)
        assert files > 4
        np.testing.assert_array_equal(shown, truth)
    assert (await bring(Dies(30))).made == 7
    shown, files = await viewer.values(*place)
    assert files == 2
    np.testing.assert_array_equal(shown, truth)
    # What the dead have written was what was to be written; only the mosaic of one of them is left over.
    swept = [info.key async for info in unreferenced(storage, NOW)]
    assert not [key for key in swept if "/overviews/" in key]


async def test_a_damaged_file_costs_its_pixels_until_it_is_whole_again(storage, tmp_path):
    records = await small_grid(storage)
    await land(storage, records)
    file = tmp_path / "store" / records[5].item_key.replace("item.json", "nir.tif")
    whole = file.read_bytes()
    file.write_bytes(whole[:200])
    outcome = await bring(storage)
    assert outcome.left_out == {records[5].item_key}
    viewer = Viewer(storage)
    place = tile_of(*MIDDLE, FINEST)
    shown, _ = await viewer.values(*place)
    file.write_bytes(whole)
    outcome = await bring(storage)
    assert (outcome.left_out, outcome.made) == (set(), 7)
    mended, _ = await viewer.values(*place)
    assert np.isfinite(mended).sum() > np.isfinite(shown).sum()


async def test_the_command_makes_them_and_the_log_tells(storage, tmp_path):
    await land(storage, await small_grid(storage))
    address = str(tmp_path / "store")
    result = await _run(["overviews", "--storage", address])
    assert result.exit_code == 0, result.output
    assert "sentinel-2-l2a: 7 overviews made for low zooms; 0 were right." in result.output
    again = await _run(["overviews", "sentinel-2-l2a", "--period", "2024-06", "--json", "--storage", address])
    assert json.loads(again.output.splitlines()[-1]) == {"event": "result", "made": 0, "kept": 7, "mended": 0}
    refused = await _run(["overviews", "sentinel-9", "--storage", address])
    assert refused.exit_code == 2
    assert "there are: sentinel-2-l2a" in refused.output
    told = await _run(["log", "sentinel-2-l2a", "--storage", address])
    assert "overviews of 2024-06" in told.output
    assert any("/overviews/2024-06/6-" in key for key in files_under(Path(address)))
    files = [Path(address, key) for key in files_under(Path(address)) if "/overviews/" in key]
    before = {path: path.read_bytes() for path in files}
    finest, item = (
        next(path for path in before if f"/{zoom}-" in str(path) and path.name == name)
        for zoom, name in ((6, "nir.tif"), (3, "item.json"))
    )
    finest.write_bytes(before[finest][:-100] + bytes(100))
    item.write_bytes(b"")
    mended = await _run(["overviews", "--storage", address])
    assert (mended.exit_code, mended.output.count("\n")) == (0, 4), mended.output
    assert "nir.tif: it is missing, or not as it was written." in mended.output
    assert "sentinel-2-l2a: 2 overviews were damaged, and made again." in mended.output
    assert {path: path.read_bytes() for path in before} == before


async def _run(arguments):
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)
