"""Legends as JSON, SVG and PNG, all from the same colour table as the tiles."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

from PIL import Image, ImageDraw, ImageFont

from app.products.palette import LegendEntry, hex_color, number_labels
from app.products.product import Product

RAMP_COLORS = 32
"""Colours in the ramp of a continuous legend."""
WIDTH, MARGIN = 260, 12
TEXT_COLOR, PAPER_COLOR, LINE_COLOR = "#1f2328", "#ffffff", "#6e7781"
"""The text has a contrast of 15.8 to 1 on the paper; WCAG 2.2 requires 4.5."""
PNG_SCALE = 2


def legend_json(product: Product, *, note: str | None = None) -> dict[str, Any]:
    """Return the legend as JSON.

    Pixels without a value that are drawn are listed in `absent`; for classes they are also ordinary
    entries, while the entries of a ramp are only its values.

    Args:
        product: The product.
        note: A sentence to show with it, for example that the data are synthetic.
    """
    pairs = set(product.rescale)
    absent = [
        {"label": entry.label, "color": entry.color, "from": None, "to": None, "state": state}
        for state, entry in absent_entries(product).items()
    ]
    return {
        "title": product.title,
        "unit": product.unit,
        "kind": product.kind,
        "entries": [
            {"label": entry.label, "color": entry.color, "from": entry.lower, "to": entry.upper}
            for entry in legend_entries(product)
        ]
        + (absent if product.kind == "classes" else []),
        "absent": absent,
        "rescale": list(product.rescale[0]) if len(pairs) == 1 else None,
        "colors": list(legend_colors(product)),
        "note": note,
        **({} if product.index_facts is None else {"index": product.index_facts}),
    }


def legend_entries(product: Product) -> tuple[LegendEntry, ...]:
    """Return what each colour means; for three bands, the band of each of red, green and blue."""
    if product.palette is not None:
        return product.palette.entries
    channels = zip(product.rgb_bands, product.rescale, ("#ff0000", "#00ff00", "#0000ff"), strict=True)
    return tuple(
        LegendEntry(f"{band}, {' to '.join(number_labels((low, high)))}", color, low, high)
        for band, (low, high), color in channels
    )


def absent_entries(product: Product) -> Mapping[str, LegendEntry]:
    """Return the entries of drawn pixels without a value, by state: masked, outside_zone."""
    return {} if product.palette is None else product.palette.absent


def legend_colors(product: Product) -> tuple[str, ...]:
    """Return the ramp of a continuous product in even steps; otherwise the colours of the entries."""
    if product.kind != "continuous" or product.palette is None:
        return tuple(entry.color for entry in legend_entries(product))
    last = product.palette.steps - 1
    steps = (1 + round(step * last / (RAMP_COLORS - 1)) for step in range(RAMP_COLORS))
    return tuple(hex_color(product.palette.colors[index]) for index in steps)


def legend_svg(product: Product, *, note: str | None = None) -> str:
    """Return the legend as an SVG picture; arguments as for `legend_json`."""
    marks, height = _layout(product, note)
    title_id, description_id = f"legend-{product.id}-title", f"legend-{product.id}-description"
    described = escape("; ".join(entry.label for entry in legend_entries(product)))
    attributes = (
        f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-labelledby="{title_id} {description_id}"'
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>',
        f'<title id="{title_id}">Legend: {escape(product.title)}</title>',
        f'<desc id="{description_id}">{described}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER_COLOR}"/>',
        *(mark.svg() for mark in marks),
        "</svg>",
    ]
    return "\n".join(lines)


def legend_png(product: Product, *, note: str | None = None) -> bytes:
    """Return the legend as a PNG picture, twice the size of the SVG; arguments as for `legend_json`.

    It uses Pillow's built-in font, which has Latin letters only; the SVG has no such limit.
    """
    marks, height = _layout(product, note)
    image = Image.new("RGB", (WIDTH * PNG_SCALE, height * PNG_SCALE), PAPER_COLOR)
    draw = ImageDraw.Draw(image)
    for mark in marks:
        mark.paint(draw)
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float
    fill: str | None
    line: str | None = None

    def svg(self) -> str:
        return (
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}" '
            f'fill="{self.fill or "none"}" stroke="{self.line or "none"}" shape-rendering="crispEdges"/>'
        )

    def paint(self, draw: ImageDraw.ImageDraw) -> None:
        left, top = round(self.x * PNG_SCALE), round(self.y * PNG_SCALE)
        right, bottom = round((self.x + self.width) * PNG_SCALE), round((self.y + self.height) * PNG_SCALE)
        draw.rectangle((left, top, right - 1, bottom - 1), fill=self.fill, outline=self.line)


@dataclass(frozen=True, slots=True)
class _Text:
    x: float
    baseline: float
    text: str
    size: int = 12
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "start"

    def svg(self) -> str:
        weight = ' font-weight="600"' if self.bold else ""
        return (
            f'<text x="{self.x:g}" y="{self.baseline:g}" font-family="system-ui, sans-serif" '
            f'font-size="{self.size}"{weight} text-anchor={quoteattr(self.anchor)} fill="{TEXT_COLOR}">'
            f"{escape(self.text)}</text>"
        )

    def paint(self, draw: ImageDraw.ImageDraw) -> None:
        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[self.anchor]
        draw.text(
            (self.x * PNG_SCALE, self.baseline * PNG_SCALE),
            self.text,
            fill=TEXT_COLOR,
            font=ImageFont.load_default(self.size * PNG_SCALE),
            anchor=anchor,
            stroke_width=0.5 if self.bold else 0,
        )


def _layout(product: Product, note: str | None) -> tuple[list[_Box | _Text], int]:
    """Return all marks with their positions, and the total height."""
    marks: list[_Box | _Text] = []
    y = MARGIN
    for line in textwrap.wrap(product.title, 32):
        marks.append(_Text(MARGIN, y + 13, line, size=14, bold=True))
        y += 18
    if product.unit and product.unit != "1":
        marks.append(_Text(MARGIN, y + 11, product.unit))
        y += 16
    y += 6
    rows = list(absent_entries(product).values())
    if product.kind == "continuous":
        marks.extend(_ramp(product, y))
        y += 36
    else:
        rows = [*legend_entries(product), *rows]
    for entry in rows:
        lines = textwrap.wrap(entry.label, 34)
        marks.extend(_row(entry, lines, y))
        y += 22 + 15 * (len(lines) - 1)
    for line in textwrap.wrap(note or "", 40):
        marks.append(_Text(MARGIN, y + 14, line, size=11))
        y += 15
    return marks, y + MARGIN


def _ramp(product: Product, y: float) -> Iterator[_Box | _Text]:
    colors, entries = legend_colors(product), legend_entries(product)
    inner = WIDTH - 2 * MARGIN
    step = inner / len(colors)
    for i, color in enumerate(colors):
        yield _Box(MARGIN + i * step, y, step, 16, color)
    yield _Box(MARGIN, y, inner, 16, None, LINE_COLOR)
    # Every second value of the seven: neighbouring labels never touch.
    for i, entry in enumerate(entries[::2]):
        share = 2 * i / (len(entries) - 1)
        anchor: Literal["start", "middle", "end"] = (
            "start" if share == 0 else "end" if share == 1 else "middle"
        )
        yield _Text(MARGIN + share * inner, y + 30, entry.label, anchor=anchor)


def _row(entry: LegendEntry, lines: Iterable[str], y: float) -> Iterator[_Box | _Text]:
    yield _Box(MARGIN, y, 22, 16, entry.color, LINE_COLOR)
    for i, line in enumerate(lines):
        yield _Text(MARGIN + 32, y + 12 + 15 * i, line)
