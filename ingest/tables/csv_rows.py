"""CSV tables, as programs and spreadsheets write them: separated by commas, semicolons, tabs or bars."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Protocol

from ingest.file_facts import HDF5, WHY_NOT_HDF5
from ingest.tables.rows import Record
from ingest.tables.table import Refused, TableError

SEPARATORS = ",;\t|"


class CsvReader(Protocol):
    """What `csv.reader` returns, which has no public name."""

    line_num: int
    """Lines read so far."""

    def __next__(self) -> list[str]:
        """Return the cells of the next row."""
        ...


def read_csv(content: bytes) -> tuple[tuple[str, ...], Iterator[Record | Refused]]:
    """Return the columns of a CSV file, and its rows.

    Raises:
        TableError: If it is not a table.
    """
    lines = io.StringIO(_text(content), newline="")
    first = lines.readline()
    separator = max(SEPARATORS, key=first.count)
    lines.seek(0)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise TableError(f"it is not a CSV table: line {reader.line_num}: {error}.") from error
    columns = tuple(name.strip() for name in header)
    while columns and not columns[-1]:
        columns = columns[:-1]
    lowered = [name.casefold() for name in columns]
    if twice := sorted({name for name in lowered if lowered.count(name) > 1}):
        raise TableError(f"it has several columns named {', '.join(map(repr, twice))}; name each once.")
    return columns, _rows(reader, lowered)


def _text(content: bytes) -> str:
    """Return the file's text: UTF-8, or UTF-16 as spreadsheets write "Unicode text"."""
    if content.startswith(HDF5):
        raise TableError(f"it is not a GeoTIFF, and not a table either. {WHY_NOT_HDF5}")
    is_utf16 = content[:2] in {b"\xff\xfe", b"\xfe\xff"}
    if b"\0" in content[:4096] and not is_utf16:
        raise TableError(
            "it is not a GeoTIFF, and not a table either. Convert a picture first, for example: "
            "gdal_translate -of GTiff INPUT OUTPUT.tif"
        )
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableError(f"it is not UTF-8 (line {line}); save it as CSV in UTF-8 encoding.") from error


def _rows(reader: CsvReader, lowered: Sequence[str]) -> Iterator[Record | Refused]:
    number, line = 0, reader.line_num + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(
                f"row {number + 1} (line {line})", f"it is not CSV, and neither is what follows: {error}."
            )
            return
        if any(cell.strip() for cell in cells):
            number += 1
            yield _record(f"row {number} (line {line})", cells, lowered)
        line = reader.line_num + 1


def _record(where: str, cells: Sequence[str], lowered: Sequence[str]) -> Record | Refused:
    if any(cell.strip() for cell in cells[len(lowered) :]) or len(cells) < len(lowered):
        return Refused(
            where,
            f"it has {len(cells)} cells, and the header {len(lowered)}; put a cell that holds a separator "
            "in quotes.",
        )
    named = zip(lowered, cells, strict=False)
    return Record(where, {name: text for name, cell in named if name and (text := cell.strip())})
