"""Questions for areas and their kept series; the areas of `REGISTERED` are there before anything is asked."""

import json
from urllib.parse import quote

from scripts.corpora.asking import GEOJSON, Question, Questions
from scripts.corpora.questions.places import (
    FIELDS,
    FIRE,
    MOL,
    TOWN,
    feature,
    holed,
    several,
    square,
    triangle,
)

PATCH = {"Content-Type": "application/merge-patch+json"}

REGISTERED = (
    (square(FIELDS, 0.018), {"name": "North field", "kind": "field", "products": ["ndvi"], "crop": "wheat"}),
    (triangle(FIRE, 0.028), {"name": "Hills", "kind": "fire", "products": ["dnbr", "ndvi"]}),
    (square(TOWN, 0.11), {"name": "Town", "kind": "town", "products": ["nightlights"]}),
    (several(square(FIELDS, 0.01), triangle(TOWN, 0.02)), {"name": "Two parts", "kind": "field"}),
    (holed(MOL, 0.03), {"name": "Mol", "products": ["ndvi"], "note": None, "tags": ["a", 1, {"b": 2.5}]}),
)
"""Polygons and properties; ids are counted from 1."""

KEPT = ((1, "ndvi"), (2, "dnbr"), (2, "ndvi"), (3, "nightlights"), (5, "ndvi"))
"""Areas and products that are kept for them."""


def register() -> list[Question]:
    """What registers the areas."""
    return [
        Question("areas", "/areas", "POST", GEOJSON, feature(polygon, properties=properties))
        for polygon, properties in REGISTERED
    ]


def kept_series() -> Questions:
    """Series of areas, as JSON and CSV, whole and in part, kept and computed."""
    for area, product in KEPT:
        for form in ("json", "csv"):
            yield Question("area series", f"/areas/{area}/timeseries?product={product}&f={form}")
    yield Question("area series", "/areas/1/timeseries")
    for form in ("json", "csv"):
        yield Question("area series", f"/areas/timeseries?product=ndvi&f={form}")
    yield Question("area series", "/areas/1/trend?value=median&seen=0.1")
    yield Question("area tiles", "/areas/tiles.json?product=ndvi")
    yield Question("area tiles", "/areas/tiles/10/526/341.pbf?product=ndvi")
    yield Question("area series", "/areas/1/timeseries?start=2024-01&end=2024-06")
    yield Question("area series", "/areas/1/timeseries?start=2024-01-10T00:00:00Z")
    yield Question("area series", "/areas/2/timeseries?product=ndvi&f=csv&end=2024-01")
    for product in ("true-color", "nightlights", "dnbr", "nightlights-change"):
        yield Question("area series", f"/areas/4/timeseries?product={product}&start=2024-05")
        yield Question("area series", f"/areas/4/timeseries?product={product}&start=2024-05&f=csv")
    for path in [
        "/areas/2/timeseries",
        "/areas/4/timeseries",
        "/areas/99/timeseries?product=ndvi",
        "/areas/1/timeseries?f=xml",
        "/areas/1/timeseries?product=ndvx",
        "/areas/1/timeseries?start=soon",
        "/areas/1/timeseries?from=2024",
        "/areas/1/timeseries?start=2024-06&end=2024-01",
    ]:
        yield Question("area series", path)


def reading() -> Questions:
    """One area, and searches."""
    for area in ("1", "2", "4", "5", "99", "0", "x"):
        yield Question("areas", f"/areas/{area}")
    touched = quote(json.dumps({"type": "Point", "coordinates": [FIELDS.lon, FIELDS.lat]}))
    for query in (
        "",
        "kind=field",
        "name=o",
        "product=ndvi",
        "bbox=5,51,6,52",
        f"intersects={touched}",
        "limit=2",
        "limit=2&after=2",
        "kind=none",
        "bbox=1,2,3",
        "intersects=%7B",
        "limit=0",
        "limit=100000",
        "colour=red",
    ):
        yield Question("areas", f"/areas{query and '?'}{query}")


def writing() -> Questions:
    """What is created, changed, replaced, deleted and refused; ids go on from those registered."""
    crossed = {"type": "Polygon", "coordinates": [[[5, 51], [5.1, 51.1], [5.1, 51], [5, 51.1], [5, 51]]]}
    yield _write("/areas", feature(square(MOL, 0.01), properties={"name": "New"}))
    yield _write("/areas", feature(crossed, properties={"name": "Crossed"}))
    yield _write("/areas?repair=true", feature(crossed, properties={"name": "Crossed", "kind": "bow"}))
    for body in (
        feature(square(MOL, 0.01)),
        feature(square(MOL, 0.01), properties={"name": ""}),
        feature(None),
        "{",
        "[]",
        feature(square(MOL, 0.01), properties={"name": "x", "products": ["ndvx"]}),
        feature(square(MOL, 0.01), properties={"name": "x", "products": "ndvi"}),
        feature(square(MOL, 0.01), properties={"name": "x", "kind": 5}),
        json.dumps(square(MOL, 0.01)),
    ):
        yield _write("/areas", body)
    changes = {"name": "Newer", "crop": "barley", "season": None}
    yield _write("/areas/6", json.dumps({"properties": changes}), "PATCH")
    yield _write("/areas/6", json.dumps({"geometry": None}), "PATCH")
    yield _write("/areas/6", json.dumps({"properties": {"products": ["ndvx"]}}), "PATCH")
    yield _write("/areas/99", json.dumps({"properties": changes}), "PATCH")
    yield _write("/areas/6", feature(triangle(MOL, 0.02), properties={"name": "Replaced"}), "PUT")
    yield _write("/areas/99", feature(triangle(MOL, 0.02), properties={"name": "Replaced"}), "PUT")
    yield Question("areas written", "/areas/6")
    yield Question("areas written", "/areas/6", "DELETE")
    yield Question("areas written", "/areas/6", "DELETE")
    yield Question("areas written", "/areas/6")
    yield Question("areas written", "/areas?limit=100")
    new = feature(square(MOL, 0.01), properties={"name": "Not allowed"})
    for header in (
        {"X-Forwarded-For": "203.0.113.5"},
        {"Authorization": "Bearer stranger"},
        {"Authorization": "Basic eA=="},
        {"X-API-Key": "stranger"},
        {"Origin": "https://maps.example"},
        {"Host": "maps.example"},
    ):
        yield Question("areas written", "/areas", "POST", {**GEOJSON, **header}, new)


def _write(path: str, body: str, method: str = "POST") -> Question:
    return Question("areas written", path, method, PATCH if method == "PATCH" else GEOJSON, body)


ALL = (kept_series, reading, writing)
