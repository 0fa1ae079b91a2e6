"""Versions: parts of two are never joined, whatever a server makes of Range and If-Range."""

import random

import pytest

from ingest.archives.fetching import Expected, fetch_file
from ingest.archives.http import ArchiveError
from ingest.archives.versions import Version
from tests.ingest.archives.server import Answer

NEW = random.Random(2).randbytes(300_000)
OLD = bytes(reversed(NEW))
DATE, LATER = "Mon, 01 Jun 2026 00:00:00 GMT", "Mon, 01 Jun 2026 00:00:09 GMT"


@pytest.mark.parametrize(
    ("begun", "part", "is_same"),
    [
        ({"etag": '"a"'}, {"etag": '"a"'}, True),
        ({"etag": '"a"'}, {"etag": '"b"'}, False),
        ({"etag": '"a"'}, {}, False),
        ({"etag": 'W/"a"', "modified": DATE}, {"etag": 'W/"b"', "modified": DATE}, False),
        ({"modified": DATE}, {}, True),
        ({"modified": DATE}, {"modified": LATER}, False),
        ({"modified": DATE, "generation": "1"}, {"generation": "2"}, False),
        ({"modified": DATE, "size_bytes": 9}, {"size_bytes": 9}, True),
        ({"modified": DATE, "size_bytes": 9}, {"size_bytes": 8}, False),
        ({"etag": '"a"', "size_bytes": 9}, {"etag": '"a"', "size_bytes": None}, True),
    ],
)
def test_what_continues_a_version(begun, part, is_same):
    assert Version(**begun).is_continued_by(Version(**part)) is is_same
    assert Version.from_json(Version(**begun).to_json()) == Version(**begun)


def replaced(old, new, old_length=300_000, *, at=lambda offset: offset, total=300_000):
    """A store that replaces the file after the first answer breaks off, and does not know If-Range."""
    left = [Answer(200, OLD[:old_length].ljust(old_length), old, dropped_after=100_000)]

    def answer(asked):
        if left:
            return left.pop()
        if "range" not in asked.headers:
            return Answer(200, NEW, new)
        offset = at(int(asked.headers["range"].removeprefix("bytes=").removesuffix("-")))
        return Answer(206, NEW[offset:], {**new, "content-range": f"bytes {offset}-{len(NEW) - 1}/{total}"})

    return answer


async def fetched(archive, client, target, size_bytes=None):
    async def signed(refused):
        return f"{archive.url}/a.tif"

    await fetch_file(client, signed, Expected(size_bytes), target)
    return target.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "given"),
    [
        ({"etag": '"old"'}, {"etag": '"new"'}, {}),
        ({"etag": '"old"'}, {}, {}),
        ({"etag": 'W/"old"', "last-modified": DATE}, {"etag": 'W/"new"', "last-modified": DATE}, {}),
        ({"last-modified": DATE}, {"last-modified": LATER}, {}),
        ({"last-modified": DATE}, {}, {"old_length": 300_500}),
        ({"etag": '"same"'}, {"etag": '"same"'}, {"old_length": 300_500}),
        ({"etag": '"same"', "x-amz-version-id": "1"}, {"etag": '"same"', "x-amz-version-id": "2"}, {}),
        ({"etag": '"same"'}, {"etag": '"same"'}, {"at": lambda offset: offset - 10}),
        ({"etag": '"same"'}, {"etag": '"same"'}, {"total": "none"}),
    ],
)
async def test_the_rest_of_another_version_is_not_joined(archive, client, tmp_path, old, new, given):
    archive.routes["/a.tif"] = replaced(old, new, **given)
    assert await fetched(archive, client, tmp_path / "a.tif") == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


async def test_a_file_that_changes_all_the_time_is_given_up(archive, client, tmp_path):
    def answer(asked):
        tag = {"etag": f'"{len(archive.asked)}"'}
        if "range" not in asked.headers:
            return Answer(200, NEW, tag, dropped_after=200_000)
        offset = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        return Answer(206, NEW[offset:], {**tag, "content-range": f"bytes {offset}-299999/300000"})

    archive.routes["/a.tif"] = answer
    with pytest.raises(ArchiveError, match=r"changes .*/a\.tif while it is fetched"):
        await fetched(archive, client, tmp_path / "a.tif")
    assert len(archive.asked) == 8
