"""Fields: the parts of an item that a caller wants or does not want (STAC fields extension)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ALWAYS = ("id", "type", "collection")
"""Fields without which an item cannot be identified."""

PLAIN = ("stac_version", "geometry", "bbox", "links", "assets", "properties.datetime")
"""The default if fields are requested but none is named (extension 1.0)."""


MAX_FIELDS = 100
"""Paths to include and to exclude, together; an item has some thirty fields worth naming."""

MAX_LEVELS = 8
"""Names in a path, such as `assets.red.bands`."""


class FieldsError(ValueError):
    """Fields that cannot be asked for; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Paths, such as `properties.datetime`, to include and to exclude."""

    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        paths = (*self.include, *self.exclude)
        if len(paths) > MAX_FIELDS:
            raise FieldsError(f"fields may have at most {MAX_FIELDS} names, not {len(paths):,}")
        if any(path.count(".") >= MAX_LEVELS for path in paths):
            raise FieldsError(
                f"a name in fields may have at most {MAX_LEVELS} levels, as in assets.red.bands"
            )

    @classmethod
    def parse(cls, names: Iterable[str]) -> "Fields":
        """Read `id`, `+id` and `-geometry`; a plus in an address arrives as a space."""
        given = [name for name in names if name.strip("+- ")]
        return cls(
            frozenset(name.lstrip("+ ") for name in given if name[0] != "-"),
            frozenset(name[1:] for name in given if name[0] == "-"),
        )

    def of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parts of a document; a path that is both included and excluded is included."""
        include = self.include
        if not include and not self.exclude:
            include = frozenset(PLAIN)
        wanted = [*ALWAYS, *include]
        found: dict[str, Any] = {}
        for path in wanted if include else document:
            _copy(document, found, path.split("."))
        for path in self.exclude - _leading_to(wanted):
            _drop(found, path.split("."))
        return found


def _leading_to(paths: Iterable[str]) -> frozenset[str]:
    """Return some paths and all that lead to them: `a` and `a.b` of `a.b`."""
    return frozenset(".".join(names[:end]) for names in _split(paths) for end in range(1, len(names) + 1))


def _split(paths: Iterable[str]) -> Iterable[list[str]]:
    return (path.split(".") for path in paths)


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
