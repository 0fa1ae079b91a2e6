"""Fields: parts of an item that a caller wants, or does not (STAC's fields extension)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ALWAYS = ("id", "type", "collection")
"""Without which an item is nobody's."""

PLAIN = ("stac_version", "geometry", "bbox", "links", "assets", "properties.datetime")
"""What is meant where fields are asked for and none is named (extension 1.0)."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Paths such as `properties.datetime` that are wanted, and others that are not."""

    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, names: Iterable[str]) -> "Fields":
        """Read `id`, `+id` and `-geometry`; a plus in an address reads as a blank."""
        given = [name for name in names if name.strip("+- ")]
        return cls(
            frozenset(name.lstrip("+ ") for name in given if name[0] != "-"),
            frozenset(name[1:] for name in given if name[0] == "-"),
        )

    def of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of a document; what is both wanted and not wanted is there."""
        include = self.include
        if not include and not self.exclude:
            include = frozenset(PLAIN)
        wanted = [*ALWAYS, *include]
        found: dict[str, Any] = {}
        for path in wanted if include else document:
            _copy(document, found, path.split("."))
        for path in self.exclude:
            if not any(name == path or name.startswith(f"{path}.") for name in wanted):
                _drop(found, path.split("."))
        return found


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: list[str]) -> None:
    name, *rest = path
    if name not in source:
        return
    if not rest:
        whole = source[name]
        target[name] = {**whole} if isinstance(whole, dict) else whole
    elif isinstance(source[name], dict):
        _copy(source[name], target.setdefault(name, {}), rest)


def _drop(found: dict[str, Any], path: list[str]) -> None:
    name, *rest = path
    if not rest:
        found.pop(name, None)
    elif isinstance(found.get(name), dict):
        found[name] = {**found[name]}
        _drop(found[name], rest)
