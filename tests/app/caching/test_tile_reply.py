"""What a tile's headers say, and when a caller already has the tile."""

import pytest

from app.caching.tile_reply import (
    answer_headers,
    if_none_match,
    matches,
    requested_revision,
    tile_headers,
    validators,
)
from app.caching.tile_service import Tier, TileAnswer
from app.rendering.address import TileFormat
from tests.app.caching.stand_ins import resolved_tile

TAG = b'"' + b"ab" * 16 + b'"'


def test_the_tag_is_the_first_half_of_the_key_in_quotes():
    assert validators(resolved_tile("ab" * 32), None)[0] == (b"etag", TAG)


@pytest.mark.parametrize(
    "condition",
    [
        TAG,
        b"W/" + TAG,
        b'"other", ' + TAG,
        b'"other",W/' + TAG + b',"another"',
        b'"with, comma", ' + TAG,
        b"*",
        b" * ",
    ],
)
def test_the_caller_has_it(condition):
    assert matches(condition, TAG)


@pytest.mark.parametrize(
    "condition",
    [
        b"",
        b'"other"',
        b"ab" * 16,  # no quotes: not a tag
        b'"' + b"ab" * 17 + b'"',  # longer than ours
        b'"' + b"ab" * 15 + b'"',
        b'"*"',
        b'"other", "**"',
    ],
)
def test_the_caller_has_something_else(condition):
    assert not matches(condition, TAG)


def test_several_lines_are_one_list():
    headers = [(b"host", b"x"), (b"if-none-match", b'"one"'), (b"accept", b"*/*"), (b"if-none-match", TAG)]
    assert if_none_match(headers) == b'"one", ' + TAG
    assert if_none_match(headers[:1]) is None


@pytest.mark.parametrize(
    ("query", "revision"),
    [(b"", None), (b"datetime=2024-06&v=abc", "abc"), (b"v=a%62c", "abc"), (b"av=1", None), (b"v=", None)],
)
def test_the_revision_of_an_address(query, revision):
    assert requested_revision(query) == revision


def test_an_address_with_its_revision_never_changes():
    headers = dict(tile_headers(resolved_tile(revision="0123"), Tier.REDIS, "0123"))
    assert headers == {
        b"content-type": b"image/png",
        b"etag": TAG,
        b"cache-control": b"public, max-age=31536000, immutable",
        b"x-cache": b"redis",
    }


@pytest.mark.parametrize("requested", [None, "older"])
def test_any_other_address_is_to_be_asked_again(requested):
    headers = dict(tile_headers(resolved_tile(revision="0123"), Tier.PROCESS, requested))
    assert headers[b"cache-control"] == b"public, max-age=60, must-revalidate"


def test_synthetic_data_is_said_to_be_so():
    assert (b"x-tilewatch-synthetic", b"1") in tile_headers(resolved_tile(synthetic=True), Tier.REDIS, None)


def test_a_tile_says_that_a_scene_is_in_near_real_time():
    mark = (b"x-tilewatch-near-real-time", b"1")
    early, usual = resolved_tile(scene_id="near-real-time.TEMPO"), resolved_tile(scene_id="TEMPO")
    assert mark in tile_headers(early, Tier.REDIS, None)
    assert mark not in tile_headers(usual, Tier.REDIS, None)


def test_a_computed_tile_says_what_each_step_took():
    tile = resolved_tile(format=TileFormat.TIF)
    timing_ms = {"read": 12.3456, "wait": 0.0}
    answer = TileAnswer(b"12345", "image/tiff", Tier.COMPUTED, tile.key, (), timing_ms, files=3)
    headers = dict(answer_headers(tile, answer, None))
    assert headers[b"server-timing"] == b'read;dur=12.35, wait;dur=0.00, files;desc="3"'
    assert headers[b"content-length"] == b"5"
    assert headers[b"x-cache"] == b"computed"
    assert headers[b"content-type"] == b"image/tiff; application=geotiff"


def test_a_tile_that_lacks_a_scene_is_not_to_be_kept_by_anyone():
    tile = resolved_tile(revision="0123")
    answer = TileAnswer(b"", "image/png", Tier.COMPUTED, tile.key, ("a", "b"), {})
    headers = answer_headers(tile, answer, "0123")
    assert [value for name, value in headers if name == b"cache-control"] == [b"no-store"]
    assert b"etag" not in dict(headers)
    assert dict(headers)[b"x-tilewatch-skipped"] == b"2"
