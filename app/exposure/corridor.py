"""The corridor: what lies to both sides of a line, and the cells of a product within it."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import mapping

from app.exposure.exposure import states_of
from app.exposure.line import Floats, Line, LineError
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.renderer import Renderer
from app.rendering.values import ItemOf
from app.statistics.coverage import Block
from app.statistics.geometry import GeometryError, Polygonal, read_polygon
from app.statistics.pixel_grid import Plan, StripSurvey, survey
from app.statistics.resolved import ResolvedStatistics
from mosaics.scene import Asset

WIDTHS_M = (1.0, 1_000_000.0)

MAX_EDGES = 2_000
"""Edges of a line with a corridor; each is widened by itself."""

LONGEST_DEG = 0.25
"""Bits of edges that are widened in a plane of their own: over 28 km a plane is true to 1e-6."""

MAX_CELLS = 50_000
"""Cells of an answer."""

LEAST_RADIUS_M = 6_335_000.0
"""The least radius of the ellipsoid's curvature, rounded down."""

QUARTER_SEGMENTS = 16
"""Of the quarters of circles at both ends of a bit."""


@dataclass(frozen=True, eq=False)
class CorridorCells:
    """The cells of a corridor, (n,) each, row by row."""

    lons: Floats
    """Of their middles, degrees."""
    lats: Floats
    fractions: Floats
    """The share of each cell that lies within the corridor."""
    values: Floats
    """NaN where there is none."""
    states: NDArray[np.str_]
    scans: tuple[str, ...]
    """Ids of the scenes values came from."""
    failed: tuple[Asset, ...] = ()
    """Files that could not be read."""


def widened(line: Line, width_m: float) -> Polygonal:
    """Return the polygon within half a width of a line, in degrees, split at the antimeridian.

    Args:
        line: The line.
        width_m: The whole width, in metres on the ground.

    Raises:
        LineError: If it is too wide or too narrow, the line has too many edges, or the polygon has no place
            on a map.
    """
    low, high = WIDTHS_M
    if not low <= width_m <= high:
        raise LineError(f"corridor-width must be from {low:g} m to {high / 1000:,.0f} km, not {width_m:g} m")
    starts, ends = line.edges.starts, line.edges.ends
    if len(starts) > MAX_EDGES:
        raise LineError(f"a corridor's line may have {MAX_EDGES:,} segments, not {len(starts):,}")
    highest = float(np.abs(np.concatenate([starts[:, 1], ends[:, 1]])).max())
    if highest + math.degrees(width_m / 2 / LEAST_RADIUS_M) >= 90:
        raise LineError("the corridor reaches a pole, around which it has no outline on a map")
    bits = np.maximum(np.ceil(np.abs(ends - starts).max(axis=1) / LONGEST_DEG), 1).astype(int)
    if bits.sum() > 10 * MAX_EDGES:
        raise LineError("the line is too long for a corridor; ask for it in parts")
    pieces = []
    for start, end, count in zip(starts, ends, bits.tolist(), strict=True):
        shares = np.linspace(0, 1, count + 1)[:, None]
        places = start + shares * (end - start)
        pieces += [_around(a, b, width_m / 2) for a, b in pairwise(places)]
    whole = shapely.union_all(pieces)
    try:
        return read_polygon(mapping(whole))
    except GeometryError as error:
        raise LineError(f"the corridor has no place on a map: {error}") from error


def _around(start: Floats, end: Floats, radius_m: float) -> shapely.Polygon:
    """Return what lies within a distance of a short edge, its longitudes going on past 180."""
    lon, lat = (start + end) / 2
    plane = f"+proj=aeqd +lat_0={lat} +lon_0={lon} +ellps=WGS84"
    there = Transformer.from_crs("EPSG:4326", plane, always_xy=True)
    shares = np.linspace(0, 1, 5)[:, None]
    lons, lats = (start + shares * (end - start)).T
    edge = shapely.LineString(np.column_stack(there.transform(lons, lats)))
    around = shapely.buffer(edge, radius_m, quad_segs=QUARTER_SEGMENTS)
    xs, ys = shapely.get_coordinates(around).T
    outline = np.column_stack(there.transform(xs, ys, direction="INVERSE"))
    outline[:, 0] = lon + (outline[:, 0] - lon + 180) % 360 - 180
    return shapely.Polygon(outline)


async def read_corridor(renderer: Renderer, resolved: ResolvedStatistics) -> CorridorCells:
    """Read the cells of a product that a corridor covers in part or whole: those that statistics count.

    Args:
        renderer: Whose threads read.
        resolved: With the polygon, and the scenes.

    Raises:
        LineError: If there are more than an answer holds.
        app.statistics.geometry.GeometryError: If the polygon has no place in the scenes' projection.
        app.rendering.renderer.RenderingOverloadError: If too many renderings wait.
        mosaics.storage.StorageError: If the store does not answer.
    """
    if not resolved.scenes.best_first:
        return _together([], ())
    found = await renderer.run(partial(_survey, resolved))
    plan = found.plan
    if plan is None:
        return _together([], found.failed)
    touched = await asyncio.to_thread(
        lambda: sum(int(plan.coverage(block).touched().sum()) for block in plan.blocks)
    )
    if touched > MAX_CELLS:
        raise LineError(
            f"the corridor has {touched:,} cells; at most {MAX_CELLS:,} are answered: ask for a narrower or "
            "a shorter one"
        )
    cells = [await renderer.run(partial(_cells, resolved, plan, block)) for block in plan.blocks]
    return _together(cells, found.failed)


def _survey(resolved: ResolvedStatistics, item_of: ItemOf) -> StripSurvey:
    best, classes = resolved.scenes.best_first, resolved.of_classes
    return survey(resolved.product, resolved.polygon, best, resolved.cell_budget, item_of, of_classes=classes)


def _cells(resolved: ResolvedStatistics, plan: Plan, block: Block, item_of: ItemOf) -> CorridorCells:
    """Read the cells of a block; on a render thread."""
    coverage, grid = plan.coverage(block), plan.lattice.grid(block)
    wanted = coverage.touched()
    values = compute_values(
        resolved.product, resolved.scenes, pixels_of(grid), item_of, Clock(), wanted=wanted, thorough=True
    )
    assert values.codes is not None  # noqa: S101 - they were asked for
    found = values.planes[0][wanted].astype(np.float64)
    lons, lats = grid.lonlats(wanted)
    return CorridorCells(
        (lons + 180) % 360 - 180,
        lats,
        coverage.array()[wanted],
        found,
        states_of(values.codes[wanted], found, is_failing=bool(values.failed)),
        values.used,
        tuple(values.failed),
    )


def _together(cells: Sequence[CorridorCells], failed: Sequence[Asset]) -> CorridorCells:
    """Return the cells of all blocks as one."""

    def joined(name: str) -> Floats:
        return np.concatenate([np.zeros(0), *(getattr(each, name) for each in cells)])

    states = np.concatenate([np.zeros(0, "<U12"), *(each.states for each in cells)])
    return CorridorCells(
        joined("lons"),
        joined("lats"),
        joined("fractions"),
        joined("values"),
        states,
        tuple(dict.fromkeys(name for each in cells for name in each.scans)),
        (*failed, *(asset for each in cells for asset in each.failed)),
    )
