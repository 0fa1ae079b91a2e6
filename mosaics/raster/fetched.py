"""Fetched: bytes of remote files that are brought before a thread takes the work that needs them.

A thread that reads a file of the bucket does not wait for it. What it lacks it says, by an error; the work is
given up, the bytes are fetched beside the threads, and the work begins again with them at hand. What the
first attempt found out, pixel maps above all, is handed to the next.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

from rasterio.errors import RasterioIOError

from mosaics.lanes import turn_of_thread

S = TypeVar("S")
T = TypeVar("T")

FIRST_AHEAD = 1
"""Scenes whose bytes are fetched together at the first attempt; twice as many at each further one."""


class Piece(NamedTuple):
    """Some bytes of a file."""

    path: str
    """By which GDAL knows the file."""
    start: int
    length: int
    version: str = ""
    """That of the file, as `VersionedBytes` has it; empty for whichever there is."""


class VersionedBytes(bytes):
    """Bytes of a file whose version is known.

    Attributes:
        version: What its server says of the file; empty where that does not tell versions apart.
    """

    version: str

    def __new__(cls, data: bytes, version: str = "") -> Self:
        """Take bytes, and the version they are of."""
        made = super().__new__(cls, data)
        made.version = version
        return made


class NotFetchedError(Exception):
    """Work cannot go on without bytes that have to be fetched first.

    Attributes:
        pieces: Those bytes.
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.pieces = tuple(pieces)
        super().__init__(f"{len(self.pieces)} pieces of files are not here yet")


class GoneError(RasterioIOError):  # type: ignore[misc]
    """There is no such file."""


Outcome: TypeAlias = bytes | RasterioIOError
"""The bytes of a piece; or why they cannot be had, which is of the file alone."""


@dataclass(slots=True)
class Attempts:
    """What the attempts at one piece of work have at hand."""

    brings: Callable[[str], bool]
    """Tells by its path whether a file is fetched."""
    pieces: dict[Piece, Outcome] = field(default_factory=dict)
    """What was fetched, or why it cannot be had."""
    maps: dict[object, Any] = field(default_factory=dict)
    """Pixel maps."""
    ahead: int = FIRST_AHEAD
    """Scenes whose bytes are fetched together."""

    def begin_again(self, fetched: Mapping[Piece, Outcome]) -> None:
        """Take what was fetched, for the next attempt."""
        self.pieces.update(fetched)
        self.ahead *= 2


def attempts_of_thread() -> Attempts | None:
    """Return what is at hand for the work of this thread; None where nothing is fetched for it."""
    turn = turn_of_thread()
    return None if turn is None or not isinstance(turn.attempts, Attempts) else turn.attempts


def fetched(pieces: Iterable[Piece]) -> list[bytes]:
    """Return bytes that were fetched for the work of this thread.

    Raises:
        NotFetchedError: If some have to be fetched first.
        rasterio.errors.RasterioIOError: If one cannot be had.
    """
    attempts = attempts_of_thread()
    at_hand = {} if attempts is None else attempts.pieces
    wanted = list(pieces)
    if missing := [piece for piece in wanted if piece not in at_hand]:
        raise NotFetchedError(missing)
    found = []
    for outcome in (at_hand[piece] for piece in wanted):
        if isinstance(outcome, RasterioIOError):
            raise outcome
        found.append(outcome)
    return found


class Wanting:
    """What several steps want fetched, to be fetched at once: steps after one that stops are begun, too.

    Each step is entered; in the end `require` raises the error of all.
    """

    __slots__ = ("pieces", "stopped")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.stopped = 0
        """Steps that were stopped."""

    @property
    def is_enough(self) -> bool:
        """Whether as many steps were stopped as are fetched for at once."""
        attempts = attempts_of_thread()
        return attempts is not None and self.stopped >= attempts.ahead

    def each(self, step: Callable[[S], T], of: Iterable[S]) -> list[T]:
        """Return what steps give, without those that were stopped."""
        found = []
        for one in of:
            with self:
                found.append(step(one))
        return found

    def __enter__(self) -> None:
        """Begin a step."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """End a step; tells whether it was stopped for want of bytes, which are noted."""
        if not isinstance(error, NotFetchedError):
            return False
        self.pieces += error.pieces
        self.stopped += 1
        return True

    def require(self) -> None:
        """End all steps.

        Raises:
            NotFetchedError: If one was stopped.
        """
        if self.pieces:
            raise NotFetchedError(self.pieces)


def fetched_each(step: Callable[[S], T], of: Iterable[S]) -> list[T]:
    """Return what steps give, all of whose bytes are fetched at once.

    Raises:
        NotFetchedError: If some have to be fetched first.
    """
    wanting = Wanting()
    found = wanting.each(step, of)
    wanting.require()
    return found
