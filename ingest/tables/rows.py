"""Rows: what the columns of a table, or the properties of a feature, say of a scene."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ingest.file_bands import bands_of_file
from ingest.landing_request import SCENE_ID, BandFile, LandingError, LandingRequest, parse_numbers, parse_time
from ingest.tables.table import Entry, Refused, Table, TableError, without_doubles
from mosaics.collection import Collection, UnknownBandError
from mosaics.period import PeriodError

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("id", "scene", "scene_id"),
        "datetime": ("datetime", "date", "time"),
        "start": ("start_datetime", "start"),
        "end": ("end_datetime", "end"),
        "file": ("file", "path", "filename", "location", "href"),
        "bands": ("bands",),
        "band": ("band",),
        "cloud_cover": ("cloud_cover", "eo:cloud_cover"),
        "baseline": ("baseline", "s2:processing_baseline"),
        "scale": ("scale",),
        "offset": ("offset",),
        "nodata": ("nodata",),
    }
)
"""What a column may say of a scene, and the names it may have; `location` is that of gdaltindex."""

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it stands in its table."""

    where: str
    cells: Mapping[str, str]
    """By the column's name in lower case; cells without text are left out."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What holds for every row that does not say otherwise; texts as on the command line."""

    when: str | None = None
    bands: tuple[str, ...] = ()
    """Of every file that is named once, from its first band on."""
    cloud_cover: str | None = None
    baseline: str | None = None
    scales: tuple[str, ...] = ()
    offsets: tuple[str, ...] = ()
    nodata: tuple[str, ...] = ()
    flip: bool = False
    """Whether mirrored files are landed the right way round."""


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows into entries.

    Raises:
        UnknownBandError: If a name is given to a band that the collection lacks.
    """

    collection: Collection
    folder: Path
    """Relative paths begin there."""
    usual: Usual = field(default_factory=Usual)
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Bands of the collection, by the names that columns and files have for them, in lower case."""

    def __post_init__(self) -> None:
        for band in self.names.values():
            self.collection.band(band)

    @property
    def band_columns(self) -> dict[str, str]:
        """Bands, by the names their columns may have."""
        own = {band.casefold(): band for band in self.collection.band_names}
        return {name: band for name, band in (own | dict(self.names)).items() if _role(name) is None}

    def read(self, columns: Sequence[str], records: Iterable[Record | Refused]) -> Table:
        """Return the table that records of some columns make; rows that name one band each are joined by id.

        Raises:
            TableError: If no column names a file.
        """
        lowered = [name.strip().casefold() for name in columns]
        notes = self._check_columns(columns, lowered)
        refused: list[Refused] = []
        entries: list[Entry] = []
        for group in self._grouped(records, refused):
            try:
                entries.append(self._entry(group))
            except (LandingError, UnknownBandError) as error:
                refused.append(Refused(_place(group), str(error)))
        return without_doubles(Table(tuple(entries), tuple(refused), notes))

    def _check_columns(self, columns: Sequence[str], lowered: Sequence[str]) -> tuple[str, ...]:
        usable = [name for name in lowered if _role(name) or name in self.band_columns]
        if not any(_role(name) == "file" or name in self.band_columns for name in usable):
            raise TableError(
                "no column names a file; there should be one named file, or one for each band: "
                f"{', '.join(self.collection.band_names[:16])}. "
                f"There are: {', '.join(columns) or 'no columns'}."
            )
        unused = [
            name for name, low in zip(columns, lowered, strict=True) if low not in usable and name.strip()
        ]
        return (f"columns that say nothing to landing: {', '.join(unused)}.",) if unused else ()

    def _grouped(self, records: Iterable[Record | Refused], refused: list[Refused]) -> Iterator[list[Record]]:
        """Yield the rows of each scene."""
        by_id: dict[str, list[Record]] = {}
        for record in records:
            if isinstance(record, Refused):
                refused.append(record)
            elif not _cell(record, "band"):
                yield [record]
            elif (scene_id := _cell(record, "id")) is None:
                refused.append(
                    Refused(record.where, "a row of one band has an id, which joins it with others.")
                )
            else:
                by_id.setdefault(scene_id, []).append(record)
        yield from by_id.values()

    def _entry(self, rows: Sequence[Record]) -> Entry:
        row = rows[0]
        files = self._files(rows)
        scene_id = _cell(row, "id") or _id_of(next(iter(files.values())))
        if not SCENE_ID.fullmatch(scene_id):
            raise LandingError(
                f"'{scene_id[:80]}' is not a valid id of a scene; one has up to 128 letters, digits, '.', "
                "'_' and '-', and begins with a letter or digit. A column id gives it."
            )
        when = self._when(rows)
        start, end = parse_time_of(when, self.collection)
        options = self._options(rows)

        def request() -> LandingRequest:
            return LandingRequest(
                id=scene_id,
                start=start,
                end=end,
                assets=self._assets(files, rows),
                cloud_cover_percent=_percent(options.cloud_cover),
                baseline=options.baseline,
                scales=parse_numbers("--scale", options.scales),
                offsets=parse_numbers("--offset", options.offsets),
                nodata=parse_numbers("--nodata", options.nodata),
                flip=options.flip,
            )

        return Entry(_place(rows), scene_id, request)

    def _files(self, rows: Sequence[Record]) -> dict[str | None, str]:
        """Return the files of a scene by band; by None the one whose bands it tells itself."""
        found = dict[str | None, str]()
        for row in rows:
            named = {band: row.cells[name] for name, band in self.band_columns.items() if name in row.cells}
            file = _cell(row, "file")
            if (called := _cell(row, "band")) and file:
                band = self.band_columns.get(called.casefold())
                self.collection.band(band or called)
                named = {band or called: file}
            elif file and named:
                raise LandingError(
                    f"it names a file ({file}) and files of bands ({', '.join(named)}); "
                    "give one or the other."
                )
            elif file:
                found[None] = file
            if twice := named.keys() & found.keys():
                raise LandingError(
                    f"{', '.join(map(str, twice))} given more than once; a band is one file's."
                )
            found.update(named)
        if not found:
            raise LandingError("it names no file.")
        return found

    def _assets(self, files: Mapping[str | None, str], rows: Sequence[Record]) -> tuple[BandFile, ...]:
        listed = _cell(rows[0], "bands")
        bands = tuple(re.split(r"[,; ]+", listed)) if listed else self.usual.bands
        assets: list[BandFile] = []
        for band, text in files.items():
            if band is not None:
                assets.append(BandFile.parse(f"{band}={local_path(text, self.folder)}"))
            else:
                path = local_path(text, self.folder)
                assets.extend(bands_of_file(path, self.collection, bands=bands, names=self.names))
        return tuple(assets)

    def _when(self, rows: Sequence[Record]) -> str:
        texts = {_when_of(row) for row in rows} - {None}
        if len(texts) > 1:
            raise LandingError(f"rows of one scene give several times: {', '.join(sorted(map(str, texts)))}.")
        when = next(iter(texts), self.usual.when)
        if when is None:
            raise LandingError("it has no time; a column datetime gives it, or --datetime for all rows.")
        return when

    def _options(self, rows: Sequence[Record]) -> Usual:
        def of(role: str) -> tuple[str, ...]:
            given = [_cell(row, role) for row in rows]
            return tuple(dict.fromkeys(word for text in given if text for word in re.split(r"[;\s]+", text)))

        usual = self.usual
        return Usual(
            cloud_cover=_cell(rows[0], "cloud_cover") or usual.cloud_cover,
            baseline=_cell(rows[0], "baseline") or usual.baseline,
            scales=of("scale") or usual.scales,
            offsets=of("offset") or usual.offsets,
            nodata=of("nodata") or usual.nodata,
            flip=usual.flip,
        )


def parse_time_of(text: str, collection: Collection) -> tuple[datetime, datetime]:
    """Return when a scene was taken; `LandingError` if the text does not say it."""
    try:
        return parse_time(text, collection.cadence)
    except PeriodError as error:
        raise LandingError(f"datetime: {error}") from error


def local_path(text: str, folder: Path) -> Path:
    """Return the file on this machine that a text names.

    Args:
        text: A path, or a file:// address.
        folder: Where relative paths begin.

    Raises:
        LandingError: If it is an address of another kind.
    """
    if not ADDRESS.match(text):
        return folder / text
    address = urlsplit(text)
    if address.scheme.lower() != "file" or address.netloc not in {"", "localhost"}:
        raise LandingError(
            f"{text[:200]} is an address; landing reads files on this machine. Fetch it first, or describe "
            "its archive as a source for `tilewatch ingest`."
        )
    return Path(url2pathname(address.path))


def _role(column: str) -> str | None:
    return next((role for role, names in COLUMNS.items() if column in names), None)


def _cell(record: Record, role: str) -> str | None:
    return next((record.cells[name] for name in COLUMNS[role] if name in record.cells), None)


def _when_of(record: Record) -> str | None:
    if when := _cell(record, "datetime"):
        return when
    start, end = _cell(record, "start"), _cell(record, "end")
    return f"{start}/{end}" if start and end else start


def _place(rows: Sequence[Record]) -> str:
    return rows[0].where if len(rows) == 1 else f"{rows[0].where} and {len(rows) - 1} more"


def _id_of(file: str) -> str:
    return Path(urlsplit(file).path if ADDRESS.match(file) else file).stem


def _percent(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise LandingError(
            f"'{text[:40]}' is not a valid cloud cover; give a percentage from 0 to 100."
        ) from error
