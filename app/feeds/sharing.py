"""Sharing: feeds that want the same of one archive ask it once, for a box that holds all of them.

Feeds of areas over coarse data are asked for in whole cells of a lattice of degrees, so that thousands of
areas make a handful of questions, and what is landed does not depend on which areas there are.
"""

import math
import zlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.feeds.feed import Feed, Order
from app.feeds.planning import Look, Piece, request_of
from mosaics.bbox import Bbox

COARSE_M = 400.0
"""Pixels from which on whole cells are asked for: Black Marble has 463 m, TEMPO some 2 km."""
WHOLE_FILES_DEG = 10
"""Cells where an archive gives whole files: those of Black Marble are of 10 degrees."""
PARTS_DEG = 5
"""Cells where it gives parts, which are landed as they are asked for: 250 pixels of TEMPO."""
INSET_DEG = 1e-6
"""By which cells are smaller than the lattice, so that files that only touch them are not asked for."""


def asked_box(order: Order, pixel_m: float) -> Bbox:
    """Return the box that an order is asked for with.

    Args:
        order: What is ordered.
        pixel_m: Finest pixels of its collection, in metres.
    """
    if not order.is_of_area or pixel_m < COARSE_M:
        return order.box
    step = PARTS_DEG if order.clip else WHOLE_FILES_DEG
    west, south, east, north = order.box.degrees
    edges = _down(west, step), _down(south, step), -_down(-east, step), -_down(-north, step)
    return Bbox(
        max(edges[0], -180.0) + INSET_DEG,
        max(edges[1], -90.0) + INSET_DEG,
        min(edges[2], 180.0) - INSET_DEG,
        min(edges[3], 90.0) - INSET_DEG,
    )


def offset_of(order: Order, box: Bbox) -> int | None:
    """Return what spreads the turns of an order over time: the same for all that share one, else None."""
    if box == order.box:
        return None
    return zlib.crc32(repr(_wanted(order, box)).encode())


@dataclass(frozen=True, slots=True)
class Due:
    """A feed of which a piece is due."""

    feed: Feed
    look: Look
    piece: Piece
    box: Bbox
    """That it is asked for with."""


def shared(due: Iterable[Due]) -> list[list[Due]]:
    """Return those that one question serves, together, each in order of their ids; the first stay first."""
    groups: dict[Hashable, list[Due]] = {}
    for each in due:
        order, piece = each.feed.order, each.piece
        key = (*_wanted(order, each.box), piece.starts, piece.ends)
        alone = () if order.is_of_area else (each.feed.id,)
        groups.setdefault((*key, *alone), []).append(each)
    return [sorted(group, key=lambda each: each.feed.id) for group in groups.values()]


def oldest_look(group: Sequence[Due]) -> dict[str, Any]:
    """Return the look that serves all of a group: that of the one which has seen least."""
    asked = [request_of(each.look, each.piece) for each in group]
    if any(each["revised_since"] is None for each in asked):
        asked = [each for each in asked if each["revised_since"] is None]
        return min(asked, key=lambda each: str(each["toi"]))
    return min(asked, key=lambda each: str(each["revised_since"]))


def _wanted(order: Order, box: Bbox) -> tuple[Hashable, ...]:
    return order.source, box.degrees, order.bands, order.max_cloud, order.clip


def _down(degrees: float, step: int) -> float:
    return float(math.floor(degrees / step) * step)
