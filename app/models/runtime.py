"""Running a network: in a child process whose threads, memory and time are bounded."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.models.child import UNLIKE
from app.models.description import ModelDescription

CHILD = Path(__file__).with_name("child.py")
ENDING_S = 3.0
LINE_BYTES = 65_536
"""Longest first line of a child."""
CHUNK_BYTES = 1 << 20


class ModelRunError(RuntimeError):
    """A network that cannot be run, or exceeded a bound; the message says which."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a network may take."""

    threads: int = 2
    memory_bytes: int = 4 << 30
    """Address space of its process."""
    time_s: float = 3600.0
    """From its start to its last answer; its processor time may be so much per thread."""


class RunningModel:
    """A network in a child process; a context manager that ends the process.

    Args:
        model: Its description.
        folder: Where NAME.onnx is.
        bounds: What it may take.

    Raises:
        ModelRunError: If it cannot be loaded.
    """

    def __init__(self, model: ModelDescription, folder: Path, bounds: Bounds) -> None:
        self._model, self._bounds = model, bounds
        self._ends_at = time.monotonic() + bounds.time_s
        self.shape = (1, len(model.bands), model.patch, model.patch)
        """Of what it reads."""
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", "")},
        )
        self._timer = threading.Timer(bounds.time_s, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        try:
            self.told = self._begin(folder)
        except BaseException:
            self.close()
            raise

    def _begin(self, folder: Path) -> Mapping[str, Any]:
        asked = {
            "path": str((folder / f"{self._model.id}.onnx").resolve()),
            "sha256": self._model.sha256,
            "threads": self._bounds.threads,
            "memory_bytes": self._bounds.memory_bytes,
            "cpu_s": int(self._bounds.time_s * self._bounds.threads) + 1,
            "shape": list(self.shape),
            "answer_shape": [self.shape[0], len(self._model.classes), *self.shape[2:]],
        }
        self._send(json.dumps(asked).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n") and len(line) < LINE_BYTES:
            line += self._receive(1)
        told: Mapping[str, Any] = json.loads(line)
        if "refused" in told:
            raise ModelRunError(f"model {self._model.id!r} cannot be run: {told['refused']}")
        return told

    def answer(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the network answers.

        Args:
            patches: Shape (1, bands, patch, patch), as the network expects them.

        Returns:
            Shape (1, classes, patch, patch).

        Raises:
            ModelRunError: If it ends, or takes more than its bounds.
        """
        shape = (patches.shape[0], len(self._model.classes), *patches.shape[2:])
        self._send(np.ascontiguousarray(patches, np.float32).tobytes())
        content = self._receive(4 * int(np.prod(shape)))
        return np.frombuffer(content, np.float32).reshape(shape)

    def _send(self, content: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - piped
        try:
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error

    def _receive(self, size: int) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - piped
        number, found = self._process.stdout.fileno(), bytearray()
        while len(found) < size:
            ready, _, _ = select.select([number], [], [], max(0.0, self._ends_at - time.monotonic()))
            if not ready:
                raise ModelRunError(
                    f"model {self._model.id!r} took more than {self._bounds.time_s:g} s, which is the limit"
                )
            piece = os.read(number, min(size - len(found), CHUNK_BYTES))
            if not piece:
                raise self._ended()
            found += piece
        return bytes(found)

    def _ended(self) -> ModelRunError:
        status = self._process.wait(ENDING_S)
        if status == UNLIKE:
            return ModelRunError(
                f"the network of model {self._model.id!r} answers in another shape than its file says"
            )
        why = f"status {status}" if status >= 0 else signal.Signals(-status).name
        megabytes = self._bounds.memory_bytes >> 20
        return ModelRunError(
            f"the process of model {self._model.id!r} ended ({why}); it may take {megabytes} MB of memory "
            f"and {self._bounds.time_s:g} s"
        )

    def close(self) -> None:
        """End the process."""
        self._timer.cancel()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
