"""Patterns: what the names of a folder's files say of the scenes they belong to."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ingest.tables.rows import Record
from ingest.tables.table import Refused, TableError

PLACE = re.compile(r"\{([a-z]+)(?::([^{}]*))?\}|(\*\*/)|(\*)|(\?)")
CODES = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "H": r"\d{2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "b": r"[A-Za-z]{3}",
    "B": r"[A-Za-z]{3,9}",
}
"""Codes of strptime that a date in a file's name may have, and what each looks like."""
EXAMPLE = "'{id}_{datetime:%Y%m%d}_{band}.tif'"


@dataclass(frozen=True, slots=True)
class FilePattern:
    """A pattern of file names below a folder, such as `{id}_{datetime:%Y%m%d}_{band}.tif`.

    Raises:
        TableError: If the text is not a pattern.
    """

    text: str
    bands: tuple[str, ...]
    """What `{band}` may be."""

    def __post_init__(self) -> None:
        self.expression()

    def expression(self) -> "re.Pattern[str]":
        """Return what a path below the folder looks like; groups are named after their places."""
        parts: list[str] = []
        at, seen, dates = 0, set[str](), 0
        for found in PLACE.finditer(self.text):
            parts.append(re.escape(self.text[at : found.start()]))
            at = found.end()
            name, form, folders, star, _ = found.groups()
            if name == "datetime":
                parts.append(f"(?P<datetime{dates}>{_date_expression(form, self.text)})")
                dates += 1
            elif name is not None:
                parts.append(self._place(name, form, seen))
                seen.add(name)
            else:
                parts.append("(?:.*/)?" if folders else "[^/]*" if star else "[^/]")
        rest = self.text[at:]
        if set("{}") & set("".join(parts[::2])) or set("{}") & set(rest):
            raise TableError(f"{self.text!r} is not a valid pattern; one looks like {EXAMPLE}.")
        return re.compile("".join([*parts, re.escape(rest)]), re.IGNORECASE)

    def _place(self, name: str, form: str | None, seen: Iterable[str]) -> str:
        if name not in {"id", "band"} or form is not None:
            raise TableError(
                f"{{{name}{':' + form if form else ''}}} is not a place of a pattern; there are: {{id}}, "
                f"{{band}}, {{datetime:%Y%m%d}}, * and ?. A pattern looks like {EXAMPLE}."
            )
        if name in seen:
            return f"(?P={name})"
        if name == "id":
            return "(?P<id>[^/]+?)"
        longest_first = sorted(self.bands, key=len, reverse=True)
        return f"(?P<band>{'|'.join(map(re.escape, longest_first))})"

    def records(self, folder: Path) -> Iterator[tuple[str, Record | Refused | None]]:
        """Yield path below a folder and what it says, for every file there; None where it does not fit."""
        expression = self.expression()
        forms = [found[2] for found in PLACE.finditer(self.text) if found[1] == "datetime"]
        for path in sorted(folder.rglob("*") if "/" in self.text else folder.glob("*")):
            if path.is_file() and not path.name.startswith("."):
                name = path.relative_to(folder).as_posix()
                found = expression.fullmatch(name)
                yield name, None if found is None else _record(name, path, found, forms)


def _record(name: str, path: Path, found: "re.Match[str]", forms: list[str]) -> Record | Refused:
    said: Mapping[str, str] = found.groupdict()
    cells = {"file": str(path.absolute())}
    dates = [said[f"datetime{number}"] for number in range(len(forms))]
    if "band" in said:
        cells |= {"band": said["band"], "id": _id_around(name, *found.span("band"))}
    if "id" in said:
        cells["id"] = "_".join([said["id"], *dates])
    if forms:
        try:
            cells["datetime"] = time_text(dates, forms)
        except ValueError as error:
            return Refused(name, f"its time cannot be read: {error}.")
    return Record(name, cells)


def _id_around(name: str, begin: int, end: int) -> str:
    """Return a path without its band, suffix and folders' slashes: what files of one scene share."""
    before, after = name[:begin].rstrip("_-. /"), name[end:].rpartition(".")[0].lstrip("_-. /")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "_".join(filter(None, (before, after)))).strip("-._")


def _date_expression(form: str | None, pattern: str) -> str:
    if not form:
        raise TableError(
            f"{{datetime}} says how dates are written, such as {{datetime:%Y%m%d}}, in {pattern!r}."
        )
    parts = re.split(r"%(.)", form)
    if unknown := [code for code in parts[1::2] if code not in CODES]:
        raise TableError(f"%{unknown[0]} is not a part of a date here; there are: %{', %'.join(CODES)}.")
    return "".join(CODES[part] if number % 2 else re.escape(part) for number, part in enumerate(parts))


def time_text(texts: list[str], forms: list[str]) -> str:
    """Return the time that dates of some forms say together, no finer than they say it.

    Args:
        texts: As they stand in a name.
        forms: Of strptime, one a text.

    Raises:
        ValueError: If they make no time.
    """
    codes = {code for form in forms for code in re.findall(r"%(.)", form)}
    moment = datetime.strptime(" ".join(texts), " ".join(forms))  # noqa: DTZ007 - names tell UTC
    if not codes & {"Y", "y"}:
        raise ValueError("it has no year")
    has_day = "j" in codes or ("d" in codes and bool(codes & {"m", "b", "B"}))
    if codes & {"H", "M", "S", "d"} and not has_day:
        raise ValueError("it has a day or an hour without the month or day it belongs to")
    if codes & {"M", "S"} and "H" not in codes:
        raise ValueError("it has minutes or seconds without the hour")
    if codes & {"M", "S"}:
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    if "H" in codes:
        return f"{moment:%Y-%m-%dT%H}"
    if has_day:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m}" if codes & {"m", "b", "B"} else f"{moment:%Y}"
