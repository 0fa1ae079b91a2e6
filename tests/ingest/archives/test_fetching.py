"""Fetching a file: whole or not at all, gone on with where it stopped, and what the archive says it is."""

import hashlib
import random

import pytest

from ingest.archives.fetching import DamagedFileError, Expected, fetch_file
from ingest.archives.http import ArchiveAnswerError, ArchiveError, ArchiveUnavailableError
from tests.ingest.archives.server import Answer, file

CONTENT = random.Random(1).randbytes(600_000)
SHA256 = "1220" + hashlib.sha256(CONTENT).hexdigest()
S3 = {"x-amz-request-id": "1"}


class Fetch:
    """Fetches /a.tif of an archive, and keeps account of the bytes told."""

    def __init__(self, archive, client, target):
        self.archive, self.client, self.target, self.told_bytes = archive, client, target, 0
        self.signed = []

    async def __call__(self, **expected):
        async def signed(refused):
            self.signed.append(refused)
            return f"{self.archive.url}/a.tif?sig={len(self.signed)}"

        await fetch_file(self.client, signed, Expected(**expected), self.target, self.tell)

    def tell(self, size_bytes):
        self.told_bytes += size_bytes

    @property
    def ranges(self):
        return [asked.headers.get("range") for asked in self.archive.asked]


@pytest.fixture
def fetch(archive, client, tmp_path):
    return Fetch(archive, client, tmp_path / "scene" / "red.tif")


def in_turn(*handlers):
    """Handles each request by the next handler, the last for ever."""
    left = list(handlers)

    def handle(asked):
        handler = left.pop(0) if len(left) > 1 else left[0]
        return handler(asked)

    return handle


async def test_a_file_comes_whole(archive, fetch):
    archive.routes["/a.tif"] = file(CONTENT)
    await fetch(size_bytes=600_000, checksum=SHA256)
    assert fetch.target.read_bytes() == CONTENT
    assert [path.name for path in fetch.target.parent.iterdir()] == ["red.tif"]
    assert fetch.told_bytes == 600_000


async def test_a_finished_file_is_not_asked_for_again(archive, fetch):
    archive.routes["/a.tif"] = file(CONTENT)
    await fetch()
    archive.asked.clear()
    await fetch()
    assert archive.asked == []


async def test_a_connection_that_is_cut_is_gone_on_with(archive, fetch):
    archive.routes["/a.tif"] = in_turn(
        file(CONTENT, dropped_after=100_000), file(CONTENT, dropped_after=200_000), file(CONTENT)
    )
    await fetch(size_bytes=600_000, checksum=SHA256)
    assert fetch.target.read_bytes() == CONTENT
    assert fetch.ranges[0] is None
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in fetch.ranges[1:]]
    assert 0 < starts[0] <= 100_000 < starts[1] <= 300_000
    assert fetch.told_bytes == 600_000
    assert {asked.headers.get("if-range") for asked in archive.asked[1:]} == {
        f'"{hashlib.sha1(CONTENT).hexdigest()}"'
    }


async def test_what_a_killed_run_left_is_gone_on_with(archive, fetch):
    archive.routes["/a.tif"] = file(CONTENT, dropped_after=1000)
    with pytest.raises(ArchiveUnavailableError):
        await fetch()
    archive.asked.clear()
    archive.routes["/a.tif"] = file(CONTENT)
    await fetch(checksum=SHA256)
    assert fetch.target.read_bytes() == CONTENT
    assert [asked is None for asked in fetch.ranges] == [False]


async def test_a_part_of_another_version_is_begun_anew(archive, fetch):
    archive.routes["/a.tif"] = file(bytes(600_000), dropped_after=1000)
    with pytest.raises(ArchiveUnavailableError):
        await fetch()
    archive.routes["/a.tif"] = file(CONTENT)
    assert fetch.told_bytes == 4000  # four tries brought 1000 each
    await fetch(checksum=SHA256)
    assert fetch.target.read_bytes() == CONTENT
    assert fetch.told_bytes == 600_000


async def test_a_store_without_tags_or_parts_is_asked_for_the_whole(archive, fetch):
    def untagged(**given):
        return lambda asked: Answer(200, CONTENT, **given)

    archive.routes["/a.tif"] = in_turn(untagged(dropped_after=300_000), untagged())
    await fetch()
    assert fetch.target.read_bytes() == CONTENT
    assert fetch.ranges == [None, None]


async def test_a_store_that_always_stops_short_is_given_up(archive, fetch):
    archive.routes["/a.tif"] = lambda asked: Answer(200, CONTENT, dropped_after=300_000)
    with pytest.raises(ArchiveUnavailableError, match="failed 4 times"):
        await fetch()
    assert not fetch.target.exists()
    assert len(archive.asked) == 5  # the first brought something


async def test_a_length_that_is_a_lie_leaves_no_file(archive, fetch):
    archive.routes["/a.tif"] = lambda asked: Answer(200, CONTENT, length=700_000, dropped_after=600_000)
    with pytest.raises(ArchiveUnavailableError):
        await fetch()
    assert not fetch.target.exists()


async def test_a_file_longer_than_its_catalogue_says_is_refused_before_it_fills_the_disk(archive, fetch):
    archive.routes["/a.tif"] = file(CONTENT)
    with pytest.raises(DamagedFileError, match="has 600000 bytes; 1000 were expected"):
        await fetch(size_bytes=1000)
    archive.routes["/a.tif"] = lambda asked: Answer(200, CONTENT, length=-1)
    with pytest.raises(DamagedFileError, match="does not end after the 1000 bytes"):
        await fetch(size_bytes=1000)
    assert list(fetch.target.parent.iterdir()) == []


async def test_a_file_that_ends_early_without_saying_so_is_refused(archive, fetch):
    archive.routes["/a.tif"] = lambda asked: Answer(200, CONTENT[:1000], length=-1)
    with pytest.raises(DamagedFileError, match="came with 1000 bytes; its archive says 600000"):
        await fetch(size_bytes=600_000)
    assert list(fetch.target.parent.iterdir()) == []


async def test_a_file_of_another_checksum_is_fetched_once_more(archive, fetch):
    wrong = CONTENT[:-1] + b"x"
    archive.routes["/a.tif"] = in_turn(file(wrong), file(CONTENT))
    await fetch(checksum=SHA256)
    assert fetch.target.read_bytes() == CONTENT
    assert fetch.told_bytes == 600_000


@pytest.mark.parametrize(
    "checksum",
    [
        "1220" + "0" * 64,
        "1114" + "0" * 40,  # sha1
        "d50110" + "0" * 32,  # md5
    ],
)
async def test_a_file_that_stays_of_another_checksum_is_refused(archive, fetch, checksum):
    archive.routes["/a.tif"] = file(CONTENT)
    with pytest.raises(DamagedFileError, match=r"came with another (sha256|sha1|md5)"):
        await fetch(checksum=checksum)
    assert list(fetch.target.parent.iterdir()) == []


@pytest.mark.parametrize("checksum", ["", "xyz", "1220abcd", "b220" + "0" * 64, None])
async def test_a_checksum_that_says_nothing_known_is_not_compared(archive, fetch, checksum):
    archive.routes["/a.tif"] = file(CONTENT)
    await fetch(checksum=checksum)
    assert fetch.target.exists()


async def test_the_md5_that_s3_gives_as_a_tag_is_compared(archive, fetch):
    archive.routes["/a.tif"] = file(CONTENT, headers={"etag": f'"{hashlib.md5(b"").hexdigest()}"', **S3})
    with pytest.raises(DamagedFileError, match="another md5"):
        await fetch()
    right = hashlib.md5(CONTENT).hexdigest()
    archive.routes["/a.tif"] = file(CONTENT, headers={"etag": f'"{right}"', **S3})
    await fetch()
    assert fetch.target.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"etag": '"d41d8cd98f00b204e9800998ecf8427e"'},  # not of S3
        {"etag": '"d41d8cd98f00b204e9800998ecf8427e-7"', **S3},  # uploaded in parts
        {"etag": '"d41d8cd98f00b204e9800998ecf8427e"', "x-amz-server-side-encryption": "aws:kms", **S3},
    ],
)
async def test_a_tag_that_is_no_md5_is_not_compared(archive, fetch, headers):
    archive.routes["/a.tif"] = file(CONTENT, headers=headers)
    await fetch()
    assert fetch.target.exists()


async def test_a_signature_that_has_ended_is_renewed(archive, fetch):
    archive.routes["/a.tif"] = in_turn(lambda asked: Answer(403), file(CONTENT))
    await fetch()
    assert fetch.target.exists()
    assert fetch.signed[-1] is True
    archive.routes["/a.tif"] = lambda asked: Answer(403)
    fetch.target.unlink()
    with pytest.raises(ArchiveAnswerError, match=r"answers 403 at .*/a\.tif$"):
        await fetch()


async def test_a_dead_link_is_told(archive, fetch):
    with pytest.raises(ArchiveAnswerError, match=r"answers 404 at .*/a\.tif$"):
        await fetch()


async def test_a_part_longer_than_the_file_is_begun_anew(archive, fetch):
    archive.routes["/a.tif"] = in_turn(file(CONTENT, dropped_after=100_000), lambda asked: Answer(503))
    with pytest.raises(ArchiveUnavailableError):
        await fetch()
    short = file(CONTENT[:50], headers={"etag": f'"{hashlib.sha1(CONTENT).hexdigest()}"'})
    archive.routes["/a.tif"] = short
    await fetch()
    assert fetch.target.read_bytes() == CONTENT[:50]


async def test_another_part_than_asked_is_refused(archive, fetch):
    archive.routes["/a.tif"] = lambda asked: Answer(206, CONTENT[5:], {"content-range": "bytes 5-9/10"})
    with pytest.raises(ArchiveError, match="another part of"):
        await fetch()


async def test_an_empty_file_is_one(archive, fetch):
    archive.routes["/a.tif"] = file(b"")
    await fetch(size_bytes=0)
    assert fetch.target.read_bytes() == b""


async def test_sizes_are_told_without_the_file(archive, client):
    archive.routes["/a.tif"] = file(CONTENT)
    archive.routes["/plain.tif"] = lambda asked: Answer(200, CONTENT)
    archive.routes["/unknown.tif"] = lambda asked: Answer(200, CONTENT, length=-1)
    assert await client.size_bytes(f"{archive.url}/a.tif") == 600_000
    assert await client.size_bytes(f"{archive.url}/plain.tif") == 600_000
    assert await client.size_bytes(f"{archive.url}/unknown.tif") is None
