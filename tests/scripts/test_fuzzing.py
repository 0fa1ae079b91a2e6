"""The tally of scripts/fuzz: which answers are failures, and how they are told."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from scripts.fuzzing.bounds import bound_s
from scripts.fuzzing.geometries import wrong_with
from scripts.fuzzing.tally import Tally, curl
from scripts.fuzzing.texts import escaped

JSON = {"content-type": "application/json"}
PROBLEM = {"content-type": "application/problem+json"}


def answer(status, headers=(), *, path="/areas", took_s=0.1, body=""):
    request = httpx.Request("GET", f"http://127.0.0.1{path}")
    found = httpx.Response(status, request=request, text=body, headers=dict(headers))
    found.elapsed = timedelta(seconds=took_s)
    return found


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        (answer(200), []),
        (answer(404), []),
        (answer(500), ["status 500"]),
        (answer(502), ["status 502"]),
        (answer(503), ["503 without Retry-After"]),
        (answer(503, {"retry-after": "5"}), []),
        (answer(200, took_s=60), ["too slow"]),
    ],
)
def test_what_is_promised_of_all_answers(given, kinds):
    tally = Tally()
    tally.note("GET /areas", given)
    assert [*tally.operations["GET /areas"].failures] == kinds


def test_health_may_be_unavailable_without_saying_for_how_long():
    tally = Tally()
    tally.note("GET /readyz", answer(503))
    assert tally.shortest == {}


def test_of_each_kind_of_failure_the_shortest_request_is_told():
    tally = Tally()
    for path in ("/areas?name=abc", "/areas?name=a", "/areas?name=ab"):
        tally.note("GET /areas", answer(500, path=path))
    said, repeated = tally.repeats(Path("nowhere"))
    assert said.startswith("GET /areas: status 500, 3 times")
    assert repeated.strip() == "curl -si -X GET 'http://127.0.0.1/areas?name=a'"
    assert [line.split()[-1] for line in tally.table()] == ["statuses", "500:3"]


def test_long_bodies_are_kept_in_a_file(tmp_path):
    file = tmp_path / "failures" / "0.body"
    request = httpx.Request("POST", "http://127.0.0.1/areas", content=b"[" * 500, headers={"X-Other": "1"})
    assert curl(request, file) == f"curl -si -X POST http://127.0.0.1/areas --data-binary @{file}"
    assert file.read_bytes() == b"[" * 500


def test_the_first_bound_that_fits_holds():
    assert bound_s("POST", "/products/{product}/statistics") == 30
    assert bound_s("GET", "/products/{product}/times") == 5


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (
            answer(200, JSON, body='{"a": NaN}'),
            "not valid JSON: ValueError",
        ),
        (answer(200, JSON, body='{"a": 1}'), None),
        (answer(400, {"content-type": "text/plain"}, body="no"), "refused as text/plain"),
        (answer(400, PROBLEM, body='{"detail": ""}'), "refused without a reason"),
        (answer(400, PROBLEM, body='{"detail": "too deep"}'), None),
    ],
)
def test_refusals_have_reasons_and_answers_are_json(given, what):
    assert wrong_with(given) == what


def test_lone_surrogates_can_be_sent():
    assert escaped("\ud800/") == "%ED%A0%80%2F"
