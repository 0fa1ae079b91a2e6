"""Listings: what the command line alone knows, asked of it and believed for a while."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from app.jobs.job import SourcesUnknownError
from app.jobs.subprocess import CommandLine, Event

log = logging.getLogger(__name__)

KEPT_S = 300.0
"""How long an answer is believed; asking takes a second or two."""

Thing = TypeVar("Thing")


class Listing(Generic[Thing]):
    """What a command lists.

    Args:
        command_line: Whom to ask.
        words: The command; it prints one JSON object, of the facts of each thing by its name.
        read: A thing, of its name and its facts.
    """

    def __init__(
        self, command_line: CommandLine, words: Sequence[str], read: Callable[[str, Mapping[str, Any]], Thing]
    ) -> None:
        self._command_line = command_line
        self._words = words
        self._read = read
        self._known: Mapping[str, Thing] = {}
        self._asked_at = -KEPT_S
        self._asking = asyncio.Lock()

    async def known(self) -> Mapping[str, Thing]:
        """All things, by name; `SourcesUnknownError` where the command line cannot tell."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= KEPT_S:
                self._known = await self._ask()
                self._asked_at = time.monotonic()
        return self._known

    async def _ask(self) -> dict[str, Thing]:
        heard: list[Event] = []
        ended = await self._command_line.run(self._words, heard.append)
        if ended.status != 0 or len(heard) != 1:
            said = " ".join(self._words)
            log.error("`tilewatch %s` tells nothing: status %d: %s", said, ended.status, ended.stderr)
            raise SourcesUnknownError(f"`tilewatch {said}` tells nothing")
        return {name: self._read(name, facts) for name, facts in heard[0].items()}
