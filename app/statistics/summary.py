"""The summary: the statistics of one product over one polygon at one time, as an entry of a series."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from app.products.grammar import MAX_CONSTANT
from mosaics.near_real_time import PREFIX

COMPLETE = 0.999
"""Share of the area that must have a value for a summary to be ok."""


class StatisticsRequestError(ValueError):
    """A request for statistics that is not valid; the message says what would be."""


class Status(StrEnum):
    """How much of the area the numbers represent."""

    OK = "ok"
    PARTIAL = "partial"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Histogram:
    """A requested histogram."""

    bins: int
    """1 to 1000, of equal width."""
    low: float | None = None
    """Lower edge of the first bin; None uses the smallest value."""
    high: float | None = None
    """Upper edge of the last bin, which includes it; None uses the largest value."""

    def __post_init__(self) -> None:
        if not 1 <= self.bins <= 1000:
            raise StatisticsRequestError(f"a histogram must have 1 to 1000 bins, not {self.bins}")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise StatisticsRequestError(
                f"a histogram must run from a low value to a high one, not from {self.low:g} to {self.high:g}"
            )
        # Within these its width is far from the largest float.
        if max(abs(self.low or 0), abs(self.high or 0)) > MAX_CONSTANT:
            raise StatisticsRequestError(
                f"a histogram must run within -{MAX_CONSTANT:g} and {MAX_CONSTANT:g}"
            )


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """What is requested besides the numbers that are always given."""

    percentiles: tuple[float, ...] = (2.0, 98.0)
    """0 to 100."""
    histogram: Histogram | None = None

    def __post_init__(self) -> None:
        if len(self.percentiles) > 100:
            raise StatisticsRequestError(
                f"at most 100 percentiles may be requested, not {len(self.percentiles)}"
            )
        for percentile in self.percentiles:
            if not 0 <= percentile <= 100:
                raise StatisticsRequestError(f"percentiles must be between 0 and 100, not {percentile:g}")


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers for the values of an area; there is at least one value.

    Every value is weighted with its area: the area of its cell times the fraction of the cell that the
    polygon covers. On grids with cells of equal size (projected grids) these are exactextract's definitions;
    on grids in degrees they are exactextract's with `coverage_weight=area_spherical_m2`, except for `count`
    and `sum`.
    """

    mean: float
    median: float
    std: float
    """Of the population."""
    variance: float
    """Of the population."""
    min: float
    """Of all cells covered, however little."""
    max: float
    """Of all cells covered, however little."""
    sum: float
    """Pixel sum: sum of covered fraction times value, regardless of the area of cells."""
    count: float
    """Sum of the covered fractions of cells that have a value: a number of pixels."""
    area_weighted_sum: float
    """Sum of area times value, in the product's unit times square kilometres."""


@dataclass(frozen=True, slots=True)
class ClassArea:
    """The area of one class of a product."""

    name: str
    area_ha: float
    fraction: float
    """Share of the area that has a value."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a histogram: includes its lower edge; only the last bin includes its upper edge."""

    low: float
    high: float
    area_km2: float


@dataclass(frozen=True, slots=True)
class LitArea:
    """The area brighter than a threshold."""

    above: float
    """The threshold, in the product's unit."""
    area_km2: float
    share: float
    """Share of the area that has a value, 0 to 1."""


@dataclass(frozen=True, slots=True)
class LightChange:
    """How lights changed at a threshold, over the cells that are valid at both dates."""

    above: float
    """The threshold, in the unit of the lights."""
    newly_lit_km2: float
    dimmed_km2: float
    newly_lit_share: float
    """Share of the area that has a value, 0 to 1."""
    dimmed_share: float
    lit_before_km2: float
    lit_after_km2: float


def meaning_of(above: float, zero_below: float | None) -> str | None:
    """Return what a threshold means where an archive stores values below a number as 0; None elsewhere."""
    if zero_below is None or above > zero_below:
        return None
    return f"above 0: the archive stores values below {zero_below:g} as 0"


@dataclass(frozen=True, slots=True)
class Observations:
    """How often the cells that have a value were observed."""

    mean: float
    """Weighted with their areas, as the mean of the values is."""
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class MarkedArea:
    """The area of one kind of ground."""

    name: str
    area_ha: float
    fraction: float
    """Share of the polygon's area if it has no value; otherwise share of the area that has one."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The statistics of one product over one polygon at one time."""

    status: Status
    """ok: `COMPLETE` of the area has a value and every scene could be read; partial; or empty: no values."""
    reason: str | None
    """Sentences for people, unless everything is ok."""
    valid_fraction: float
    """Share of the area that has a value."""
    area_km2: float
    """Area of the polygon: the areas of cells times the fractions of them that it covers. If no scene could
    be read, the area on the sphere."""
    valid_area_km2: float
    """The part of it that has a value."""
    numbers: Numbers | None
    """None if there are no values."""
    percentiles: Mapping[str, float | None]
    """Requested percentiles by name: p2, p98, p2.5; None if there are no values."""
    classes: tuple[ClassArea, ...]
    """Classes of the product, if it has any, in order."""
    histogram: tuple[Bin, ...]
    lit_areas: tuple[LitArea, ...]
    """Of each threshold of the product, in order; none if there are no values."""
    scenes: tuple[str, ...]
    """Ids of the scenes the values came from, best first."""
    skipped: tuple[str, ...]
    """Ids of scenes left out because one of their files could not be read."""
    unmasked: tuple[str, ...]
    """Mask rules that could not be applied to a scene because it lacks the band."""
    synthetic: bool
    """Whether a scene the values came from is synthetic."""
    inputs: str
    """SHA-256, in hex, of everything that determines the numbers."""
    cell_size_m: float | None
    """Height of the cells counted; None if no scene could be read."""
    windows: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """The windows as used, for products with roles; ready for JSON."""
    offset: float | None = None
    """What was subtracted from every value, for products with an offset."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """The numbers of the product's parameters, where it has any."""
    absent: tuple[MarkedArea, ...] = ()
    """The area without a value, by the reason it has none, for products that read windows."""
    removed: tuple[MarkedArea, ...] = ()
    """What each mask rule removes, of products that tell it: cells that have values but for the rule."""
    counted: tuple[MarkedArea, ...] = ()
    """The product's counted conditions."""
    zero_below: float | None = None
    """Below which the product's archive stores values as 0."""
    light_changes: tuple[LightChange, ...] = ()
    """Of each threshold of a product that compares lights, in order; none if there are no values."""
    observations: Observations | None = None
    """For products that name the band that says it, if the scenes have it."""
    suspect: MarkedArea | None = None
    """Values outside the plausible range, for products that state one."""

    @property
    def lit(self) -> LitArea | None:
        """That of the first threshold."""
        return self.lit_areas[0] if self.lit_areas else None

    def entry(self, period: str) -> dict[str, Any]:
        """Return the summary as an entry of a series, ready for JSON: no number is NaN or infinite."""
        numbers = self.numbers
        entry: dict[str, Any] = {
            "period": period,
            "status": str(self.status),
            "valid_fraction": self.valid_fraction,
            "area_km2": self.area_km2,
            "valid_area_km2": self.valid_area_km2,
        }
        for name in ("mean", "median", "std", "variance", "min", "max", "sum", "count", "area_weighted_sum"):
            entry[name] = None if numbers is None else getattr(numbers, name)
        entry |= {
            "percentiles": dict(self.percentiles),
            "classes": [{"name": c.name, "area_ha": c.area_ha, "fraction": c.fraction} for c in self.classes],
            "scenes": list(self.scenes),
            "inputs": self.inputs,
            "cell_size_m": self.cell_size_m,
            "synthetic": self.synthetic,
        }
        if any(scene.startswith(PREFIX) for scene in self.scenes):
            entry["near_real_time"] = True
        if self.reason is not None:
            entry["reason"] = self.reason
        entry |= self._comparison()
        if self.lit is not None:
            entry |= {"lit_area_km2": self.lit.area_km2, "lit_share": self.lit.share}
            entry["lit"] = [self._lit(each) for each in self.lit_areas]
        if self.light_changes:
            entry["lit_changes"] = [self._lit(each) for each in self.light_changes]
        if self.observations is not None:
            entry["n_obs"] = asdict(self.observations)
        if self.histogram:
            entry["histogram"] = [
                {"from": b.low, "to": b.high, "area_km2": b.area_km2} for b in self.histogram
            ]
        if self.skipped:
            entry["skipped"] = list(self.skipped)
        if self.unmasked:
            entry["unmasked"] = list(self.unmasked)
        return entry

    def _lit(self, lit: LitArea | LightChange) -> dict[str, Any]:
        meaning = meaning_of(lit.above, self.zero_below)
        return asdict(lit) if meaning is None else asdict(lit) | {"meaning": meaning}

    def _comparison(self) -> dict[str, Any]:
        """Return the fields of an entry that only some products have."""
        fields: dict[str, Any] = {}
        if self.windows:
            fields["windows"] = dict(self.windows)
        if self.offset is not None:
            fields["offset"] = {"value": self.offset}
        if self.parameters:
            fields["parameters"] = dict(self.parameters)
        for name, areas in (("absent", self.absent), ("removed", self.removed), ("counted", self.counted)):
            if areas:
                fields[name] = [asdict(area) for area in areas]
        if self.suspect is not None:
            fields["suspect"] = asdict(self.suspect)
        return fields
