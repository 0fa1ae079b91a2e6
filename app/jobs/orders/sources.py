"""The sources: which archives there are to order from, asked of the command line, which alone knows them."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.jobs.orders.child import CommandLine, Event
from app.jobs.orders.model import OrderRequestError, SourcesUnknownError

log = logging.getLogger(__name__)

KEPT_S = 300.0
"""How long an answer is believed; asking takes a second or two."""

SENTINEL = "sentinel-2-l2a"


@dataclass(frozen=True, slots=True)
class Source:
    """An archive, as far as an order needs to know it."""

    id: str
    title: str
    collection: str
    """Ours, which its scenes are landed in."""
    bands: tuple[str, ...]
    categorical: tuple[str, ...]
    """Of the bands, those whose numbers are names: masks are made of them."""


class Sources:
    """Knows the archives.

    Args:
        command_line: Whom to ask.
        preferred: The one that is meant where none is named.
    """

    def __init__(self, command_line: CommandLine, *, preferred: str | None = None) -> None:
        self._command_line = command_line
        self._preferred = preferred
        self._known: Mapping[str, Source] = {}
        self._asked_at = -KEPT_S
        self._asking = asyncio.Lock()

    async def known(self) -> Mapping[str, Source]:
        """All of them, by id; `SourcesUnknownError` where the command line cannot tell."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= KEPT_S:
                self._known = await self._ask()
                self._asked_at = time.monotonic()
        return self._known

    async def find(self, source_id: str | None, *, collection: str | None = None) -> Source:
        """The source of an id, or the one that is meant where none is given.

        Args:
            source_id: As somebody wrote it.
            collection: What its scenes must be landed in; of Sentinel-2 where neither is given.

        Raises:
            OrderRequestError: If there is none; the message names those there are.
            SourcesUnknownError: See `known`.
        """
        known = await self.known()
        fitting = {each.id: each for each in known.values() if collection in {None, each.collection}}
        if source_id is not None:
            if source_id not in fitting:
                into = f" of {collection}" if collection else ""
                raise OrderRequestError(
                    f"no source '{source_id}'{into}; there are: {', '.join(sorted(fitting)) or 'none'}"
                )
            return fitting[source_id]
        if self._preferred in fitting:
            return fitting[self._preferred]
        for each in fitting.values():
            if each.collection == (collection or SENTINEL):
                return each
        raise OrderRequestError(f"no source of {collection or SENTINEL}; name one of: {', '.join(known)}")

    async def _ask(self) -> dict[str, Source]:
        heard: list[Event] = []
        ended = await self._command_line.run(["sources", "--json"], heard.append)
        if ended.status != 0 or len(heard) != 1:
            log.error("the sources cannot be listed: status %d: %s", ended.status, ended.stderr)
            raise SourcesUnknownError("the sources cannot be listed")
        return {name: _source(name, facts) for name, facts in heard[0].items()}


def _source(name: str, facts: Mapping[str, Any]) -> Source:
    return Source(
        name, facts["title"], facts["collection"], tuple(facts["bands"]), tuple(facts["categorical"])
    )
