"""Periods, intervals and the texts people write for them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mosaics.period import Cadence, Interval, Period, PeriodError, parse_instant, parse_when


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "cadence", "start", "end"),
    [
        ("2024", Cadence.YEAR, utc(2024, 1, 1), utc(2025, 1, 1)),
        ("2024-12", Cadence.MONTH, utc(2024, 12, 1), utc(2025, 1, 1)),
        ("2024-02-29", Cadence.DAY, utc(2024, 2, 29), utc(2024, 3, 1)),
        ("2024-12-31T23", Cadence.HOUR, utc(2024, 12, 31, 23), utc(2025, 1, 1)),
    ],
)
def test_a_period_is_written_as_it_is_read(text, cadence, start, end):
    period = Period.parse(text)
    assert (period.cadence, period.start, period.end, period.text, str(period)) == (
        cadence,
        start,
        end,
        text,
        text,
    )
    assert period.following().start == end
    assert period.following().preceding() == period
    assert period.interval() == Interval(start, end)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "2024-13",
        "2023-02-29",
        "2024-06-31",
        "2024-06-15T24",
        "2024-6",
        "2024-06-15T17:00",
        "0000",
        "9999",
        "२०२४",
        "2024-06\n",
        " 2024",
        "latest",
    ],
)
def test_what_is_no_period_is_refused_with_the_text(text):
    with pytest.raises(PeriodError):
        Period.parse(text)


def test_a_period_refuses_a_start_that_is_none():
    with pytest.raises(PeriodError, match="month does not begin"):
        Period(Cadence.MONTH, utc(2024, 6, 2))


def test_periods_are_ordered_by_start():
    texts = ["2024-03", "2023-12", "2024", "2024-01-31"]
    assert [p.text for p in sorted(map(Period.parse, texts))][:1] == ["2023-12"]
    assert [p.text for p in sorted(map(Period.parse, texts))][-1:] == ["2024-03"]


def test_a_moment_belongs_to_the_period_of_its_utc_time():
    # 23:30 on the last of June, five hours west of Greenwich, is July in UTC.
    moment = datetime(2024, 6, 30, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert Period.containing(moment, Cadence.MONTH).text == "2024-07"
    assert Period.containing(moment, Cadence.HOUR).text == "2024-07-01T04"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024-06/2024-08", utc(2024, 6, 1), utc(2024, 9, 1)),
        ("2024-06-15T17/2024-06-15T17", utc(2024, 6, 15, 17), utc(2024, 6, 15, 18)),
        ("2024-06-01T00:00:00Z/2024-06-30T12:00:00+02:00", utc(2024, 6, 1), utc(2024, 6, 30, 10)),
        ("../2024", None, utc(2025, 1, 1)),
        ("2024/..", utc(2024, 1, 1), None),
        ("../..", None, None),
    ],
)
def test_an_interval_includes_its_last_period_whole(text, start, end):
    assert Interval.parse(text) == Interval(start, end)


@pytest.mark.parametrize("text", ["2024-08/2024-06", "2024-06-01T00:00:00Z/2024-06-01T00:00:00Z"])
def test_a_reversed_or_empty_interval_is_refused(text):
    with pytest.raises(PeriodError, match="not after its start"):
        Interval.parse(text)


def test_intervals_are_half_open():
    june = Interval.parse("2024-06/2024-06")
    assert not june.overlaps(utc(2024, 5, 1), utc(2024, 6, 1))
    assert not june.overlaps(utc(2024, 7, 1), utc(2024, 8, 1))
    assert june.overlaps(utc(2024, 5, 1), utc(2024, 6, 1, 1))
    assert june.overlaps(utc(2024, 6, 1), utc(2024, 6, 1))
    assert not june.overlaps(utc(2024, 7, 1), utc(2024, 7, 1))


def test_when_is_a_period_an_interval_or_the_period_of_an_instant():
    assert parse_when("2024-06", Cadence.DAY).text == "2024-06-01T00:00:00Z/2024-07-01T00:00:00Z"
    assert parse_when("2024-06-15T17:30:00Z", Cadence.DAY) == Period.parse("2024-06-15").interval()
    assert parse_when("2023/2024", Cadence.DAY).text == "2023-01-01T00:00:00Z/2025-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("fraction", "microsecond"),
    [
        *(("", 0), (".1", 100_000), (".123456", 123_456), (".1234567", 123_456), (".7310799", 731_079)),
        *((".999999999", 999_999), (".000000001", 0), (f".{'1' * 40}", 111_111)),
    ],
)
@pytest.mark.parametrize(
    ("zone", "hour"), [("Z", 10), ("z", 10), ("+00:00", 10), ("+02:00", 8), ("-05:30", 16)]
)
def test_a_second_may_have_any_number_of_digits(fraction, microsecond, zone, hour):
    """RFC 3339, section 5.6: time-secfrac is a point and one digit or more; Landsat items have seven."""
    minute = 20 if zone == "-05:30" else 50
    text = f"2024-06-15T10:50:29{fraction}{zone}"
    assert parse_instant(text) == utc(2024, 6, 15, hour, minute, 29, microsecond)
    assert parse_when(text, Cadence.DAY) == Period.parse("2024-06-15").interval()
    assert Interval.parse(f"../{text}").end == parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2024-06-15T10:50:29.Z",
        "2024-06-15T10:50:29.1234567",
        "2024-06-15T17:30:00",
        "2024/2025/2026",
        "2024-06-15T17:61:00Z",
        "",
    ],
)
def test_other_texts_are_refused_with_the_forms_that_work(text):
    with pytest.raises(PeriodError, match=r"2024-06|Z|does not exist"):
        parse_when(text, Cadence.MONTH)
