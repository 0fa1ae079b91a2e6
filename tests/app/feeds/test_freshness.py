"""Freshness: a state for each mixture of facts, and the sun, which decides whether data are expected."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.feeds.daylight import elevation, has_light
from app.feeds.freshness import Checks, Facts, State, freshness_of
from mosaics.bbox import Bbox
from mosaics.descriptions.collections import load_collections
from mosaics.period import Interval, Period

COLLECTIONS = load_collections()
KHARTOUM = Bbox(32.4, 15.4, 32.7, 15.8)
TROMSO = Bbox(18.0, 68.0, 20.0, 69.0)
NEW_YORK = Bbox(-74.5, 40.0, -73.5, 41.0)
DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def facts(collection: str, newest: str | None, now: str, box: Bbox = KHARTOUM, **more: object) -> Facts:
    """Of a feed that was asked just now."""
    described = COLLECTIONS[collection]
    publishing = described.publishing
    found = Facts(
        publishing=publishing,
        cadence=described.collection.cadence,
        box=box,
        newest_acquired=None if newest is None else at(newest),
        ended=described.collection.ended,
        starts=at("2024-01-01"),
        checks=Checks(publishing.every, since=at("2024-01-01"), answered_at=at(now)),
    )
    return replace(found, **more)  # type: ignore[arg-type]


MONTHLY, ENDED, HOURLY = "black-marble-monthly-noaa20", "black-marble-monthly", "tempo-no2"


@pytest.mark.parametrize(
    ("collection", "box", "newest", "now", "state"),
    [
        # March ends 75 days before 15 June
        (MONTHLY, KHARTOUM, "2026-02-01", "2026-06-14", State.FRESH),
        (MONTHLY, KHARTOUM, "2026-02-01", "2026-06-15", State.LATE),
        (MONTHLY, KHARTOUM, "2026-03-01", "2026-06-15", State.FRESH),
        (MONTHLY, KHARTOUM, None, "2026-06-15", State.LATE),
        # beyond the polar circle May, June and July have no night: nothing after April until August
        (MONTHLY, TROMSO, "2026-04-01", "2026-08-10", State.NO_DATA_EXPECTED),
        (MONTHLY, TROMSO, "2026-04-01", "2026-10-05", State.NO_DATA_EXPECTED),
        (MONTHLY, TROMSO, "2026-03-01", "2026-08-10", State.LATE),
        (MONTHLY, TROMSO, "2026-04-01", "2026-11-20", State.LATE),
        (MONTHLY, TROMSO, "2026-08-01", "2026-11-20", State.FRESH),
        # Suomi NPP ended on 1 November, whatever had come by then
        (ENDED, KHARTOUM, "2026-07-01", "2026-10-31", State.FRESH),
        (ENDED, KHARTOUM, "2026-07-01", "2026-11-01", State.DISCONTINUED),
        (ENDED, KHARTOUM, "2025-01-01", "2030-01-01", State.DISCONTINUED),
        (ENDED, KHARTOUM, None, "2030-01-01", State.DISCONTINUED),
        # hours over New York: noon there is at 17:00, and the sun is down at 22:00 in January
        (HOURLY, NEW_YORK, "2026-01-14T20:00", "2026-01-15T09:00", State.NO_DATA_EXPECTED),
        (HOURLY, NEW_YORK, "2026-01-14T20:00", "2026-01-15T18:30", State.FRESH),
        (HOURLY, NEW_YORK, "2026-01-14T20:00", "2026-01-16T09:00", State.LATE),
        # every five days, late after five more
        ("sentinel-2-l2a", KHARTOUM, "2026-06-01", "2026-06-11", State.FRESH),
        ("sentinel-2-l2a", KHARTOUM, "2026-06-01", "2026-06-12", State.LATE),
        # a year: late 120 days after its end
        ("black-marble-yearly-noaa20", KHARTOUM, "2024-01-01", "2026-04-30", State.FRESH),
        ("black-marble-yearly-noaa20", KHARTOUM, "2024-01-01", "2026-05-01", State.LATE),
    ],
)
def test_a_state_follows_from_the_newest_and_the_time(collection, box, newest, now, state):
    assert freshness_of(facts(collection, newest, now, box), at(now)).state is state


def test_checks_that_fail_or_do_not_happen_are_failing_but_for_what_has_ended():
    now = at("2026-06-01")
    good = facts(MONTHLY, "2026-02-01", "2026-06-01")
    assert good.checks is not None

    def state(of: Facts = good, **checks: object) -> str:
        assert of.checks is not None
        return freshness_of(replace(of, checks=replace(of.checks, **checks)), now).state  # type: ignore[arg-type]

    assert state(failures=1, reason="down") == "fresh"
    assert state(failures=2, reason="down") == "failing"
    assert state(answered_at=now - 3 * DAY) == "fresh"
    assert state(answered_at=now - 3.1 * DAY) == "failing"
    ended = facts(ENDED, "2026-02-01", "2026-06-01")
    assert freshness_of(replace(ended, checks=replace(good.checks, failures=9)), at("2027-01-01")).state == (
        "discontinued"
    )
    new = replace(good, newest_acquired=None)
    assert state(new, answered_at=None, since=now) == "never_ingested"
    assert state(new, answered_at=None, since=now - 4 * DAY) == "failing"
    assert state(new, is_filling=True) == "never_ingested"
    assert state(new) == "late"
    young = replace(new, starts=at("2026-05-01"))
    assert state(young) == "never_ingested"
    later = replace(new, starts=at("2026-07-01"))
    assert state(later, answered_at=None) == "never_ingested"
    over = replace(good, ends=at("2026-03-01"))
    assert state(over, answered_at=at("2026-03-02")) == "fresh"


def test_clouds_are_not_lateness_and_an_end_is_complete():
    now = "2026-06-20"
    cloudy = facts("sentinel-2-l2a", "2026-05-01", now, newest_seen=at("2026-06-18"))
    assert freshness_of(cloudy, at(now)).state is State.FRESH
    over = facts(MONTHLY, "2025-12-01", now, ends=at("2026-01-01"))
    assert freshness_of(over, at("2027-01-01")) == replace(
        freshness_of(over, at(now)), says="Complete; the newest is of 2025-12."
    )


def test_it_is_said_in_words():
    def says(collection: str, newest: str | None, now: str, box: Bbox = KHARTOUM) -> str:
        return freshness_of(facts(collection, newest, now, box), at(now)).says

    assert says(MONTHLY, "2026-03-01", "2026-06-15") == "Up to date; the newest is of 2026-03."
    assert says(MONTHLY, "2026-02-01", "2026-06-15") == (
        "Late: 2026-03 was to be published by now, and the newest is of 2026-02."
    )
    assert says(MONTHLY, "2026-04-01", "2026-08-10", TROMSO) == (
        "No data expected: the nights are too bright there. The newest is of 2026-04."
    )
    assert says(HOURLY, "2026-01-14T20:00", "2026-01-15T09:00", NEW_YORK) == (
        "No data expected: it is night there. The newest is of 2026-01-14T20."
    )
    assert says(ENDED, "2026-08-01", "2027-01-01").endswith("not one series. The newest here is of 2026-08.")
    alone = replace(facts(MONTHLY, "2026-02-01", "2026-06-15"), checks=None)
    assert freshness_of(alone, at("2026-06-15")).says.endswith("of 2026-02; no feed asks for it.")


@pytest.mark.parametrize(
    ("moment", "lon", "lat", "degrees"),
    [
        ("2024-06-20T12:02", 0.0, 51.4779, 61.96),  # Greenwich at the solstice: 90 - 51.48 + 23.44
        ("2024-12-21T11:58", 0.0, 51.4779, 15.08),  # 90 - 51.48 - 23.44
        ("2024-03-20T12:07", 0.0, 0.0, 89.9),  # the equinox was at 03:06
        ("2024-06-20T00:02", 0.0, 68.0, 1.44),  # the sun at midnight: 68 + 23.44 - 90
    ],
)
def test_the_sun_stands_where_it_does(moment: str, lon: float, lat: float, degrees: float):
    assert elevation(at(moment), lon, lat) == pytest.approx(degrees, abs=0.35)


def test_light_is_looked_for_all_over_a_box_and_a_time():
    june = Period.parse("2026-06").interval()
    assert not has_light("night", june, TROMSO)
    assert has_light("night", june, Bbox(18.0, 50.0, 20.0, 69.0))  # in its south
    assert has_light("day", june, TROMSO)
    assert not has_light("day", Period.parse("2026-12").interval(), TROMSO)
    dawn = Interval(at("2026-01-15T13:00"), at("2026-01-15T14:00"))  # 8 to 9 o'clock
    assert has_light("day", dawn, NEW_YORK)
    assert not has_light("day", Interval(at("2026-01-15T03:00"), at("2026-01-15T04:00")), NEW_YORK)
    across = Bbox(170.0, -45.0, -170.0, -35.0)
    assert has_light("day", Interval(at("2026-01-15T00:00"), at("2026-01-15T01:00")), across)
    assert has_light(None, june, TROMSO)
