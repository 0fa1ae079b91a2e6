"""Opening a table, of whatever kind it is."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingest.archives.archive import Granule, LeftOut
from ingest.archives.opening import read_items
from ingest.landing_request import BandFile, LandingRequest, parse_numbers
from ingest.options import IngestOptions
from ingest.tables.csv_rows import read_csv
from ingest.tables.geojson_rows import read_features
from ingest.tables.pattern import EXAMPLE, FilePattern
from ingest.tables.rows import Record, RowReader, local_path
from ingest.tables.table import Entry, Refused, Table, TableError, without_doubles

TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Of TIFF and BigTIFF, in both orders of bytes."""
SHOWN = 5
"""Files of a folder that do not fit its pattern, by name."""


def is_picture(path: Path) -> bool:
    """Return whether a file is a TIFF."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in TIFF_BEGINNINGS


def open_table(path: Path, reader: RowReader, pattern: str | None = None) -> Table:
    """Return the scenes of a CSV or GeoJSON file, of a file of STAC items, or of a folder.

    Args:
        path: The file or folder.
        reader: Reads its rows.
        pattern: What names of files in a folder say.

    Raises:
        TableError: If it is of another kind; the message says what would be right.
    """
    try:
        if path.is_dir():
            return _open_folder(path, reader, pattern)
        return _open_file(path.read_bytes(), reader, pattern)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}.") from error
    except TableError as error:
        raise TableError(f"{path}: {error}") from error


def _open_file(content: bytes, reader: RowReader, pattern: str | None) -> Table:
    if pattern is not None:
        raise TableError("it is not a folder; --pattern is about the names of files in one.")
    document = _json(content)
    if document is None:
        return reader.read(*read_csv(content))
    granules = read_items(document, reader.collection, reader.names)
    if granules is None:
        return reader.read(*read_features(document))
    return _of_granules(granules, reader)


def _json(content: bytes) -> Mapping[str, Any] | None:
    """Return the object of a JSON file; None where a file begins as no JSON does."""
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in {b"{", b"["}:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TableError(f"it is not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise TableError("it is not a GeoJSON FeatureCollection, a STAC Item or an ItemCollection.")
    return document


def _open_folder(folder: Path, reader: RowReader, pattern: str | None) -> Table:
    if pattern is None:
        raise TableError(f"it is a folder; say what the names of its files are: --pattern {EXAMPLE}")
    bands = tuple(reader.band_columns)
    unlike: list[str] = []
    records: list[Record | Refused] = []
    for name, record in FilePattern(pattern, bands).records(folder):
        if record is None:
            unlike.append(name)
        else:
            records.append(record)
    if not records:
        example = f", such as {unlike[0]}," if unlike else ""
        raise TableError(
            f"of its {len(unlike)} files{example} not one fits {pattern!r}. "
            f"{{band}} may be: {', '.join(bands[:24])}; --band red=B04 adds a name."
        )
    table = reader.read(("id", "datetime", "band", "file"), records)
    if not unlike:
        return table
    shown = ", ".join(unlike[:SHOWN]) + (" and others" if len(unlike) > SHOWN else "")
    note = f"{len(unlike)} {'file does' if len(unlike) == 1 else 'files do'} not fit the pattern: {shown}."
    return replace(table, notes=(*table.notes, note))


def _of_granules(granules: Iterator[Granule | LeftOut], reader: RowReader) -> Table:
    usual = reader.usual
    options = IngestOptions(
        scales=parse_numbers("--scale", usual.scales), offsets=parse_numbers("--offset", usual.offsets)
    )
    entries: list[Entry] = []
    refused: list[Refused] = []
    for number, granule in enumerate(granules):
        where = f"item {number}"
        if isinstance(granule, LeftOut):
            refused.append(Refused(f"{where}, {granule.id}", granule.reason or "it is not a scene."))
        else:
            entries.append(Entry(where, granule.id, _request(granule, reader, options)))
    return without_doubles(Table(tuple(entries), tuple(refused)))


def _request(granule: Granule, reader: RowReader, options: IngestOptions) -> Callable[[], LandingRequest]:
    """Return what makes the request of a granule, whose files are on this machine."""

    def request() -> LandingRequest:
        files = []
        for band in granule.bands:
            layer = granule.layers[band]
            path = local_path(granule.files[layer.file].href, reader.folder)
            files.append(BandFile(band, path, int(layer.layer)))
        made = options.request(granule, files, None)
        nodata = parse_numbers("--nodata", reader.usual.nodata)
        return replace(made, nodata=nodata, baseline=made.baseline or reader.usual.baseline)

    return request
