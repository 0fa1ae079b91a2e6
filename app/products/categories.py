"""Categories: the classes of a band as its collection names them, or the files that landed."""

from app.products.classes import OTHER_COLOR, ValueRow
from app.products.palette import COLORS, hex_color
from colormaps import load_colormap
from mosaics.collection import Band

USUAL_COLORMAP = "viridis"
"""Colours of classes of which none has one."""


def rows_of(band: Band) -> dict[int, ValueRow]:
    """Return the classes of a band's codes, ascending; as many as a palette has colours for."""
    categories = sorted(band.categories.items())[: COLORS - 1]
    usual = [hex_color(color) for color in load_colormap(USUAL_COLORMAP).table(len(categories))]
    has_colors = any(category.color for _, category in categories)
    rows: dict[int, ValueRow] = {}
    names: set[str] = set()
    for (code, category), color in zip(categories, usual, strict=True):
        name = category.name or str(code)
        name = f"{name} ({code})" if name in names else name
        names.add(name)
        rows[code] = ValueRow(name=name, color=category.color or (OTHER_COLOR if has_colors else color))
    return rows
