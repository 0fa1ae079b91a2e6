"""Parcels: all that is worked out of the series of some parcels for one period, and how it is reported."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.analysis.control_charts import NEVER, Chart, cusum, ewma
from app.analysis.history import MINIMUM_YEARS, NOTABLE, YEARS, Deviations, deviations
from app.analysis.neighbours import WITHIN_M, Standing
from app.analysis.scores import normal_scores
from app.analysis.seasons import WINDOW_DAYS, earlier_years
from app.analysis.verdict import Findings, Verdict, verdict_of
from mosaics.period import Period

Floats = NDArray[np.float64]

SEEN = 0.5
"""Share of a parcel that must have a value for its mean to count."""

FLOOR = 0.02
"""The least standard deviation of values without a unit, such as indices: steadier ground raises no alarm."""


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """The numbers an analysis of parcels depends on."""

    years: int = YEARS
    minimum_years: int = MINIMUM_YEARS
    window_days: int = WINDOW_DAYS
    seen: float = SEEN
    floor: float = FLOOR
    within_m: float = WITHIN_M
    same: str = "crop_type"
    """The property in which neighbours agree."""

    def to_json(self) -> dict[str, Any]:
        """Return them by name."""
        return asdict(self)


@dataclass(frozen=True)
class Frame:
    """The periods of the series of a product up to the one that is looked at."""

    periods: tuple[Period, ...]
    """In order; the last is the one looked at."""
    options: AnalysisOptions

    @property
    def tested(self) -> Period:
        """The period that is looked at."""
        return self.periods[-1]

    @cached_property
    def seasons(self) -> list[list[list[int]]]:
        """For each period the columns of its season in each earlier year, the latest first."""
        days = self.options.window_days
        return [earlier_years(self.periods, n, window_days=days) for n in range(len(self.periods))]


@dataclass(frozen=True, slots=True)
class Assessed:
    """What was found of one parcel."""

    value: float | None
    valid_fraction: float
    history: Mapping[str, Any] | None
    monitoring: Mapping[str, Any] | None
    neighbours: Mapping[str, Any] | None
    verdict: Verdict
    not_computable: tuple[Mapping[str, str], ...]
    """Each part that could not be worked out, with the reason."""

    def to_json(self) -> dict[str, Any]:
        """Return it by name; the verdict first."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"verdict": asdict(found.pop("verdict"))} | found


@dataclass(frozen=True, slots=True)
class Observed:
    """The series of some parcels; rows are parcels, columns the periods of a frame."""

    values: Floats
    """Means; NaN is missing."""
    valid: Floats
    """The share of the parcel that has a value, 0 to 1."""

    def counted(self, seen: float) -> Floats:
        """Return the values of which enough was seen."""
        return np.where(self.valid >= seen, self.values, np.nan)


def assess(frame: Frame, observed: Observed, neighbours: Sequence[Standing | None]) -> list[Assessed]:
    """Return what is found of each parcel at the last period of a frame.

    Args:
        frame: Periods and options.
        observed: The series of the parcels.
        neighbours: Where each stands among its neighbours.
    """
    options, last = frame.options, len(frame.periods) - 1
    values = observed.counted(options.seen)
    found = deviations(
        values,
        last,
        frame.seasons[last][: options.years],
        floor=options.floor,
        minimum_years=options.minimum_years,
    )
    scores = normal_scores(values, frame.seasons, floor=options.floor, minimum_years=options.minimum_years)
    charts = {"ewma": ewma(scores), "cusum": cusum(scores)}
    rows = _Rows(frame, observed, values, found, scores, charts)
    return [rows.assessed(row, standing) for row, standing in enumerate(neighbours)]


@dataclass(frozen=True, slots=True)
class _Rows:
    """All that is known of the series of some parcels."""

    frame: Frame
    observed: Observed
    values: Floats
    deviations: Deviations
    scores: Floats
    charts: Mapping[str, Chart]

    def assessed(self, row: int, standing: Standing | None) -> Assessed:
        """Return what is found of one parcel."""
        value, valid = _number(self.values[row, -1]), float(self.observed.valid[row, -1])
        history, monitoring = self._history(row), self._monitoring(row)
        alarm = None if monitoring is None else monitoring["alarm"]
        findings = Findings(
            value=value,
            z=None if history is None else history["z"],
            z_neighbours=None if standing is None else standing.z,
            alarm=None if alarm is None else alarm["direction"],
            persistence=self._persistence(row),
        )
        return Assessed(
            value,
            valid,
            history,
            monitoring,
            None if standing is None else asdict(standing),
            verdict_of(findings),
            tuple(self._reasons(row, history, monitoring, standing)),
        )

    def _history(self, row: int) -> dict[str, Any] | None:
        found = self.deviations
        if np.isnan(found.z[row]):
            return None
        years = self.frame.seasons[-1][: self.frame.options.years]
        used = [n for columns in years for n in columns if not np.isnan(self.values[row, n])]
        return {
            "years": int(found.years[row]),
            "periods": [self.frame.periods[n].text for n in sorted(used)],
            **{name: _number(getattr(found, name)[row]) for name in NUMBERS},
        }

    def _monitoring(self, row: int) -> dict[str, Any] | None:
        scored = np.flatnonzero(~np.isnan(self.scores[row]))
        if not scored.size or scored[-1] != len(self.frame.periods) - 1:
            return None
        first = int(scored[0])
        shown = {
            name: {
                "level": float(chart.level[row, -1]),
                "limit": float(chart.limit[row, -1]),
                "alarm": bool(chart.alarms[row, -1]),
            }
            for name, chart in self.charts.items()
        }
        return {
            "values": int(scored.size),
            "since": self.frame.periods[first].text,
            **shown,
            "alarm": self._alarm(row),
        }

    def _alarm(self, row: int) -> dict[str, Any] | None:
        """Return the departure that a chart alarms for now; None where none does."""
        for chart in (self.charts["cusum"], self.charts["ewma"]):
            onset = int(chart.onset[row, -1])
            if not chart.alarms[row, -1] or onset == NEVER:
                continue
            side = np.sign(chart.level[row])
            beyond = chart.alarms[row] & (side == side[-1]) & (np.arange(len(side)) >= onset)
            return {
                "direction": "low" if side[-1] < 0 else "high",
                "onset": self.frame.periods[onset].text,
                "first": self.frame.periods[int(beyond.argmax())].text,
                "magnitude": self._magnitude(row, onset),
            }
        return None

    def _magnitude(self, row: int, onset: int) -> float | None:
        """Return the median difference from the mean of earlier years since a departure began."""
        differences = []
        for n in range(onset, len(self.frame.periods)):
            before = [self.values[row, columns] for columns in self.frame.seasons[n]]
            means = [float(np.nanmean(each)) for each in before if not np.isnan(each).all()]
            if means and not np.isnan(self.values[row, n]):
                differences.append(float(self.values[row, n]) - float(np.mean(means)))
        return float(np.median(differences)) if differences else None

    def _persistence(self, row: int) -> int:
        """Return how many of the latest scored periods in a row are notable to the same side as the last."""
        scored = self.scores[row][~np.isnan(self.scores[row])]
        if not scored.size or np.isnan(self.scores[row, -1]) or np.isnan(self.deviations.z[row]):
            return 0
        if abs(self.deviations.z[row]) < NOTABLE:
            return 0
        side = np.sign(self.deviations.z[row])
        other = np.flatnonzero(side * scored[:-1] < PERSISTS)
        return int(len(scored) - 1 - other[-1]) if other.size else len(scored)

    def _reasons(
        self, row: int, history: object, monitoring: object, standing: Standing | None
    ) -> list[dict[str, str]]:
        options, missing = self.frame.options, np.isnan(self.values[row, -1])
        found = []
        if missing:
            found.append({"part": "value", "reason": self._why_no_value(row)})
        few = (
            f"Fewer than {options.minimum_years} earlier years have a value in the same season."
            if self.deviations.years[row] < max(options.minimum_years, 2)
            else "Earlier years do not differ from each other at all, and no least deviation is set."
        )
        for part, there in (("history", history), ("monitoring", monitoring)):
            if there is None:
                found.append({"part": part, "reason": "The period has no value." if missing else few})
        if standing is None:
            reason = "The period has no value." if missing else _few_neighbours(options)
            found.append({"part": "neighbours", "reason": reason})
        return found

    def _why_no_value(self, row: int) -> str:
        valid = self.observed.valid[row, -1]
        if valid == 0:
            return "Nothing of the parcel was seen."
        return (
            f"Only {100 * valid:.3g} % of the parcel was seen; at least "
            f"{100 * self.frame.options.seen:.3g} % are needed."
        )


NUMBERS = ("mean", "std", "difference", "z", "vci")
"""Of `Deviations`, as they are reported."""

PERSISTS = 1.0
"""Normal deviates from which on an earlier period counts as departing to the same side: half of `NOTABLE`."""


def _few_neighbours(options: AnalysisOptions) -> str:
    return (
        f"Fewer than 5 parcels of the same {options.same} within {options.within_m:,.0f} m have a value in "
        "this period, or the parcel has no such property."
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
