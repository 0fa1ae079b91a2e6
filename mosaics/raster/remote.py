"""Remote files: what GDAL opens in place of an address, so that it reads through the gate."""

import atexit
import ctypes
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from mosaics.raster.gate import LOCALHOST, PUBLIC

NO_PROXY = (b"no_proxy", b"NO_PROXY")
PROGRAM = (sys.executable, "-m", "mosaics.raster.gate")

_REMOTE = re.compile(r"/vsicurl(?:/|\?(?P<signed>pc_url_signing=yes&pc_collection=[\w./-]+)&url=)(?P<url>.+)")


class RemotePathError(ValueError):
    """A path names something that is not a file at an https address."""


@dataclass(frozen=True, slots=True)
class RunningGate:
    """The gate of this process, in a process of its own that ends with it."""

    process: subprocess.Popen[bytes]
    port: int
    secret: str

    @classmethod
    def start(cls, program: Sequence[str] = PROGRAM) -> "RunningGate":
        """Start a gate.

        Raises:
            OSError: If it cannot be started.
        """
        secret = secrets.token_urlsafe(24)
        process = subprocess.Popen(  # noqa: S603 - our own program
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
        process.stdin.write(f"{secret}\n".encode())
        process.stdin.flush()
        line = process.stdout.readline().strip()
        if not line:
            raise OSError("the gate to remote files does not start")
        return cls(process, int(line), secret)

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self.process.poll() is None

    def close(self) -> None:
        """End it."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait(10)

    def through(self, path: str) -> str:
        """Return what GDAL opens in place of a `/vsicurl` path, so that it reads through the gate.

        Raises:
            RemotePathError: If the path does not name a file over https (or over http on 127.0.0.1).
        """
        signed, user, url = _read(path)
        _hide_exceptions()
        proxy = quote(f"http://{LOCALHOST}:{self.port}", safe="")
        options = f"proxy={proxy}&proxyuserpwd={user}:{self.secret}"
        return f"/vsicurl?{options}{f'&{signed}' if signed else ''}&url={url}"


def _read(path: str) -> tuple[str | None, str, str]:
    """Return the options of a `/vsicurl` path, the user name for the gate, and the quoted address."""
    found = _REMOTE.fullmatch(path)
    if found is None:
        raise RemotePathError(f"{path[:200]!r} is not a valid path of a remote file")
    if found["signed"]:
        return found["signed"], PUBLIC, found["url"]
    return None, _user_of(found["url"]), quote(found["url"], safe="")


def _user_of(url: str) -> str:
    """Return the user name by which the gate knows how far a file may lead."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RemotePathError(f"{url[:200]!r} is not a valid address") from error
    if parts.scheme == "https" and parts.hostname and parts.username is None:
        return PUBLIC
    if parts.scheme == "http" and parts.netloc == f"{LOCALHOST}:{port}":
        return str(port)
    raise RemotePathError(f"{url.partition('?')[0][:200]!r} is not an https address")


_gates: dict[int, RunningGate] = {}
"""By process, since a fork has its own."""
_starting = threading.Lock()


def through_gate(path: str) -> str:
    """Return what GDAL opens in place of a `/vsicurl` path; see `RunningGate.through`.

    Raises:
        OSError: If the gate cannot be started.
    """
    _read(path)
    with _starting:
        gate = _gates.get(os.getpid())
        if gate is None or not gate.is_running:
            gate = _gates[os.getpid()] = RunningGate.start()
            atexit.register(gate.close)
    return gate.through(path)


def _hide_exceptions() -> None:
    """Take `no_proxy` from the environment as libraries in C see it: curl would pass by the gate for it."""
    library = ctypes.CDLL(None)
    for name in NO_PROXY:
        library.unsetenv(name)
