"""The subprocess: the command line in its own process group, read line by line, ended with its caller."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from app.settings import Settings

log = logging.getLogger(__name__)

PROGRAM = (sys.executable, "-m", "app.cli.supervised")

MAX_LINE_BYTES = 1024 * 1024
"""Longer lines are skipped; the result of 500 failed scenes has a tenth of this."""

PIECE_BYTES = 65536

LOGGED_BYTES = 500

TAIL_BYTES = 8192
"""End of stderr that is kept for the log."""

ENDING_S = 3.0
"""How long a subprocess has to end before it is killed; its work survives that."""

SECRET = ("TILEWATCH_DATABASE_URL", "TILEWATCH_REDIS_URL", "TILEWATCH_API_KEYS")
"""Variables a subprocess does not need."""

Event: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a subprocess ended."""

    status: int
    """0 on success; negative, the signal that ended it."""
    stderr: str
    """The end of its standard error."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """How the command line is started: without a shell, with this server's storage and folders."""

    program: tuple[str, ...]
    environment: Mapping[str, str]
    database_url: str | None = None
    """Given to those commands alone that work with the database."""

    @classmethod
    def of(cls, settings: Settings, program: Sequence[str] = PROGRAM) -> "CommandLine":
        """Return the command line that lands where a server with these settings reads."""
        chosen = {
            "TILEWATCH_STORAGE": settings.storage,
            "TILEWATCH_DOWNLOADS": str(settings.downloads),
            "TILEWATCH_COLLECTIONS": str(settings.collections or ""),
            "TILEWATCH_SOURCES": str(settings.sources or ""),
            "TILEWATCH_MODELS": str(settings.models or ""),
            "TILEWATCH_PRODUCTS": str(settings.products or ""),
        }
        inherited = {name: value for name, value in os.environ.items() if name not in SECRET}
        return cls(tuple(program), inherited | chosen, settings.database_url)

    async def run(
        self, words: Sequence[str], hear: Callable[[Event], None], *, with_database: bool = False
    ) -> ProcessEnd:
        """Run a command to its end; if cancelled, end the command's process group first.

        Args:
            words: The command's name and arguments.
            hear: Receives every JSON object it prints; any other line goes to the log only.
            with_database: Whether it is given the address of the database.
        """
        process = await asyncio.create_subprocess_exec(
            *self.program,
            *words,
            stdin=asyncio.subprocess.PIPE,  # held open: its end tells the subprocess that its caller is gone
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(with_database=with_database),
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - piped above
        assert process.stderr is not None  # noqa: S101
        hearing = asyncio.create_task(_hear(process.stdout, hear))
        tail = asyncio.create_task(_tail(process.stderr))
        try:
            await process.wait()
        finally:
            await _end(process)
            await asyncio.wait({hearing, tail}, timeout=ENDING_S)
        return ProcessEnd(process.returncode or 0, await tail)

    def _environment(self, *, with_database: bool) -> Mapping[str, str]:
        if not with_database or self.database_url is None:
            return self.environment
        return {**self.environment, "TILEWATCH_DATABASE_URL": self.database_url}


async def _hear(stdout: asyncio.StreamReader, hear: Callable[[Event], None]) -> None:
    async for line in _lines(stdout):
        try:
            event = json.loads(line)
        except ValueError:
            log.info("a subprocess printed: %s", line[:LOGGED_BYTES].decode(errors="replace").rstrip())
            continue
        if isinstance(event, dict):
            hear(event)


async def _lines(stdout: asyncio.StreamReader) -> AsyncIterator[bytes]:
    kept, is_too_long = b"", False
    while piece := await stdout.read(PIECE_BYTES):
        *lines, kept = (kept + piece).split(b"\n")
        for line in lines:
            if not is_too_long:
                yield line
            is_too_long = False
        if len(kept) > MAX_LINE_BYTES:
            kept, is_too_long = b"", True


async def _tail(stderr: asyncio.StreamReader) -> str:
    kept = b""
    while piece := await stderr.read(TAIL_BYTES):
        kept = (kept + piece)[-TAIL_BYTES:]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await process.wait()
    _signal(process, signal.SIGKILL)  # includes processes it started and left behind
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
