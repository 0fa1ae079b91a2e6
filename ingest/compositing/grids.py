"""Gridding: the pixels of a composite, which are its scenes' own, and the blocks it is computed in."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio.crs
import shapely
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio.transform import Affine

from ingest.compositing.request import CompositeError
from ingest.compositing.scene_selection import SourceScene
from mosaics.bbox import Bbox
from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import Bounds, moved_bounds

SIDES = (2048, 1024, 512, 256)
"""Of a block, in pixels; multiples of the 256 px blocks of landed COGs."""
MEMORY_BYTES = 1 << 30
"""What the blocks under way in one process may take."""
NEARLY = 1e-6
"""Of a pixel: what floating point may be off."""


@dataclass(frozen=True, slots=True)
class BandGrid:
    """Bands that share their pixels, and where those lie."""

    bands: tuple[str, ...]
    geobox: GeoBox

    @property
    def crs(self) -> CRS:
        """The coordinate system."""
        return CRS(self.geobox.crs)

    @property
    def pixels(self) -> int:
        """How many pixels a band has."""
        height, width = self.geobox.shape.yx
        return int(height * width)


@dataclass(frozen=True, slots=True)
class GridBlock:
    """Part of a grid, computed at once."""

    geobox: GeoBox
    top: int
    """First row, in pixels of the grid."""
    left: int
    """First column."""
    row_column: tuple[int, int]
    """Of the block among all."""


def choose_crs(scenes: Sequence[SourceScene], box: Bbox, band: str) -> CRS:
    """Return the coordinate system whose scenes cover most of the box; of equals, that of most scenes."""
    area = box.geometry
    of_crs: dict[CRS, list[shapely.Geometry]] = defaultdict(list)
    for scene in scenes:
        of_crs[CRS(scene.grid(band).crs)].append(shapely.intersection(scene.record.polygons(), area))

    def coverage(crs: CRS) -> tuple[float, int, str]:
        return (-round(shapely.union_all(of_crs[crs]).area, 9), -len(of_crs[crs]), str(crs))

    return min(of_crs, key=coverage)


def band_grids(scenes: Sequence[SourceScene], box: Bbox, bands: Iterable[str], crs: CRS) -> list[BandGrid]:
    """Return the grids of bands, finest first: for each band the finest of its scenes' own in `crs`.

    Raises:
        CompositeError: If no pixel of a scene lies under the box.
    """
    by_grid: dict[GeoBox, list[str]] = defaultdict(list)
    for band in bands:
        window = _window(scenes, box, band, crs)
        own = [grid for scene in scenes if (grid := scene.grid(band)).crs == crs]
        finest = min(own, key=lambda grid: (abs(grid.resolution.x), abs(grid.resolution.y)))
        by_grid[_covering(finest, window)].append(band)
    grids = [BandGrid(tuple(names), geobox) for geobox, names in by_grid.items()]
    return sorted(grids, key=lambda grid: (abs(grid.geobox.resolution.x), grid.bands))


def is_aligned(grid: GeoBox, other: GeoBox) -> bool:
    """Return whether pixels of one grid are whole pixels of another, or whole parts of those."""
    if grid.crs != other.crs:
        return False
    steps = ~other.transform * grid.transform
    whole_parts = np.array([1 / steps.a, 1 / steps.e])
    finer = min(abs(steps.a), abs(steps.e)) <= 1 + NEARLY
    corner = np.array([steps.c / steps.a, steps.f / steps.e])
    return bool(finer and _is_whole(whole_parts) and _is_whole(corner))


def bounds_in(scene: SourceScene, band: str, crs: CRS) -> Bounds:
    """Return where the pixels of a band lie in a coordinate system."""
    grid = scene.grid(band)
    left, bottom, right, top = grid.boundingbox.bbox
    if grid.crs == crs:
        return left, bottom, right, top
    there = moved_bounds(_rasterio(grid.crs), _rasterio(crs), (left, bottom, right, top))
    if there is None:
        raise CompositeError(f"scene '{scene.id}' lies nowhere in {crs}, the grid of the composite.")
    return there


def _rasterio(crs: CRS | None) -> rasterio.crs.CRS:
    return rasterio.crs.CRS.from_user_input(str(crs))


def block_side(grids: Sequence[BandGrid], extents: Sequence[Bounds], threads: int) -> int:
    """Return the largest side of blocks that memory holds.

    For each observation of a block there are the numbers as read and the masked values of every band, the
    quality band, and in each thread a stack of one band and what sorting it takes.

    Raises:
        CompositeError: If even the smallest blocks are too large: more scenes over one place than
            `MEMORY_BYTES` holds.
    """
    for side in SIDES:
        if all(
            _depth(grid.geobox, extents, side) * side**2 * (6 * len(grid.bands) + 4 + 8 * threads)
            <= MEMORY_BYTES
            for grid in grids
        ):
            return side
    raise CompositeError(
        f"so many scenes lie over one place that a block of {SIDES[-1]} pixels takes more than "
        f"{MEMORY_BYTES >> 20} MB (MEMORY_BYTES): take a shorter time or fewer bands."
    )


def blocks_of(grid: GeoBox, side: int) -> Iterator[GridBlock]:
    """Yield the blocks of a grid, row by row."""
    height, width = grid.shape.yx
    for row, top in enumerate(range(0, height, side)):
        for column, left in enumerate(range(0, width, side)):
            part = grid[top : min(top + side, height), left : min(left + side, width)]
            yield GridBlock(part, top, left, (row, column))


def touch(grid: GeoBox, extent: Bounds) -> bool:
    """Return whether a grid shares some area with an extent in its coordinate system."""
    left, bottom, right, top = grid.boundingbox.bbox
    return extent[0] < right and extent[2] > left and extent[1] < top and extent[3] > bottom


def _depth(grid: GeoBox, extents: Sequence[Bounds], side: int) -> int:
    """Return how many scenes lie over the fullest block."""
    return max(sum(touch(block.geobox, extent) for extent in extents) for block in blocks_of(grid, side))


def _window(scenes: Sequence[SourceScene], box: Bbox, band: str, crs: CRS) -> Bounds:
    """Return the part of the box that scenes cover, as bounds in a coordinate system."""
    footprints = shapely.union_all([scene.record.polygons() for scene in scenes])
    parts = [shapely.intersection(footprints, shapely.box(*half)) for half in box.parts]
    there = [moved_bounds(WGS84, _rasterio(crs), part.bounds) for part in parts if part.area > 0]
    under_box = [bounds for bounds in there if bounds is not None]
    if not under_box:
        raise CompositeError(f"the box lies nowhere in {crs}, the grid of its scenes.")
    outer, covered = _union(under_box), _union([bounds_in(scene, band, crs) for scene in scenes])
    return (*map(max, outer[:2], covered[:2]), *map(min, outer[2:], covered[2:]))  # type: ignore[return-value]


def _union(bounds: Sequence[Bounds]) -> Bounds:
    lefts, bottoms, rights, tops = zip(*bounds, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _covering(own: GeoBox, window: Bounds) -> GeoBox:
    """Return the pixels of a lattice that a window touches."""
    inverse = ~own.transform
    corners = [inverse * (window[0], window[3]), inverse * (window[2], window[1])]
    columns, rows = sorted(c[0] for c in corners), sorted(c[1] for c in corners)
    left, top = math.floor(columns[0] + NEARLY), math.floor(rows[0] + NEARLY)
    right, bottom = math.ceil(columns[1] - NEARLY), math.ceil(rows[1] - NEARLY)
    shape = (max(bottom - top, 1), max(right - left, 1))
    return GeoBox(shape, own.transform * Affine.translation(left, top), own.crs)


def _is_whole(numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    return bool(np.all(np.abs(numbers - np.rint(numbers)) < NEARLY * np.maximum(1, np.abs(numbers))))
