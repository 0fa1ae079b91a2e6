"""Reporting: what a long command prints, for people or, with --json, for programs (an object per line)."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeAlias

import click

from mosaics.storage import StorageAddressError, StorageError

Unit: TypeAlias = Literal["bytes", "steps"]

ERASED = "\r\x1b[K"
"""Clears the terminal's line."""

PROGRESS_EVERY_S = 0.5
"""Programs receive progress no more often; a page that shows it polls every second or two."""

OF_THE_DEPLOYMENT = (OSError, RuntimeError, StorageError, StorageAddressError)
"""Errors of the machine or its storage rather than of the request: their messages name folders and servers,
and are marked private, so that no program shows them to strangers."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print everything as JSON on stdout, one object per line."
)


class Reporter(Protocol):
    """Receives the reports of a command."""

    def say(self, text: str) -> None:
        """Report a line for people."""
        ...

    def warn(self, text: str) -> None:
        """Report something that went wrong while the rest continues."""
        ...

    def progress(self, done: int, total: int, unit: Unit) -> None:
        """Report progress; `total` may grow."""
        ...

    def landed(self, collection: str, scene: str, period: str, commit: int | None) -> None:
        """Report a scene in storage; without a commit if it had landed before. People read it from `say`."""
        ...

    def result(self, **facts: Any) -> None:
        """Report the outcome, ready for JSON; once, at the end. People read it from `say`."""
        ...


@contextmanager
def reporting(label: str, *, as_json: bool) -> Iterator[Reporter]:
    """Provide the reporter of a command; programs also receive the message of a refused command.

    Args:
        label: The label of the progress bar.
        as_json: Whether the reader is a program.
    """
    if not as_json:
        people = _People(label)
        try:
            yield people
        finally:
            people.close()
        return
    program = _Program()
    try:
        yield program
    except click.ClickException as refusal:
        program.refused(refusal.format_message(), is_private=isinstance(refusal.__cause__, OF_THE_DEPLOYMENT))
        raise


def size_text(size_bytes: int) -> str:
    """Return a size for people."""
    for unit, of_unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= of_unit:
            return f"{size_bytes / of_unit:.1f} {unit}"
    return f"{size_bytes} bytes"


class _People:
    """Lines, and a progress bar on stderr if that is a terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None  # of click, which does not name its class
        self._done, self._total, self._unit = 0, 0, "steps"

    def say(self, text: str) -> None:
        self._make_room()
        click.echo(_writable(text))

    def warn(self, text: str) -> None:
        self._make_room()
        click.echo(_writable(text), err=True)

    def progress(self, done: int, total: int, unit: Unit) -> None:
        more, self._done, self._total, self._unit = done - self._done, done, total, unit
        if not total or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=total,
                label=self._label,
                file=sys.stderr,
                show_eta=True,
                item_show_func=lambda _: self._shown(),
            )
            self._bar.__enter__()
        self._bar.length = total
        self._bar.update(more)

    def landed(self, collection: str, scene: str, period: str, commit: int | None) -> None:
        """Do nothing: it is reported by `say`."""

    def result(self, **facts: Any) -> None:
        """Do nothing: it is reported by `say`."""

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)

    def _make_room(self) -> None:
        """Erase the bar, so that a line can be written; the next progress draws it again."""
        if self._bar is not None:
            click.echo(ERASED, err=True, nl=False)

    def _shown(self) -> str:
        if self._unit == "bytes":
            return f"{size_text(self._done)} of {size_text(self._total)}"
        return f"{self._done} of {self._total}"


def _writable(text: str) -> str:
    """Return a text without unpaired surrogates, which JSON of an archive may have and no terminal takes."""
    return text.encode(errors="backslashreplace").decode()


class _Program:
    """JSON, one object per line."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def say(self, text: str) -> None:
        _tell("log", text=text)

    def warn(self, text: str) -> None:
        _tell("log", text=text, level="warning")

    def progress(self, done: int, total: int, unit: Unit) -> None:
        now = time.monotonic()
        if done >= total or now - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = now
            _tell("progress", done=done, total=total, unit=unit)

    def landed(self, collection: str, scene: str, period: str, commit: int | None) -> None:
        _tell("landed", collection=collection, scene=scene, period=period, commit=commit)

    def result(self, **facts: Any) -> None:
        _tell("result", **facts)

    def refused(self, text: str, *, is_private: bool) -> None:
        _tell("refused", text=text, private=is_private)


def _tell(event: str, **facts: Any) -> None:
    click.echo(json.dumps({"event": event, **facts}, allow_nan=False))
