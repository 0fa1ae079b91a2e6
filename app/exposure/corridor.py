"""The corridor: what lies to both sides of a line, and the cells of a product within it."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry import mapping

from app.exposure.exposure import states_of
from app.exposure.line import Floats, Line, LineError, Positions
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.renderer import Renderer
from app.rendering.values import ItemOf
from app.statistics.coverage import Block
from app.statistics.geometry import GeometryError, Polygonal, read_polygon
from app.statistics.pixel_grid import Plan, StripSurvey, survey
from app.statistics.resolved import ResolvedStatistics
from mosaics.scene import Asset

WIDTHS_M = (1.0, 200_000.0)

MAX_EDGES = 2_000
"""Edges of a line with a corridor; each is widened by itself."""

LONGEST_DEG = 0.25
"""Of the bits of edges that are widened each by itself: 28 km at most."""

MAX_CELLS = 50_000
"""Cells of an answer."""

LEAST_RADIUS_M = 6_335_000.0
"""The least radius of the ellipsoid's curvature, rounded down."""

CIRCLE = 64
"""Positions of the circles around both ends of a bit: they lie 0.1 % inside the true one at most."""

GEOD = Geod(ellps="WGS84")


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
        raise LineError(f"corridor-width must be from {low:g} m to {high / 1000:g} km, not {width_m:g} m")
    starts, ends = line.edges.starts, line.edges.ends
    if len(starts) > MAX_EDGES:
        raise LineError(f"a corridor's line may have {MAX_EDGES:,} segments, not {len(starts):,}")
    highest = float(np.abs(np.concatenate([starts[:, 1], ends[:, 1]])).max())
    if highest + math.degrees(width_m / 2 / LEAST_RADIUS_M) >= 90:
        raise LineError("the corridor reaches a pole, around which it has no outline on a map")
    bits = np.maximum(np.ceil(np.abs(ends - starts).max(axis=1) / LONGEST_DEG), 1).astype(int)
    if bits.sum() > MAX_EDGES:
        raise LineError("the line is too long for a corridor; ask for it in parts")
    edge = np.repeat(np.arange(len(bits)), bits)
    nth = np.arange(len(edge)) - np.repeat(np.cumsum(bits) - bits, bits)
    step = ((ends - starts) / bits[:, None])[edge]
    first = starts[edge] + nth[:, None] * step
    try:
        whole = shapely.union_all(_stadiums(first, first + step, width_m / 2))
        return read_polygon(mapping(whole))
    except (GeometryError, shapely.GEOSException) as error:
        raise LineError(f"the corridor has no place on a map: {error}") from error


def _stadiums(starts: Positions, ends: Positions, radius_m: float) -> list[shapely.Geometry]:
    """Return what lies within a distance of each short edge, its longitudes going on past 180.

    That is the convex hull of the circles around both ends, of geodesics as long as the distance.
    """
    azimuths = np.linspace(0, 360, CIRCLE, endpoint=False)
    rings = []
    for places in (starts, ends):
        lons, lats = (np.repeat(each, CIRCLE) for each in places.T)
        around = np.full(lons.shape, radius_m)
        xs, ys, _ = GEOD.fwd(lons, lats, np.tile(azimuths, len(places)), around)
        xs = lons + (np.asarray(xs) - lons + 180) % 360 - 180
        rings.append(np.column_stack([xs, ys]).reshape(len(places), CIRCLE, 2))
    points = np.concatenate(rings, axis=1)
    return [shapely.convex_hull(shapely.MultiPoint(each)) for each in points]


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
