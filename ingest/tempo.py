"""TEMPO: what the name of one of its gridded files says, and where the cells of its grid lie.

Names are `TEMPO_HCHO_L3_V04_20250912T210435Z_S012.nc`: product, version, start of the scan and its number of
the day; parts that were cut out end in `_subsetted.nc4`. The grid of level 3 is one of 2950 by 7750 cells of
0.02 degrees, from 14 to 73 N and from 168 to 13 W. Files state the middles of its cells, the south first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 2950, 7750
CELLS_PER_DEGREE = 50
SOUTH, WEST = 14, -168
"""Degrees, of the outer edges of the first cells."""
OFF_CELLS = 0.05
"""How far a stated middle may lie from that of its cell; float32 puts it up to 0.0004 cells off."""

_NAME = re.compile(
    r"(?P<product>TEMPO_(?:NO2|HCHO|O3TOT|CLDO4)_L3(?:_NRT)?)_V(?P<version>\d\d)"
    r"_(?P<start>\d{8}T\d{6}Z)_S(?P<number>\d{3})(?:_subsetted)?\.nc4?",
    re.ASCII,
)


class ScanNameError(ValueError):
    """A name is not one of a TEMPO file; the message says what one looks like."""


class GridError(ValueError):
    """Latitudes or longitudes are not those of the grid; the message says in what."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of the field of regard, as the name of its file tells."""

    product: str
    """TEMPO_NO2_L3, its short name; near-real-time ones end in _NRT."""
    version: int
    start: datetime
    number: int
    """Of the day."""

    @classmethod
    def parse(cls, name: str) -> "Scan":
        """Read the name of a file.

        Raises:
            ScanNameError: If it is not the name of a gridded TEMPO file.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            raise _not_a_name(name)
        try:
            start = datetime.strptime(found["start"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise _not_a_name(name) from error
        return cls(found["product"], int(found["version"]), start, int(found["number"]))


def _not_a_name(name: str) -> ScanNameError:
    return ScanNameError(
        f"{name[:80]!r} is not a valid name of a gridded TEMPO file; one looks like "
        "TEMPO_HCHO_L3_V04_20250912T210435Z_S012.nc."
    )


@dataclass(frozen=True, slots=True)
class Cells:
    """A part of the grid."""

    row: int
    """Of the whole grid, from the south: the southernmost of the part."""
    column: int
    """Of the whole grid, from the west."""
    rows: int
    columns: int
    south_first: bool = True
    """Whether the first stored row is the southernmost."""

    @classmethod
    def at(cls, latitudes: Sequence[float], longitudes: Sequence[float]) -> "Cells":
        """Return the part whose cells have these middles.

        Raises:
            GridError: If they are not middles of adjacent cells of the grid, from west to east.
        """
        south_first = latitudes[-1] >= latitudes[0]
        upward = latitudes if south_first else latitudes[::-1]
        row = _first("latitudes", upward, SOUTH, ROWS)
        column = _first("longitudes", longitudes, WEST, COLUMNS)
        return cls(row, column, len(latitudes), len(longitudes), south_first)

    @property
    def west_north(self) -> tuple[float, float]:
        """Longitude of the western and latitude of the northern edge, in degrees."""
        return (
            (WEST * CELLS_PER_DEGREE + self.column) / CELLS_PER_DEGREE,
            (SOUTH * CELLS_PER_DEGREE + self.row + self.rows) / CELLS_PER_DEGREE,
        )


def _first(name: str, middles: Sequence[float], edge: int, most: int) -> int:
    """Return the number of the first cell of an axis."""
    cells: NDArray[np.float64] = (np.asarray(middles, float) - edge) * CELLS_PER_DEGREE - 0.5
    first = round(float(cells[0]))
    off = float(np.abs(cells - first - np.arange(cells.size)).max())
    if off > OFF_CELLS or first < 0 or first + cells.size > most:
        raise GridError(
            f"its {name} run from {middles[0]:.6g} to {middles[-1]:.6g} in {cells.size} steps, which are not "
            f"middles of cells of 0.02 degrees from {edge} on"
        )
    return first
