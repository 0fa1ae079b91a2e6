"""The line: a way on the Earth, read from positions, its edges straight in longitude and latitude.

Edges are those of areas: straight in degrees as RFC 7946 has them, so that a parallel is an edge. Lengths are
those on the ellipsoid WGS 84, integrated along edges, so that a line has one length whatever it is split by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from mosaics.ellipsoid import curve_lengths_m

Positions: TypeAlias = NDArray[np.float64]
"""Longitudes and latitudes in degrees, (n, 2)."""
Floats: TypeAlias = NDArray[np.float64]

KINDS = ("LineString", "MultiLineString")

MAX_VERTICES = 25_000
"""2,500 km with a position every 100 m; 75,000 of the values that a body may have."""

MAX_PARTS = 1_000

MAX_LENGTH_KM = 50_000.0
"""More than once around the Earth."""


class LineError(ValueError):
    """A geometry that is not a way; the message names the fault, and its place where it has one."""


@dataclass(frozen=True, eq=False)
class Line:
    """One or more parts, each a chain of edges; between parts there is nothing."""

    parts: tuple[Positions, ...]
    """As they were sent, each of two positions or more."""

    @classmethod
    def read(cls, geojson: Mapping[str, Any]) -> "Line":
        """Read a GeoJSON LineString or MultiLineString in degrees; heights are dropped.

        Raises:
            LineError: If it is neither, is not in degrees, or exceeds a limit.
        """
        kind = geojson.get("type")
        if kind not in KINDS:
            raise LineError(f"a route needs a LineString or a MultiLineString, not {_shown(kind)}")
        coordinates = geojson.get("coordinates")
        chains = [coordinates] if kind == "LineString" else _listed(coordinates, kind)
        if len(chains) > MAX_PARTS:
            raise LineError(f"the {kind} has {len(chains):,} parts; at most {MAX_PARTS:,} are allowed")
        return cls.of([_positions(chain, kind) for chain in chains])

    @classmethod
    def of(cls, parts: Sequence[Positions]) -> "Line":
        """Return the line of some chains of positions in degrees.

        Raises:
            LineError: If it is too long or too short to be a way, or is not in degrees.
        """
        vertices = sum(map(len, parts))
        if vertices > MAX_VERTICES:
            raise LineError(f"the line has {vertices:,} positions; at most {MAX_VERTICES:,} are allowed")
        if not parts or min(map(len, parts)) < 2:
            raise LineError("a line needs two positions or more in each of its parts")
        for part in parts:
            _refuse_elsewhere(part)
        line = cls(tuple(parts))
        if not line.length_m > 0:
            raise LineError("the line has no length: all of its positions are one place")
        if line.length_m > MAX_LENGTH_KM * 1000:
            raise LineError(
                f"the line has {line.length_m / 1000:,.0f} km; at most {MAX_LENGTH_KM:,.0f} km are allowed"
            )
        return line

    @cached_property
    def edges(self) -> "Edges":
        """All edges, one part after the other."""
        chains = [_unrolled(part) for part in self.parts]
        return Edges(
            starts=np.concatenate([chain[:-1] for chain in chains]),
            ends=np.concatenate([chain[1:] for chain in chains]),
            part=np.repeat(np.arange(len(chains)), [len(chain) - 1 for chain in chains]),
        )

    @cached_property
    def edge_lengths_m(self) -> Floats:
        """The length of each edge on the ellipsoid, in metres."""
        return curve_lengths_m(self.edges.starts, self.edges.ends)

    @property
    def length_m(self) -> float:
        """The length of all parts on the ellipsoid, in metres."""
        return float(self.edge_lengths_m.sum())

    @property
    def vertices(self) -> int:
        """Positions of all parts."""
        return sum(map(len, self.parts))

    @property
    def is_between_two_points(self) -> bool:
        """Whether it is one edge, straight from a place to another."""
        return self.vertices == 2

    @cached_property
    def shape(self) -> shapely.MultiLineString:
        """Its parts as they were sent."""
        return shapely.MultiLineString([shapely.LineString(part) for part in self.parts])

    @cached_property
    def on_map(self) -> shapely.MultiLineString:
        """The way with longitudes from -180 to 180, cut at the antimeridian: what meets footprints."""
        chains = [_unrolled(part) for part in self.parts]
        whole = shapely.MultiLineString([shapely.LineString(chain) for chain in chains])
        west, _, east, _ = whole.bounds
        if west >= -180 and east <= 180:
            return whole
        pieces: list[shapely.LineString] = []
        for turn in range(int(np.floor((west + 180) / 360)), int(np.ceil((east + 180) / 360))):
            world = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
            here = shapely.get_parts(shapely.intersection(whole, world))
            pieces += [_moved(each, turn) for each in here if shapely.length(each) > 0]
        return shapely.MultiLineString(pieces)


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges of a line, (n,) each."""

    starts: Positions
    """Where each begins, (n, 2); longitudes go on past 180 where it crosses the antimeridian."""
    ends: Positions
    """Where each ends, (n, 2)."""
    part: NDArray[np.int_]
    """The number of the part each belongs to, from 0."""


def _unrolled(part: Positions) -> Positions:
    """Return positions whose longitudes go on where an edge crosses the antimeridian the short way.

    As in polygons, an edge of more than half a turn runs the short way, one of a whole turn around the world.
    """
    steps = np.diff(part[:, 0])
    jumps = np.where((np.abs(steps) > 180) & (np.abs(steps) < 360), np.sign(steps), 0.0)
    turned = np.concatenate([[0.0], 360 * np.cumsum(jumps)])
    return np.column_stack([part[:, 0] - turned, part[:, 1]])


def _moved(line: shapely.Geometry, turn: int) -> shapely.LineString:
    """Return a line moved back by whole turns around the Earth."""
    return shapely.LineString(shapely.get_coordinates(line) - [360.0 * turn, 0.0])


def _refuse_elsewhere(part: Positions) -> None:
    if not np.isfinite(part).all():
        place = int(np.flatnonzero(~np.isfinite(part).all(axis=1))[0])
        raise LineError(f"position {place} of the line is not a pair of finite numbers")
    far = (np.abs(part[:, 0]) > 360) | (np.abs(part[:, 1]) > 90)
    if far.any():
        lon, lat = part[far][0].tolist()
        raise LineError(
            f"position {lon:.6g}, {lat:.6g} is not a longitude and latitude; give degrees (WGS 84), "
            "longitude first"
        )


def _positions(chain: object, kind: str) -> Positions:
    try:
        lonlats = [(_number(each[0]), _number(each[1])) for each in map(list, _listed(chain, kind))]
    except (TypeError, IndexError, OverflowError) as error:
        raise LineError(f"the {kind} cannot be read: its coordinates are not lists of positions") from error
    if len(lonlats) > MAX_VERTICES:
        raise LineError(f"the line has {len(lonlats):,} positions; at most {MAX_VERTICES:,} are allowed")
    return np.array(lonlats, float).reshape(-1, 2)


def _listed(value: object, kind: str) -> list[Any]:
    if not isinstance(value, list):
        raise LineError(f"the {kind} cannot be read: its coordinates are not lists of positions")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"a coordinate is a number, not {type(value).__name__}")
    return float(value)


def _shown(kind: object) -> str:
    return kind if isinstance(kind, str) and kind.isalnum() and len(kind) <= 40 else "what was sent"
