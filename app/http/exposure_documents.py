"""Exposures as documents: entries under a floor of coverage, as JSON and as tables."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from app.exposure.exposure import Exposure
from app.exposure.measures import HIGH_MEANS
from app.exposure.route import GeometrySource, Route
from app.http.series_csv import csv_lines
from app.products.product import Product

COVERAGE_MIN = 0.5
"""Share of a route that must have a value for its numbers to be given, where a request says no other."""

ROUNDING = 1e-9
"""Of a share: half a route is enough for a floor of one half."""

NUMBERS = ("mean", "max", "p95")

COLUMNS = (
    *("period", "status", "kept", "unit", "length_km", "valid_share", *NUMBERS, "duration_s"),
    *("time_valid_share", "time_mean", "time_p95", "masked", "nodata", "outside", "no_scan"),
    *("scans", "scan_start", "scan_end", "rules", "parameters", "cell_size_m", "synthetic"),
    *("geometry_source", "reason", "note", "inputs"),
)
"""Of the table of a route's entries; shares are those of the length."""

PIECE_COLUMNS = ("part", "segment", "start_m", "length_m", "lon", "lat", "value", "state", "moment")


def floored(entry: Mapping[str, Any], coverage_min: float) -> dict[str, Any]:
    """Return an entry without its numbers where less of the route has a value than a floor.

    Args:
        entry: As it is kept.
        coverage_min: Share of the length, or of the time for numbers by time.
    """
    told, least = dict(entry), coverage_min - ROUNDING
    if (time := entry["time"]) and time["valid_share"] < least:
        told["time"] = time | dict.fromkeys(NUMBERS)
    share = entry["valid_share"]
    if share >= least or entry["status"] == "empty":
        return told
    said = f"Only {share * 100:.3g} % of the length has a value, less than coverage_min={coverage_min:g}"
    reason = entry.get("reason")
    return (
        told
        | dict.fromkeys(NUMBERS)
        | {
            "status": "low_coverage",
            "reason": f"{said}: {reason}" if reason else f"{said}.",
        }
    )


def about(route: Route, product: Product, coverage_min: float) -> dict[str, Any]:
    """Return what every answer about a route and a product says first."""
    return {
        "route": route.id,
        "name": route.description.name,
        "owner": route.description.owner,
    } | about_way(product, route.description.source, coverage_min)


def about_way(product: Product, source: GeometrySource, coverage_min: float) -> dict[str, Any]:
    """Return what every answer about a way and a product says, whether the way is registered or not."""
    return {
        "product": product.id,
        "unit": product.unit,
        "geometry_source": str(source),
        "coverage_min": coverage_min,
        "percentile": HIGH_MEANS,
    }


def entries_csv(route: Route, product: Product, entries: Iterable[Mapping[str, Any]]) -> str:
    """Return entries as a table: the header, then one line each; unknown values are empty."""
    return csv_lines([COLUMNS, *(_row(route, product, entry) for entry in entries)])


def _row(route: Route, product: Product, entry: Mapping[str, Any]) -> list[Any]:
    time, lacking, scans = entry["time"] or {}, entry["lacking"], entry["scans"]
    facts = {
        **entry,
        "unit": product.unit,
        **{f"time_{name}": time.get(name) for name in ("valid_share", "mean", "p95")},
        **{state: lacking.get(state, 0.0) for state in ("masked", "nodata", "outside", "no_scan")},
        "scans": " ".join(scan["id"] for scan in scans),
        "scan_start": min((scan["start"] for scan in scans), default=None),
        "scan_end": max((scan["end"] for scan in scans), default=None),
        "rules": "; ".join(entry["rules"]),
        "parameters": json.dumps(entry["parameters"]) if entry["parameters"] else None,
        "geometry_source": str(route.description.source),
    }
    return [facts.get(name) for name in COLUMNS]


def pieces_of(exposure: Exposure) -> list[dict[str, Any]]:
    """Return the pieces of an exposure in their order, ready for JSON."""
    return [dict(zip(PIECE_COLUMNS, row, strict=True)) for row in piece_rows(exposure)]


def piece_rows(exposure: Exposure) -> list[tuple[Any, ...]]:
    """Return the pieces of an exposure as rows of `PIECE_COLUMNS`."""
    pieces = exposure.pieces
    values = [None if value != value else value for value in exposure.values.tolist()]  # noqa: PLR0124 - NaN
    middles = pieces.middles
    return list(
        zip(
            pieces.part.tolist(),
            pieces.edge.tolist(),
            pieces.begin_m.tolist(),
            pieces.lengths_m.tolist(),
            middles[:, 0].tolist(),
            middles[:, 1].tolist(),
            values,
            exposure.states.tolist(),
            exposure.moments,
            strict=True,
        )
    )
