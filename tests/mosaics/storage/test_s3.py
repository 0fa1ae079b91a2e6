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


class Line:
    """A line to the real server that can be cut: then connections to its end here are refused."""

    def __init__(self, endpoint: str) -> None:
        self._host, _, port = endpoint.removeprefix("http://").partition(":")
        self._far = int(port)
        self._near = 0
        self._server: asyncio.Server | None = None
        self._streams: list[asyncio.Task[None]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._near}"

    async def connect(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._near)
        self._near = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)
        self._streams.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._far)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._streams.append(asyncio.create_task(self._carry(source, target)))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
        finally:
            target.close()


@pytest.fixture
async def line(s3, s3_address, monkeypatch):
    line = Line(s3.endpoint)
    await line.connect()
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
    yield line
    await line.cut()


async def test_a_server_out_of_reach_is_unavailable_and_its_return_is_noticed(s3_address, line):
    async with await open_storage(s3_address) as storage:
        await storage.put_new("a/x", b"1", TEXT)
        await line.cut()
        for ask in (storage.get, storage.head, storage.folders, storage.delete):
            with pytest.raises(StorageUnavailableError, match="cannot be reached"):
                await ask("a/x")
        with pytest.raises(StorageUnavailableError):
            await storage.put_new("a/y", b"1", TEXT)
        with pytest.raises(StorageUnavailableError):
            _ = [info async for info in storage.list("a/")]
        await line.connect()
        assert await storage.get("a/x") == b"1"


async def test_storage_opens_while_the_server_is_out_of_reach(s3_address, line):
    await line.cut()
    async with await open_storage(s3_address) as storage:
        await line.connect()
        await storage.put_new("a/x", b"1", TEXT)


class Actor:
    """Answers that Ceph does not give on demand, in the words of Amazon S3's error responses."""

    def __init__(self, **codes: list[tuple[int, str]]) -> None:
        self.codes = codes

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = (await reader.readuntil(b"\r\n\r\n")).partition(b" ")[0].decode()
        turns = self.codes[method]
        status, code = turns.pop(0) if len(turns) > 1 else turns[0]
        body = f"<Error><Code>{code}</Code><Message>m</Message></Error>"
        writer.write(
            f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def test_a_server_that_says_503_is_unavailable(s3_address, monkeypatch):
    actor = Actor(GET=[(503, "SlowDown")])
    async with await asyncio.start_server(actor.answer, "127.0.0.1", 0) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with await open_storage(s3_address) as storage:
            with pytest.raises(StorageUnavailableError, match="SlowDown"):
                await storage.get("a/x")


async def test_a_create_only_write_that_meets_another_is_tried_again(s3_address, monkeypatch):
    actor = Actor(
        GET=[(503, "SlowDown")],
        PUT=[
            (409, "ConditionalRequestConflict"),
            (409, "ConditionalRequestConflict"),
            (412, "PreconditionFailed"),
        ],
    )
    async with await asyncio.start_server(actor.answer, "127.0.0.1", 0) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with await open_storage(s3_address) as storage:
            with pytest.raises(ObjectExistsError):
                await storage.put_new("a/x", b"1", TEXT)


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
