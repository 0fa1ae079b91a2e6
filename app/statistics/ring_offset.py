"""Ring offset: an offset from unburned ground, as the mean over a ring around a perimeter.

The difference of two dates contains, besides the burn, everything that changed everywhere, mainly the season.
Its mean just outside the perimeter is subtracted from it (the dNBR offset of Key & Benson 2006).
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from app.products.product import Product
from app.statistics.geometry import GeometryError, Polygonal
from app.statistics.service import Answer, Question, StatisticsService
from app.statistics.summary import StatisticsRequestError, SummaryOptions
from app.statistics.zonal import USUAL
from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import moved

USUAL_WIDTH_M = 180.0
"""Six Landsat cells, the ring of a published processing chain."""
WIDTHS_M = (20.0, 10_000.0)
"""From one cell to a landscape."""

NO_RING = "no ring can be drawn around this polygon; give offset= as a number"


def ring_width_m(text: str) -> float:
    """Return the width that `ring` or `ring:300` requests, in metres.

    Raises:
        StatisticsRequestError: If the width is not a number, or is out of range.
    """
    _, colon, number = text.partition(":")
    try:
        width_m = float(number) if colon else USUAL_WIDTH_M
    except ValueError:
        width_m = 0.0
    if not WIDTHS_M[0] <= width_m <= WIDTHS_M[1]:
        low, high = WIDTHS_M
        raise StatisticsRequestError(
            f"offset={text[:40]!r}: a ring must be {low:g} to {high:g} metres wide, as in offset=ring:180"
        )
    return width_m


def ring_around(polygon: Polygonal, width_m: float) -> Polygonal:
    """Return the ground outside a polygon up to a distance, both in degrees.

    Distances are those of the azimuthal equidistant projection around the polygon's centroid; the error is
    below a thousandth within 300 km of it.

    Raises:
        GeometryError: If the ring leaves the range of longitudes and latitudes.
    """
    middle = polygon.centroid
    local = CRS.from_proj4(f"+proj=aeqd +lat_0={middle.y} +lon_0={middle.x} +datum=WGS84 +units=m")
    drawn = shapely.transform(polygon, lambda points: _moved(points, WGS84, local))
    if not np.isfinite(shapely.get_coordinates(drawn)).all():
        raise GeometryError(NO_RING)
    try:
        with np.errstate(invalid="ignore"):  # coordinates that have no place, which GEOS or the check tells
            wide = shapely.transform(drawn.buffer(width_m), lambda points: _moved(points, local, WGS84))
            ring = wide.difference(polygon)
    except (ValueError, shapely.GEOSException) as error:  # a polygon of half the globe crosses itself there
        raise GeometryError(NO_RING) from error
    if not isinstance(ring, shapely.Polygon | shapely.MultiPolygon) or ring.is_empty or not ring.is_valid:
        raise GeometryError(NO_RING)
    return ring


async def ringed_answers(
    statistics: StatisticsService,
    product: Product,
    questions: Iterable[Question],
    *,
    width_m: float,
    wanted: SummaryOptions = USUAL,
) -> AsyncGenerator[Answer]:
    """Yield entries with the mean over the ring around each polygon as offset; raises errors of `answers`."""
    plain = product.specified(windows={}, offset=0.0)
    for question in questions:
        ring = replace(question, polygon=ring_around(question.polygon, width_m))
        around = (await _one(statistics, plain, ring, USUAL)).entry
        about: dict[str, Any] = {"ring_m": width_m}
        about |= {name: around[name] for name in ("mean", "std", "count", "valid_fraction")}
        if around["mean"] is None:
            entry = await statistics.gap(plain, question.polygon, question.step.period.text)
            reason = around.get("reason") or "There is nothing to compare."
            entry["reason"] = f"The ring of {width_m:g} m has no value to take an offset from. {reason}"
            entry["offset"] = {"value": None, "ring": about}
            yield Answer(question.subject, entry, recalled=False)
            continue
        shifted = plain.specified(windows={}, offset=round(around["mean"], 6))
        answer = await _one(statistics, shifted, question, wanted)
        yield replace(answer, entry=answer.entry | {"offset": {"value": shifted.offset, "ring": about}})


async def _one(
    statistics: StatisticsService, product: Product, question: Question, wanted: SummaryOptions
) -> Answer:
    async with aclosing(statistics.answers(product, [question], wanted)) as answers:
        found = [answer async for answer in answers]
    return found[0]


def _moved(points: NDArray[np.float64], source: CRS, target: CRS) -> NDArray[np.float64]:
    return np.column_stack(moved(source, target, points[:, 0], points[:, 1]))
