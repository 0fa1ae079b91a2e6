"""What is found of some parcels, and the verdicts on it."""

import numpy as np

from app.analysis.parcel import AnalysisOptions, Frame, Observed, assess
from app.analysis.verdict import Findings, verdict_of
from mosaics.period import Period

NAN = np.nan
PERIODS = tuple(Period.parse(f"{year}-{month:02}") for year in range(2019, 2025) for month in (5, 6, 7))
"""May to July of six years."""


def test_a_parcel_that_fell_is_found_with_its_numbers() -> None:
    calm = np.tile([0.5, 0.6, 0.7], 6) + np.repeat([0.02, -0.02, 0.0, 0.02, -0.02, 0.0], 3)
    fell, unseen, short = calm.copy(), calm.copy(), calm.copy()
    fell[-2:] -= 0.2
    short[:9] = NAN
    valid = np.ones((4, 18))
    valid[2, -1] = 0.3
    found = assess(
        Frame(PERIODS, AnalysisOptions()), Observed(np.array([calm, fell, unseen, short]), valid), [None] * 4
    )
    assert found[0].verdict.level == "usual"
    assert found[0].history is not None
    assert found[0].history["periods"] == ["2019-07", "2020-07", "2021-07", "2022-07", "2023-07"]
    # Sum of squares 4 * 0.0004 over 4: the deviation of the Julys is 0.02, as the floor.
    assert abs(found[1].history["z"] + 10) < 1e-9  # type: ignore[index]
    verdict = found[1].verdict
    assert (verdict.level, verdict.direction, verdict.basis) == ("strong", "low", "history")
    assert verdict.persistence == 2
    assert verdict.is_confirmed
    assert "Strongly low: 10.0 standard deviations below the mean" in verdict.text
    assert found[2].value is None
    assert found[2].not_computable[0] == {
        "part": "value",
        "reason": "Only 30 % of the parcel was seen; at least 50 % are needed.",
    }
    assert found[3].verdict.level == "unknown"
    assert found[3].history is None
    assert {each["part"] for each in found[3].not_computable} == {"history", "monitoring", "neighbours"}


def test_a_lasting_fall_has_its_begin_and_its_size() -> None:
    rng = np.random.default_rng(1)
    periods = tuple(
        Period.parse(f"{year}-{month:02}") for year in range(2014, 2025) for month in range(1, 13)
    )
    values = 0.6 + rng.normal(0, 0.03, (1, len(periods)))
    values[0, -5:] -= 0.15
    found = assess(Frame(periods, AnalysisOptions()), Observed(values, np.ones_like(values)), [None])[0]
    assert found.monitoring is not None
    alarm = found.monitoring["alarm"]
    assert alarm["direction"] == "low"
    assert "2024-06" <= alarm["onset"] <= "2024-08"
    assert -0.2 < alarm["magnitude"] < -0.1
    assert found.monitoring["since"] == "2017-01"


def test_verdicts_tell_alone_from_among_neighbours() -> None:
    alone = verdict_of(Findings(0.4, -2.5, -3.0, None, 1))
    common = verdict_of(Findings(0.4, -2.5, -0.5, None, 1))
    assert "low among its neighbours, too" in alone.text
    assert "common to all" in common.text
    assert not alone.is_confirmed
    assert "A single value says so" in alone.text
    assert verdict_of(Findings(0.4, None, -3.5, None, 0)).basis == "neighbours"
    assert verdict_of(Findings(0.4, -1.0, None, "low", 0)).level == "drifting"
    assert verdict_of(Findings(None, None, None, None, 0)).level == "unknown"
