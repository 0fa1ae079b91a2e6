"""Zones of painted rasters against scipy, with the sums of their cells."""

from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from app.analysis.beyond import Strip, Threshold, ThresholdError
from app.analysis.labelling import Connectivity
from app.analysis.scene_zones import SceneZone, SceneZones, corners_of, largest_first

NAN = np.nan
Values = NDArray[np.floating[Any]]


def zones_of(
    values: Values,
    areas_m2: Values,
    threshold: Threshold,
    *,
    connectivity: Connectivity = 8,
    minimum_cells: int = 1,
    rows: int = 7,
    earlier: tuple[Values, ...] = (),
) -> list[SceneZone]:
    """The zones of values that come in strips of so many rows."""
    zones, found = SceneZones(threshold, connectivity, minimum_cells, len(earlier)), list[SceneZone]()
    for row in range(0, len(values), rows):
        part = slice(row, row + rows)
        found += zones.add(Strip(row, values[part], areas_m2[part], [each[part] for each in earlier]))
    return largest_first(found + zones.close())


@pytest.mark.parametrize(("connectivity", "structure"), [(4, None), (8, np.ones((3, 3)))])
def test_zones_are_those_of_scipy_with_the_sums_of_their_cells(
    connectivity: Connectivity, structure: Values | None
) -> None:
    rng = np.random.default_rng(11)
    values = ndimage.gaussian_filter(rng.normal(0, 1, (90, 120)), 1.5)
    values[rng.random(values.shape) < 0.05] = NAN
    areas = rng.uniform(99, 101, values.shape)
    before = ndimage.gaussian_filter(rng.normal(0, 1, (90, 120)), 1.5)
    threshold = Threshold(-0.15, 0.2)
    found = zones_of(values, areas, threshold, connectivity=connectivity, minimum_cells=3, earlier=(before,))
    expected = []
    for side, mask in ((-1, values <= -0.15), (1, values >= 0.2)):
        label, count = ndimage.label(mask, structure=structure)
        across = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
        for number in range(1, count + 1):
            cells = label == number
            if cells.sum() < 3:
                continue
            edges = ndimage.convolve(cells.astype(int), across, mode="constant") * ~cells
            border = (
                4 * cells.sum() - ndimage.convolve(cells.astype(int), across, mode="constant")[cells].sum()
            )
            known = int((edges * ~np.isnan(values) * ~cells).sum())
            beyond = before <= -0.15 if side < 0 else before >= 0.2
            expected.append(
                (
                    areas[cells].sum(), side, cells.sum(), np.average(values[cells], weights=areas[cells]),
                    values[cells].min() if side < 0 else values[cells].max(),
                    (cells.sum() + known) / (cells.sum() + border),
                    areas[cells & beyond].sum() / areas[cells].sum(),
                )
            )  # fmt: skip
    assert len(found) == len(expected) > 100
    for zone, (area, side, cells, mean, extreme, valid, beyond) in zip(
        found, sorted(expected, reverse=True), strict=True
    ):
        assert (zone.side, zone.cells) == (side, cells)
        assert zone.area_m2 == pytest.approx(area, rel=1e-12)
        assert (zone.mean, zone.extreme) == pytest.approx((mean, extreme))
        assert zone.before[0].seen_fraction == pytest.approx(1.0)
        assert zone.before[0].beyond_fraction == pytest.approx(beyond)
        assert zone.valid_fraction == pytest.approx(valid)
        outline = shapely.MultiPolygon([shapely.Polygon(p.shell, p.holes) for p in zone.parts])
        assert outline.is_valid
        assert outline.area == cells
        assert corners_of(zone) >= 4


def test_a_zone_persists_as_long_as_half_of_what_was_seen_of_it() -> None:
    now = np.full((4, 4), -3.0)
    half, gone, unseen = now.copy(), np.zeros((4, 4)), np.full((4, 4), NAN)
    half[:2] = 0
    half[0, 0] = NAN  # 8 of the 15 seen
    for earlier, count in (
        ((), 1),
        ((half,), 2),
        ((unseen, half, now), 3),
        ((gone, now), 1),
    ):
        (zone,) = zones_of(now, np.ones((4, 1)), Threshold(-2.0), earlier=earlier)
        assert zone.persistence == count
    assert zone.area_m2 == 16


def test_low_and_high_cells_side_by_side_are_zones_of_their_own() -> None:
    values = np.array([[-3.0, -3.0, 3.0, NAN]])
    found = zones_of(values, np.ones((1, 1)), Threshold(-2.0, 2.0))
    assert [(zone.side, zone.cells) for zone in found] == [(-1, 2), (1, 1)]
    # Across the edges of the low one: the high cell, and five cells outside of what was looked at.
    assert found[0].valid_fraction == pytest.approx(3 / 8)


def test_a_threshold_refuses_what_gathers_nothing_or_everything() -> None:
    with pytest.raises(ThresholdError, match="give low, high or both"):
        Threshold()
    with pytest.raises(ThresholdError, match="low is 2, which is not below high, 1"):
        Threshold(2.0, 1.0)
