"""Neighbours: where a parcel's value stands among those of parcels around it at the same time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

WITHIN_M = 5_000.0
"""How far the middle of a neighbour lies at most from that of the parcel."""

FEWEST = 5
"""Neighbours with a value below which nothing is said: of fewer, the median absolute deviation is a guess."""

TO_STD = 1.4826
"""Standard deviations of a normal distribution in one median absolute deviation: 1 / Phi^-1(3/4)."""

SEMI_MAJOR_M, FLATTENING = 6_378_137.0, 1 / 298.257223563
"""Of the WGS 84 ellipsoid."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a value stands among those of its neighbours."""

    count: int
    """Neighbours with a value."""
    median: float
    """Of the neighbours."""
    mad: float
    """Their median absolute deviation from the median."""
    percentile: float
    """Percent of the neighbours that have a lower value, those of the same value counting half."""
    z: float | None
    """The difference from the median in robust standard deviations; None where neighbours do not differ."""


def standing(value: float, neighbours: Floats, *, floor: float, fewest: int = FEWEST) -> Standing | None:
    """Return where a value stands among others.

    ``z = (x - median) / max(1.4826 MAD, floor)``.

    Args:
        value: Of the parcel.
        neighbours: Those of the others, (n,); NaN is missing.
        floor: The least robust standard deviation, in the unit of the values.
        fewest: How many must have a value.

    Returns:
        None where fewer have one.
    """
    others = neighbours[~np.isnan(neighbours)]
    if len(others) < fewest:
        return None
    median = float(np.median(others))
    mad = float(np.median(np.abs(others - median)))
    below = np.count_nonzero(others < value) + np.count_nonzero(others == value) / 2
    spread = max(TO_STD * mad, floor)
    z = (value - median) / spread if spread > 0 else None
    return Standing(len(others), median, mad, 100.0 * float(below) / len(others), z)


def positions_m(lons: Floats, lats: Floats) -> Floats:
    """Return places on the ellipsoid as (n, 3) metres from its middle, for distances through it.

    Up to 100 km these are shorter than along the ground by less than a hundredth of a promille.
    """
    lon, lat = np.radians(lons), np.radians(lats)
    squared = FLATTENING * (2 - FLATTENING)
    normal = SEMI_MAJOR_M / np.sqrt(1 - squared * np.sin(lat) ** 2)
    return np.column_stack(
        [
            normal * np.cos(lat) * np.cos(lon),
            normal * np.cos(lat) * np.sin(lon),
            normal * (1 - squared) * np.sin(lat),
        ]
    )


def neighbours_within(places_m: Floats, groups: Integers, within_m: float) -> Iterator[Integers]:
    """Yield for each place, in order, the others of its group that are at most so far away.

    Places are put into cubes of that side, so that each is compared with those of 27 cubes.

    Args:
        places_m: (n, 3), in metres.
        groups: (n,): only places of the same group are neighbours.
        within_m: The largest distance.
    """
    cubes = np.floor(places_m / within_m).astype(np.int64)
    members: dict[tuple[int, ...], list[int]] = {}
    for index, cube in enumerate(np.column_stack([groups, cubes]).tolist()):
        members.setdefault(tuple(cube), []).append(index)
    around = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
    gathered: dict[tuple[int, ...], Integers] = {}
    for index, (group, *cube) in enumerate(np.column_stack([groups, cubes]).tolist()):
        home = (group, *cube)
        if home not in gathered:
            keys = [(group, *(c + d for c, d in zip(cube, step, strict=True))) for step in around]
            gathered[home] = np.array([i for key in keys for i in members.get(key, ())], np.intp)
        near = gathered[home]
        apart = ((places_m[near] - places_m[index]) ** 2).sum(axis=1)
        yield near[(apart <= within_m**2) & (near != index)]


def standings(
    values: Floats, places_m: Floats, groups: Integers, *, within_m: float, floor: float
) -> list[Standing | None]:
    """Return where each of many parcels stands among its neighbours; None where it or too few have a value.

    Args:
        values: Of the parcels, (n,); NaN is missing.
        places_m: Their middles, (n, 3), of `positions_m`.
        groups: What makes them comparable, such as a number for each crop; (n,).
        within_m: How far neighbours are away at most.
        floor: The least robust standard deviation.
    """
    near = neighbours_within(places_m, groups, within_m)
    return [
        None if np.isnan(value) else standing(float(value), values[others], floor=floor)
        for value, others in zip(values, near, strict=True)
    ]
