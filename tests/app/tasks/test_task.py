"""When jobs are due: every so often, and at night by the clocks of a zone that change twice a year."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.tasks.task import EPOCH, Every, Nightly

BERLIN = ZoneInfo("Europe/Berlin")


def test_every_counts_from_the_epoch():
    fifteen = Every(timedelta(seconds=15))
    now = EPOCH + timedelta(days=1, seconds=44)
    assert fifteen.latest(now) == EPOCH + timedelta(days=1, seconds=30)
    assert fifteen.following(now) == EPOCH + timedelta(days=1, seconds=45)
    assert fifteen.latest(fifteen.following(now)) == fifteen.following(now)


@pytest.mark.parametrize(
    ("hour", "now", "latest", "following"),
    [
        # Winter is UTC+1, summer UTC+2.
        (3, "2026-01-10T02:00:00Z", "2026-01-10T02:00:00Z", "2026-01-11T02:00:00Z"),
        (3, "2026-01-10T01:59:59Z", "2026-01-09T02:00:00Z", "2026-01-10T02:00:00Z"),
        (3, "2026-07-10T12:00:00Z", "2026-07-10T01:00:00Z", "2026-07-11T01:00:00Z"),
        (23, "2026-07-10T21:30:00Z", "2026-07-10T21:00:00Z", "2026-07-11T21:00:00Z"),
        # On 29 March 2026 the clocks go from 2 to 3: two in the morning comes at three, 1:00 UTC.
        (2, "2026-03-29T00:30:00Z", "2026-03-28T01:00:00Z", "2026-03-29T01:00:00Z"),
        (2, "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"),
        # On 25 October they go from 3 to 2: two comes at 0:00 and at 1:00 UTC, and the first counts.
        (2, "2026-10-25T00:00:00Z", "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"),
        (2, "2026-10-25T01:00:00Z", "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"),
    ],
)
def test_nights_follow_the_clocks(hour: int, now: str, latest: str, following: str) -> None:
    nightly = Nightly(hour, BERLIN)
    assert nightly.latest(datetime.fromisoformat(now)) == datetime.fromisoformat(latest)
    assert nightly.following(datetime.fromisoformat(now)) == datetime.fromisoformat(following)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kolkata"]
)
@pytest.mark.parametrize("hour", [0, 2, 23])
def test_a_year_has_one_slot_a_day(zone: str, hour: int) -> None:
    nightly = Nightly(hour, ZoneInfo(zone))
    slots = [nightly.latest(datetime(2026, 1, 2, tzinfo=UTC))]
    while len(slots) < 366:
        slots.append(nightly.following(slots[-1]))
    nights = [nightly.night(slot) for slot in slots]
    assert all(later - night == timedelta(days=1) for night, later in pairwise(nights))
    lengths = {(later - slot) / timedelta(hours=1) for slot, later in pairwise(slots)}
    assert lengths <= {23, 23.5, 24, 24.5, 25}  # Lord Howe moves its clocks by half an hour
    assert all(nightly.latest(slot) == slot for slot in slots)
    assert all(nightly.latest(slot - timedelta(seconds=1)) < slot for slot in slots)
    assert nightly.document() == {"nightly_at": f"{hour:02}:00", "time_zone": zone}
