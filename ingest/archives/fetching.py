"""Fetching: a file comes whole or not at all, and goes on where a killed run left it."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from ingest.archives.archive import Progress
from ingest.archives.http import ArchiveAnswerError, ArchiveClient, ArchiveError, Request, shown
from ingest.archives.pace import Pace
from ingest.archives.versions import Version

REFUSED = frozenset({401, 403})
"""How a store says that a signature does not hold, or not any more."""
WORTH_GOING_ON_BYTES = 2**16
"""A connection that brought less than this counts as a failed try, however often it is opened again."""
MAX_FILE_BYTES = 20 * 10**9
"""The largest file fetched where an archive does not say how large it is."""
MAX_REPLACED = 3
"""How often a file is begun again in one run because the archive has another version than the one begun."""
HASHES = {0x11: "sha1", 0x12: "sha256", 0x13: "sha512", 0xD5: "md5"}
"""Multihash codes and the functions they name (multiformats/multicodec)."""

Signed = Callable[[bool], Awaitable[str]]
"""The address to fetch from now; True where the one before was refused."""


class _ReplacedError(Exception):
    """What the archive sends is not the rest of what has come."""


class DamagedFileError(ArchiveError):
    """A file came whole and is not what the archive says it is."""


class OtherContentError(DamagedFileError):
    """What came has another length or beginning than the file: it may be something else, such as a page."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the archive says of a file's bytes."""

    size_bytes: int | None = None
    checksum: str | None = None
    """A multihash in hexadecimal digits."""
    begins_with: bytes = b""
    """The signature of the format."""
    vet: Callable[[httpx.Response], None] = lambda _: None
    """Looks at the head of every answer before its body; raises `ArchiveError` for what is not a file."""


async def fetch_file(
    client: ArchiveClient,
    signed: Signed,
    expected: Expected,
    target: Path,
    progress: Progress = lambda _: None,
) -> None:
    """Fetch one file to `target`; ask for nothing where it is there already.

    Until it is whole it lies beside the target as `.part`, with a note of its version; a part whose version
    the archive no longer has is begun again.

    Raises:
        DamagedFileError: If size or checksum differ from what the archive says, twice.
        ArchiveError: If the archive does not give the file.
    """
    part = _PartialFile(target)
    if part.is_published:
        return
    for again in (True, False):
        await _receive(client, signed, expected, part, progress)
        damage = await asyncio.to_thread(part.damage, expected)
        if damage is None:
            part.publish()
            return
        part.forget(progress)
        if not again:
            raise damage


class _PartialFile:
    """The beginning of a file, and which version of it that is."""

    def __init__(self, target: Path) -> None:
        self.target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        self.is_published = target.is_file()
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.version = Version()
        self.md5: str | None = None
        self.size_bytes = self.replaced = 0
        with suppress(OSError, ValueError, KeyError, TypeError):
            noted = json.loads(self._note.read_text())
            self.version, self.md5 = Version.from_json(noted["version"]), noted["md5"]
            self.size_bytes = self.path.stat().st_size

    def begin(self, response: httpx.Response, total: int | None) -> None:
        """Empty the part; only a version that is tagged can be gone on with later."""
        self.clear()
        self.version, self.md5 = Version.of(response, total), _plain_md5(response)
        if self.version.tag is not None:
            self._note.write_text(json.dumps({"version": self.version.to_json(), "md5": self.md5}))

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.size_bytes += len(data)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.version, self.md5, self.size_bytes = Version(), None, 0

    def forget(self, progress: Progress) -> None:
        """Throw away what has come, and say so."""
        progress(-self.size_bytes)
        self.clear()

    def damage(self, expected: Expected) -> DamagedFileError | None:
        """Return what is wrong with the whole; None where nothing is known to be."""
        if expected.size_bytes is not None and self.size_bytes != expected.size_bytes:
            return OtherContentError(
                f"{self.target.name} came with {self.size_bytes} bytes; "
                f"its archive says {expected.size_bytes}."
            )
        if expected.begins_with and not self._begins_with(expected.begins_with):
            return OtherContentError(
                f"{self.target.name} came as something else than its format, {self.size_bytes} bytes."
            )
        known = [_multihash(expected.checksum), ("md5", self.md5) if self.md5 else None]
        for name, digest in filter(None, known):
            if self._digest(name) != digest:
                return DamagedFileError(f"{self.target.name} came with another {name} than its archive says.")
        return None

    def publish(self) -> None:
        """Make the whole appear."""
        with self.path.open("ab") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)

    def _begins_with(self, signature: bytes) -> bool:
        if not self.path.is_file():  # an empty answer
            return False
        with self.path.open("rb") as file:
            return file.read(len(signature)) == signature

    def _digest(self, name: str) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()


async def _receive(
    client: ArchiveClient, signed: Signed, expected: Expected, part: _PartialFile, progress: Progress
) -> None:
    """Bring a part to the length its archive sends, over as many connections as that takes."""
    refused = whole = False
    furthest_bytes = part.size_bytes
    url = await signed(False)

    async def attempt() -> bool:
        nonlocal furthest_bytes, url
        url = await signed(refused)
        try:
            return await _continue(client, url, expected, part, progress)
        except httpx.TransportError:
            if part.size_bytes - furthest_bytes < WORTH_GOING_ON_BYTES:
                raise
            return False
        finally:
            furthest_bytes = max(furthest_bytes, part.size_bytes)

    while not whole:
        try:
            whole = await client.patiently(attempt, url=url)
        except ArchiveAnswerError as error:
            if error.status in REFUSED and not refused:
                refused = True
            elif error.status == 416 and part.size_bytes:
                part.forget(progress)
            else:
                raise
        except DamagedFileError:
            part.forget(progress)
            raise


async def _continue(
    client: ArchiveClient, url: str, expected: Expected, part: _PartialFile, progress: Progress
) -> bool:
    """Go from the end of the part to that of the file in one connection; return whether it got there.

    A part of another version is thrown away, to be begun again.

    Raises:
        ArchiveError: If that happens time and again.
    """
    try:
        return await _receive_rest(client, url, expected, part, progress)
    except _ReplacedError as error:
        part.forget(progress)
        part.replaced += 1
        if part.replaced > MAX_REPLACED:
            raise ArchiveError(f"the archive changes {shown(url)} while it is fetched.") from error
        return False


async def _receive_rest(
    client: ArchiveClient, url: str, expected: Expected, part: _PartialFile, progress: Progress
) -> bool:
    """Receive one answer to its end; return whether that is the end of the file.

    Raises:
        _ReplacedError: If what comes is not the rest of the same version.
    """
    headers = {"Accept-Encoding": "identity"}
    tag = part.version.tag
    if part.size_bytes and tag:
        headers |= {"Range": f"bytes={part.size_bytes}-", "If-Range": tag}
    async with client.once(Request(url, headers=headers)) as response:
        expected.vet(response)
        if response.status_code == 206 and "Range" in headers:
            total = _continued(response, part)
        elif response.status_code == 206:
            raise ArchiveError(f"the archive answers another part of {shown(url)} than was asked.")
        else:
            progress(-part.size_bytes)
            total = _number(response.headers.get("content-length"))
            part.begin(response, total)
        limit = MAX_FILE_BYTES if expected.size_bytes is None else expected.size_bytes
        if total is not None and (total > limit or expected.size_bytes not in {None, total}):
            raise OtherContentError(f"the file {shown(url)} has {total} bytes; {limit} were expected.")
        pace = Pace(client.patience.crawl_s)
        async for data in response.aiter_raw():
            pace.take(len(data))
            if part.size_bytes + len(data) > limit:
                raise DamagedFileError(
                    f"the file {shown(url)} does not end after the {limit} bytes expected."
                )
            part.append(data)
            progress(len(data))
    return total is None or part.size_bytes >= total


def _continued(response: httpx.Response, part: _PartialFile) -> int | None:
    """Return the size of the whole of which the rest comes; None where the archive does not say.

    Raises:
        _ReplacedError: If it is another part than was asked, or one of another version.
    """
    said = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", response.headers.get("content-range", ""))
    if said is None or int(said[1]) != part.size_bytes:
        raise _ReplacedError
    total = _number(said[2])
    if not part.version.is_continued_by(Version.of(response, total)):
        raise _ReplacedError
    return part.version.size_bytes if total is None else total


def _plain_md5(response: httpx.Response) -> str | None:
    """Return the md5 that S3 gives as the tag of an object sent in one part and not encrypted with a key."""
    tag = re.fullmatch(r'"([0-9a-f]{32})"', response.headers.get("etag", ""))
    of_s3 = "x-amz-request-id" in response.headers
    encrypted = response.headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
    return tag[1] if tag and of_s3 and not encrypted else None


def _multihash(checksum: str | None) -> tuple[str, str] | None:
    """Return the function and digest of a multihash; None where it is missing or by an unknown function."""
    try:
        data = bytes.fromhex(checksum or "")
        code, rest = _varint(data)
        length, digest = _varint(rest)
    except (ValueError, IndexError):
        return None
    name = HASHES.get(code)
    if (
        name is None
        or len(digest) != length
        or hashlib.new(name, usedforsecurity=False).digest_size != length
    ):
        return None
    return name, digest.hex()


def _varint(data: bytes) -> tuple[int, bytes]:
    """Return a number of seven bits a byte, the lowest first, and what follows it."""
    number = at = 0
    while data[at] & 0x80:
        number |= (data[at] & 0x7F) << 7 * at
        at += 1
    return number | data[at] << 7 * at, data[at + 1 :]


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text) else None
