"""The corpus of scripts/corpus: what counts as a difference, and what is normalised away."""

import io
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from scripts.corpora.asking import Answer, Question
from scripts.corpora.differing import differences
from scripts.corpora.expected import Expected, ExpectedFileError, read_expected
from scripts.corpora.normalising import normalised
from scripts.corpora.recording import Exchange, Recording, Run, read, write

RUN = Run(datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 1, 12, 5, tzinfo=UTC))
LATER = Run(RUN.began + timedelta(days=3), RUN.ended + timedelta(days=3))


def answer(body: object, media_type: str = "application/json", status: int = 200, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {"content-type": media_type, **headers}, content)


def in_form(array: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    if form == "npy":
        np.save(file, array)
    else:
        Image.fromarray(array).save(file, form)
    return file.getvalue()


def test_equal_answers_have_no_difference():
    assert list(differences(answer({"a": 1}), answer({"a": 1}))) == []


def test_status_headers_and_members_are_told_apart():
    old = answer({"a": 1, "b": [1, 2]}, etag='"1"')
    new = answer({"a": 1.5, "b": [1], "c": None}, status=404, etag='"2"')
    assert list(differences(old, new)) == [
        "status 200, now 404",
        "header etag: '\"1\"', now '\"2\"'",
        "body.a: 1, now 1.5",
        "body.b: 2 entries, now 1",
        "body.c: new, None",
    ]


def test_another_order_of_members_is_a_difference():
    (said,) = differences(answer(b'{"a": 1, "b": 2}'), answer(b'{"b": 2, "a": 1}'))
    assert said.startswith("body: the same document, written differently")


def test_pixels_of_pictures_are_counted():
    plane = np.zeros((4, 5), np.uint8)
    other = plane.copy()
    other[1, 1:3] = 7
    old, new = (answer(in_form(each, "png"), "image/png") for each in (plane, other))
    assert list(differences(old, new)) == ["2 of 20 pixels differ, by 7 at most"]


def test_missing_values_of_arrays_are_equal():
    planes = np.array([[[1.0, np.nan]], [[255.0, 0.0]]], np.float32)
    other = planes.copy()
    other[0, 0, 0] = 1.5
    lost = np.full_like(planes, np.nan)
    old, same, new, none = (
        answer(in_form(each, "npy"), "application/x-binary") for each in (planes, planes.copy(), other, lost)
    )
    assert list(differences(old, same)) == []
    assert list(differences(old, new)) == ["1 of 2 pixels differ, by 0.5 at most"]
    assert list(differences(old, none)) == ["2 of 2 pixels differ; 0 were missing, 2 now are"]


def test_moments_of_the_run_are_equal_in_two_runs_and_others_are_not():
    def told(run: Run, landed: str) -> Answer:
        document = {"created_at": run.began.isoformat(), "datetime": landed}
        return normalised(Exchange(Question("areas", "/areas/1"), answer(document, etag='W/"x"')), run)

    assert told(RUN, "2024-06-09T17:24:41Z") == told(LATER, "2024-06-09T17:24:41Z")
    assert told(RUN, "2024-06-09T17:24:41Z") != told(LATER, "2024-06-09T17:24:42Z")


def test_windows_of_regions_count_from_the_day_of_the_run():
    def told(run: Run, days: int) -> bytes:
        document = {"pre_start": str((run.began - timedelta(days=days)).date())}
        return normalised(Exchange(Question("regions", "/regions"), answer(document)), run).body

    assert told(RUN, 395) == told(LATER, 395)
    assert told(RUN, 395) != told(LATER, 394)


def test_a_recording_is_read_as_it_was_written(tmp_path):
    asked = Question("tile", "/tiles/ndvi/0/0/0.png", headers={"If-None-Match": "*"})
    recording = Recording({"commit": "c"}, RUN, [Exchange(asked, answer(b"\x00\xff", "image/png"))])
    write(recording, tmp_path)
    assert read(tmp_path) == recording


def test_expected_differences_have_a_reason_and_cover_what_fits(tmp_path):
    file = tmp_path / "expected.toml"
    file.write_text(
        '[[expected]]\nkind = "interface"\ndifference = "paths"\nreason = "another description"\n'
    )
    assert read_expected(file) == [Expected("another description", "interface", "", "paths")]
    (one,) = read_expected(file)
    assert one.covers("interface", "GET /openapi.json", "body.paths./jobs: new")
    assert not one.covers("tile", "GET /tiles", "body.paths")
    file.write_text('[[expected]]\nkind = "interface"\n')
    with pytest.raises(ExpectedFileError, match="reason"):
        read_expected(file)
