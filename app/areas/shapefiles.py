"""Shapefiles, in a folder or a zip archive: .shp, .dbf, .prj for the coordinate system, .cpg for text."""

import codecs
import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import shapefile
import shapely
from rasterio.crs import CRS
from rasterio.errors import CRSError
from shapely.geometry.base import BaseGeometry

from app.areas.layers import LayerError, OpenedLayer, Row
from app.areas.rings import assembled

POLYGONS = (shapefile.POLYGON, shapefile.POLYGONZ, shapefile.POLYGONM)

LANGUAGES: Mapping[int, str] = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x13: "cp932", 0x4D: "cp936", 0x4E: "cp949", 0x4F: "cp950",
    0x57: "cp1252", 0x58: "cp1252", 0x59: "cp1252", 0x64: "cp852", 0x65: "cp866", 0x66: "cp865",
    0x67: "cp861", 0x6A: "cp737",
    0x6B: "cp857", 0x78: "cp950", 0x79: "cp949", 0x7A: "cp936", 0x7B: "cp932",
    0x7C: "cp874", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253", 0xCC: "cp1257",
}  # fmt: skip
"""Encodings by the language driver in byte 29 of a .dbf, as GDAL reads them."""

LATIN = "iso8859-1"
"""Of a .dbf that says nothing and is not UTF-8: ESRI's default."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of one shapefile."""

    name: str
    """Of the .shp, for people."""
    contents: Mapping[str, Callable[[], bytes]]
    """How each is read, by its suffix in lower case."""

    def read(self, suffix: str) -> bytes | None:
        """Return a file; None where it is missing."""
        return self.contents[suffix]() if suffix in self.contents else None


def open_shapefile(path: Path, layer: str | None = None) -> OpenedLayer:
    """Open a .shp with the files beside it, or a zip archive that has one.

    Args:
        path: The file.
        layer: Name of the .shp, without suffix; required if an archive has several.

    Raises:
        LayerError: If it is not a shapefile, or is damaged.
    """
    parts = _zipped(path, layer) if zipfile.is_zipfile(path) else _beside(path, layer)
    shp, dbf = parts.read(".shp"), parts.read(".dbf")
    if shp is None or dbf is None:
        raise LayerError(f"the .dbf beside {parts.name} is missing; it holds names and properties")
    encoding = _encoding(dbf, parts.read(".cpg"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", shapefile.PossiblyCorruptFileHeader)
            reader = shapefile.Reader(
                shp=io.BytesIO(shp), dbf=io.BytesIO(dbf), encoding=encoding, encodingErrors="replace"
            )
            shapes, records = list(reader.iterShapes()), reader.numRecords
    except (shapefile.PossiblyCorruptFileHeader, *DAMAGED) as error:
        raise LayerError(f"{parts.name} is damaged: {error}") from error
    if len(shapes) != records:
        raise LayerError(
            f"{parts.name} has {len(shapes)} shapes, and its .dbf {records} records; one of them is damaged"
        )
    return OpenedLayer(records, _crs(parts), _rows(parts, reader, shapes), "its coordinate system (a .prj)")


DAMAGED = (
    shapefile.ShapefileException,
    struct.error,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    OSError,
)
"""What reading a damaged file raises."""


def _beside(path: Path, layer: str | None) -> Parts:
    if layer not in {None, path.stem}:
        raise LayerError(f"{path} has no layer {layer!r}; there is: {path.stem}")
    siblings = [one for one in path.parent.iterdir() if one.stem.casefold() == path.stem.casefold()]
    by_suffix = {one.suffix.casefold(): one for one in siblings} | {".shp": path}
    return Parts(path.name, {suffix: one.read_bytes for suffix, one in by_suffix.items()})


def _zipped(path: Path, layer: str | None) -> Parts:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
    except zipfile.BadZipFile as error:
        raise LayerError(f"{path} is a damaged zip archive: {error}") from error
    shapes = [name for name in names if name.suffix.casefold() == ".shp" and not _is_hidden(name)]
    there_are = ", ".join(sorted(name.stem for name in shapes))
    chosen = [name for name in shapes if layer in {None, name.stem}]
    if not chosen:
        raise LayerError(
            f"{path} has no layer {layer!r}; there are: {there_are}" if shapes else f"{path} has no shapefile"
        )
    if len(chosen) > 1:
        raise LayerError(f"{path} has several layers; name one of: {there_are}")
    stem = chosen[0].with_suffix("")
    own = [name for name in names if str(name.with_suffix("")).casefold() == str(stem).casefold()]
    return Parts(chosen[0].name, {name.suffix.casefold(): _member(path, name) for name in own})


def _is_hidden(name: PurePosixPath) -> bool:
    return "__MACOSX" in name.parts or name.name.startswith(".")


def _member(path: Path, name: PurePosixPath) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.read(str(name))
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
            raise LayerError(f"{name.name} in {path} cannot be read: {error}") from error

    return read


def _crs(parts: Parts) -> CRS | None:
    content = parts.read(".prj")
    if content is None or not content.strip():
        return None
    try:
        return CRS.from_wkt(content.decode("utf-8-sig", "replace").strip(), morph_from_esri_dialect=True)
    except CRSError:
        return None


def _encoding(dbf: bytes, cpg: bytes | None) -> str:
    """Return the encoding: as .cpg says, else the .dbf's language, else UTF-8 if it is that, else Latin 1.

    Where the text is not the UTF-8 that .cpg calls it, .cpg does not count.
    """
    said = None if cpg is None else _codec(cpg.decode("ascii", "ignore").strip())
    if said is not None and (said != "utf-8" or _is_utf8(dbf)):
        return said
    if len(dbf) > 29 and dbf[29] in LANGUAGES:
        return LANGUAGES[dbf[29]]
    return "utf-8" if _is_utf8(dbf) else LATIN


def _is_utf8(dbf: bytes) -> bool:
    """Return whether each text of a .dbf is UTF-8, apart from a character cut off at its end."""
    try:
        header, width = struct.unpack_from("<HH", dbf, 8)
    except struct.error:
        return False
    texts = _text_fields(dbf[32:header])
    for begin in range(header, len(dbf) - width + 1, max(width, 1)):
        for at, length in texts:
            try:
                codecs.getincrementaldecoder("utf-8")().decode(
                    dbf[begin + at : begin + at + length].rstrip(b" \0")
                )
            except UnicodeDecodeError:
                return False
    return True


def _text_fields(described: bytes) -> list[tuple[int, int]]:
    """Return where the texts of a record begin, and their lengths (dBase III: 32 bytes per field)."""
    found, at = [], 1  # a record begins with a mark of deletion
    for begin in range(0, len(described) - 31, 32):
        field = described[begin : begin + 32]
        if field[11:12] == b"C":
            found.append((at, field[16]))
        at += field[16]
    return found


def _codec(name: str) -> str | None:
    """Return Python's name of an encoding as .cpg has it: UTF-8, 1252, ANSI 1252, ISO 88591, 88591."""
    compact = name.casefold().replace("ansi", "").replace(" ", "").strip("_-:")
    if compact.startswith("ldid/") and compact[5:].isdigit():
        return LANGUAGES.get(int(compact[5:]))
    compact = compact.replace("oem", "cp")
    if compact.isdigit() and compact.startswith("8859"):
        compact = f"iso8859-{compact[4:]}"
    elif compact.startswith("iso8859") and compact[7:].isdigit():
        compact = f"iso8859-{compact[7:]}"
    elif compact.isdigit():
        compact = {"65001": "utf-8"}.get(compact, f"cp{compact}")
    try:
        "".encode(compact)  # refuses codecs that are not of text
        return codecs.lookup(compact).name
    except (LookupError, ValueError):
        return None


def _rows(parts: Parts, reader: shapefile.Reader, shapes: list[Any]) -> Iterator[Row]:
    for number, shape in enumerate(shapes):
        try:
            record = reader.record(number)
        except DAMAGED as error:
            raise LayerError(f"record {number} of {parts.name} is damaged: {error}") from error
        properties = {} if record is None else record.as_dict()
        yield _geometry(shape), {name: _plain(value) for name, value in properties.items()}


def _geometry(shape: Any) -> BaseGeometry | str:
    if shape.shapeType == shapefile.NULL:
        return "it has no geometry"
    if shape.shapeType not in POLYGONS:
        return f"it is a {shape.shapeTypeName.lower()}; an area is a polygon"
    positions = np.array([point[:2] for point in shape.points], float).reshape(-1, 2)
    rings = np.split(positions, list(shape.parts)[1:])
    if any(len(ring) < 3 or not np.isfinite(ring).all() for ring in rings):
        return "its rings are not lists of at least three finite positions"
    try:
        return assembled(rings)
    except (ValueError, shapely.GEOSException) as error:
        return f"its rings cannot be read: {error}"


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.hex() if isinstance(value, bytes) else value
