"""A table: scenes to land, each told by where it stands, with what it asks for read when its turn comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.landing_request import LandingRequest


class TableError(ValueError):
    """A table that cannot be read at all; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A scene of a table."""

    where: str
    """For people: "row 3 (line 4)"."""
    id: str
    request: Callable[[], LandingRequest]
    """Reads what the table asks for it; may open the file, to learn its bands.

    Raises `LandingError` and other errors of a scene, whose messages are for people."""

    @property
    def label(self) -> str:
        """Names it to people."""
        return f"{self.where}, {self.id}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A place of a table that makes no scene."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """What a table asks for."""

    entries: Sequence[Entry]
    refused: Sequence[Refused] = ()
    notes: Sequence[str] = field(default=())
    """Sentences for the user, of the table as a whole."""


def without_doubles(table: Table) -> Table:
    """Return the table with every entry refused whose id another has: which file is right is not known."""
    places: dict[str, list[str]] = {}
    for entry in table.entries:
        places.setdefault(entry.id, []).append(entry.where)
    refused = [
        Refused(
            entry.where,
            f"the id {entry.id!r} stands in {' and '.join(places[entry.id][:5])}; an id is one scene's.",
        )
        for entry in table.entries
        if len(places[entry.id]) > 1
    ]
    single = tuple(entry for entry in table.entries if len(places[entry.id]) == 1)
    return Table(single, (*table.refused, *refused), table.notes)
