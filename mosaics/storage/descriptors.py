"""File descriptors: telling an error that comes of there being none left, which passes, from others."""

import errno
import resource
from pathlib import Path

from mosaics.storage.storage import StorageUnavailableError

NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE})
"""Numbers of the errors of a process, and of a system, that has as many files open as it may."""

OPEN = Path("/proc/self/fd")

FEW = 16
"""Descriptors left, below which an error that does not tell its reason is taken to come from their lack."""


class NoDescriptorsError(StorageUnavailableError):
    """No file can be opened, since as many are open as may be; asking again later may do."""

    def __init__(self) -> None:
        super().__init__("no file descriptors are left")


def comes_of_none_left(error: BaseException | None) -> bool:
    """Return whether an error, or one that it came from, says that no descriptors are left."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NONE_LEFT:
            return True
        error = error.__cause__ or error.__context__
    return False


def are_few() -> bool:
    """Return whether hardly any descriptors are left, so that others may have been missing a moment ago."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        return soft - sum(1 for _ in OPEN.iterdir()) < FEW
    except OSError as error:
        return error.errno in NONE_LEFT


def share(parts: int) -> int:
    """Return how many descriptors are one of so many equal parts of all that this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // parts
