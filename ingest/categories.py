"""Categories: what the codes of a landed raster mean, by its colour table and the names beside it.

GDAL keeps a GeoTIFF's colour table in the file, names of categories and attribute tables in FILE.aux.xml.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from mosaics.collection import Category

LARGEST_BYTES = 16 << 20
"""Of FILE.aux.xml; the attribute table of a million classes would be larger."""
MIN_MAX, NAME, RED, GREEN, BLUE = "5", "2", "6", "7", "8"
"""Usages of a column (GDALRATFieldUsage): the value, its name and its colour."""
TEXT = "2"
"""Type of a column (GDALRATFieldType)."""
VALUE_LIKE = re.compile(r"value|code|id|class_?(value|code)", re.IGNORECASE)
NAME_LIKE = re.compile(r".*(name|class|label|categor|descr|legend|type).*", re.IGNORECASE)


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
