"""Series as CSV: the same columns for every answer about a product."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from app.products.product import Product

NUMBERS = (
    *("valid_fraction", "area_km2", "valid_area_km2", "mean", "median", "std", "variance", "min", "max"),
    *("sum", "count", "area_weighted_sum"),
)
"""Mean to maximum in the product's unit, the variance in its square; `count` in pixels, `sum` in unit times
pixels, `area_weighted_sum` in unit times km2."""


def columns(product: Product) -> tuple[str, ...]:
    """The names of the columns; those of areas carry their unit, `unit` has the product's, windows theirs."""
    classes = (f"{row.name} (ha)" for row in product.classes)
    return (
        *("period", "status", "kept", "unit", *NUMBERS, "p2", "p98", "lit_area_km2", "lit_share", *classes),
        *(f"{row.name} (ha)" for row in product.counted),
        *_windows(product),
        *("cell_size_m", "synthetic", "scenes", "reason", "inputs"),
    )


def _windows(product: Product) -> tuple[str, ...]:
    return tuple(role for role in product.role_bands if role)


def series_csv(product: Product, entries: Iterable[Mapping[str, Any]]) -> str:
    """A table by RFC 4180: the names, then one line an entry; what is not known is empty."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(columns(product))
    table.writerows(_row(product, entry) for entry in entries)
    return out.getvalue()


def _row(product: Product, entry: Mapping[str, Any]) -> list[Any]:
    classes = {each["name"]: each["area_ha"] for each in entry["classes"]}
    counted = {each["name"]: each["area_ha"] for each in entry.get("counted", ())}
    windows = entry.get("windows", {})
    percentiles = entry["percentiles"]
    return [
        *(entry["period"], entry["status"], _truth(entry["kept"]), product.unit),
        *(entry[name] for name in NUMBERS),
        *(percentiles.get("p2"), percentiles.get("p98")),
        *(entry.get("lit_area_km2"), entry.get("lit_share")),
        *(classes.get(row.name) for row in product.classes),
        *(counted.get(row.name) for row in product.counted),
        *(windows.get(role, {}).get("period") for role in _windows(product)),
        *(entry["cell_size_m"], _truth(entry["synthetic"])),
        *(" ".join(entry["scenes"]), entry.get("reason"), entry["inputs"]),
    ]


def _truth(value: bool) -> str:
    return "true" if value else "false"
