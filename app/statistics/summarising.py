"""Summarising: from the tally of a polygon to its statistics, and the sentences that go with them."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from app.products.product import LIT_BOTH, LIT_DIMMED, LIT_NEW, Product, light_mark
from app.statistics.distribution import Distribution
from app.statistics.pixel_grid import PixelGrid
from app.statistics.resolved import ResolvedStatistics
from app.statistics.summary import (
    COMPLETE,
    Bin,
    ClassArea,
    Histogram,
    LightChange,
    LitArea,
    MarkedArea,
    Numbers,
    Observations,
    Status,
    Summary,
)
from app.statistics.tally import Tally

M2_PER_KM2 = 1e6
M2_PER_HA = 1e4


def summary_of(
    resolved: ResolvedStatistics, lattice: PixelGrid | None, tally: Tally, outside: float
) -> Summary:
    """The statistics of a tally.

    Args:
        resolved: What was asked.
        lattice: The cells counted; None where no scene could be read.
        tally: Of all blocks.
        outside: Share of the polygon that lies outside the scenes' footprints; looked at only where values
            are missing.
    """
    product, wanted = resolved.product, resolved.wanted
    values = tally.distribution()
    valid_fraction = 0.0 if values.empty else min(tally.moments.weight / tally.area_m2, 1.0)
    skipped = tuple(scene.id for scene in tally.skipped)
    complete = valid_fraction >= COMPLETE and not skipped
    status = Status.EMPTY if values.empty else Status.OK if complete else Status.PARTIAL
    return Summary(
        status=status,
        reason=None
        if status is Status.OK
        else resolved.refusal or _reason(valid_fraction, outside, _zone_share(tally), skipped),
        valid_fraction=valid_fraction,
        area_km2=tally.area_m2 / M2_PER_KM2,
        valid_area_km2=tally.moments.weight / M2_PER_KM2,
        numbers=None if values.empty else _numbers(values, tally),
        percentiles={
            f"p{p:g}": None if values.empty else values.quantile(p / 100) for p in wanted.percentiles
        },
        classes=() if values.empty else _classes(product, values),
        histogram=() if values.empty or wanted.histogram is None else _histogram(wanted.histogram, values),
        lit_areas=_lit(product, values),
        zero_below=product.zero_below,
        light_changes=_light_changes(product, tally),
        scenes=tuple(scene.id for scene in resolved.scenes.best_first if scene.id in tally.used),
        skipped=skipped,
        unmasked=tally.unmasked,
        synthetic=any(scene.synthetic for scene in resolved.scenes.best_first if scene.id in tally.used),
        inputs=resolved.inputs,
        cell_size_m=None if lattice is None else lattice.cell_size_m,
        windows={window.role: window.to_json() for window in resolved.windows},
        offset=product.offset,
        parameters=product.parameter_values,
        absent=_absent(product, tally, outside) if lattice is not None else (),
        removed=tuple(
            _marked(rule.label, tally.marked.get(rule.label, 0.0), tally.area_m2)
            for rule in product.scene_rules
            if product.removed
        ),
        counted=()
        if values.empty
        else tuple(
            _marked(row.name, tally.marked.get(row.name, 0.0), tally.moments.weight)
            for row in product.counted
        ),
        suspect=_suspect(product, values),
    )


def _numbers(values: Distribution, tally: Tally) -> Numbers:
    moments = tally.moments
    return Numbers(
        mean=min(max(moments.mean, values.smallest), values.largest),  # not off by rounding
        median=values.quantile(0.5),
        std=math.sqrt(moments.variance),
        variance=moments.variance,
        min=values.smallest,
        max=values.largest,
        sum=tally.pixel_sum,
        count=tally.count,
        area_weighted_sum=moments.sum / M2_PER_KM2,
    )


def observations_of(tally: Tally) -> Observations | None:
    """Return how often cells were observed, from the tally of the band that says it; None without any."""
    extent = tally.extent()
    if extent is None:
        return None
    low, high = extent
    return Observations(min(max(tally.moments.mean, low), high), low, high)


def _classes(product: Product, values: Distribution) -> tuple[ClassArea, ...]:
    return tuple(
        ClassArea(name, area / M2_PER_HA, area / values.area)
        for name, area in zip(product.class_names, areas_of_classes(product, values), strict=True)
    )


def areas_of_classes(product: Product, values: Distribution) -> list[float]:
    """Return the area of each class of a product, in order, or whatever else values are weighted with."""
    return _areas_of_codes(product, values) if product.takes_codes else _areas_of_ranges(product, values)


def _areas_of_ranges(product: Product, values: Distribution) -> list[float]:
    found = []
    for row in product.classes:
        lower = 0.0 if row.lower is None else values.below(row.lower)
        upper = values.area if row.upper is None else values.below(row.upper)
        found.append(upper - lower)
    return found


def _areas_of_codes(product: Product, values: Distribution) -> list[float]:
    """The area of each code, and that of all other values."""
    known = [values.at(code) for code in product.codes]
    return [*known, max(values.area - sum(known), 0.0)]


def _histogram(wanted: Histogram, values: Distribution) -> tuple[Bin, ...]:
    low = values.smallest if wanted.low is None else wanted.low
    high = values.largest if wanted.high is None else wanted.high
    if not low < high:  # all values are equal, or lie beyond the one edge that was given
        high = low + 1.0
    edges = np.linspace(low, high, wanted.bins + 1).tolist()
    areas = values.histogram(edges)
    return tuple(
        Bin(lower, upper, area / M2_PER_KM2)
        for (lower, upper), area in zip(pairwise(edges), areas, strict=True)
    )


def _lit(product: Product, values: Distribution) -> tuple[LitArea, ...]:
    if product.lit_above is None or product.lights is not None or values.empty:
        return ()
    areas = ((above, values.area - _dark(product, values, above)) for above in product.lit_thresholds)
    return tuple(
        LitArea(above, area / M2_PER_KM2, min(max(area / values.area, 0.0), 1.0)) for above, area in areas
    )


def _dark(product: Product, values: Distribution, above: float) -> float:
    bound, begins = product.lit_from(above)
    return values.below(bound) if begins else values.up_to(bound)


def _light_changes(product: Product, tally: Tally) -> tuple[LightChange, ...]:
    valid_m2 = tally.moments.weight
    if product.lights is None or not valid_m2:
        return ()
    found = []
    for above in product.lit_thresholds:
        newly, dimmed, both = (
            tally.marked.get(light_mark(state, above), 0.0) / M2_PER_KM2
            for state in (LIT_NEW, LIT_DIMMED, LIT_BOTH)
        )
        valid_km2 = valid_m2 / M2_PER_KM2
        shares = newly / valid_km2, dimmed / valid_km2
        found.append(LightChange(above, newly, dimmed, *shares, dimmed + both, newly + both))
    return tuple(found)


def _absent(product: Product, tally: Tally, outside: float) -> tuple[MarkedArea, ...]:
    """The area without a value, by what keeps it from having one; in all it is what is missing."""
    if not product.reads_windows:
        return ()
    missing = max(tally.area_m2 - tally.moments.weight, 0.0)
    states = {"outside_zone": tally.marked.get("outside_zone", 0.0)}
    if product.roles:
        states["masked"] = tally.marked.get("masked", 0.0)
    rest = max(missing - sum(states.values()), 0.0)
    states["not_covered"] = min(outside * tally.area_m2, rest)
    # Of one date what is masked and what is missing are not kept apart.
    states["no_data" if product.roles else "masked_or_no_data"] = rest - states["not_covered"]
    return tuple(_marked(state, area, tally.area_m2) for state, area in states.items())


def _marked(name: str, area_m2: float, whole_m2: float) -> MarkedArea:
    return MarkedArea(name, area_m2 / M2_PER_HA, area_m2 / whole_m2 if whole_m2 else 0.0)


def _suspect(product: Product, values: Distribution) -> MarkedArea | None:
    if product.plausible is None or values.empty:
        return None
    low, high = product.plausible
    return _marked("suspect", values.below(low) + values.area - values.up_to(high), values.area)


def _zone_share(tally: Tally) -> float:
    return tally.marked.get("outside_zone", 0.0) / tally.area_m2 if tally.area_m2 else 0.0


def _reason(valid_fraction: float, outside: float, zone: float, skipped: Sequence[str]) -> str:
    """Why values are missing, as sentences."""
    if outside >= 1:
        return "No scene covers the area at this time."
    sentences = []
    if outside > 1 - COMPLETE:
        sentences.append(f"{_percent(outside)} of the area lies outside the scenes.")
    if zone > 1 - COMPLETE:
        sentences.append(f"{_percent(zone)} of the area lies outside the zones that count.")
    missing = 1 - valid_fraction - outside - zone
    if missing > 1 - COMPLETE:
        sentences.append(f"{_percent(missing)} of the area is masked or has no data.")
    if skipped:
        scenes = ", ".join(skipped[:5]) + (" and others" if len(skipped) > 5 else "")
        sentences.append(f"Left out, since files of theirs cannot be read: {scenes}.")
    return " ".join(sentences) or "A small part of the area has no value."


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
