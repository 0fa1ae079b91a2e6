"""What every storage promises, in a local folder and in S3."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import rasterio

from mosaics.storage import ObjectExistsError, ObjectNotFoundError, StorageAddressError, open_storage
from tests.rasters import write_geotiff

TEXT = "text/plain"


@pytest.fixture
async def storage(storage_address):
    async with await open_storage(storage_address) as opened:
        yield opened


async def test_an_object_is_read_back_whole_and_in_ranges(storage):
    await storage.put_new("collections/a/x.txt", b"0123456789", TEXT)
    assert await storage.get("collections/a/x.txt") == b"0123456789"
    assert await storage.get_range("collections/a/x.txt", 2, 3) == b"234"
    assert await storage.get_range("collections/a/x.txt", 8, 100) == b"89"
    assert await storage.get_range("collections/a/x.txt", 10, 5) == b""
    assert await storage.get_range("collections/a/x.txt", 0, 0) == b""


async def test_what_is_not_there_is_not_found(storage):
    await storage.put_new("collections/a/x.txt", b"x", TEXT)
    for ask in (storage.get, storage.head, lambda key: storage.get_range(key, 0, 1)):
        with pytest.raises(ObjectNotFoundError, match=r"collections/a/y\.txt"):
            await ask("collections/a/y.txt")
        with pytest.raises(ObjectNotFoundError):
            await ask("collections/a")
    await storage.delete("collections/a/y.txt")


async def test_a_create_only_write_leaves_what_is_there(storage, tmp_path):
    await storage.put_new("a/x", b"first", TEXT)
    with pytest.raises(ObjectExistsError, match="a/x"):
        await storage.put_new("a/x", b"second", TEXT)
    file = tmp_path / "third"
    file.write_bytes(b"third")
    with pytest.raises(ObjectExistsError):
        await storage.put_new_file("a/x", file, TEXT)
    assert await storage.get("a/x") == b"first"


async def test_a_plain_write_replaces(storage):
    await storage.put("a/x", b"first", TEXT)
    await storage.put("a/x", b"second", TEXT)
    assert await storage.get("a/x") == b"second"


async def test_of_twenty_writers_of_one_key_one_wins(storage):
    async def write(number):
        try:
            await storage.put_new("race/x", b"%d" % number, TEXT)
        except ObjectExistsError:
            return None
        return b"%d" % number

    winners = [body for body in await asyncio.gather(*map(write, range(20))) if body is not None]
    assert winners == [await storage.get("race/x")]


async def test_a_file_is_streamed_and_never_seen_in_part(storage, tmp_path):
    body = bytes(range(256)) * 100_000  # 25.6 MB
    file = tmp_path / "big"
    file.write_bytes(body)

    async def watch():
        seen: set[int] = set()
        while not done.is_set():
            infos = [info async for info in storage.list("big/")]
            seen.update(info.size for info in infos)
            await asyncio.sleep(0.002)
        return seen

    done = asyncio.Event()
    watching = asyncio.create_task(watch())
    await storage.put_new_file("big/x", file, "application/octet-stream")
    await asyncio.sleep(0.05)
    done.set()
    assert await watching <= {len(body)}
    assert await storage.get("big/x") == body


async def test_a_missing_file_to_upload_is_not_a_missing_object(storage, tmp_path):
    with pytest.raises(FileNotFoundError):
        await storage.put_new_file("a/x", tmp_path / "nothing", TEXT)


async def test_listing_is_by_prefix_in_the_order_of_keys(storage):
    for key in ("c/b/2", "c/b/10", "c/a", "d/x", "c/b-1"):
        await storage.put_new(key, b"xy", TEXT)
    infos = [info async for info in storage.list("c/")]
    assert [info.key for info in infos] == ["c/a", "c/b-1", "c/b/10", "c/b/2"]
    assert [info.key async for info in storage.list("c/b")] == ["c/b-1", "c/b/10", "c/b/2"]
    assert [info.key async for info in storage.list("")] == ["c/a", "c/b-1", "c/b/10", "c/b/2", "d/x"]
    assert [info.key async for info in storage.list("nowhere/")] == []
    assert {info.size for info in infos} == {2}
    assert all(abs(info.modified - datetime.now(UTC)) < timedelta(minutes=5) for info in infos)
    assert (await storage.head("c/a")).size == 2


async def test_a_listing_of_more_than_one_page_is_whole(storage):
    keys = [f"many/{number:05d}" for number in range(1100)]  # S3 lists a thousand a page
    for start in range(0, len(keys), 50):
        await asyncio.gather(*(storage.put_new(key, b"", TEXT) for key in keys[start : start + 50]))
    assert [info.key async for info in storage.list("many/")] == keys


async def test_folders_are_the_names_directly_below(storage):
    for key in ("collections/b/log/1", "collections/a/collection.json", "collections/note.txt", "other/x"):
        await storage.put_new(key, b"", TEXT)
    assert await storage.folders("collections/") == ("a", "b")
    assert await storage.folders("") == ("collections", "other")
    assert await storage.folders("nowhere/") == ()


async def test_a_deleted_object_is_gone(storage):
    await storage.put_new("a/x", b"1", TEXT)
    await storage.delete("a/x")
    with pytest.raises(ObjectNotFoundError):
        await storage.get("a/x")
    await storage.put_new("a/x", b"2", TEXT)
    assert await storage.get("a/x") == b"2"


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../x", "a//x", "a/", "a/./x", ".partial/x", "a\\b", "a\0"]
)
async def test_a_key_never_leads_out_of_the_storage(storage, key):
    for ask in (storage.get, storage.head, storage.delete):
        with pytest.raises(ValueError, match="is not a valid key; no segment"):
            await ask(key)
    with pytest.raises(ValueError, match="is not a valid key; no segment"):
        await storage.put_new(key, b"", TEXT)
    with pytest.raises(ValueError, match="is not a valid key; no segment"):
        storage.gdal_path(key)


async def test_gdal_reads_the_same_objects(storage, tmp_path):
    file = tmp_path / "red.tif"
    write_geotiff(file, np.arange(600, dtype=np.uint16).reshape(20, 30))
    await storage.put_new_file("collections/a/red.tif", file, "image/tiff")
    with rasterio.open(file) as local:
        expected = local.read()

    def read():
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", **storage.gdal_options()),
            rasterio.open(storage.gdal_path("collections/a/red.tif")) as dataset,
        ):
            return dataset.read()

    assert (await asyncio.to_thread(read) == expected).all()


async def test_the_address_opens_the_same_storage_again(storage):
    await storage.put_new("a/x", b"1", TEXT)
    async with await open_storage(storage.address) as again:
        assert await again.get("a/x") == b"1"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "  ",
        "gs://bucket/x",
        "http://127.0.0.1/x",
        "s3://",
        "s3:///x",
        "file://",
        "file:///",
        "file://host/x",
        "s3://key:secret@bucket/x",
        "s3://bucket:80/x",
        "s3://bucket/x?y=1",
        "s3://bucket/../x",
    ],
)
async def test_other_addresses_are_refused_with_what_works(address):
    with pytest.raises(StorageAddressError) as caught:
        await open_storage(address)
    assert "s3://bucket/prefix" in str(caught.value) or "not a prefix of keys" in str(caught.value)
    assert "secret" not in str(caught.value)
