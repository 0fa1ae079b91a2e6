"""S3 when something is wrong: the server, the bucket, the credentials."""

import asyncio

import botocore.session
import pytest

from mosaics.storage import (
    ObjectExistsError,
    StorageAccessError,
    StorageAddressError,
    StorageError,
    StorageUnavailableError,
    open_storage,
)
from mosaics.storage.s3 import S3Storage

TEXT = "text/plain"


async def test_a_stopped_server_is_unavailable_and_its_return_is_noticed(s3, s3_address):
    async with await open_storage(s3_address) as storage:
        await storage.put_new("a/x", b"1", TEXT)
        s3.stop()
        try:
            for ask in (storage.get("a/x"), storage.head("a/x"), storage.folders(""), storage.delete("a/x")):
                with pytest.raises(StorageUnavailableError, match="cannot be reached"):
                    await ask
            with pytest.raises(StorageUnavailableError):
                await storage.put_new("a/y", b"1", TEXT)
            with pytest.raises(StorageUnavailableError):
                _ = [info async for info in storage.list("a/")]
        finally:
            s3.start()
        assert await storage.get("a/x") == b"1"


async def test_storage_opens_while_the_server_is_away(s3, s3_address):
    s3.stop()
    try:
        storage = await open_storage(s3_address)
    finally:
        s3.start()
    async with storage:
        await storage.put_new("a/x", b"1", TEXT)


async def test_a_server_that_says_503_is_unavailable(s3_address, monkeypatch):
    async def overloaded(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        writer.write(
            b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(overloaded, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        async with await open_storage(s3_address) as storage:
            with pytest.raises(StorageUnavailableError, match="SlowDown"):
                await storage.get("a/x")


async def test_a_create_only_write_that_meets_another_is_tried_again(s3_address, monkeypatch):
    """Amazon answers 409 while a rival's write is under way; Ceph does not, so a server here plays it."""
    answers = [
        (409, "ConditionalRequestConflict"),
        (409, "ConditionalRequestConflict"),
        (412, "PreconditionFailed"),
    ]

    async def conflicting(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        status, code = answers.pop(0) if head.startswith(b"PUT") else (503, "SlowDown")
        body = f"<Error><Code>{code}</Code></Error>".encode()
        writer.write(
            b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)) + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(conflicting, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        async with await open_storage(s3_address) as storage:
            with pytest.raises(ObjectExistsError):
                await storage.put_new("a/x", b"1", TEXT)
    assert answers == []


async def test_a_missing_bucket_is_said_to_be_missing(s3):
    with pytest.raises(StorageError, match="there is no bucket 'not-made-yet'; create it first"):
        await open_storage("s3://not-made-yet/x")


async def test_wrong_credentials_are_told_without_showing_them(s3_address, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    with pytest.raises(StorageAccessError) as caught:
        await open_storage(s3_address)
    assert "AWS_SECRET_ACCESS_KEY" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


async def test_missing_credentials_are_told(s3_address, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StorageAccessError, match="needs credentials"):
        await open_storage(s3_address)


async def test_an_endpoint_that_is_no_address_is_told(s3_address, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    with pytest.raises(StorageAddressError, match="AWS_ENDPOINT_URL"):
        await open_storage(s3_address)


async def test_gdal_is_told_the_endpoint_and_no_credentials(s3, s3_address):
    async with await open_storage(s3_address) as storage:
        assert storage.gdal_options() == {
            "AWS_REGION": "us-east-1",
            "AWS_S3_ENDPOINT": s3.endpoint.removeprefix("http://"),
            "AWS_HTTPS": "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
        }
        bucket = s3_address.split("/")[2]
        assert storage.gdal_path("a/x.tif") == f"/vsis3/{bucket}/tilewatch/a/x.tif"
        assert storage.href("a/x.tif") == f"s3://{bucket}/tilewatch/a/x.tif"


async def test_amazon_needs_no_endpoint(s3_address, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    session = botocore.session.Session()
    client = session.create_client("s3")
    storage = S3Storage("bucket", "", client, stack=None)  # type: ignore[arg-type]
    assert storage.gdal_options() == {"AWS_REGION": "eu-central-1"}
    assert storage.address == "s3://bucket"
    client.close()


async def test_keys_lie_below_the_prefix_and_are_told_without_it(s3, s3_address):
    bucket = s3_address.split("/")[2]
    async with await open_storage(s3_address) as storage, await open_storage(f"s3://{bucket}") as whole:
        await storage.put_new("a/x", b"1", TEXT)
        await whole.put_new("tilewatch-other/a/y", b"2", TEXT)
        assert [info.key async for info in storage.list("")] == ["a/x"]
        assert [info.key async for info in whole.list("")] == ["tilewatch-other/a/y", "tilewatch/a/x"]
        assert await storage.folders("") == ("a",)
        assert await whole.get("tilewatch/a/x") == b"1"
