"""Verifying finds the file that has changed, and no other."""

from pathlib import Path

from ingest.landing import land_scene
from ingest.planning import plan_scene
from mosaics.storage import open_storage
from mosaics.verifying import verify

SENTINEL = "sentinel-2-l2a"


async def test_a_changed_and_a_missing_file_are_found(collections, make_order, tmp_path: Path) -> None:
    scene = plan_scene(collections[SENTINEL], make_order())
    store = tmp_path / "store"
    async with await open_storage(store.as_uri()) as storage:
        await land_scene(storage, scene)
        whole = await verify(storage, SENTINEL, bytes_per_s=1e9)
        assert (whole.files, whole.unstated, whole.damaged) == (2, 0, {})
        assert whole.size_bytes == sum(path.stat().st_size for path in store.rglob("*.tif"))
        (red,), (nir,) = store.rglob("red.tif"), store.rglob("nir.tif")
        content = bytearray(red.read_bytes())
        content[-1] ^= 1
        red.write_bytes(content)
        nir.unlink()
        damaged = await verify(storage, SENTINEL, bytes_per_s=1e9)
    assert damaged.files == 0
    assert {key.rpartition("/")[2] for key in damaged.damaged} == {"red.tif", "nir.tif"}
