"""Questions for scenes: the STAC API, the short catalogue, files."""

import json
from typing import Any
from urllib.parse import quote

from scripts.corpora.asking import JSON, Answer, Question, Questions
from scripts.corpora.questions.places import COLLECTIONS, FIELDS, JULYS, box, ring, square

HOST = "http://localhost"


def catalogue() -> Questions:
    """Landing page, collections, items."""
    yield Question("stac", "/stac")
    yield Question("stac", "/stac/conformance")
    yield Question("stac", "/stac/collections")
    for name in COLLECTIONS:
        yield Question("stac", f"/stac/collections/{name}")
        yield Question("stac items", f"/stac/collections/{name}/items?limit=5")
    for item in [
        "sentinel-2-l2a/items/synthetic-s2-west-2024-06",
        "sentinel-2-l2a/items/mol",
        "landsat-c2-l2/items/224077",
        "black-marble-yearly/items/shanghai-2019",
        "tempo-no2/items/los-angeles",
        "naip/items/naip-20180716",
        "sentinel-2-l2a/items/made-dateline",
        "fire-zones/items/made-zones",
        "sentinel-2-l2a/items/nothing",
    ]:
        yield Question("stac items", f"/stac/collections/{item}")
    composites = yield Question("stac items", "/stac/collections/sentinel-2-monthly/items")
    for feature in json.loads(composites.body)["features"]:
        yield Question("stac items", f"/stac/collections/sentinel-2-monthly/items/{quote(feature['id'])}")
    for query in (
        "datetime=2024-06-01T00:00:00Z/2024-07-31T00:00:00Z",
        "bbox=-100,40,-98,41&limit=3",
        "limit=0",
        "limit=a",
    ):
        yield Question("stac items", f"/stac/collections/sentinel-2-l2a/items?{query}")


def searches() -> Questions:
    """By place, time, properties; sorted, in part, page by page."""
    clouds = quote(json.dumps({"eo:cloud_cover": {"lt": 10}}))
    inside = quote(json.dumps(square(FIELDS, 0.05)))
    for query in (
        "",
        "limit=3",
        "collections=naip",
        "collections=naip,tempo-no2",
        "ids=mol,224077",
        "bbox=-100,40,-98,41",
        "bbox=179,-18,-179,-16",
        "bbox=-100,40,0,-98,41,100",
        "datetime=2024-06-09T17:24:41Z",
        "datetime=../2019-12-31T00:00:00Z",
        "datetime=2025-01-01T00:00:00Z/..",
        f"query={clouds}",
        f"intersects={inside}",
        "sortby=properties.eo:cloud_cover&limit=4",
        "sortby=-id&limit=4",
        "sortby=%2Bdatetime&limit=4",
        "fields=id,geometry&limit=2",
        "fields=-geometry,-assets&limit=2",
        "bbox=1,2,3",
        "datetime=soon",
        "limit=9999",
        "limit=-1",
        "query=%7B",
        "sortby=colour",
        "token=abc",
        f"bbox=1,2,3,4&intersects={inside}",
        "collections=none",
        "colour=red",
        "ids=none",
    ):
        yield Question("stac search", f"/stac/search{query and '?'}{query}")
    for body in (
        {"limit": 3},
        {"bbox": [-100, 40, -98, 41], "datetime": "2024-05-01T00:00:00Z/2024-07-31T00:00:00Z", "limit": 10},
        {"intersects": square(JULYS, 0.1), "sortby": [{"field": "datetime", "direction": "asc"}]},
        {"collections": ["sentinel-2-l2a"], "query": {"eo:cloud_cover": {"lte": 5, "gt": 1}}, "limit": 20},
        {"ids": ["mol"], "fields": {"include": ["id", "properties.datetime"], "exclude": ["links"]}},
        {"bbox": [1, 2]},
        {"colour": "red"},
        {"datetime": "soon"},
        {"intersects": {"type": "Nothing"}},
        {"fields": None},
        {"query": {"eo:cloud_cover": {"near": 5}}},
    ):
        yield Question("stac search", "/stac/search", "POST", JSON, json.dumps(body))
    yield Question("stac search", "/stac/search", "POST", JSON, "{")
    page = yield Question("stac search", "/stac/search?limit=20&collections=sentinel-2-l2a")
    for _ in range(2):
        page = yield Question("stac search", _next(page))
    page = yield Question("stac search", "/stac/search", "POST", JSON, json.dumps({"limit": 30}))
    following = _link(page, "next")
    yield Question("stac search", "/stac/search", "POST", JSON, json.dumps(following["body"]))


def short() -> Questions:
    """/catalog/scenes."""
    bbox = ",".join(map(str, box(FIELDS, 0.2, 0.1)))
    for query in (
        "",
        f"bbox={bbox}",
        f"bbox={bbox}&datetime=2024-06",
        "collection=naip",
        "max_cloud=5",
        "datetime=2024-06/2024-07",
        "datetime=2019-04-11T10:50:29Z",
        "limit=2",
        "collection=none",
        "max_cloud=200",
        "datetime=soon",
        "bbox=1,2",
    ):
        yield Question("catalogue", f"/catalog/scenes{query and '?'}{query}")
    page = yield Question("catalogue", "/catalog/scenes?limit=10")
    yield Question("catalogue", _next(page))


def files() -> Questions:
    """COGs whole and in parts."""
    item = yield Question("stac items", "/stac/collections/black-marble-yearly/items/shanghai-2021")
    address = json.loads(item.body)["assets"]["radiance"]["href"].removeprefix(HOST)
    whole = yield Question("file", address)
    yield Question("file", address, "HEAD")
    for part in ("0-15", "100-", "-64", "0-0", "5-2", "999999999-", "0-3,8-11", "x-y"):
        yield Question("file", address, headers={"Range": f"bytes={part}"})
    tag = whole.headers["etag"]
    yield Question("file", address, headers={"If-None-Match": tag})
    yield Question("file", address, headers={"If-Range": tag, "Range": "bytes=0-15"})
    yield Question("file", address, headers={"If-Range": '"other"', "Range": "bytes=0-15"})
    version = address.rsplit("/", 2)[1]
    yield Question("file", address.replace(version, "0" * len(version)))
    yield Question("file", address.replace("radiance", "nothing"))
    item = yield Question("stac items", "/stac/collections/sentinel-2-l2a/items/synthetic-s2-east-2024-07")
    scl = json.loads(item.body)["assets"]["scl"]["href"].removeprefix(HOST)
    yield Question("file", scl, headers={"Range": "bytes=0-16383"})


def geometries() -> Questions:
    """Searches by shapes that are no polygons, and over the antimeridian."""
    for shape in (
        {"type": "Point", "coordinates": [-99.0, 40.5]},
        {"type": "LineString", "coordinates": [[-100, 40], [-98, 41]]},
        {"type": "MultiPolygon", "coordinates": [[ring(179, -18, 180, -16)], [ring(-180, -18, -179, -16)]]},
    ):
        body = json.dumps({"intersects": shape, "limit": 5})
        yield Question("stac search", "/stac/search", "POST", JSON, body)


def _link(page: Answer, rel: str) -> dict[str, Any]:
    return next(link for link in json.loads(page.body)["links"] if link["rel"] == rel)


def _next(page: Answer) -> str:
    return str(_link(page, "next")["href"]).removeprefix(HOST)


ALL = (catalogue, searches, geometries, short, files)
