"""Series as CSV, with the same columns in every answer about a product."""

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from app.products.product import Product

NUMBERS = (
    *("valid_fraction", "area_km2", "valid_area_km2", "mean", "median", "std", "variance", "min", "max"),
    *("sum", "count", "area_weighted_sum"),
)
"""Mean to maximum are in the product's unit and the variance is in its square; `count` is in pixels, `sum` in
unit times pixels and `area_weighted_sum` in unit times km2."""

LIT = ("lit_area_km2", "lit_share")


def columns(product: Product) -> tuple[str, ...]:
    """Return the names of the columns.

    Names of area columns include their unit; `unit` holds the product's unit, window columns their period.
    """
    classes = (f"{name} (ha)" for name in product.class_names)
    return (
        *("period", "status", "kept", "unit", *NUMBERS, "p2", "p98", "lit_above", *LIT),
        *(f"{name} (above {above:g})" for above in product.further_lit_above for name in LIT),
        *classes,
        *(f"{row.name} (ha)" for row in product.counted),
        *_windows(product),
        *("cell_size_m", "synthetic", "scenes", "reason", "note", "inputs"),
    )


def _windows(product: Product) -> tuple[str, ...]:
    return tuple(role for role in product.role_bands if role)


def series_csv(product: Product, entries: Iterable[Mapping[str, Any]]) -> str:
    """Return an RFC 4180 table: the header, then one line per entry.

    Unknown values are empty, and so are all numbers of an entry without values but the polygon's own area.
    """
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(columns(product))
    table.writerows(_row(product, entry) for entry in entries)
    return out.getvalue()


def _row(product: Product, entry: Mapping[str, Any]) -> list[Any]:
    classes = {each["name"]: each["area_ha"] for each in entry["classes"]}
    counted = {each["name"]: each["area_ha"] for each in entry.get("counted", ())}
    windows = entry.get("windows", {})
    lit = {each["above"]: (each["area_km2"], each["share"]) for each in entry.get("lit", ())}
    percentiles = entry["percentiles"]
    numbers = (
        dict.fromkeys(NUMBERS) | {"area_km2": entry["area_km2"]} if entry["status"] == "empty" else entry
    )
    return [
        *(entry["period"], entry["status"], _truth(entry["kept"]), product.unit),
        *(numbers[name] for name in NUMBERS),
        *(percentiles.get("p2"), percentiles.get("p98")),
        *(product.lit_above, *(entry.get(name) for name in LIT)),
        *chain.from_iterable(lit.get(above, (None, None)) for above in product.further_lit_above),
        *(classes.get(name) for name in product.class_names),
        *(counted.get(row.name) for row in product.counted),
        *(windows.get(role, {}).get("period") for role in _windows(product)),
        *(entry["cell_size_m"], _truth(entry["synthetic"])),
        *(" ".join(entry["scenes"]), entry.get("reason"), entry.get("note"), entry["inputs"]),
    ]


def _truth(value: bool) -> str:
    return "true" if value else "false"
