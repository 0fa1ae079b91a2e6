"""A region: its windows of days, the tiles it covers, the size it may have."""

from datetime import date

import morecantile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.regions.region import Region, tiles_at
from mosaics.bbox import Bbox

TMS = morecantile.tms.get("WebMercatorQuad")


def region(**given) -> Region:
    return Region.model_validate({"name": "sierra", "bbox": [-120.5, 38.5, -119.5, 39.5], **given})


def test_only_a_name_and_a_box_are_needed():
    assert region().model_dump() == {
        "name": "sierra",
        "bbox": (-120.5, 38.5, -119.5, 39.5),
        "priority": 2,
        "update_interval_days": 7,
        "pre_window_days": 30,
        "post_window_days": 30,
        "fire_mask": None,
        "zoom_min": 5,
        "zoom_max": 12,
        "source": "earth-search-sentinel-2-l2a",
        "product": "dnbr",
        "max_cloud_percent": 60.0,
        "mode": "copy",
    }


@pytest.mark.parametrize(
    ("today", "days", "post", "pre", "just_before"),
    [
        # 30 days: 22 to 31 July are ten, 1 to 20 August are twenty.
        ("2026-08-20", 30, "2026-07-22/2026-08-20", "2025-07-22/2025-08-20", "2026-06-22/2026-07-21"),
        ("2026-08-20", 1, "2026-08-20/2026-08-20", "2025-08-20/2025-08-20", "2026-08-19/2026-08-19"),
        # Over the turn of the year.
        ("2026-01-05", 10, "2025-12-27/2026-01-05", "2024-12-27/2025-01-05", "2025-12-17/2025-12-26"),
        # 29 February has no day a year before; ten days to the 28th of a year without it begin on the 19th.
        ("2024-02-29", 10, "2024-02-20/2024-02-29", "2023-02-19/2023-02-28", "2024-02-10/2024-02-19"),
    ],
)
def test_the_days_before_end_a_year_before_those_after(today, days, post, pre, just_before):
    of = region(pre_window_days=days, post_window_days=days)
    after = of.post_window(date.fromisoformat(today))
    assert after.text == post
    assert of.pre_window(after).text == pre
    assert of.just_before(after).text == just_before


def test_windows_may_differ_in_length():
    of = region(pre_window_days=60, post_window_days=15)
    after = of.post_window(date(2026, 8, 20))
    assert (after.text, of.pre_window(after).text) == ("2026-08-06/2026-08-20", "2025-06-22/2025-08-20")


def test_tiles_are_counted_by_hand():
    # At zoom 2 a tile is 90 degrees wide, and the rows meet at 0 and 66.51 degrees north.
    assert tiles_at(Bbox(-120.5, 38.5, -119.5, 39.5), 2) == 1
    assert tiles_at(Bbox(-90.5, -0.5, -89.5, 0.5), 2) == 4  # around the corner of four
    assert tiles_at(Bbox(-90.0, 0.0, 0.0, 66.0), 2) == 1  # exactly one tile wide; its edges are no area
    assert tiles_at(Bbox(-180.0, -80.0, 180.0, 80.0), 2) == 16
    assert tiles_at(Bbox(179.0, 1.0, -179.0, 2.0), 2) == 2  # the first and the last column
    assert tiles_at(Bbox(179.0, 1.0, -179.0, 2.0), 0) == 1
    assert tiles_at(Bbox(1.0, -60.0, -1.0, 60.0), 1) == 4  # nearly around the world
    assert region(zoom_min=0, zoom_max=2).tile_count == 3


@settings(max_examples=200, deadline=None)
@given(
    west=st.integers(-179_000_000, 170_000_000).map(lambda millionths: millionths / 1e6),
    south=st.integers(-80_000_000, 75_000_000).map(lambda millionths: millionths / 1e6),
    width=st.floats(0.01, 9),
    height=st.floats(0.01, 9),
    zoom=st.integers(0, 9),
)
def test_tiles_are_those_of_morecantile(west, south, width, height, zoom):
    box = Bbox(west, south, west + width, south + height)
    assert tiles_at(box, zoom) == len(list(TMS.tiles(*box.degrees, zooms=[zoom])))
