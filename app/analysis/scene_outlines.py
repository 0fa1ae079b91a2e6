"""Zones of a scene as GeoJSON: outlines in degrees, and their numbers."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import antimeridian
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.polygon import orient

from app.analysis.outlines import divided
from app.analysis.scene_reading import Region
from app.analysis.scene_zones import SceneZone
from mosaics.raster.coordinates import to_degrees

LONGEST_EDGE = 64
"""Cells: edges are divided so that lines that are straight in degrees lie at most some 2 cm off those of a
grid of 10 m, up to 70 degrees of latitude."""

SIDES = {-1: "low", 1: "high"}


def features(zones: Sequence[SceneZone], region: Region, earlier: Sequence[str]) -> list[dict[str, Any]]:
    """Return zones as GeoJSON Features, numbered from 1 on.

    Args:
        zones: In columns and rows of the region.
        region: Where they are.
        earlier: Texts of the earlier periods, the latest first.
    """
    polygons = outlines_in_degrees(zones, region)
    return [
        {
            "type": "Feature",
            "id": number,
            "geometry": json.loads(shapely.to_geojson(polygon)),
            "properties": numbers(zone, earlier),
        }
        for number, (zone, polygon) in enumerate(zip(zones, polygons, strict=True), 1)
    ]


def numbers(zone: SceneZone, earlier: Sequence[str]) -> dict[str, Any]:
    """Return the numbers of a zone by name."""
    return {
        "side": SIDES[zone.side],
        "cells": zone.cells,
        "area_ha": zone.area_m2 / 1e4,
        "mean": zone.mean,
        "extreme": zone.extreme,
        "valid_fraction": zone.valid_fraction,
        "persistence": zone.persistence,
        "before": [
            {
                "period": period,
                "seen_fraction": each.seen_fraction,
                "beyond_fraction": each.beyond_fraction,
            }
            for period, each in zip(earlier, zone.before, strict=True)
        ],
    }


def outlines_in_degrees(zones: Sequence[SceneZone], region: Region) -> list[shapely.Geometry]:
    """Return the outline of each zone along the edges of its cells, exteriors counter-clockwise."""
    rings = [
        divided(ring, LONGEST_EDGE)
        for zone in zones
        for part in zone.parts
        for ring in (part.shell, *part.holes)
    ]
    if not rings:
        return []
    placed = _in_degrees(np.concatenate(rings), region)
    ends = np.cumsum([0, *(len(ring) for ring in rings)]).tolist()
    lonlats = iter(placed[begin:end] for begin, end in pairwise(ends))
    found = []
    for zone in zones:
        polygons = [_polygon(next(lonlats), [next(lonlats) for _ in part.holes]) for part in zone.parts]
        parts = [each for polygon in polygons for each in shapely.get_parts(polygon)]
        found.append(parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts))
    return found


def _in_degrees(corners: NDArray[np.float64], region: Region) -> NDArray[np.float64]:
    lattice, extent = region.lattice, region.extent
    xs = lattice.left + (corners[:, 0] + extent.column) * lattice.cell_width
    ys = lattice.top - (corners[:, 1] + extent.row) * lattice.cell_height
    return np.column_stack(to_degrees(lattice.crs, xs, ys))


def _polygon(shell: NDArray[np.float64], holes: Sequence[NDArray[np.float64]]) -> shapely.Geometry:
    polygon = orient(shapely.Polygon(shell, holes))
    crosses = np.ptp(shell[:, 0]) > 180
    found: shapely.Geometry = antimeridian.fix_polygon(polygon) if crosses else polygon
    return found
