"""Texts: in every text parameter of the OpenAPI document, texts that are never typed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from scripts.fuzzing.described import QUIETLY
from scripts.fuzzing.geometries import answer_of
from scripts.fuzzing.known import CORNERS, HERE, TILES
from scripts.fuzzing.sending import turns
from scripts.fuzzing.shapes import written
from scripts.fuzzing.tally import Tally

LONGEST = 12_000
"""Characters of a text: servers refuse longer addresses as such."""

TEXTS = (
    "\ud800", "a\udfffb", "\0", "a\0b", "9" * 5000, "-" + "9" * 5000, "1e400", "-1e400", "NaN", "Infinity",
    "0x10", "1_000", "٣", "1e-400", "0." + "0" * 4000 + "1", "(" * 3000, "((a))" * 500, "[" * 3000,
    '{"a":' * 300, "[[[[[[[[]]]]]]]]", "{}", "null", '"', "'", "--", "; select pg_sleep(9)", "%", "%00",
    "%25%32%66", "../../etc/passwd", "..\\..", "/", "//", "file:///etc/passwd", "http://127.0.0.1/",
    "\r\nX: y", "\t", " ", "", "\ufeff", "\u202e", "\U0001f600" * 50, "é" * 1000, "a" * 10_000, ",", ",,,,",
    "," * 3000, "1,2,3,4,5,6,7,8", "+" * 400 + "red", "-" * 400 + "red", "red" + "+red" * 2000,
    "red**red**red**red**9999", "9**9**9**9", "red/0", "where(" * 200 + "red", "nir if red else",
    "__import__('os')", "red[0]", "lambda: 0", "sum(red)", "1" + "0" * 300, "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:60Z", "2024-02-30", "2024-13", "0000", "10000-01",
    "2024-06/2024-01", "../..", "/..", "2024-06-10T00:00:00." + "9" * 90 + "Z", "2024-W24", "-0001-01",
    "2024-06-10t00:00:00z", "2024-06-10T24:00:00Z", "2024-06/", "now", "epsg:4326", "EPSG:99999", "EPSG:0",
    "EPSG:4978", "ESRI:102100", "OGC:CRS84h", "+proj=pipeline", "urn:ogc:def:crs:EPSG::4326",
    "IAU_2015:49900", "EPSG:" + "9" * 400, "-180,-90,180,90,5", "180,90,-180,-90", "nan,nan,nan,nan",
    "1e308,1e308,-1e308,-1e308", "0,0,0,0", "-1e308,1e308", "1,1", "inf,-inf", "ring:1e308", "ring:-5",
    "ring:nan", "ring:", "0,100,50,-1,101", "T_AFTER(datetime,TIMESTAMP('9999-12-31T23:59:59-23:59'))",
    "id IN (" + ",".join(["'a'"] * 300) + ")", "NOT " * 300, "id LIKE '" + "%" * 2000 + "'",
    "a AND " * 200 + "a", "S_INTERSECTS(geometry,POINT(1e400 1))", "eo:cloud_cover=1e400",
    "id = 'a' OR id = 'b' AND NOT (id LIKE '_')", "CASEI(id)='X'", "geometry", "datetime", "+,-",
    "-datetime,-datetime", "W10=", "WyItZGF0ZXRpbWUiXQ==", "bytes=0-" + "9" * 500,
)  # fmt: skip
"""Texts that broke something somewhere, or might."""

evil = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)).map(lambda two: "".join(two)[:LONGEST]),
    st.text(st.characters(), max_size=60),
)


@dataclass(frozen=True, slots=True)
class TextEntry:
    """A parameter that takes a text."""

    method: str
    path: str
    name: str
    place: str
    """`path`, `query` or `header`."""
    others: tuple[str, ...]
    """The other parameters in the path."""
    beside: str
    """What the query has besides."""

    def request(
        self, client: httpx.Client, text: str, path_values: Mapping[str, Any], headers: Mapping[str, str]
    ) -> httpx.Request:
        """Return the request that carries a text; the rest of it exists.

        Raises:
            ValueError: If the text cannot stand in a header.
        """
        values = {name: path_values[name] for name in self.others}
        values |= {self.name: text} if self.place == "path" else {}
        address = self.path
        for name, value in values.items():
            address = address.replace("{" + name + "}", escaped(str(value)))
        if self.place == "query":
            address += f"?{quote(self.name)}={escaped(text)}{self.beside}"
        sent = dict(headers)
        if self.place == "header":
            if not text.isascii() or not text.isprintable():
                raise ValueError("not a header")
            sent[self.name] = text
        body = written(HERE) if self.method in ("POST", "PUT") else None
        if body is not None:
            sent["Content-Type"] = "application/geo+json"
        return client.build_request(self.method, address, headers=sent, content=body)


def escaped(text: str) -> str:
    """Return a text as an address has it, lone surrogates too."""
    return quote(text, safe="", encoding="utf-8", errors="surrogatepass")


def text_entries(document: Mapping[str, Any]) -> list[TextEntry]:
    """Return every parameter of a document that may hold a text, or is read from one."""
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            in_path = tuple(each["name"] for each in parameters if each["in"] == "path")
            for each in parameters:
                if not _may_be_text(each["schema"]):
                    continue
                others = tuple(name for name in in_path if name != each["name"])
                beside = _beside(path, each["name"])
                found.append(TextEntry(method.upper(), path, each["name"], each["in"], others, beside))
    return found


def _may_be_text(schema: Mapping[str, Any]) -> bool:
    """Return whether a parameter may be any text, or one that is read as something else."""
    kinds = [each.get("type") for each in schema.get("anyOf", [schema]) if "enum" not in each]
    return "string" in kinds or "array" in kinds


def _beside(path: str, name: str) -> str:
    """Return what a route cannot be asked without, or what lets it come further."""
    if path.startswith("/collections/{collection}/tiles"):
        needed = {"bands": "red", "rescale": "0,1"}
        left_out = {name, "bands"} if name in {"expression", "index"} else {name}
        return "".join(f"&{each}={value}" for each, value in needed.items() if each not in left_out)
    if path.startswith("/areas/{area}/timeseries") and name != "product":
        return "&product=ndvi"
    return "&filter-lang=cql2-text" if name == "filter" else ""


def fuzz(
    client: httpx.Client,
    document: Mapping[str, Any],
    known: Mapping[str, Sequence[Any]],
    tally: Tally,
    *,
    headers: Mapping[str, str],
    number: int,
    until: float,
) -> None:
    """Send odd texts in every parameter in turn until a time, drawn from a number."""
    entries = text_entries(document)
    for turn in turns(until):

        @seed(number + turn)
        @settings(QUIETLY, max_examples=100)
        @given(path_values(known), st.sampled_from(entries), evil)
        def ask(values: dict[str, Any], entry: TextEntry, text: str) -> None:
            if time.monotonic() > until:
                return
            try:
                request = entry.request(client, text, values, headers)
            except (ValueError, httpx.InvalidURL):
                return
            answer_of(client, tally, f"{entry.method} {entry.path}", request)

        ask()


@st.composite
def path_values(draw: st.DrawFn, known: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Draw a value that exists for every parameter that is in any path."""
    values = {name: draw(st.sampled_from(choices)) for name, choices in known.items()}
    values |= dict(zip("zxy", draw(st.sampled_from(TILES)), strict=True))
    return values | dict(zip(("minx", "miny", "maxx", "maxy"), draw(st.sampled_from(CORNERS)), strict=True))
