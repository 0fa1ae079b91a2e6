"""Plans of feeds: pieces of time, which is next, what is ordered, and when again."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.feeds.planning import (
    Light,
    Look,
    Piece,
    awaited_slot,
    backoff,
    due_again,
    following_slot,
    halves,
    key_of,
    missing_pieces,
    next_piece,
    pieces_between,
    request_of,
)
from mosaics.bbox import Bbox
from mosaics.period import Cadence

DAY = timedelta(days=1)
CMR = Look(7, every=DAY, late_after=75 * DAY, tells_revisions=True)
STAC = Look(7, every=DAY, late_after=5 * DAY, tells_revisions=False)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def piece(starts: str, ends: str, **more: object) -> Piece:
    found = Piece(1, at(starts), at(ends), 0, at("2026-01-01"))
    return replace(found, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("starts", "ends", "cadence", "most_days", "bounds"),
    [
        ("2024-03-01", "2026-02-01", Cadence.MONTH, 366, ["2024-03-01", "2025-03-01", "2026-03-01"]),
        (
            "2024-01-15",
            "2024-08-01",
            Cadence.DAY,
            366,
            ["2024-01-15", "2024-04-01", "2024-07-01", "2024-10-01"],
        ),
        ("2024-01-01", "2024-02-02", Cadence.HOUR, 366, ["2024-01-01", "2024-02-01", "2024-03-01"]),
        ("2024-01-01", "2024-05-01", Cadence.MONTH, 100, ["2024-01-01", "2024-04-01", "2024-07-01"]),
        (
            "2024-01-01",
            "2024-01-25",
            Cadence.MONTH,
            10,
            ["2024-01-01", "2024-01-11", "2024-01-21", "2024-01-31"],
        ),
        ("2024-01-01", "2024-01-01", Cadence.MONTH, 366, []),
    ],
    ids=["months", "days", "hours", "small orders", "tiny orders", "nothing"],
)
def test_pieces_join_and_no_order_is_longer_than_allowed(starts, ends, cadence, most_days, bounds):
    found = list(pieces_between(at(starts), at(ends), cadence, most_days=most_days))
    assert found == [(at(a), at(b)) for a, b in itertools.pairwise(bounds)]
    assert all(end - start <= timedelta(days=most_days) for start, end in found)


def test_missing_pieces_reach_beyond_now_back_to_an_earlier_beginning_and_up_to_the_end():
    def missing(pieces: list[Piece], starts: str, ends: str | None, now: str) -> list[tuple[str, str]]:
        end = None if ends is None else at(ends)
        spans = missing_pieces(pieces, at(starts), end, at(now), cadence=Cadence.MONTH, most_days=366)
        return [(f"{a:%Y-%m-%d}", f"{b:%Y-%m-%d}") for a, b in spans]

    assert missing([], "2025-01-01", None, "2025-05-05") == [("2025-01-01", "2026-01-01")]
    assert missing([], "2025-01-01", "2025-04-01", "2025-05-05") == [("2025-01-01", "2025-04-01")]
    assert missing([], "2025-06-01", None, "2025-05-05") == []
    have = [piece("2025-01-01", "2026-01-01")]
    assert missing(have, "2025-01-01", None, "2025-12-31") == []
    assert missing(have, "2025-01-01", None, "2026-01-01") == [("2026-01-01", "2027-01-01")]
    assert missing(have, "2024-07-01", None, "2025-05-05") == [("2024-07-01", "2025-01-01")]
    assert missing(have, "2025-01-01", "2026-01-01", "2026-05-05") == []


def test_what_was_never_complete_comes_first_and_of_it_the_newest():
    old = piece("2023-01-01", "2024-01-01", id=1)
    new = piece("2024-01-01", "2025-01-01", id=2)
    seen = piece("2025-01-01", "2026-01-01", id=3, complete_at=at("2026-01-01"))
    now = at("2026-01-02")
    assert next_piece([old, new, seen], now) == new
    assert next_piece([old, replace(new, due_at=now + DAY), seen], now) == old
    assert next_piece([seen], now) == seen
    assert next_piece([old, replace(seen, order_id=5)], now) is None  # one order a feed at a time
    assert next_piece([replace(seen, due_at=None)], now) is None


def test_revisions_are_asked_for_behind_the_newest_seen():
    first = piece("2025-01-01", "2026-01-01")
    whole = {"toi": "2025-01-01T00:00:00Z/2026-01-01T00:00:00Z", "revised_since": None}
    assert request_of(CMR, first) == whole
    again = replace(first, complete_at=at("2025-06-01"), watermark=at("2025-05-09"))
    assert request_of(CMR, again) == whole | {"revised_since": "2025-05-08T00:00:00Z"}


def test_without_revisions_the_time_that_may_still_get_something_is_looked_at_again():
    again = piece("2025-01-01", "2026-01-01", complete_at=at("2025-06-15"))
    assert request_of(STAC, again)["toi"] == "2025-06-05T00:00:00Z/2026-01-01T00:00:00Z"
    over = piece("2025-01-01", "2025-02-01", complete_at=at("2025-06-15"))
    assert request_of(STAC, over)["toi"] == "2025-01-31T23:30:00Z/2025-02-01T00:00:00Z"


def test_a_key_is_the_same_until_the_look_has_ended_or_the_feed_orders_something_else():
    one = piece("2025-01-01", "2026-01-01")
    key = key_of(CMR, one, {"bands": ["radiance"]})
    assert key == key_of(CMR, replace(one, order_id=4, asked_at=at("2026-01-01")), {"bands": ["radiance"]})
    others = {
        key_of(CMR, replace(one, round=1), {"bands": ["radiance"]}),
        key_of(CMR, replace(one, id=2), {"bands": ["radiance"]}),
        key_of(replace(CMR, feed_id=8), one, {"bands": ["radiance"]}),
        key_of(CMR, one, {"bands": ["quality"]}),
    }
    assert len(others | {key}) == 5


def test_failures_pause_twice_as_long_each_up_to_the_rhythm_itself():
    minutes = [backoff(DAY, failures) / timedelta(minutes=1) for failures in (1, 2, 3, 4, 9, 100)]
    assert minutes == [5, 10, 20, 40, 1280, 1440]
    assert backoff(timedelta(minutes=30), 5) == timedelta(minutes=30)


def test_slots_are_fixed_so_that_many_missed_are_one():
    first = following_slot(CMR, at("2026-01-01"))
    assert (first - at("2000-01-01")) % DAY == timedelta(seconds=7 * 7919)
    assert following_slot(CMR, first) == first + DAY
    assert following_slot(CMR, first + 9.5 * DAY) == first + 10 * DAY


def test_old_pieces_are_looked_at_seldom_or_not_at_all():
    now = at("2026-06-01")
    old = piece("2024-01-01", "2025-01-01")
    assert due_again(STAC, old, now) is None
    slow = due_again(CMR, old, now)
    assert slow is not None
    assert slow - now <= 7 * DAY
    assert due_again(CMR, old, slow) == slow + 7 * DAY
    assert due_again(CMR, piece("2026-01-01", "2027-01-01"), now) == following_slot(CMR, now)


def test_halves_join_at_a_whole_hour():
    assert halves(piece("2025-01-01", "2026-01-01")) == (at("2025-01-01"), at("2025-07-02"), at("2026-01-01"))
    odd = piece("2025-01-01T00:00", "2025-01-01T03:00")
    assert halves(odd)[1] == at("2025-01-01T01:00")


NEW_YORK = Bbox(-74.5, 40.4, -73.5, 41.2)
HOURLY = Look(7, timedelta(minutes=30), timedelta(hours=12), tells_revisions=True, spread=0)
BY_DAY = replace(HOURLY, light=Light("day", NEW_YORK, timedelta(hours=3)))


def turns(look: Look, day: str) -> list[datetime]:
    """When an archive is asked from a midnight to the next, UTC."""
    found = [awaited_slot(look, at(day) - timedelta(seconds=1))]
    while found[-1] < at(day) + DAY:
        found.append(awaited_slot(look, found[-1]))
    return found[:-1]


def test_by_night_an_archive_of_the_day_is_asked_seldom_once_what_is_late_must_be_there():
    """In New York the sun is 10 degrees up from 10:25 to 23:28 UTC in June, 13:25 to 20:22 in December."""
    assert len(turns(HOURLY, "2026-06-21")) == 48
    for day, (dawn, dusk) in {"2026-06-21": ("10:30", "23:00"), "2026-12-21": ("13:30", "20:00")}.items():
        found = turns(BY_DAY, day)
        by_day = [at(f"{day}T{dawn}") + number * timedelta(minutes=30) for number in range(48)]
        until = at(f"{day}T{dusk}") + timedelta(hours=6)
        assert {turn for turn in by_day if turn <= until and turn < at(day) + DAY} <= set(found)
        assert max(later - earlier for earlier, later in itertools.pairwise(found)) <= timedelta(hours=3)
    assert len(turns(BY_DAY, "2026-12-21")) in range(28, 34)  # 13 hours, and the others by 3


def test_polar_summer_has_no_nights_to_ask_for():
    tromso = Light("night", Bbox(18.5, 69.5, 19.5, 70), timedelta(days=2))
    look = Look(7, timedelta(hours=6), timedelta(days=5), tells_revisions=True, light=tromso, spread=0)
    assert len(turns(look, "2026-12-21")) == 4
    assert len(turns(look, "2026-06-21")) == 2
