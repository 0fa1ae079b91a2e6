"""Tracing: which functions of ours run while something is done, on every thread."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType


class Tracer:
    """Notes the functions that run.

    It has to be made before the threads that are to be seen, since Python 3.11 lets a thread trace only
    itself; what runs outside `noting` costs time and is not noted.

    Args:
        checkout: The folder whose code is ours.
        packages: Packages of it.
    """

    def __init__(self, checkout: Path, packages: tuple[str, ...]) -> None:
        self._ours = tuple(f"{checkout / package}/" for package in packages)
        self._found: set[CodeType] | None = None
        threading.settrace(self._note)
        sys.settrace(self._note)

    @contextmanager
    def noting(self) -> Iterator[set[CodeType]]:
        """A set that fills with the code of every function that begins, or goes on, in the meantime."""
        self._found = found = set[CodeType]()
        try:
            yield found
        finally:
            self._found = None

    def close(self) -> None:
        """Trace no more threads."""
        threading.settrace(None)
        sys.settrace(None)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG002 - Python's signature
        if self._found is not None and frame.f_code.co_filename.startswith(self._ours):
            self._found.add(frame.f_code)
