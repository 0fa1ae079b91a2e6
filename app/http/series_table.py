"""Series as a table: the same columns in every answer about a product, whatever its form."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

from app.products.product import Product
from app.statistics.summary import meaning_of

Cell: TypeAlias = str | float | bool | None

NUMBERS = (
    *("valid_fraction", "area_km2", "valid_area_km2", "mean", "median", "std", "variance", "min", "max"),
    *("sum", "count", "area_weighted_sum"),
)
"""Mean to maximum are in the product's unit and the variance is in its square; `count` is in pixels, `sum` in
unit times pixels and `area_weighted_sum` in unit times km2."""

LIT = ("lit_area_km2", "lit_share")

FURTHER_LIT = {"lit_area_km2": "area_km2", "lit_share": "share"}
LIT_MEANING = ("lit_meaning",)
"""What a threshold means where it is not what it says."""
LIT_CHANGES = {name: name for name in ("newly_lit_km2", "dimmed_km2", "lit_before_km2", "lit_after_km2")}

TEXTS = ("period", "status", "unit", "scenes", "reason", "note", "inputs")
TRUTHS = ("kept", "synthetic")

BLANK = frozenset({"empty", "pending"})
"""States of entries that have no values."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    holds: Literal["text", "number", "truth", "id"]


def columns(product: Product) -> tuple[Column, ...]:
    """Return the columns of a product's series.

    Names of area columns include their unit; `unit` holds the product's unit, window columns their period.
    """
    names = (
        *("period", "status", "kept", "unit", *NUMBERS, "p2", "p98", "lit_above", *LIT),
        *(f"{name} (above {above:g})" for above, names in _further_lights(product) for name in names),
        *(LIT_MEANING if thresholds_said(product) else ()),
        *(f"{name} (ha)" for name in product.class_names),
        *(f"{row.name} (ha)" for row in product.counted),
        *_windows(product),
        *("cell_size_m", "synthetic", "scenes", "reason", "note", "inputs"),
    )
    texts = {*TEXTS, *LIT_MEANING, *_windows(product)}
    return tuple(
        Column(name, "text" if name in texts else "truth" if name in TRUTHS else "number") for name in names
    )


def row(product: Product, entry: Mapping[str, Any]) -> list[Cell]:
    """Return the cells of an entry, in the order of `columns`.

    Unknown values are None, and so are all numbers of an entry without values but the polygon's own area.
    """
    classes = {each["name"]: each["area_ha"] for each in entry.get("classes", ())}
    counted = {each["name"]: each["area_ha"] for each in entry.get("counted", ())}
    windows = entry.get("windows", {})
    lit = {each["above"]: each for each in entry.get("lit_changes" if product.lights else "lit", ())}
    percentiles = entry.get("percentiles", {})
    numbers = {"area_km2": entry.get("area_km2")} if entry["status"] in BLANK else entry
    return [
        *(entry["period"], entry["status"], entry["kept"], product.unit),
        *(numbers.get(name) for name in NUMBERS),
        *(percentiles.get("p2"), percentiles.get("p98")),
        *(None if product.lights else product.lit_above, *(entry.get(name) for name in LIT)),
        *chain.from_iterable(_lights(lit.get(above, {}), names) for above, names in _further_lights(product)),
        *(None if entry["status"] in BLANK else said for said in thresholds_said(product)),
        *(classes.get(name) for name in product.class_names),
        *(counted.get(row.name) for row in product.counted),
        *(windows.get(role, {}).get("period") for role in _windows(product)),
        *(entry.get("cell_size_m"), entry.get("synthetic")),
        *(" ".join(entry.get("scenes", ())), entry.get("reason"), entry.get("note"), entry.get("inputs")),
    ]


def thresholds_said(product: Product) -> tuple[str, ...]:
    """Return one sentence of a product's thresholds that mean another than they say; none where none does."""
    said = {above: meaning_of(above, product.zero_below) for above in product.lit_thresholds}
    sentences = [f"above {above:g} means {meaning}" for above, meaning in said.items() if meaning]
    return ("; ".join(sentences),) if sentences else ()


def _further_lights(product: Product) -> list[tuple[float, Mapping[str, str]]]:
    """Return thresholds and the columns of each: a name in an entry by the column's."""
    if product.lights is not None:
        return [(above, LIT_CHANGES) for above in product.lit_thresholds]
    return [(above, FURTHER_LIT) for above in product.further_lit_above]


def _lights(found: Mapping[str, float], names: Mapping[str, str]) -> list[Cell]:
    return [found.get(name) for name in names.values()]


def _windows(product: Product) -> tuple[str, ...]:
    return tuple(role for role in product.role_bands if role)
