"""What a user may write, and what is said to what cannot be meant."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.encoding import PerBand
from ingest.landing_request import BandFile, LandingError, LandingRequest, parse_numbers, parse_time
from mosaics.period import Cadence, PeriodError

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "asset"),
    [
        ("red=B04.tif", BandFile("red", Path("B04.tif"), 1)),
        ("red=stack.tif:3", BandFile("red", Path("stack.tif"), 3)),
        ("red=/data/a=b/stack.tif:12", BandFile("red", Path("/data/a=b/stack.tif"), 12)),
    ],
)
def test_an_asset_is_a_band_a_file_and_perhaps_a_number(text, asset):
    assert BandFile.parse(text) == asset


def test_a_file_whose_name_ends_like_a_number_is_itself(tmp_path):
    (tmp_path / "a:1").touch()
    assert BandFile.parse(f"red={tmp_path}/a:1") == BandFile("red", tmp_path / "a:1", 1)


@pytest.mark.parametrize("text", ["red", "red=", "=B04.tif", ""])
def test_a_text_that_is_no_asset_is_refused(text):
    with pytest.raises(LandingError, match=r"one looks like red=B04.tif"):
        BandFile.parse(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "a/b"}, "'a/b' is not a valid id"),
        ({"id": ".hidden"}, "is not a valid id"),
        ({"id": ""}, "is not a valid id"),
        ({"id": "x" * 129}, "is not a valid id"),
        ({"assets": ()}, "at least one asset"),
        (
            {"assets": (BandFile("red", Path("a")), BandFile("red", Path("b")))},
            "red given more than once",
        ),
        ({"cloud_cover_percent": 101.0}, "101 is not a valid cloud cover"),
        ({"cloud_cover_percent": math.nan}, "not a valid cloud cover"),
        ({"baseline": "5"}, "not a valid processing baseline"),
        ({"scales": PerBand(None, {"nir": 2.0})}, "--scale names nir, which no --asset gives"),
        ({"nodata": PerBand(without=frozenset({"nir"}))}, "--nodata names nir, which no --asset gives"),
        ({"scales": PerBand(0.0)}, "scale of 0"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(change, said):
    order = {"id": "a", "start": NOON, "end": NOON, "assets": (BandFile("red", Path("a.tif")),)}
    with pytest.raises(ValueError, match=said):
        LandingRequest(**{**order, **change})


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024-06-15T12:00:00Z", NOON, NOON),
        ("2024-06-15T14:00:00+02:00", NOON, NOON),
        ("2024-06", datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)),
        ("2024-06-15T12", NOON, datetime(2024, 6, 15, 13, tzinfo=UTC)),
        ("2024-06-15/2024-06-16", datetime(2024, 6, 15, tzinfo=UTC), datetime(2024, 6, 17, tzinfo=UTC)),
    ],
)
def test_a_scene_is_of_an_instant_a_period_or_an_interval(text, start, end):
    assert parse_time(text, Cadence.MONTH) == (start, end)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2024", "'2024' is a year, but the collection has a mosaic for each month"),
        ("2024-06-15/..", "open end"),
        ("2024-06-16/2024-06-15", "."),
        ("2024-13", "."),
        ("June", "."),
        ("2024-06-15T12:00:00", "."),
    ],
)
def test_a_time_that_says_too_little_is_refused(text, said):
    with pytest.raises(PeriodError, match=said):
        parse_time(text, Cadence.MONTH)


def test_numbers_are_for_all_bands_or_for_one():
    numbers = parse_numbers("--scale", ["0.5", "red=2", "nir=1e-4"])
    assert (numbers.of("red"), numbers.of("nir"), numbers.of("blue")) == (2, 0.0001, 0.5)
    assert parse_numbers("--scale", []).of("red") is None


def test_nodata_may_be_nan_but_a_scale_may_not():
    assert math.isnan(parse_numbers("--nodata", ["nan"]).for_all or 0)
    with pytest.raises(LandingError, match=r"not a finite number"):
        parse_numbers("--scale", ["nan"])


def test_none_is_a_nodata_value_of_a_band_or_of_all_others():
    numbers = parse_numbers("--nodata", ["none", "red=7"])
    assert [numbers.is_without(band) for band in ("red", "nir")] == [False, True]
    assert parse_numbers("--nodata", ["red=None"]).without == {"red"}
    with pytest.raises(LandingError, match=r"'none' is not a valid number"):
        parse_numbers("--scale", ["none"])
    with pytest.raises(LandingError, match=r"given twice for red"):
        parse_numbers("--nodata", ["red=none", "red=0"])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["x"], "'x' is not a valid number"),
        (["red="], "'' is not a valid number"),
        (["1", "2"], "twice for all"),
        (["a=1", "a=2"], "twice for a"),
    ],
)
def test_what_is_no_number_is_refused(texts, said):
    with pytest.raises(LandingError, match=said):
        parse_numbers("--scale", texts)
