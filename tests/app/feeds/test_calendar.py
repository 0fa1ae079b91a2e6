"""The calendar of hours by daylight: New York on 15 June 2024.

By hand: declination 23.3 degrees at 40.7 N; the cosine of the hour angle of a sun 10 degrees high is
(sin 10 - sin 40.7 sin 23.3) / (cos 40.7 cos 23.3) = -0.121, so 6.46 h before and after noon at 16:56 UTC.
"""

from datetime import UTC, datetime, timedelta

from app.feeds.calendar import Expectation, calendar_of
from mosaics.bbox import Bbox
from mosaics.descriptions.collections import load_collections
from mosaics.period import Period

NEW_YORK = Bbox(-74.01, 40.70, -74.00, 40.71)
TEMPO = load_collections()["tempo-no2"].publishing


def hours(first: str, count: int) -> list[Period]:
    found = [Period.parse(first)]
    while len(found) < count:
        found.append(found[-1].following())
    return found


def test_hours_have_data_or_are_night_or_awaited_or_missing() -> None:
    # The sun is 10 degrees high from 10:29 to 23:24.
    landed = frozenset(hours("2024-06-15T12", 3))
    now = datetime(2024, 6, 15, 20, 30, tzinfo=UTC)
    asked = hours("2024-06-15T06", 24)
    found = dict(calendar_of(asked, landed, TEMPO, NEW_YORK, now))
    said = "".join(found[hour].value[0] for hour in asked)
    # 6 to 9 night; 10 and 11 missing; 12 to 14 data; 15 and 16 missing, since 17 ended less than 3 h ago.
    assert said == "nnnn" + "mm" + "ddd" + "mm" + "aaaaaaa" + "nnnnnn"
    late = dict(calendar_of(asked, landed, TEMPO, NEW_YORK, now + timedelta(days=1)))
    assert [late[hour] for hour in hours("2024-06-15T17", 7)] == [Expectation.MISSING] * 7


def test_a_month_without_data_and_with_light_is_missing() -> None:
    monthly = load_collections()["sentinel-2-l2a"].publishing
    asked = [Period.parse("2024-01"), Period.parse("2024-02")]
    found = dict(calendar_of(asked, {asked[0]}, monthly, NEW_YORK, datetime(2026, 1, 1, tzinfo=UTC)))
    assert list(found.values()) == [Expectation.DATA, Expectation.MISSING]
