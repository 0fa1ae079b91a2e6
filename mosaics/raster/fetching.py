"""Fetching: brings the bytes that reading files of the bucket needs, beside the threads that read."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

from mosaics.raster.far_files import Address, FarFiles
from mosaics.raster.fetched import Attempts, GoneError, NotFetchedError, Outcome, Piece, VersionedBytes
from mosaics.shared_cache import SharedCache
from mosaics.storage import ObjectNotFoundError, Storage, StorageUnavailableError

NEAR_BYTES = 32 << 10
"""Pieces of a file that lie no further apart are asked for together: what a request costs is dearer."""

LONGEST_BYTES = 2 << 20
"""Of what is asked for together."""

AT_ONCE = 64
"""Requests to the store under way."""

KEPT_BYTES = 32 << 20
"""Of pieces that were fetched of late: until their blocks are decoded, others may want them, too."""

MOST_ATTEMPTS = 200
"""Attempts at one piece of work: each that fails has said what it lacked, so that few are enough."""

BUCKET = "/vsis3/"

T = TypeVar("T")


@dataclass(slots=True)
class _Request:
    """Pieces of one file that are asked for together."""

    pieces: list[Piece]
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Fetching:
    """Fetches pieces of files of the bucket or elsewhere, each once however many wait for it.

    Belongs to an event loop.

    Args:
        storage: The bucket, or a folder, of which nothing has to be fetched.
        limit_bytes: Of the pieces kept.
    """

    storage: Storage
    limit_bytes: int = KEPT_BYTES
    far: FarFiles = field(default_factory=FarFiles)
    """Those that lie elsewhere."""
    requests: int = 0
    """Asked of the store, and of hosts elsewhere, so far."""
    received_bytes: int = 0
    kept: SharedCache[Piece, bytes] = field(init=False)
    """Pieces that were fetched of late."""
    _coming: dict[Piece, "asyncio.Task[Mapping[Piece, Outcome]]"] = field(default_factory=dict)
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def __post_init__(self) -> None:
        self.kept = SharedCache(self.limit_bytes, len)

    @property
    def _root(self) -> str:
        """What the paths of the storage's files begin with."""
        return self.storage.gdal_path("x").removesuffix("x")

    def brings(self, path: str) -> bool:
        """Return whether a file is fetched, by its path in GDAL: one of the bucket, or elsewhere."""
        if path.startswith("/vsicurl"):
            return Address.of(path) is not None
        return path.startswith(BUCKET) and path.startswith(self._root)

    async def close(self) -> None:
        """Close the connections to hosts elsewhere."""
        await self.far.close()

    async def run(self, attempt: Callable[[Attempts], Awaitable[T]]) -> T:
        """Do work that reads files; what it lacks is fetched, and it begins again.

        Args:
            attempt: Does it, with what earlier attempts have at hand.

        Raises:
            mosaics.storage.StorageUnavailableError: If the store does not answer.
        """
        attempts = Attempts(self.brings)
        for _ in range(MOST_ATTEMPTS):
            try:
                return await attempt(attempts)
            except NotFetchedError as error:
                attempts.begin_again(await self.fetch(error.pieces))
        raise StorageUnavailableError("files could not be fetched as they are read")

    async def fetch(self, pieces: Iterable[Piece]) -> dict[Piece, Outcome]:
        """Return pieces of files, or why one cannot be had; errors as `run`."""
        wanted = list(dict.fromkeys(pieces))
        found: dict[Piece, Outcome] = {**self.kept.get(wanted)}
        for request in _merged(
            [piece for piece in wanted if piece not in found and piece not in self._coming]
        ):
            task = asyncio.create_task(self._ask(request))
            task.add_done_callback(_looked_at)
            for piece in request.pieces:
                self._coming[piece] = task
        tasks = {self._coming[piece] for piece in wanted if piece not in found}
        for outcome in await asyncio.gather(*map(asyncio.shield, tasks)):
            found.update(outcome)
        return {piece: found[piece] for piece in wanted}

    async def _ask(self, request: _Request) -> Mapping[Piece, Outcome]:
        first = request.pieces[0]
        try:
            self.requests += 1
            data = await self._bytes(first._replace(start=request.start, length=request.end - request.start))
        finally:
            for piece in request.pieces:
                self._coming.pop(piece, None)
        if not isinstance(data, bytes):
            return dict.fromkeys(request.pieces, data)
        self.received_bytes += len(data)
        found = {piece: _part(data, piece.start - request.start, piece.length) for piece in request.pieces}
        self.kept.put(found)
        return {**found}

    async def _bytes(self, piece: Piece) -> Outcome:
        if not piece.path.startswith(BUCKET):
            return await self.far.part(piece)
        try:
            async with self._at_once:
                key = piece.path.removeprefix(self._root)
                return await self.storage.get_range(key, piece.start, piece.length)
        except ObjectNotFoundError:
            return GoneError(f"{piece.path.rpartition('/')[2]} is not in the bucket")


def _part(data: bytes, begin: int, length: int) -> bytes:
    """Return some of the bytes that came, of the same version."""
    some = data[begin : begin + length]
    return VersionedBytes(some, data.version) if isinstance(data, VersionedBytes) else some


def _looked_at(task: "asyncio.Task[Any]") -> None:
    """Take note of how a request ended whose callers have all gone."""
    if not task.cancelled():
        task.exception()


def _merged(pieces: Sequence[Piece]) -> list[_Request]:
    """Return requests for pieces, those of a file that lie near one another in one."""
    requests: list[_Request] = []
    for _, of_file in groupby(sorted(pieces, key=_file_first), key=_file):
        last: _Request | None = None
        for piece in of_file:
            end = piece.start + piece.length
            if (
                last is not None
                and piece.start - last.end <= NEAR_BYTES
                and end - last.start <= LONGEST_BYTES
            ):
                last.pieces.append(piece)
                last.end = max(last.end, end)
            else:
                last = _Request([piece], piece.start, end)
                requests.append(last)
    return requests


def _file(piece: Piece) -> tuple[str, str]:
    return piece.path, piece.version


def _file_first(piece: Piece) -> tuple[str, str, int, int]:
    return piece.path, piece.version, piece.start, piece.length
