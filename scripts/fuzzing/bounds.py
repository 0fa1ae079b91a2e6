"""How long an answer may take, by what is asked; the one table of it."""

import re

BOUNDS_S = (
    (r"POST /products/.+/statistics", 30.0),  # up to 5,000 entries in one piece
    (r"(GET|POST) /products/.+/(bbox|feature)", 20.0),
    (r"POST /products/.+/profile", 20.0),
    (r"POST /areas/statistics", 30.0),
    (r"POST /areas", 10.0),  # 200,000 vertices
    (r"GET /areas/(.+/)?(timeseries|trend)", 20.0),
    (r"(GET|POST) /collections/.+/(trajectory|corridor)", 20.0),
    (r"GET /routes/.+/(exposure|profile)", 20.0),
    (r"(GET|POST) /stac/search", 6.0),  # three seconds in the database, and as much to wait for it
    (r"GET /.+/items$", 6.0),
    (r"GET /catalog/", 6.0),
    (r".*", 5.0),
)
"""Seconds by the beginning of method and path; the first that fits holds. On an idle machine of two cores:
a run beside others takes a factor (`--slack`)."""


def bound_s(method: str, path: str) -> float:
    """Return how long an answer may take, in seconds."""
    asked = f"{method} {path}"
    return next(seconds for pattern, seconds in BOUNDS_S if re.match(pattern, asked))
