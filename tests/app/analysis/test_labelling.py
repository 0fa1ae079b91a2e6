"""Zones of painted masks equal those of scipy, whatever the strips, and their outlines hold their cells."""

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from app.analysis.labelling import Connectivity, Labeller, Runs, Sums, TooManyRunsError, Zones, together
from app.analysis.outlines import divided, outlines

Mask = NDArray[np.bool_]
CONNECTIVITIES: tuple[Connectivity, ...] = (4, 8)


def gathered(mask: Mask, connectivity: Connectivity, strip: int) -> Zones:
    """The zones of a mask that comes in strips of so many rows."""
    labeller, parts = Labeller(connectivity), list[Zones]()
    for row in range(0, len(mask), strip):
        runs = Runs.of(mask[row : row + strip], row)
        sums = Sums({"cells": runs.cells.astype(float)}, {"first": runs.first.astype(float)})
        parts.append(labeller.add(runs, sums, min(row + strip, len(mask)) - 1))
    return together([*parts, labeller.close()])


def painted(zones: Zones, shape: tuple[int, int]) -> NDArray[np.int64]:
    """The number of each cell's zone, from 1 on."""
    found = np.zeros(shape, np.int64)
    for row, first, end, zone in zip(
        zones.runs.row, zones.runs.first, zones.runs.end, zones.zone, strict=True
    ):
        found[row, first:end] = zone + 1
    return found


def polygons(zones: Zones) -> list[shapely.MultiPolygon]:
    """The outline of each zone, in cells."""
    return [
        shapely.MultiPolygon([shapely.Polygon(part.shell, part.holes) for part in parts])
        for parts in outlines(zones)
    ]


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
def test_zones_equal_those_of_scipy_in_any_strips(connectivity: Connectivity) -> None:
    rng = np.random.default_rng(3)
    structure = np.ones((3, 3)) if connectivity == 8 else None
    for _ in range(60):
        mask = rng.random(rng.integers(1, 14, 2)) < rng.choice([0.2, 0.4, 0.5, 0.6, 0.8])
        zones = gathered(mask, connectivity, int(rng.integers(1, 6)))
        expected, count = ndimage.label(mask, structure=structure)
        found = painted(zones, mask.shape)
        assert zones.count == count
        pairs = np.unique(np.column_stack([found.ravel(), expected.ravel()]), axis=0)
        assert len(pairs) == len(np.unique(expected))  # one number for each of theirs
        assert zones.sums.added["cells"].tolist() == np.bincount(found.ravel())[1:].tolist()
        middles = shapely.points(*(np.indices(mask.shape)[::-1] + 0.5).reshape(2, -1))
        for number, polygon in enumerate(polygons(zones), 1):
            assert polygon.is_valid
            assert (shapely.contains(polygon, middles) == (found.ravel() == number)).all()


def test_a_large_mask_has_the_zones_of_scipy() -> None:
    mask = np.random.default_rng(4).random((300, 500)) < 0.58
    zones = gathered(mask, 4, 64)
    assert zones.count == ndimage.label(mask)[1]
    assert [p.area for p in polygons(zones)] == zones.sums.added["cells"].tolist()


def test_cells_that_touch_by_a_corner_are_parts_of_one_zone() -> None:
    diamond = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    (polygon,) = polygons(gathered(diamond, 8, 1))
    assert len(polygon.geoms) == 4
    assert not any(len(part.interiors) for part in polygon.geoms)
    assert gathered(diamond, 4, 1).count == 4


def test_a_hole_that_touches_its_outline_at_a_corner_is_a_hole() -> None:
    ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
    (polygon,) = polygons(gathered(ring, 4, 2))
    (part,) = polygon.geoms
    assert len(part.interiors) == 1
    assert shapely.is_valid(part)
    assert part.area == 7


def test_long_edges_are_divided_at_corners_of_cells() -> None:
    ring = divided([(0, 0), (5, 0), (5, 1), (0, 1)], 2)
    assert ring.tolist() == [[0, 0], [1, 0], [3, 0], [5, 0], [5, 1], [3, 1], [1, 1], [0, 1], [0, 0]]


def test_more_than_can_be_held_is_refused() -> None:
    labeller = Labeller(8, max_runs=2)
    runs = Runs.of(np.array([[1, 0, 1, 0, 1]], bool))
    with pytest.raises(TooManyRunsError, match="zones of more than 2 pieces"):
        labeller.add(runs, Sums({"cells": runs.cells.astype(float)}), 0)
