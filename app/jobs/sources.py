"""The sources: which archives there are to order from, asked of the command line, which alone knows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.jobs.job import OrderRequestError
from app.jobs.listing import Listing
from app.jobs.subprocess import CommandLine

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


class KnownSources:
    """Knows the archives.

    Args:
        command_line: Whom to ask.
        preferred: The one that is meant where none is named.
    """

    def __init__(self, command_line: CommandLine, *, preferred: str | None = None) -> None:
        self._listing = Listing(command_line, ("sources", "--json"), _source)
        self._preferred = preferred

    async def known(self) -> Mapping[str, Source]:
        """All of them, by id; `SourcesUnknownError` where the command line cannot tell."""
        return await self._listing.known()

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


def _source(name: str, facts: Mapping[str, Any]) -> Source:
    return Source(
        name, facts["title"], facts["collection"], tuple(facts["bands"]), tuple(facts["categorical"])
    )
