"""The decision table for the Sentinel-2 offset, row by row."""

from datetime import UTC, datetime

import pytest

from ingest.encoding import decide_offset, parse_baseline
from ingest.harmonisation import OffsetUndecidedError

IN_2019 = datetime(2019, 4, 11, tzinfo=UTC)
BEFORE_CHANGE = datetime(2022, 1, 24, 23, 59, 59, tzinfo=UTC)
SINCE_CHANGE = datetime(2022, 1, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("baseline", "sensed", "low_dn", "removed", "offset"),
    [
        # ESA: the baseline decides, whatever the date
        ("05.10", SINCE_CHANGE, 1180, None, -0.1),
        ("04.00", SINCE_CHANGE, 1180, None, -0.1),
        ("05.00", IN_2019, 1180, None, -0.1),
        ("N0500", IN_2019, 1180, None, -0.1),
        ("03.01", SINCE_CHANGE, 1180, None, 0.0),
        ("02.11", IN_2019, 300, None, 0.0),
        # unknown baseline: pixels, then date
        (None, SINCE_CHANGE, 612, None, 0.0),
        (None, IN_2019, 368, None, 0.0),
        (None, BEFORE_CHANGE, 1180, None, 0.0),
        (None, BEFORE_CHANGE, None, None, 0.0),
        # an archive that says what it did
        ("05.10", SINCE_CHANGE, 1180, True, 0.0),
        ("02.11", IN_2019, 300, False, 0.0),
        ("05.11", SINCE_CHANGE, 1180, False, -0.1),
        # Element84/earth-search#71: flagged as not applied, though it is
        ("05.11", SINCE_CHANGE, 350, False, 0.0),
    ],
)
def test_the_decision_table(baseline, sensed, low_dn, removed, offset):
    decided = decide_offset(baseline=baseline, sensed=sensed, low_dn=low_dn, removed=removed)
    assert decided.offset == offset
    assert decided.reason


@pytest.mark.parametrize("low_dn", [None, 900, 1180])
def test_what_cannot_be_told_is_asked(low_dn):
    with pytest.raises(OffsetUndecidedError, match=r"Give --baseline .* or --offset"):
        decide_offset(baseline=None, sensed=SINCE_CHANGE, low_dn=low_dn)


def test_pixels_that_speak_against_the_baseline_raise_a_doubt():
    decided = decide_offset(baseline="05.10", sensed=SINCE_CHANGE, low_dn=350)
    assert decided.offset == -0.1
    assert decided.doubt is not None
    assert "--offset 0" in decided.doubt
    assert decide_offset(baseline="05.10", sensed=SINCE_CHANGE, low_dn=1180).doubt is None


@pytest.mark.parametrize("text", ["5", "5.10", "v05.10", "05.1", "", "latest"])
def test_a_text_that_is_no_baseline_is_refused(text):
    with pytest.raises(ValueError, match=r"one looks like 05.09"):
        parse_baseline(text)
