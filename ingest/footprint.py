"""The footprint of a scene: what its rasters cover, in longitude and latitude."""

import itertools
import warnings
from collections.abc import Mapping
from typing import TypeAlias

import antimeridian
import numpy as np
import shapely
from rasterio.errors import RasterioError
from rasterio.warp import transform
from shapely.geometry import MultiPolygon, Polygon

from ingest.raster import RasterRefusedError, SourceRaster

POINTS_PER_SIDE = 21
"""A straight edge on the raster's grid is a curve in degrees; this keeps a 110 km edge within a metre."""
DECIMALS = 7
"""Of a degree: a centimetre."""

Footprint: TypeAlias = Polygon | MultiPolygon


def scene_footprint(rasters: Mapping[str, SourceRaster]) -> Footprint:
    """The union of the rasters' outlines, split at the antimeridian.

    Raises:
        RasterRefusedError: Where a raster lies on no place of the Earth, or two do not overlap.
    """
    outlines = {band: raster_footprint(raster) for band, raster in rasters.items()}
    for (first, one), (second, other) in itertools.combinations(outlines.items(), 2):
        if one is not other and one.intersection(other).area == 0:
            raise RasterRefusedError(
                f"{first} ({rasters[first].name}) and {second} ({rasters[second].name}) do not overlap, "
                "so they are not of one scene. Land them as two, each under its own --id."
            )
    union = shapely.union_all(
        list({shapely.to_wkb(outline): outline for outline in outlines.values()}.values())
    )
    rounded = shapely.set_precision(union, 10.0**-DECIMALS)
    assert isinstance(rounded, Polygon | MultiPolygon)  # noqa: S101 - a union of overlapping polygons
    return rounded


def raster_footprint(raster: SourceRaster) -> Footprint:
    """The outline of a raster, with 21 points a side."""
    left, bottom, right, top = raster.bounds
    xs, ys = np.linspace(left, right, POINTS_PER_SIDE), np.linspace(bottom, top, POINTS_PER_SIDE)
    ring_x = [*xs, *[right] * (len(ys) - 1), *xs[-2::-1], *[left] * (len(ys) - 1)]
    ring_y = [*[bottom] * len(xs), *ys[1:], *[top] * (len(xs) - 1), *ys[-2::-1]]
    try:
        lons, lats = (np.asarray(c) for c in transform(raster.crs, "EPSG:4326", ring_x, ring_y))
    except RasterioError as error:
        raise _nowhere(raster) from error
    latitude_slack = abs(raster.transform.e) if raster.crs.is_geographic else 1e-6
    if not np.isfinite([lons, lats]).all() or (np.abs(lats) > 90 + latitude_slack).any():
        raise _nowhere(raster)
    if (np.abs(lons) > 540).any():
        raise _nowhere(raster)
    if raster.crs.is_geographic and right - left >= 360 - raster.transform.a / 2:
        return shapely.box(-180.0, max(bottom, -90.0), 180.0, min(top, 90.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", antimeridian.FixWindingWarning)
        fixed = antimeridian.fix_polygon(Polygon(zip(lons, np.clip(lats, -90, 90), strict=True)))
    if not fixed.is_valid:
        raise _nowhere(raster)
    return fixed


def _nowhere(raster: SourceRaster) -> RasterRefusedError:
    left, bottom, right, top = raster.bounds
    return RasterRefusedError(
        f"{raster.name} says it reaches from {left:g}, {bottom:g} to {right:g}, {top:g} in "
        f"{raster.crs.to_string()[:60]}, which is no place on Earth. Give it the coordinate system it is in: "
        f"gdal_edit.py -a_srs EPSG:… {raster.name}"
    )
