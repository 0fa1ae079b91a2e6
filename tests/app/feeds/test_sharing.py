"""What boxes orders of areas are asked for with, and which of them are one question."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.feeds.feed import Feed, Order
from app.feeds.planning import Look, Piece
from app.feeds.sharing import Due, asked_box, offset_of, oldest_look, shared
from mosaics.bbox import Bbox

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
KHARTOUM = Bbox(32.4, 15.4, 32.7, 15.8)
BLACK_MARBLE_M, TEMPO_M, SENTINEL_M = 463.0, 2200.0, 10.0


def order_over(box: Bbox, *, clip: bool = False, is_of_area: bool = True) -> Order:
    return Order(
        name="an order",
        source="a-source",
        collection="a-collection",
        area_id=None,
        box=box,
        bands=("radiance",),
        starts=NOW - 400 * DAY,
        ends=None,
        every=DAY,
        lag=None,
        max_cloud=None,
        clip=clip,
        is_of_area=is_of_area,
    )


@pytest.mark.parametrize(
    ("box", "pixel_m", "clip", "expected"),
    [
        (KHARTOUM, BLACK_MARBLE_M, False, (30, 10, 40, 20)),
        (Bbox(-74.5, 40.4, -73.5, 41.2), TEMPO_M, True, (-75, 40, -70, 45)),
        (Bbox(-76, 39, -74, 41), TEMPO_M, True, (-80, 35, -70, 45)),
        (Bbox(-180, -90, 180, 90), BLACK_MARBLE_M, False, (-180, -90, 180, 90)),
        (Bbox(178, -18, -178, -16), BLACK_MARBLE_M, False, (170, -20, -170, -10)),
    ],
)
def test_areas_over_coarse_data_ask_for_whole_cells_and_not_for_what_touches_them(
    box, pixel_m, clip, expected
):
    found = asked_box(order_over(box, clip=clip), pixel_m)
    assert found.degrees == pytest.approx(expected, abs=2e-6)
    assert (found.west - expected[0], expected[2] - found.east) == pytest.approx((1e-6, 1e-6), rel=1e-3)


def test_other_orders_ask_for_their_own_box():
    assert asked_box(order_over(KHARTOUM), SENTINEL_M) == KHARTOUM
    assert asked_box(order_over(KHARTOUM, is_of_area=False), BLACK_MARBLE_M) == KHARTOUM


def due(feed_id: int, order: Order, piece: Piece, pixel_m: float = BLACK_MARBLE_M) -> Due:
    feed = Feed(feed_id, order, 1, NOW, NOW)
    box = asked_box(order, pixel_m)
    return Due(feed, Look(feed_id, DAY, 75 * DAY, tells_revisions=True), piece, box)


def test_what_is_one_question():
    year = Piece(1, NOW - 400 * DAY, NOW, 0, NOW)
    seen = replace(year, id=2, complete_at=NOW - DAY, watermark=NOW - 9 * DAY)
    longer_ago = replace(seen, id=3, watermark=NOW - 20 * DAY)
    here, beside = order_over(KHARTOUM), order_over(Bbox(33.4, 14.3, 33.6, 14.5))
    elsewhere, alone = order_over(Bbox(42, 15, 43, 16)), order_over(KHARTOUM, is_of_area=False)
    other_bands, other_time = replace(here, bands=()), replace(year, ends=NOW - DAY)
    found = shared(
        [
            *(due(9, beside, seen), due(4, elsewhere, year), due(2, here, longer_ago), due(3, alone, year)),
            *(due(5, other_bands, year), due(6, here, other_time), due(7, alone, year)),
        ]
    )
    assert [[each.feed.id for each in group] for group in found] == [[2, 9], [4], [3], [5], [6], [7]]
    assert oldest_look(found[0])["revised_since"] == "2026-10-30T00:00:00Z"  # a day before
    assert oldest_look([*found[0], due(8, here, year)])["revised_since"] is None


def test_those_that_share_have_the_same_turns():
    first, second = (order_over(box) for box in (KHARTOUM, Bbox(33.4, 14.3, 33.6, 14.5)))
    box = asked_box(first, BLACK_MARBLE_M)
    assert offset_of(first, box) == offset_of(second, box) != offset_of(replace(first, bands=()), box)
    assert offset_of(replace(first, is_of_area=False), KHARTOUM) is None
