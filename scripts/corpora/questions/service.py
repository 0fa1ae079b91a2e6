"""Questions for the service itself: health, metrics, orders, regions, coverage."""

import json
from collections.abc import Sequence
from typing import Any

from scripts.corpora.asking import JSON, Question, Questions

TOWN_BOX = [-99.06, 40.46, -98.94, 40.54]

WRONG_COMPOSITES: Sequence[dict[str, Any]] = (
    {"bands": ["redd"]},
    {"bands": []},
    {"aoi": [1, 2, 3]},
    {"toi": "soon"},
    {"collection": "naip"},
    {"method": "x"},
    {"aoi": [-120, 20, -80, 60]},
    {"toi": "2020/2024"},
    {"toi": "2010-06"},
    {"bands": ["scl"]},
    {"colour": "red"},
)
WRONG_INGESTIONS: Sequence[dict[str, Any]] = (
    {"source": "none"},
    {"bands": ["redd"]},
    {"aoi": "here"},
    {"toi": "2000/2024"},
    {"mode": "steal"},
    {"max_cloud": 200},
)
"""Changes that make an order one that is refused."""


def health() -> Questions:
    """What watches the service asks."""
    for path in ("/healthz", "/readyz", "/health", "/meta/health.json"):
        yield Question("health", path)
    yield Question("metrics", "/metrics")


def regions() -> Questions:
    """Regions of the file, each by itself, and what they cover."""
    for path in [
        "/regions",
        "/regions?point=-99.0,40.5",
        "/regions?point=0,0",
        "/regions?point=x",
        "/regions/demo-fire",
        "/regions/incident",
        "/regions/none",
        "/meta/index.json",
        "/meta/demo-fire.json",
        "/meta/none.json",
        "/coverage",
        "/coverage?region=demo-fire",
        "/coverage?bbox=-100,40,-98,41",
    ]:
        yield Question("regions", path)
    yield Question("regions", "/regions/none/refresh", "POST")
    yield Question("regions", "/regions/demo-fire/refresh", "POST", {"X-Forwarded-For": "203.0.113.5"})


def orders() -> Questions:
    """Composites and ingestions ordered, told of, cancelled and refused; none is run."""
    order = {"aoi": TOWN_BOX, "toi": "2024-06-01/2024-06-30", "bands": ["red", "green", "blue"]}
    june = {**JSON, "Idempotency-Key": "june"}
    placed = yield Question("orders", "/composites", "POST", june, json.dumps(order))
    yield Question("orders", "/composites", "POST", june, json.dumps(order))
    yield Question("orders", "/composites", "POST", june, json.dumps(order | {"toi": "2024-05"}))
    if placed.status == 202:
        address = f"/jobs/{json.loads(placed.body)['id']}"
        yield Question("orders", address)
        yield Question("orders", address, "DELETE")
        yield Question("orders", address, "DELETE")
        yield Question("orders", address)
    for changed in WRONG_COMPOSITES:
        yield Question("orders", "/composites", "POST", JSON, json.dumps(order | changed))
    bring = {"aoi": TOWN_BOX, "toi": "2024-06", "source": "earth-search-sentinel-2-l2a", "bands": ["red"]}
    for changed in WRONG_INGESTIONS:
        yield Question("orders", "/ingest", "POST", JSON, json.dumps(bring | changed))
    yield Question("jobs", "/jobs")
    for path in ("/jobs/9999", "/jobs/x", "/jobs?limit=0"):
        yield Question("orders", path)
    yield Question("orders", "/jobs/9999", "DELETE")
    yield Question("orders", "/ingest", "POST", {**JSON, "X-Forwarded-For": "203.0.113.5"}, json.dumps(bring))


ALL = (health, regions, orders)
