"""The journey: a line and when it is where, as far as that is known."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.exposure.line import Floats, Line, LineError
from app.exposure.splitting import Pieces

MAX_DURATION_S = 14 * 86_400.0
"""As many hourly scans as one answer may draw on."""


@dataclass(frozen=True, eq=False)
class Journey:
    """A line, how long each of its edges takes, and when it begins."""

    line: Line
    durations_s: Floats | None = None
    """Of each edge; None where nothing is known of time."""
    departure: datetime | None = None
    """When the first edge begins; None where only durations are known."""
    begins_s: Floats | None = None
    """When each edge begins, in seconds after the departure; None where there is no pause between."""

    def __post_init__(self) -> None:
        if self.durations_s is None:
            return
        edges = len(self.line.edges.part)
        if len(self.durations_s) != edges:
            raise LineError(
                f"the line has {edges:,} segments and {len(self.durations_s):,} durations; give one each"
            )
        if not (np.isfinite(self.durations_s) & (self.durations_s >= 0)).all():
            raise LineError("durations of segments are seconds, 0 or more")
        if not 0 < self.duration_s <= MAX_DURATION_S:
            raise LineError(
                f"a route takes at most {MAX_DURATION_S:,.0f} s, and more than 0, not {self.duration_s:g}"
            )

    @classmethod
    def at_speed(cls, line: Line, speed_km_h: float, departure: datetime | None = None) -> "Journey":
        """Return the journey of a line at one speed."""
        return cls(line, line.edge_lengths_m / (speed_km_h / 3.6), departure)

    @classmethod
    def of_moments(cls, line: Line, moments_s: NDArray[np.float64]) -> "Journey":
        """Return the journey of a line whose positions have times.

        Args:
            line: The line.
            moments_s: Of all positions of all parts, in Unix seconds.

        Raises:
            LineError: If they do not rise, or are not times.
        """
        if not np.isfinite(moments_s).all() or (np.diff(moments_s) < 0).any():
            raise LineError("the times of positions (M, Unix seconds) must be numbers that do not fall")
        if not (np.abs(moments_s) < 1e11).all():
            raise LineError("the times of positions (M) must be Unix seconds, not milliseconds")
        ends = np.cumsum([len(part) for part in line.parts])
        starts = np.setdiff1d(np.arange(len(moments_s)), ends - 1)
        begins = moments_s[starts]
        departure = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(moments_s[0]))
        return cls(line, moments_s[starts + 1] - begins, departure, begins - moments_s[0])

    @property
    def duration_s(self) -> float:
        """How long its edges take together, in seconds; 0 where that is not known."""
        return 0.0 if self.durations_s is None else float(self.durations_s.sum())

    @property
    def end(self) -> datetime | None:
        """When it ends; None where it is not known when it begins."""
        if self.departure is None or self.durations_s is None:
            return None
        return self.departure + timedelta(seconds=float(self._begins()[-1] + self.durations_s[-1]))

    def seconds_of(self, pieces: Pieces) -> Floats | None:
        """Return how long each piece takes; None where nothing is known of time.

        Along an edge the speed is the same; a stop, an edge without length, lasts as long as it says.
        """
        if self.durations_s is None:
            return None
        return self.durations_s[pieces.edge] * self._shares(pieces)

    def middles_of(self, pieces: Pieces) -> Floats | None:
        """Return when the middle of each piece is passed, in seconds after the departure; None as above."""
        seconds = self.seconds_of(pieces)
        if seconds is None:
            return None
        of_edge = np.cumsum(seconds) - seconds
        first = np.searchsorted(pieces.edge, pieces.edge)
        return self._begins()[pieces.edge] + of_edge - of_edge[first] + seconds / 2

    def _begins(self) -> Floats:
        if self.begins_s is not None:
            return self.begins_s
        assert self.durations_s is not None  # noqa: S101 - callers have looked
        return np.cumsum(self.durations_s) - self.durations_s

    def _shares(self, pieces: Pieces) -> Floats:
        """Return which share of its edge each piece is; a whole edge where it has no length."""
        whole = np.bincount(pieces.edge, pieces.lengths_m, minlength=len(self.line.edges.part))[pieces.edge]
        return np.where(whole > 0, pieces.lengths_m / np.where(whole > 0, whole, 1.0), 1.0)
