"""In a bucket a mended scene is a new version of itself: what was shown wrongly goes out of every cache."""

from pathlib import Path

from ingest.archives.archive import Access
from ingest.archives.opening import open_archive
from ingest.downloads import Downloads
from ingest.mending import Mender
from ingest.overviews.building import build_overviews
from mosaics.descriptions.collections import load_collections
from mosaics.descriptions.sources import load_sources
from mosaics.log import read_state
from mosaics.storage import Storage, open_storage
from mosaics.verifying import overview_keys, verify
from tests.ingest.archives.playing import EARTH_SEARCH, days, ingest, play, scene_files
from tests.ingest.overviews.scenes import COLLECTION, land
from tests.ingest.overviews.viewing import small_grid

SENTINEL = "sentinel-2-l2a"


async def flip(storage: Storage, key: str) -> bytes:
    whole = await storage.get(key)
    content = bytearray(whole)
    content[len(content) // 2] ^= 16
    await storage.put(key, bytes(content), "image/tiff")
    return whole


async def test_a_scene_in_a_bucket_lands_as_a_new_version(
    archive, client, s3_address: str, tmp_path: Path
) -> None:
    play(archive, days(archive, 1), scene_files(tmp_path))
    async with await open_storage(s3_address) as storage:
        await ingest(archive.url, client, storage, tmp_path / "downloads")
        ((scene_id, before),) = (await read_state(storage, SENTINEL)).scenes.items()
        whole = await flip(storage, before.item_key.replace("item.json", "red.tif"))
        found = await verify(storage, SENTINEL, bytes_per_s=1e9)
        assert found.bands == {before.item_key: ["red"]}

        described = load_sources()[EARTH_SEARCH].model_copy(update={"api": f"{archive.url}/v1"})
        source = open_archive(described, Access(client))
        collection = load_collections()[SENTINEL]
        mender = Mender(storage, collection, lambda _: [source], (), Downloads(tmp_path / "downloads"))
        mended = await mender.mend(before.item_key, ["red"])
        assert (mended.bands, mended.commit) == (("red",), 2)
        after = (await read_state(storage, SENTINEL)).scenes[scene_id]
        assert after.item_key == before.item_key.replace("/item.json", ".m1/item.json")
        assert await storage.get(after.item_key.replace("item.json", "red.tif")) == whole
        found = await verify(storage, SENTINEL, bytes_per_s=1e9)
        assert (found.files, found.damaged) == (3, {})
        # What ingestion would land today has landed.
        survey, outcome = await ingest(archive.url, client, storage, tmp_path / "downloads")
        assert (survey.landed, outcome.landings) == ((scene_id,), [])


async def test_a_damaged_overview_in_a_bucket_gets_another_key_and_so_do_those_above(s3_address: str) -> None:
    async with await open_storage(s3_address) as storage:
        await land(storage, await small_grid(storage))
        await build_overviews(storage, COLLECTION, None)
        before = {key async for key in overview_keys(storage, COLLECTION.id)}
        finest = max(before, key=lambda key: int(key.split("/")[4].partition("-")[0]))
        await flip(storage, finest.replace("item.json", "nir.tif"))
        found = await verify(storage, COLLECTION.id, bytes_per_s=1e9)
        assert found.bands == {finest: ["nir"]}
        outcome = await build_overviews(storage, COLLECTION, None, damaged=found.bands.keys())
        after = {key async for key in overview_keys(storage, COLLECTION.id)}
        assert after == before - {finest} | {finest.replace("/item.json", ".m1/item.json")}
        assert (outcome.mended, outcome.made) == (1, 7 - outcome.kept)
        assert (await verify(storage, COLLECTION.id, bytes_per_s=1e9)).damaged == {}
