"""Web Mercator tiles as cells of a grid: their numbers and edges, and which scenes cover those of each zoom.

A cell's number is its quadkey read as a base-4 number, so that the cells of a parent follow one another and
the parent's number is the child's shifted right by two bits. In longitude and latitude a tile is an exact
rectangle, so covering is decided there. Areas that only share a border do not cover one another. What covers
what is kept in flat arrays, so that a million scenes take little memory.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
Geometries: TypeAlias = NDArray[np.object_]

MAX_LATITUDE = math.degrees(math.atan(math.sinh(math.pi)))
"""Where the square of Web Mercator ends, 85.05 degrees."""

ORDINAL_BITS = 32
"""Of a number that holds a cell's number above the ordinal of a scene."""

_NOTHING: NDArray[np.uint32] = np.empty(0, np.uint32)

_ROUNDING = 1e-9
"""Share of a cell by which a position computed in floating point may be off its true one."""
_PRODUCT_ROUNDING = 1e-14
"""More than the share by which a difference of two products of differences may be off."""
_TWO_DIGITS = str.maketrans({f"{two:x}": f"{two >> 2}{two & 3}" for two in range(16)})
"""Two digits in base 4 for each in base 16."""
_RULED_ZOOM = 15
"""The deepest zoom whose rows are worked out all at once: 256 kB, and 512 kB with those above."""
_CHUNK = 250_000
"""Pairs of footprint and cell looked at together; about 200 MB of rectangles."""


def cell_number(x: Any, y: Any) -> Any:
    """Return the number of the cell in column `x` and row `y`, integers or arrays: their bits interleaved."""
    return _spread(x) | _spread(y) << 1


def cell_of(x: int, y: int) -> int:
    """Return what `cell_number` gives for one cell of a zoom up to 16, at a quarter of the time."""
    return _SPREAD[x & 255] | _SPREAD[x >> 8] << 16 | (_SPREAD[y & 255] | _SPREAD[y >> 8] << 16) << 1


def cell_quadkey(number: int, zoom: int) -> str:
    """Return the quadkey of a cell: its number in base 4, one digit a zoom level."""
    if not zoom:
        return ""
    return f"{number:0{(zoom + 1) // 2}x}".translate(_TWO_DIGITS)[-zoom:]


def cell_column_row(number: int) -> tuple[int, int]:
    """Return the column and row of a cell, the inverse of `cell_number`."""
    return _gather(number), _gather(number >> 1)


def tile_box(x: int, y: int, z: int) -> shapely.Polygon:
    """Return the area of a Web Mercator tile in degrees of longitude and latitude."""
    return shapely.box(*tile_bounds(x, y, z))


def tile_bounds(x: int, y: int, z: int) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a Web Mercator tile, in degrees."""
    side = 1 << z
    if z <= _RULED_ZOOM:
        rows = _ruled(z)
        return x / side * 360 - 180, rows[y + 1], (x + 1) / side * 360 - 180, rows[y]
    west, south, east, north = (edge.item() for edge in _edges(np.int64(x), np.int64(y), z))
    return west, south, east, north


@cache
def _ruled(zoom: int) -> "array[float]":
    """Return the latitudes of the edges of all rows of a zoom, from the north."""
    return array("d", _latitude(np.arange((1 << zoom) + 1) / float(1 << zoom)).tobytes())


def cells_within(bounds: NDArray[np.float64], zoom: int) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return the columns and rows of the cells that a box may reach.

    Args:
        bounds: West, south, east, north in degrees, shape (n, 4).
        zoom: Of the cells.

    Returns:
        First column, first row, last column, last row, each of shape (n,). Cells the box only comes near to
        within rounding are among them; latitudes beyond the square count to the outermost row.
    """
    side = 1 << zoom
    columns = _column(bounds[:, [0, 2]], side)
    rows = _row(np.clip(bounds[:, [3, 1]], -90, 90), side)
    first = np.clip(np.floor(np.stack([columns[:, 0], rows[:, 0]]) - _ROUNDING), 0, side - 1).astype(np.int64)
    last = np.clip(np.floor(np.stack([columns[:, 1], rows[:, 1]]) + _ROUNDING), 0, side - 1).astype(np.int64)
    return first[0], first[1], last[0], last[1]


def cells_under(box: Sequence[float], zoom: int) -> tuple[int, int, int, int]:
    """Return what `cells_within` gives for one box, at a tenth of the time."""
    west, south, east, north = box
    side = 1 << zoom
    edges = (
        _column(west, side) - _ROUNDING,
        _row(min(north, 90.0), side) - _ROUNDING,
        _column(east, side) + _ROUNDING,
        _row(max(south, -90.0), side) + _ROUNDING,
    )
    left, top, right, bottom = (min(max(math.floor(edge), 0), side - 1) for edge in edges)
    return left, top, right, bottom


def _column(longitude: Any, side: int) -> Any:
    return (longitude + 180) / 360 * side


def _row(latitude: Any, side: int) -> Any:
    return (0.5 - np.arcsinh(np.tan(np.radians(latitude))) / (2 * math.pi)) * side


def cells_needed(bounds: NDArray[np.float64], zoom: int) -> int:
    """Return how many pairs of box and cell `cells_within` gives."""
    first_column, first_row, last_column, last_row = cells_within(bounds, zoom)
    return int(((last_column - first_column + 1) * (last_row - first_row + 1)).sum())


def cover(footprints: Geometries, zoom: int) -> tuple[Numbers, Numbers]:
    """Return the cells each footprint covers some area of.

    Args:
        footprints: Polygons and MultiPolygons in degrees, split at the antimeridian, shape (n,).
        zoom: Of the cells.

    Returns:
        Cell numbers and the positions in `footprints` they belong to, in no order; a pair may come twice
        where several parts of one footprint cover a cell.
    """
    parts, owners = shapely.get_parts(footprints, return_index=True)
    bounds = shapely.bounds(parts)
    rectangular = _are_rectangles(parts)
    shapely.prepare(parts)
    first_column, first_row, last_column, last_row = cells_within(bounds, zoom)
    widths = last_column - first_column + 1
    ends = np.cumsum(widths * (last_row - first_row + 1))
    numbers, covered = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, int(ends[-1]) if len(ends) else 0, _CHUNK):
        pairs = np.arange(start, min(start + _CHUNK, ends[-1]))
        part = np.searchsorted(ends, pairs, side="right")
        within = pairs - np.where(part > 0, ends[part - 1], 0)
        x = first_column[part] + within % widths[part]
        y = first_row[part] + within // widths[part]
        hit = _cover_cells(parts, bounds, rectangular, part, np.stack(_edges(x, y, zoom)))
        numbers.append(cell_number(x[hit], y[hit]))
        covered.append(owners[part[hit]])
    shapely.destroy_prepared(parts)
    return np.concatenate(numbers), np.concatenate(covered)


def share_area(area: shapely.Geometry, others: Geometries) -> NDArray[np.bool_]:
    """Return which of `others` share some area with an area; sharing a border alone does not count.

    For a point or line in place of the area, being on a border does count.
    """
    shapely.prepare(area)
    shared = shapely.intersects(area, others)
    if shapely.get_dimensions(area) == 2:
        shared[shared] = ~shapely.touches(area, others[shared])
    return shared


def ring_shares_area(
    xs: Sequence[float], ys: Sequence[float], box: tuple[float, float, float, float]
) -> bool | None:
    """Return whether a convex area shares some area with a box, in a tenth of the time of `share_area`.

    It does unless all of the box lies outside of one of its sides (separating axes).

    Args:
        xs: Of its outline, counterclockwise, the first once more at the end.
        ys: As `xs`.
        box: West, south, east, north; it meets the box around the area in more than a border.

    Returns:
        None where the corner farthest inside is so near to a side that rounding might decide.
    """
    west, south, east, north = box
    is_sure = True
    for x, y, next_x, next_y in zip(xs, ys, xs[1:], ys[1:], strict=False):
        dx, dy = next_x - x, next_y - y
        along = dx * ((north if dx > 0 else south) - y)
        across = dy * ((west if dy > 0 else east) - x)
        if abs(along - across) <= _PRODUCT_ROUNDING * (abs(along) + abs(across)):
            is_sure = False
        elif along < across:
            return False
    return True if is_sure else None


class Level:
    """Which scenes cover the cells of one zoom.

    Args:
        cells: Numbers of the cells that have scenes, ascending; zoom 14 ends at 2**28.
        starts: Where in `ordinals` the scenes of each cell begin; one more at the end.
        ordinals: Scenes cell by cell, best first.
        most: Scenes in the fullest cell.
    """

    __slots__ = ("_cells", "_ordinals", "_starts", "cells", "most", "ordinals", "starts")

    def __init__(
        self,
        cells: NDArray[np.int32],
        starts: NDArray[np.uint32],
        ordinals: NDArray[np.uint32],
        most: int,
    ) -> None:
        self.cells, self.starts, self.ordinals, self.most = cells, starts, ordinals, most
        # One element of a memoryview costs a third of one of an array.
        self._cells, self._starts, self._ordinals = cells.data, starts.data, ordinals.data

    def ordinals_in(self, cell: int) -> list[int]:
        """Return the scenes of a cell, best first, in microseconds."""
        place = bisect_left(self._cells, cell)
        if place == len(self._cells) or self._cells[place] != cell:
            return []
        found: list[int] = self._ordinals[self._starts[place] : self._starts[place + 1]].tolist()
        return found

    def scenes(self, cell: int) -> NDArray[np.uint32]:
        """Return the scenes of a cell, best first."""
        place = bisect_left(self._cells, cell)
        if place == len(self._cells) or self._cells[place] != cell:
            return _NOTHING
        return self.ordinals[self._starts[place] : self._starts[place + 1]]


def levels_of(pairs_in_batches: Sequence[Numbers], quadkey_zoom: int) -> tuple[Level, ...]:
    """Return the levels from 0 to the quadkey zoom; a cell has the scenes of its four children.

    Args:
        pairs_in_batches: Cell number and ordinal of each cell a scene covers, as the upper and lower half of
            a number; each pair once.
        quadkey_zoom: Of the cells.
    """
    pairs = np.concatenate(pairs_in_batches)
    pairs.sort()
    levels = []
    for _ in range(quadkey_zoom + 1):
        cells = (pairs >> ORDINAL_BITS).astype(np.int32)
        starts = np.flatnonzero(np.diff(cells, prepend=-1, append=-1)).astype(np.uint32)
        fullest = int(np.diff(starts).max(initial=0))
        levels.append(Level(cells[starts[:-1]], starts, pairs.astype(np.uint32), fullest))
        pairs = pairs >> ORDINAL_BITS + 2 << ORDINAL_BITS | levels[-1].ordinals
        pairs.sort()  # three times as fast as np.unique, which hashes
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return tuple(reversed(levels))


def merged(sets: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Join ascending sets of ordinals into one."""
    full = [ordinals for ordinals in sets if len(ordinals)]
    if len(full) == 1:
        return full[0]
    return np.unique(np.concatenate(full)) if full else _NOTHING


def _cover_cells(
    parts: Geometries,
    bounds: NDArray[np.float64],
    rectangular: NDArray[np.bool_],
    part: Numbers,
    edges: NDArray[np.float64],
) -> NDArray[np.bool_]:
    west, south, east, north = edges
    box = bounds[part]
    hit = (box[:, 0] < east) & (box[:, 2] > west) & (box[:, 1] < north) & (box[:, 3] > south)
    unsure = np.flatnonzero(hit & ~rectangular[part])
    # A cell whose middle is inside is covered; that is quickly found, and true of most.
    middle = (west[unsure] + east[unsure]) / 2, (south[unsure] + north[unsure]) / 2
    unsure = unsure[~shapely.contains_xy(parts[part[unsure]], *middle)]
    cells = shapely.box(west[unsure], south[unsure], east[unsure], north[unsure])
    unsure_parts = parts[part[unsure]]
    met = shapely.intersects(unsure_parts, cells)
    met[met] = ~shapely.touches(unsure_parts[met], cells[met])
    hit[unsure] = met
    return np.asarray(hit, np.bool_)


def _are_rectangles(parts: Geometries) -> NDArray[np.bool_]:
    """Return which polygons fill their bounding box; their cells need no geometry."""
    five = (shapely.get_num_coordinates(parts) == 5) & (shapely.get_num_interior_rings(parts) == 0)
    return np.asarray(five & shapely.equals(parts, shapely.box(*shapely.bounds(parts).T)), np.bool_)


def _edges(x: Any, y: Any, zoom: int) -> tuple[Any, Any, Any, Any]:
    side = float(1 << zoom)
    return x / side * 360 - 180, _latitude((y + 1) / side), (x + 1) / side * 360 - 180, _latitude(y / side)


def _latitude(fraction: Any) -> Any:
    return np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * fraction))))


def _spread(value: Any) -> Any:
    """Put a zero bit between the bits of a number below 2**32."""
    value = (value | value << 16) & 0x0000FFFF0000FFFF
    value = (value | value << 8) & 0x00FF00FF00FF00FF
    value = (value | value << 4) & 0x0F0F0F0F0F0F0F0F
    value = (value | value << 2) & 0x3333333333333333
    return (value | value << 1) & 0x5555555555555555


def _gather(value: int) -> int:
    value &= 0x5555555555555555
    value = (value | value >> 1) & 0x3333333333333333
    value = (value | value >> 2) & 0x0F0F0F0F0F0F0F0F
    value = (value | value >> 4) & 0x00FF00FF00FF00FF
    value = (value | value >> 8) & 0x0000FFFF0000FFFF
    return (value | value >> 16) & 0x00000000FFFFFFFF


_SPREAD: tuple[int, ...] = tuple(map(_spread, range(256)))
