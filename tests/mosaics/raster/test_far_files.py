"""Files at addresses elsewhere are fetched beside the threads, and show what they hold, or nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from rasterio.errors import RasterioIOError

from mosaics.hosts import HOSTS
from mosaics.raster import heads
from mosaics.raster.blocks import BLOCKS
from mosaics.raster.far_files import ChangedFileError, FarError, FarFiles
from mosaics.raster.fetched import GoneError, Piece, VersionedBytes
from mosaics.raster.reading import AssetReadError
from mosaics.scene import Asset
from mosaics.storage import Storage, open_storage
from tests.ingest.archives.server import Answer, ArchiveServer, Asked, Handler, document, file
from tests.mosaics.raster.test_fetching import MIDDLE, NOWHERE, Reader, drawn, require_equal, warped


@pytest.fixture
def archive() -> Iterator[ArchiveServer]:
    with ArchiveServer() as server:
        yield server


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    (tmp_path / "store").mkdir()
    async with await open_storage(f"file://{tmp_path}/store") as opened:
        yield opened


@pytest.fixture
async def reader(storage: Storage) -> AsyncIterator[Reader]:
    made = Reader(storage, NOWHERE)
    yield made
    made.lanes.close()
    await made.fetching.close()


def served(archive: ArchiveServer, path: Path, dtype: str = "uint16", nodata: float | None = None) -> Asset:
    archive.routes[f"/{path.name}"] = file(path.read_bytes())
    return Asset("red", f"/vsicurl/{archive.url}/{path.name}", dtype, nodata, 1.0, 0.0, "1")


def lanes_of(reader: Reader) -> set[str]:
    return set(reader.lanes.waiting)


@pytest.mark.parametrize(
    ("kind", "by_gdal"),
    [
        ({}, False),
        ({"dtype": "float32", "nodata": 7}, False),
        ({"overviews": False, "sparse_ok": True, "nodata": 0}, False),
        ({"compress": "lzw"}, False),
        ({"compress": "none", "predictor": 1, "nodata": 7}, False),
    ],
)
async def test_a_far_file_shows_what_rasterio_shows(tmp_path, archive, reader, kind, by_gdal):
    path = drawn(tmp_path / "a.tif", **kind)
    asset = served(archive, path, kind.get("dtype", "uint16"), kind.get("nodata"))
    require_equal(await reader.read(asset), warped(path, MIDDLE))
    # only what GDAL reads itself is read in the lane of the host, whose threads may have to wait
    assert (archive.url.removeprefix("http://") in lanes_of(reader)) == by_gdal


async def test_header_and_blocks_are_two_round_trips_and_then_none(tmp_path, archive, reader):
    bands = [served(archive, drawn(tmp_path / f"{band}.tif")) for band in "ab"]

    async def both() -> None:
        for band in bands:
            await reader.read(band)

    await both()
    kinds = {asked.headers["range"].split("-")[0] == "bytes=0" for asked in archive.asked}
    assert kinds == {True, False}
    asked = len(archive.asked)
    await both()
    assert len(archive.asked) == asked


@pytest.mark.parametrize("guesses", [(400, 1 << 16), (400, 500)])
async def test_a_head_longer_than_was_guessed_leaves_no_block_out(
    tmp_path, archive, reader, monkeypatch, guesses
):
    """A place that is not read yet must not be taken for that of a block that was never written."""
    path = drawn(tmp_path / "a.tif", blocksize=128, overviews=False)
    for length in range(guesses[0], 1000, 40):
        monkeypatch.setattr(heads, "GUESSED_BYTES", (length, guesses[1]))
        name = f"{length}.tif"
        asset = served(archive, path.rename(path.with_name(name)))
        path = path.with_name(name)
        require_equal(await reader.read(asset), warped(path, MIDDLE))


async def test_a_file_that_becomes_another_is_never_shown_in_parts_of_both(tmp_path, archive, reader):
    first, second = drawn(tmp_path / "a.tif"), drawn(tmp_path / "b.tif")
    asset = served(archive, first)
    require_equal(await reader.read(asset), warped(first, MIDDLE))
    archive.routes["/a.tif"] = file(second.read_bytes())
    reader.fetching.kept.clear()
    BLOCKS.clear()
    with pytest.raises(AssetReadError) as changed:
        await reader.read(asset)
    assert isinstance(changed.value.__cause__, ChangedFileError)
    require_equal(await reader.read(asset), warped(second, MIDDLE))


async def test_a_server_that_gives_no_parts_is_left_to_gdal(tmp_path, archive, reader):
    path = drawn(tmp_path / "a.tif")
    asset = served(archive, path)
    whole, told = path.read_bytes(), file(path.read_bytes())
    # GDAL gives up a server without parts, too, unless what it asks for is small
    archive.routes["/a.tif"] = lambda asked: (
        told(asked) if "16383" in asked.headers.get("range", "") else Answer(200, whole)
    )
    with pytest.raises(AssetReadError):
        await reader.read(asset)
    assert archive.asked[0].headers["range"] == "bytes=0-65535"


@pytest.fixture
async def far() -> AsyncIterator[FarFiles]:
    made = FarFiles()
    yield made
    await made.close()


def answering(*answers: Answer | Handler) -> Handler:
    """Answers in turn, the last one for good."""
    left = list(answers)

    def answer(asked: Asked) -> Answer:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now(asked) if callable(now) else now

    return answer


CONTENT = bytes(range(256)) * 4
PIECE = slice(100, 300)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (file(CONTENT), CONTENT[PIECE]),
        (answering(Answer(503), file(CONTENT)), CONTENT[PIECE]),
        (answering(Answer(206, b"ab", length=200), file(CONTENT)), CONTENT[PIECE]),
        (Answer(503), FarError),
        (Answer(404), GoneError),
        (Answer(403), FarError),
        (file(CONTENT, length=300), FarError),
        (Answer(206, CONTENT[:200], {"content-range": "bytes 0-199/1024"}), FarError),
        (Answer(206, CONTENT[100:200], {"content-range": "bytes 100-299/1024"}), FarError),
        (Answer(206, CONTENT[PIECE]), FarError),
        (Answer(200, CONTENT), FarError),
    ],
    ids=[
        "right",
        "busy once",
        "cut once",
        "busy",
        "gone",
        "refused",
        "cut",
        "another part",
        "short",
        "untold",
        "whole",
    ],
)
async def test_a_part_is_what_was_asked_for_or_an_error(archive, far, answer, expected):
    archive.routes["/a.tif"] = answer if callable(answer) else lambda _: answer
    found = await far.part(Piece(f"/vsicurl/{archive.url}/a.tif", 100, 200))
    assert found == expected if isinstance(expected, bytes) else isinstance(found, expected)


async def test_a_part_at_the_end_of_a_file_is_shorter(archive, far):
    archive.routes["/a.tif"] = file(CONTENT)
    assert await far.part(Piece(f"/vsicurl/{archive.url}/a.tif", 1000, 100)) == CONTENT[1000:]


async def test_parts_of_another_version_are_not_taken(archive, far):
    archive.routes["/a.tif"] = file(CONTENT)
    piece = Piece(f"/vsicurl/{archive.url}/a.tif", 100, 200)
    head = await far.part(piece)
    assert isinstance(head, VersionedBytes)
    assert head.version
    assert await far.part(piece._replace(version=head.version)) == CONTENT[PIECE]
    archive.routes["/a.tif"] = file(CONTENT[::-1])
    assert isinstance(await far.part(piece._replace(version=head.version)), ChangedFileError)


@pytest.mark.parametrize(
    "leads_to", ["http://127.0.0.1:9/a.tif", "http://localhost/a.tif", "https://127.0.0.1/a.tif"]
)
async def test_redirects_lead_to_no_other_place_on_this_machine(archive, far, leads_to):
    archive.routes["/a.tif"] = lambda _: Answer(302, b"", {"location": leads_to})
    found = await far.part(Piece(f"/vsicurl/{archive.url}/a.tif", 0, 10))
    assert isinstance(found, FarError)
    assert "is not followed" in str(found)


async def test_redirects_within_a_server_are_followed_and_end(archive, far):
    archive.routes["/a.tif"] = lambda _: Answer(302, b"", {"location": f"{archive.url}/b.tif"})
    archive.routes["/b.tif"] = file(CONTENT)
    assert await far.part(Piece(f"/vsicurl/{archive.url}/a.tif", 0, 10)) == CONTENT[:10]
    archive.routes["/b.tif"] = lambda _: Answer(302, b"", {"location": f"{archive.url}/a.tif"})
    assert isinstance(await far.part(Piece(f"/vsicurl/{archive.url}/a.tif", 0, 10)), FarError)


@pytest.mark.parametrize(
    "path",
    [
        "/vsicurl/http://10.0.0.1/a.tif",
        "/vsicurl/https://u:p@a.test/a.tif",
        "/vsicurl/https://127.0.0.1/a.tif",
        "/vsicurl/ftp://a.test/a.tif",
    ],
)
async def test_addresses_that_the_gate_would_refuse_are_refused(far, path):
    assert isinstance(await far.part(Piece(path, 0, 10)), RasterioIOError)


class Rerouted(httpx.AsyncHTTPTransport):
    """Brings requests for any host to a server on this machine."""

    def __init__(self, port: int) -> None:
        super().__init__(trust_env=False)
        self.port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port)
        return await super().handle_async_request(request)


async def test_files_of_the_planetary_computer_are_asked_for_with_a_token_that_holds(archive):
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    given: list[str] = []

    def token(_: Asked) -> Answer:
        given.append(f"sig={len(given)}")
        return document(
            {"token": given[-1], "msft:expiry": f"{now + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"}
        )

    archive.routes["/token/account/container"] = token
    archive.routes["/container/a.tif"] = lambda asked: (
        file(CONTENT)(asked) if asked.query == given[-1] else Answer(403)
    )
    address = quote("https://account.blob.core.windows.net/container/a.tif", safe="")
    piece = Piece(f"/vsicurl?pc_url_signing=yes&pc_collection=account/container&url={address}", 0, 10)
    far = FarFiles("https://tokens.test/token", {False: Rerouted(archive.port)}, now=lambda: now)
    assert [await far.part(piece) for _ in range(3)] == [CONTENT[:10]] * 3
    assert given == ["sig=0"]  # as long as it holds
    now += timedelta(minutes=29, seconds=30)
    assert await far.part(piece) == CONTENT[:10]
    assert given == ["sig=0", "sig=1"]
    given.append("sig=taken back")
    assert await far.part(piece) == CONTENT[:10]
    assert given[-1] == "sig=3"
    archive.routes["/token/account/container"] = lambda _: Answer(500)
    given.append("sig=taken back")
    assert isinstance(await far.part(piece), FarError)
    await far.close()


async def test_a_host_that_hangs_costs_its_file_and_no_thread(tmp_path, archive, reader):
    path = drawn(tmp_path / "a.tif")
    asset = served(archive, path)
    has_asked, told = threading.Event(), file(path.read_bytes(), pause_s=30)

    def hanging(request: Asked) -> Answer:
        has_asked.set()
        return told(request)

    archive.routes["/a.tif"] = hanging
    host = archive.url.removeprefix("http://")
    asked = asyncio.create_task(reader.read(asset))
    async with asyncio.timeout(5):
        await asyncio.to_thread(has_asked.wait)
    assert not reader.lanes.waiting.total()  # nothing waits on a thread
    with pytest.raises(AssetReadError):
        await asked
    assert host in HOSTS.avoided()
    HOSTS.answered(host)
