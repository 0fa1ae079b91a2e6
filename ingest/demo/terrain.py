"""A made-up landscape of the Great Plains: fields, a river with its forest, a town, roads and a lake.

Everything is drawn from one seed, so that it is the same every time. Rasters are (height, width), 10 m a
pixel, north up; nothing here is measured anywhere.
"""

import functools
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SEED = 20240615
HEIGHT_WIDTH = (1152, 1664)
QUARTER_SECTION_PX = 80
"""Half a mile, the side of the fields that the land survey of the Plains laid out."""
TOWN_XY = (830, 400)
"""Pixel of the town's centre."""


class Cover(IntEnum):
    """What a pixel is covered with."""

    CORN = 0
    SOYBEAN = 1
    WHEAT = 2
    ALFALFA = 3
    FALLOW = 4
    PASTURE = 5
    FOREST = 6
    WATER = 7
    SAND = 8
    ROAD = 9
    ROOF = 10
    GARDEN = 11


@dataclass(frozen=True)
class Terrain:
    """The ground, before any season, cloud or sensor."""

    cover: NDArray[np.uint8]
    """Codes of `Cover`."""
    parcel: NDArray[np.int32]
    """Number of the field a pixel belongs to; fields of one crop differ in vigour and in their calendar."""
    vigor: Floats
    """0.8..1.1 for each parcel."""
    delay_days: Floats
    """For each parcel, how much later than usual its crop grows."""
    soil: Floats
    """Brightness of bare ground against the mean, a pixel."""
    texture: Floats
    """Fine variation of plants within a field, about -1..1."""
    relief: Floats
    """0 in the valley to 1 on the hills."""


def noise(
    rng: np.random.Generator, height_width: tuple[int, int], cell_px: float, octaves: int = 5
) -> Floats:
    """Return fractal noise in 0..1: smooth hills of about `cell_px`, each octave half as wide and high."""
    height, width = height_width
    total = np.zeros(height_width, dtype="float32")
    weight = 1.0
    for octave in range(octaves):
        cell = max(cell_px / 2**octave, 1.0)
        lattice = rng.random((int(height / cell) + 2, int(width / cell) + 2)).astype("float32")
        total += weight * _smooth(lattice, np.arange(height) / cell, np.arange(width) / cell)
        weight /= 2
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low), dtype="float32")


def blurred(plane: Floats) -> Floats:
    """Return the plane through a small kernel, as a sensor's point spread mixes neighbours."""
    padded = np.pad(plane, 1, mode="edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return ((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4).astype("float32")


@functools.cache
def terrain() -> Terrain:
    """Return the landscape; drawn once a process."""
    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[0 : HEIGHT_WIDTH[0], 0 : HEIGHT_WIDTH[1]].astype("float32")
    relief = noise(rng, HEIGHT_WIDTH, 420, 4)
    ragged = noise(rng, HEIGHT_WIDTH, 60, 5) - 0.5
    fine = noise(rng, HEIGHT_WIDTH, 6, 3) - 0.5
    cover, parcel, count = _fields(rng, x, y)

    hills = relief + 0.25 * ragged > 0.66
    cover[hills] = Cover.PASTURE
    cover[hills & (ragged + 0.5 * fine > 0.2)] = Cover.FOREST

    river_y = 640 + 95 * np.sin(x / 270 + 0.6) + 38 * np.sin(x / 101) + 40 * ragged
    from_river = np.abs(y - river_y)
    bed = 13 + 9 * np.sin(x / 190 + 2) ** 2
    forest_edge = bed + 26 + 70 * (noise(rng, HEIGHT_WIDTH, 90, 4) - 0.35)
    cover[(from_river < bed + 60) & (cover < Cover.PASTURE)] = Cover.PASTURE
    cover[from_river < forest_edge] = Cover.FOREST
    cover[from_river < bed] = Cover.WATER
    bars = noise(np.random.default_rng(SEED + 1), HEIGHT_WIDTH, 34, 3)
    cover[(from_river < bed + 1) & (bars > 0.63)] = Cover.SAND

    lake = np.hypot((x - 1330) / 1.5, y - 250) + 70 * ragged
    cover[lake < 92] = Cover.FOREST
    cover[lake < 80] = Cover.SAND
    cover[lake < 77] = Cover.WATER

    _roads(cover, x, y)
    _town(rng, cover, x, y, ragged)
    return Terrain(
        cover=cover,
        parcel=parcel,
        vigor=(0.8 + 0.3 * rng.random(count)).astype("float32"),
        delay_days=rng.normal(0, 6, count).astype("float32"),
        soil=(
            0.72 + 0.42 * noise(rng, HEIGHT_WIDTH, 140, 5) + 0.22 * (rng.random(count) - 0.5)[parcel]
        ).astype("float32"),
        texture=np.asarray(2 * noise(rng, HEIGHT_WIDTH, 22, 4) - 1 + 0.5 * fine, dtype="float32"),
        relief=relief,
    )


def _smooth(lattice: Floats, ys: NDArray[np.float64], xs: NDArray[np.float64]) -> Floats:
    def along(values: Floats, at: NDArray[np.float64]) -> Floats:
        first = at.astype(int)
        share = (at - first).astype("float32")
        share = (share * share * (3 - 2 * share))[:, None]
        return np.asarray(values[first] * (1 - share) + values[first + 1] * share, dtype="float32")

    return along(along(lattice, ys).T.copy(), xs).T


def _fields(
    rng: np.random.Generator, x: Floats, y: Floats
) -> tuple[NDArray[np.uint8], NDArray[np.int32], int]:
    """Lay out crops on quarter sections: pivot circles, halves, strips, and gravel roads between them."""
    cover = np.full(x.shape, Cover.PASTURE, dtype="uint8")
    parcel = np.zeros(x.shape, dtype="int32")
    crops = (Cover.CORN, Cover.SOYBEAN, Cover.WHEAT, Cover.ALFALFA, Cover.FALLOW, Cover.PASTURE)
    odds = (0.36, 0.24, 0.14, 0.09, 0.07, 0.10)
    count = 1
    side = QUARTER_SECTION_PX
    for top in range(0, x.shape[0], side):
        for left in range(0, x.shape[1], side):
            block = (slice(top, top + side), slice(left, left + side))
            dx, dy = x[block] - left - side / 2, y[block] - top - side / 2
            for part in _division(rng, dx, dy):
                cover[block][part] = rng.choice(crops, p=odds)
                parcel[block][part] = count
                count += 1
    cover[(x % (2 * side) == 0) | (y % (2 * side) == 0)] = Cover.ROAD
    return cover, parcel, count


def _division(rng: np.random.Generator, dx: Floats, dy: Floats) -> list[NDArray[np.bool_]]:
    """Return the parts one quarter section is farmed in; later ones lie over earlier ones."""
    whole = np.ones(dx.shape, dtype=bool)
    kind = rng.random()
    if kind < 0.42:
        circle = np.hypot(dx, dy) < 38
        return [whole, circle, circle & (dx > 0)] if rng.random() < 0.3 else [whole, circle]
    if kind < 0.62:
        return [whole, dx > 0] if rng.random() < 0.5 else [whole, dy > 0]
    if kind < 0.78:
        strips = int(rng.integers(3, 6))
        return [np.floor((dx + 40) / 80 * strips) == strip for strip in range(strips)]
    if kind < 0.88:
        return [dx <= 0, (dx > 0) & (dy <= 0), (dx > 0) & (dy > 0)]
    return [whole]


def _roads(cover: NDArray[np.uint8], x: Floats, y: Floats) -> None:
    highway = np.abs(y - (505 + 0.06 * x + 18 * np.sin(x / 330)))
    cover[highway < 1.6] = Cover.ROAD
    crossing = np.abs(x - (TOWN_XY[0] + 20 + 22 * np.sin(y / 260)))
    cover[crossing < 1.1] = Cover.ROAD


def _town(rng: np.random.Generator, cover: NDArray[np.uint8], x: Floats, y: Floats, ragged: Floats) -> None:
    """Lay out blocks of houses and gardens, streets, and halls at the southern edge; the river stays."""
    dx, dy = x - TOWN_XY[0], y - TOWN_XY[1]
    town = (np.hypot(dx / 1.25, dy) + 90 * ragged < 118) & (cover != Cover.WATER)
    turn = np.deg2rad(9.0)
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    streets = (along % 13 < 1.5) | (across % 21 < 1.5)
    dense = np.exp(-((dx / 75) ** 2) - (dy / 60) ** 2)
    houses = np.kron(rng.random((cover.shape[0] // 2, cover.shape[1] // 2)), np.ones((2, 2)))
    roofs = houses < 0.30 + 0.55 * dense
    cover[town] = Cover.GARDEN
    cover[town & roofs] = Cover.ROOF
    cover[town & streets] = Cover.ROAD
    park = np.hypot(dx + 62, dy - 20) < 17
    cover[town & park] = Cover.FOREST
    halls = town & (np.abs(dy - 92) < 22) & (np.abs(dx - 30) < 95)
    cover[halls & (x % 19 < 13) & (y % 15 < 9)] = Cover.ROOF
