"""Values to colours: one table of 255 colours and transparency, which tile and legend share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.products.thresholds import last_up_to, least_from
from colormaps import Colormap
from mosaics.raster.decimals import Floats

COLORS = 255
"""Colours a palette can use; index 0 is transparent, and a PNG palette has 256 entries."""
LEGEND_STOPS = 7
"""Values of a continuous ramp that the legend names."""


class LegendEntry(NamedTuple):
    """One line of a legend."""

    label: str
    color: str
    """``#rrggbb``, the colour of the pixels."""
    lower: float | None
    """Smallest value of the entry, included; None is open."""
    upper: float | None
    """Where the entry ends: excluded for a class, `lower` itself for a single value; None is open."""


@dataclass(frozen=True, eq=False, slots=True)
class Palette:
    """The colours of a product with one value a pixel."""

    colors: NDArray[np.uint8]
    """Shape (256, 4), red, green, blue, alpha; index 0 is transparent."""
    entries: tuple[LegendEntry, ...]
    """The legend: the classes in their order, or evenly spaced values of the ramp."""
    scaling: tuple[float, float] | None
    """Continuous: the value of index 1, and indices for one unit of value."""
    edges: tuple[float, ...] = ()
    """Classes: where index 1, 2, … begins, and where the last one ends (infinities where open)."""
    codes: tuple[int, ...] | None = None
    """Classes of single values: those of index 1, 2, …; the index after the last is of all other values."""
    steps: int = COLORS
    """Colours that stand for values, from index 1 on."""
    absent: Mapping[str, LegendEntry] = field(default_factory=dict)
    """Entries of pixels without a value that are drawn nevertheless, by what keeps them from having one;
    their indices follow those of values, in this order."""

    @classmethod
    def of_ramp(
        cls, colormap: Colormap, low: float, high: float, absent: Mapping[str, LegendEntry] | None = None
    ) -> "Palette":
        """Colours from `low` to `high`; values beyond an end have its colour."""
        absent = absent or {}
        steps = COLORS - len(absent)
        scaling = (low, (steps - 1) / (high - low))
        table = np.concatenate([colormap.table(steps), _colors(absent.values())])
        palette = cls(_rgba(table), (), scaling, (), None, steps, absent)
        values = _ramp_values(low, high)
        colors = palette.colors[palette.index(np.array(values, dtype=np.float32))]
        entries = tuple(
            LegendEntry(label, hex_color(color), value, value)
            for label, color, value in zip(number_labels(values), colors, values, strict=True)
        )
        return cls(palette.colors, entries, scaling, (), None, steps, absent)

    @classmethod
    def of_classes(
        cls, classes: Sequence[LegendEntry], absent: Mapping[str, LegendEntry] | None = None
    ) -> "Palette":
        """One colour a class, none outside all classes; they rise from the lowest, without gaps."""
        absent = absent or {}
        lowest = -math.inf if classes[0].lower is None else classes[0].lower
        uppers = [math.inf if row.upper is None else row.upper for row in classes]
        table = _colors([*classes, *absent.values()])
        return cls(_rgba(table), tuple(classes), None, (lowest, *uppers), None, len(classes), absent)

    @classmethod
    def of_codes(
        cls,
        codes: Mapping[int, LegendEntry],
        other: LegendEntry,
        absent: Mapping[str, LegendEntry] | None = None,
    ) -> "Palette":
        """One colour a value, and one for all other values."""
        absent, entries = absent or {}, (*codes.values(), other)
        table = _colors([*entries, *absent.values()])
        return cls(_rgba(table), entries, None, (), tuple(codes), len(entries), absent)

    def index(self, values: Floats) -> NDArray[np.uint8]:
        """Return the palette index of each value, uint8 of the same shape.

        It is 0 where the value is missing (NaN) or outside all classes.
        """
        if self.codes is not None:
            return self._code_index(values, self.codes)
        if self.scaling is None:
            return self._class_index(values)
        return _rounded(values, self.scaling, self.steps - 1, first=1)

    def entry_of(self, value: np.floating[Any]) -> LegendEntry | None:
        """Return the class of one value, in the precision it has; None where it is in none."""
        if self.scaling is not None:
            return None
        index = int(self.index(np.array([value]))[0])
        return self.entries[index - 1] if index else None

    def mark(self, index: NDArray[np.uint8], marks: Mapping[str, NDArray[np.bool_]]) -> None:
        """Give pixels without a value the index of what keeps them from having one.

        Args:
            index: As `index` gives it; changed.
            marks: True where something does, by what; same shape.
        """
        for place, state in enumerate(self.absent, start=self.steps + 1):
            if state in marks:
                index[marks[state]] = place

    def _class_index(self, values: Floats) -> NDArray[np.uint8]:
        # For the few edges of a legend, adding up those passed takes a twentieth of the time of searchsorted.
        index = np.zeros(values.shape, dtype=np.uint8)
        for edge in self.edges[:-1]:
            index += values >= least_from(edge, values.dtype)
        if self.edges[-1] != np.inf:
            index *= values < least_from(self.edges[-1], values.dtype)
        return index

    def _code_index(self, values: Floats, codes: Sequence[int]) -> NDArray[np.uint8]:
        """Look values up: a code stands for itself, never for its neighbours."""
        places = {code: place for place, code in enumerate(codes, start=1) if values.dtype.type(code) == code}
        ascending = sorted(places)
        index = np.full(values.shape, len(codes) + 1, np.uint8)
        if ascending:
            least = np.array([least_from(code, values.dtype) for code in ascending])
            last = np.array([last_up_to(code, values.dtype) for code in ascending])
            place = np.maximum(least.searchsorted(values, "right") - 1, 0)
            known = (values >= least[place]) & (values <= last[place])
            index[known] = np.array([places[code] for code in ascending], np.uint8)[place[known]]
        index[np.isnan(values)] = 0
        return index


def scale_rgb(
    planes: Floats, rescale: Sequence[tuple[float, float]]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Three planes of values as colours.

    Args:
        planes: Red, green and blue, of shape (3, height, width); NaN is missing.
        rescale: For each plane the values of 0 and 255; values beyond are cut off.

    Returns:
        uint8 of the shape of `planes`, and alpha of shape (height, width), which is 0 where any plane is
        missing and 255 elsewhere.
    """
    colors = np.empty(planes.shape, dtype=np.uint8)
    present = np.ones(planes.shape[1:], dtype=bool)
    for plane, color, (low, high) in zip(planes, colors, rescale, strict=True):
        color[...] = _rounded(plane, (low, 255 / (high - low)), 255, first=0)
        present &= ~np.isnan(plane)
    colors *= present
    return colors, present * np.uint8(255)


def number_labels(values: Sequence[float]) -> tuple[str, ...]:
    """The shortest texts that name numbers to a thousandth of their span, all with as many digits."""
    tolerance = (max(values) - min(values)) / 1000
    labels: tuple[str, ...] = ()
    for digits in range(2, 10):
        labels = tuple(f"{value:.{digits}g}".replace("e+", "e") for value in values)
        if all(abs(float(label) - value) <= tolerance for label, value in zip(labels, values, strict=True)):
            break
    return labels


def _ramp_values(low: float, high: float) -> tuple[float, ...]:
    """Evenly spaced values from `low` to `high`, without the last digits that arithmetic leaves behind."""
    digits = 9 - math.floor(math.log10(high - low))
    steps = range(LEGEND_STOPS)
    return tuple(round(low + (high - low) * step / (LEGEND_STOPS - 1), digits) + 0.0 for step in steps)


def _rounded(values: Floats, scaling: tuple[float, float], last: int, *, first: int) -> NDArray[np.uint8]:
    """`first` plus the whole number from 0 to `last` nearest to the scaled values; 0 where missing."""
    low, per_unit = scaling
    with np.errstate(over="ignore"):
        position = values - low
        position *= per_unit
    np.clip(position, 0, last, out=position)
    # fmax takes the number where the other is NaN; integers then cut off, which rounds thanks to the half.
    position += first + 0.5
    np.fmax(position, 0, out=position)
    return position.astype(np.uint8)


def _colors(entries: Iterable[LegendEntry]) -> NDArray[np.uint8]:
    rows = [tuple(bytes.fromhex(entry.color[1:])) for entry in entries]
    return np.array(rows, dtype=np.uint8).reshape(-1, 3)


def _rgba(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    table = np.zeros((COLORS + 1, 4), dtype=np.uint8)
    table[1 : len(colors) + 1, :3] = colors
    table[1 : len(colors) + 1, 3] = 255
    table.setflags(write=False)
    return table


def hex_color(color: NDArray[np.uint8]) -> str:
    """A colour as ``#rrggbb``."""
    return "#" + bytes(color[:3].tolist()).hex()
