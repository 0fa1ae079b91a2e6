"""Geometries: odd shapes at every entry that takes one."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from scripts.fuzzing.described import QUIETLY
from scripts.fuzzing.sending import sent, turns
from scripts.fuzzing.shapes import geometries, written
from scripts.fuzzing.tally import Failure, Tally

GEOJSON = {"Content-Type": "application/geo+json"}
JSON = {"Content-Type": "application/json"}
LONGEST_QUERY = 30_000
"""Characters of a shape that fits into an address; servers refuse longer ones as such."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A way in for a geometry."""

    name: str
    address: str
    body: str | None = None
    """With `%s` in place of the geometry; None: it stands in the address."""
    headers: Mapping[str, str] | None = None

    def request(
        self, client: httpx.Client | httpx.AsyncClient, geometry: Any, headers: Mapping[str, str]
    ) -> httpx.Request | None:
        """Return the request that carries a geometry; None if it would be too long."""
        text = written(geometry)
        if self.body is not None:
            sent = {**(self.headers or JSON), **headers}
            return client.build_request("POST", self.address, content=self.body % text, headers=sent)
        if len(text) > LONGEST_QUERY:
            return None
        return client.build_request("GET", f"{self.address}{quote(text)}", headers=headers)


DNBR = "/products/dnbr/statistics?datetime=2024-07&pre=2024-05"
SMALL = "datetime=2024-06&max_size=64"
CQL2 = '{"op":"s_intersects","args":[{"property":"geometry"},%s]}'
FEATURE_FILE = "POST /products/{product}/feature.{format}"
FEATURE_SIZE = "POST /products/{product}/feature/{width}x{height}.{format}"
FEATURE = '{"type":"Feature","properties":{"name":"odd"},"geometry":%s}'
STATISTICS = "POST /products/{product}/statistics"
ENTRIES = (
    Entry(STATISTICS, "/products/ndvi/statistics?datetime=2024-06", FEATURE, GEOJSON),
    Entry(STATISTICS, "/products/ndvi/statistics?datetime=2024-06&repair=true", FEATURE, GEOJSON),
    Entry(STATISTICS, "/products/true-color/statistics?datetime=2024-06&repair=true", "%s", GEOJSON),
    Entry(STATISTICS, "/products/no2/statistics?repair=true&histogram_bins=3", FEATURE, GEOJSON),
    Entry(STATISTICS, f"{DNBR}&offset=ring&repair=true", FEATURE, GEOJSON),
    Entry(STATISTICS, f"{DNBR}&offset=ring:1000", FEATURE, GEOJSON),
    Entry("POST /areas", "/areas", FEATURE, GEOJSON),
    Entry("POST /areas", "/areas?repair=true", FEATURE, GEOJSON),
    Entry("POST /routes", "/routes", FEATURE, GEOJSON),
    Entry("POST /routes", "/routes?geometry_source=straight-line", FEATURE, GEOJSON),
    Entry("POST /products/{product}/profile", "/products/no2/profile", FEATURE, GEOJSON),
    Entry("POST /products/{product}/profile", "/products/ndvi/profile?datetime=2024-06", "%s", GEOJSON),
    Entry("POST /stac/search", "/stac/search", '{"intersects":%s}'),
    Entry("POST /stac/search", "/stac/search", '{"filter-lang":"cql2-json","filter":' + CQL2 + "}"),
    Entry("GET /stac/search", "/stac/search?intersects="),
    Entry("GET /areas", "/areas?intersects="),
    Entry(FEATURE_FILE, f"/products/ndvi/feature.png?{SMALL}", FEATURE),
    Entry(FEATURE_FILE, f"/products/ndvi/feature.npy?{SMALL}&dst_crs=EPSG:3031", FEATURE),
    Entry(FEATURE_SIZE, "/products/nightlights/feature/9x9.tif?coord_crs=EPSG:4326", FEATURE),
)
"""Every place a geometry can be sent to."""


def fuzz(
    client: httpx.Client, tally: Tally, *, headers: Mapping[str, str], number: int, until: float
) -> None:
    """Send odd geometries to every entry in turn until a time, drawn from a number."""
    for turn in turns(until):

        @seed(number + turn)
        @settings(QUIETLY, max_examples=20)
        @given(geometries, st.lists(st.sampled_from(ENTRIES), min_size=3, max_size=3))
        def ask(geometry: Any, entries: list[Entry]) -> None:
            for entry in entries:
                if time.monotonic() < until:
                    send(client, tally, entry, geometry, headers)

        ask()


def send(client: httpx.Client, tally: Tally, entry: Entry, geometry: Any, headers: Mapping[str, str]) -> None:
    """Send a geometry and note what came of it."""
    request = entry.request(client, geometry, headers)
    if request is not None:
        answer_of(client, tally, entry.name, request)


def answer_of(client: httpx.Client, tally: Tally, name: str, request: httpx.Request) -> None:
    """Send a request and note its answer: in time, no 500, a refusal with its reason, valid JSON."""
    answer = sent(client, tally, name, request)
    if answer is None:
        return
    wrong = wrong_with(answer)
    if wrong is not None:
        tally.fail(name, Failure(wrong, answer.text[:300], request))


def wrong_with(answer: httpx.Response) -> str | None:
    """Return what is wrong with an answer whatever was asked; None if nothing is."""
    content_type = answer.headers.get("content-type", "")
    if 400 <= answer.status_code < 500 and "problem+json" not in content_type:
        return f"refused as {content_type or 'nothing'}"
    if "json" not in content_type or "ndjson" in content_type:
        return None
    try:
        document = json.loads(answer.content, parse_constant=_refuse)
    except ValueError as error:
        return f"not valid JSON: {type(error).__name__}"
    if answer.status_code >= 400 and not document.get("detail"):
        return "refused without a reason"
    return None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
