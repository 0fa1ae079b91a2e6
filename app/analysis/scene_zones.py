"""Zones of a scene: strips of values from the top become zones with their outlines and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.analysis.beyond import Floats, Strip, Threshold, gathered
from app.analysis.labelling import Connectivity, Labeller, Zones
from app.analysis.outlines import Part, outlines

PERSISTS = 0.5
"""Share of what was seen of a zone that was beyond the threshold before, for it to have been there."""


@dataclass(frozen=True, slots=True)
class Before:
    """How a zone's cells were in an earlier period."""

    seen_fraction: float
    """Share of its area that had a value."""
    beyond_fraction: float | None
    """Share of that which was beyond the threshold on the same side; None where nothing was seen."""


@dataclass(frozen=True, slots=True)
class SceneZone:
    """A zone of cells beyond a threshold."""

    side: int
    """-1 for what is low, 1 for what is high."""
    parts: list[Part]
    """Its outline in columns and rows."""
    cells: int
    area_m2: float
    """The sum of its cells' areas on the ellipsoid."""
    mean: float
    """Of its values, by area."""
    extreme: float
    """The lowest of what is low, the highest of what is high."""
    valid_fraction: float
    """Of its cells and those across its edges, the share with a value: less than 1 where it may go on."""
    before: tuple[Before, ...]
    """Earlier periods, the latest first."""

    @property
    def persistence(self) -> int:
        """Periods in a row, with the present one, in which half of what was seen of it was beyond.

        Periods in which nothing of it was seen are passed over.
        """
        count = 1
        for each in self.before:
            if each.beyond_fraction is None:
                continue
            if each.beyond_fraction < PERSISTS:
                break
            count += 1
        return count


class SceneZones:
    """Gathers the zones of a region from its strips.

    Args:
        threshold: Which values are gathered.
        connectivity: 4: cells touch by their edges; 8: by their corners, too.
        minimum_cells: Cells that a zone has at least.
        earlier: Number of earlier periods that strips come with.
    """

    def __init__(
        self, threshold: Threshold, connectivity: Connectivity, minimum_cells: int, earlier: int = 0
    ) -> None:
        self._threshold = threshold
        self._minimum = minimum_cells
        self._earlier = earlier
        self._labellers = {side: Labeller(connectivity) for side in threshold.sides}
        self._waiting: Strip | None = None
        """The latest strip, until the row below it is known."""
        self._above: Floats | None = None

    def add(self, strip: Strip) -> list[SceneZone]:
        """Add the next strip; return zones that are complete.

        Raises:
            app.analysis.labelling.TooManyRunsError: If more is connected than can be held.
        """
        before, self._waiting = self._waiting, strip
        return [] if before is None else self._gather(before, strip.values[0])

    def close(self) -> list[SceneZone]:
        """Return the zones that are left after the last strip."""
        found = [] if self._waiting is None else self._gather(self._waiting, None)
        for side, labeller in self._labellers.items():
            found += self._told(labeller.close(), side)
        return found

    def _gather(self, strip: Strip, below: Floats | None) -> list[SceneZone]:
        found = []
        for side, labeller in self._labellers.items():
            runs, sums = gathered(strip, (self._above, below), self._threshold, side)
            found += self._told(labeller.add(runs, sums, strip.last_row), side)
        self._above = strip.values[-1]
        return found

    def _told(self, zones: Zones, side: int) -> list[SceneZone]:
        if not zones.count:
            return []
        zones = zones.chosen(zones.sums.added["cells"] >= self._minimum)
        return [self._zone(zones, n, side, parts) for n, parts in enumerate(outlines(zones))]

    def _zone(self, zones: Zones, n: int, side: int, parts: list[Part]) -> SceneZone:
        sums = {name: float(values[n]) for name, values in zones.sums.added.items()}
        around = sums["cells"] + sums["known"] + sums["unknown"]
        extreme = zones.sums.least["low"] if side < 0 else zones.sums.largest["high"]
        return SceneZone(
            side=side,
            parts=parts,
            cells=int(sums["cells"]),
            area_m2=sums["area_m2"],
            mean=sums["value_m2"] / sums["area_m2"],
            extreme=float(extreme[n]),
            valid_fraction=(sums["cells"] + sums["known"]) / around,
            before=tuple(
                Before(
                    sums[f"seen_{p}"] / sums["area_m2"],
                    sums[f"beyond_{p}"] / sums[f"seen_{p}"] if sums[f"seen_{p}"] else None,
                )
                for p in range(1, self._earlier + 1)
            ),
        )


def largest_first(zones: Sequence[SceneZone]) -> list[SceneZone]:
    """Return zones in order of area, then from the top and the left."""
    return sorted(zones, key=lambda zone: (-zone.area_m2, zone.parts[0].shell[0][::-1]))


def corners_of(zone: SceneZone) -> int:
    """Return the number of corners of a zone's outline."""
    return int(np.sum([len(ring) for part in zone.parts for ring in (part.shell, *part.holes)]))
