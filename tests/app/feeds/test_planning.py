"""Plans of feeds: pieces of time, which is next, what is ordered, and when again."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.feeds.planning import (
    Look,
    Piece,
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
