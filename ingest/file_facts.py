"""File facts: what a GeoTIFF says of its own numbers: which pixels are missing, and which codes are classes.

GDAL's mask of a file is one: internal, in a side-car file, of `NODATA_VALUES` or of an alpha band. For GDAL
an alpha band counts beside one or three bands of uint8 or uint16 only; beside others, and in other types as
`gdalwarp -dstalpha` writes them, it is looked at here, as rio-tiler does.

Rasterio gives and writes nodata as float64, which holds whole numbers to 2^53. Of the usual marks of 64-bit
files, the least and the greatest number there is, it makes another, and GDAL reads "-9.22e+18" as -9. The
text of the tag is therefore read here (TIFF 6.0, section 2; BigTIFF; GDAL_NODATA is tag 42113).

GDAL keeps a GeoTIFF's colour table in the file, names of categories and attribute tables in FILE.aux.xml.
"""

import functools
import math
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from mosaics.collection import Category
from mosaics.raster.reading import differs_from

COLOURS = frozenset({ColorInterp.red, ColorInterp.green, ColorInterp.blue})

GDAL_NODATA, ASCII = 42113, 2
MOST_FIELDS, LONGEST = 4096, 64
"""Fields of a directory, and characters of the text, beyond which it is something else."""
EXACT = 2**53
"""Up to here float64 holds every whole number."""

FLOAT32_IN_TEXT = 1e-13
"""How far a number of float32 may lie off itself once it has been written with 15 digits."""
DIGITS_WRITTEN = 6
"""Of a decimal that somebody chose for a scale or an offset, at most."""

LARGEST_BYTES = 16 << 20
"""Of FILE.aux.xml; the attribute table of a million classes would be larger."""
MIN_MAX, NAME, RED, GREEN, BLUE = "5", "2", "6", "7", "8"
"""Usages of a column (GDALRATFieldUsage): the value, its name and its colour."""
TEXT = "2"
"""Type of a column (GDALRATFieldType)."""
VALUE_LIKE = re.compile(r"value|code|id|class_?(value|code)", re.IGNORECASE)
NAME_LIKE = re.compile(r".*(name|class|label|categor|descr|legend|type).*", re.IGNORECASE)


HDF5 = b"\x89HDF\r\n\x1a\n"
"""What a file in HDF5 begins with."""
WHY_NOT_HDF5 = (
    "It is HDF5: what GDAL makes of NASA's tiles, as with gdal_translate, is upside down or in no place. "
    "`tilewatch ingest` fetches them and puts them right, such as those of black-marble-monthly."
)


def what_helps(path: Path) -> str:
    """Return what can be done with a file that is not a GeoTIFF, as a sentence."""
    with path.open("rb") as file:
        if file.read(len(HDF5)) == HDF5:
            return WHY_NOT_HDF5
    return "Convert it first, for example: gdal_translate -of GTiff INPUT OUTPUT.tif"


def has_own_mask(dataset: DatasetReader, index: int) -> bool:
    """Return whether GDAL knows a mask of the whole file, which counts in place of a nodata tag."""
    return MaskFlags.per_dataset in dataset.mask_flag_enums[index - 1]


def as_decimal(number: float) -> float:
    """Return a scale or offset as the decimal it was written as, where it has gone through float32.

    Software that holds 0.01 in float32 writes 0.00999999977648258, by which 10 is less than 0.1. Numbers that
    float32 writes with more digits than people do (powers of two among them) stay as they are.
    """
    with np.errstate(over="ignore"):
        single = np.float32(number)
    if not math.isclose(float(single), number, rel_tol=FLOAT32_IN_TEXT, abs_tol=0.0):
        return number
    shortest = Decimal(str(single))
    return float(shortest) if len(shortest.normalize().as_tuple().digits) <= DIGITS_WRITTEN else number


def alpha_of(dataset: DatasetReader, index: int) -> int | None:
    """Return the number of the alpha band whose 0 marks missing pixels of a band.

    Returns:
        None without one, where GDAL counts it in its own mask, and for the alpha band itself.
    """
    if MaskFlags.alpha in dataset.mask_flag_enums[index - 1] or ColorInterp.alpha not in dataset.colorinterp:
        return None
    alpha = int(dataset.colorinterp.index(ColorInterp.alpha)) + 1
    return None if alpha == index else alpha


def picture_of(dataset: DatasetReader, index: int) -> tuple[int, ...]:
    """Return the bands of a picture in red, green and blue that have the nodata tag of one of them, if any.

    GDAL's dataset mask lacks a pixel of theirs where all have their nodata value: (0, 50, 60) is a colour,
    and 0 one of its numbers.

    Returns:
        Numbers of the bands; empty where the file has other bands, and for an alpha band.
    """
    colours = dataset.colorinterp
    if colours[index - 1] is ColorInterp.alpha or not set(colours) >= COLOURS:
        return ()
    nodata = dataset.nodatavals[index - 1]
    return tuple(
        band
        for band, colour, marked in zip(dataset.indexes, colours, dataset.nodatavals, strict=True)
        if colour is not ColorInterp.alpha and marked == nodata
    )


def read_kept(
    dataset: DatasetReader,
    index: int,
    window: Window,
    *,
    own: bool,
    alpha: int | None,
    together: tuple[tuple[int, ...], float] | None,
) -> NDArray[np.bool_] | None:
    """Return which pixels of a window a file's mask keeps, (height, width); None without a mask.

    Args:
        dataset: The file.
        index: Number of the band whose mask is read, from 1.
        window: Of the file.
        own: Whether GDAL's own mask counts.
        alpha: Number of an alpha band that counts.
        together: Bands of a picture, and the number that all of them have where a pixel is missing.
    """
    kept = [dataset.read_masks(index, window=window) > 0] if own else []
    if alpha is not None:
        kept.append(dataset.read(alpha, window=window) > 0)
    if together is not None:
        bands, nodata = together
        kept.append(_any(differs_from(dataset.read(band, window=window), nodata) for band in bands))
    return np.logical_and.reduce(kept) if kept else None


def _any(planes: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return functools.reduce(np.logical_or, planes)


def marks_64_bits(path: Path, dtype: str) -> int | None:
    """Return the whole number that a GeoTIFF's nodata tag states for 64-bit whole numbers.

    Returns:
        None for other types, and where there is no tag or it is not a number that the type holds.
    """
    if dtype not in {"int64", "uint64"}:
        return None
    with path.open("rb") as file:
        text = _text(file)
    limits = np.iinfo(dtype)
    if text is None:
        return None
    if re.fullmatch(r"[+-]?\d+", text):
        number = int(text)
    else:
        try:
            rounded = float(text)
        except ValueError:
            return None
        if not rounded.is_integer():
            return None
        number = int(rounded)
        if number == limits.max + 1:  # the greatest number, rounded up
            number = int(limits.max)
    return number if limits.min <= number <= limits.max else None


def _text(file: BinaryIO) -> str | None:
    """Return the text of the tag in the first directory."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return None
    is_big = struct.unpack(f"{order}H", head[2:4])[0] == 43
    address, counts, field = ("Q", "Q", "HHQ8s") if is_big else ("I", "H", "HHI4s")
    (start,) = struct.unpack_from(order + address, head, 8 if is_big else 4)
    file.seek(start)
    (count,) = struct.unpack(order + counts, file.read(struct.calcsize(order + counts)))
    if count > MOST_FIELDS:
        return None
    size = struct.calcsize(order + field)
    for place in struct.iter_unpack(order + field, file.read(count * size)):
        tag, kind, length, value = place
        if (tag, kind) == (GDAL_NODATA, ASCII) and length <= LONGEST:
            if length > len(value):
                file.seek(struct.unpack(order + address, value)[0])
                value = file.read(length)
            return bytes(value[:length]).split(b"\0")[0].decode("ascii", "replace").strip()
    return None


def read_categories(dataset: DatasetReader, index: int) -> Mapping[int, Category]:
    """Return every entry of a band's colour table, and what names and attribute table say of its codes."""
    found = {code: Category(color=color) for code, color in _palette(dataset, index).items()}
    for code, category in _beside(Path(f"{dataset.name}.aux.xml"), index):
        known = found.get(code, Category())
        found[code] = Category(name=category.name or known.name, color=category.color or known.color)
    return found


def in_use(
    categories: Mapping[int, Category], occurring: NDArray[np.integer[Any]] | None
) -> dict[int, Category]:
    """Return those of the entries that are classes: a colour table has 256 entries whatever it is for.

    Args:
        categories: As `read_categories` gives them.
        occurring: The codes that the pixels have; None where they are not known. Among them a black entry is
            a class, though unused ones are black, unless the file has names and none for it.
    """
    is_named = any(category.name for category in categories.values())
    seen = frozenset() if occurring is None or is_named else frozenset(occurring.tolist())
    return {
        code: category
        for code, category in sorted(categories.items())
        if category.name or code in seen or category.color not in {None, "#000000"}
    }


def _palette(dataset: DatasetReader, index: int) -> dict[int, str]:
    try:
        table = dataset.colormap(index)
    except ValueError:  # it has none
        return {}
    return {code: "#" + bytes(color[:3]).hex() for code, color in table.items() if color[3] > 0}


def _beside(path: Path, index: int) -> Iterator[tuple[int, Category]]:
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        return
    try:
        root = ET.fromstring(path.read_bytes())  # noqa: S314 - expat bounds what entities grow to
    except ET.ParseError:
        return
    for band in root.iter("PAMRasterBand"):
        if band.get("band") == str(index):
            for code, name in enumerate(band.findall("CategoryNames/Category")):
                if name.text and name.text.strip():
                    yield code, Category(name=name.text.strip())
            table = band.find("GDALRasterAttributeTable")
            if table is not None:
                yield from _rows(table)


def _rows(table: ET.Element) -> Iterator[tuple[int, Category]]:
    """Yield what the rows of an attribute table say of their values."""
    columns = _columns(table)
    for place, row in enumerate(table.findall("Row")):
        cells = [(cell.text or "").strip() for cell in row.findall("F")]
        said = {kind: cells[column] for kind, column in columns.items() if column < len(cells)}
        first, step = float(table.get("Row0Min", 0)), float(table.get("BinSize", 1))
        value = _number(said.get("value", "")) if "value" in columns else first + place * step
        if value is None or not float(value).is_integer():
            continue
        parts = [_number(said.get(part, "")) for part in ("red", "green", "blue")]
        rgb = [round(part) for part in parts if part is not None and 0 <= part <= 255]
        yield (
            int(value),
            Category(name=said.get("name") or None, color="#" + bytes(rgb).hex() if len(rgb) == 3 else None),
        )


def _columns(table: ET.Element) -> dict[str, int]:
    """Return where the value, its name and its colour stand."""
    found: dict[str, int] = {}
    usages = {MIN_MAX: "value", NAME: "name", RED: "red", GREEN: "green", BLUE: "blue"}
    fields = [
        (column, field.findtext("Name", ""), field.findtext("Type", ""), field.findtext("Usage", ""))
        for column, field in enumerate(table.findall("FieldDefn"))
    ]
    for column, _, _, usage in fields:
        if usage in usages:
            found.setdefault(usages[usage], column)
    for column, name, kind, _ in fields:
        if kind == TEXT and NAME_LIKE.fullmatch(name):
            found.setdefault("name", column)
        if kind != TEXT and VALUE_LIKE.fullmatch(name):
            found.setdefault("value", column)
        if kind != TEXT and name.lower() in {"red", "green", "blue"}:
            found.setdefault(name.lower(), column)
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
