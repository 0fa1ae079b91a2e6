"""CoverageJSON: values along a way as coverages (OGC 21-069r2), `null` where there is none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.exposure.corridor import CorridorCells
from app.exposure.exposure import Exposure
from app.products.product import Product
from mosaics.period import instant_text

COVJSON = "application/vnd.cov+json"
COVJSON_OF_EDR = "application/prs.coverage+json"
"""As the standard names it, for those who ask for it; the other one is registered."""

LANGUAGE = "en"

REFERENCING: Sequence[Mapping[str, Any]] = (
    {
        "coordinates": ["x", "y"],
        "system": {"type": "GeographicCRS", "id": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
    },
    {"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": "Gregorian"}},
)

LENGTH = {
    "type": "Parameter",
    "description": {LANGUAGE: "Length of the way within the cell, on the ellipsoid WGS 84"},
    "unit": {"label": {LANGUAGE: "metre"}, "symbol": "m"},
    "observedProperty": {"label": {LANGUAGE: "Length within the cell"}},
}

COVERED = {
    "type": "Parameter",
    "description": {LANGUAGE: "Share of the cell that lies within the corridor"},
    "unit": {"label": {LANGUAGE: "ratio"}, "symbol": "1"},
    "observedProperty": {"label": {LANGUAGE: "Covered share of the cell"}},
}


@dataclass(frozen=True)
class Domain:
    """Where the values of a coverage lie."""

    kind: str
    """Trajectory, which has times, or MultiPoint."""
    places: Sequence[Sequence[Any]]
    """Of each value: t, x, y of a Trajectory, x, y of a MultiPoint."""
    moment: str | None = None
    """The one time of a MultiPoint; None where there is no scan."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a domain."""
        coordinates = ["t", "x", "y"] if self.kind == "Trajectory" else ["x", "y"]
        axes: dict[str, Any] = {
            "composite": {"dataType": "tuple", "coordinates": coordinates, "values": self.places}
        }
        if self.moment is not None:
            axes["t"] = {"values": [self.moment]}
        has_times = self.kind == "Trajectory" or self.moment is not None
        referencing = REFERENCING if has_times else REFERENCING[:1]
        return {"type": "Domain", "domainType": self.kind, "axes": axes, "referencing": list(referencing)}


@dataclass(frozen=True)
class Coverage:
    """Values in a domain."""

    domain: Domain
    parameters: Mapping[str, Mapping[str, Any]]
    ranges: Mapping[str, Sequence[float | None]]
    more: Mapping[str, Any] = field(default_factory=dict)
    """Members of ours."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a CoverageJSON coverage."""
        return {
            "type": "Coverage",
            "domain": self.domain.to_json(),
            "parameters": dict(self.parameters),
            "ranges": {name: _range(values) for name, values in self.ranges.items()},
            **self.more,
        }


def document_of(coverages: Sequence[Coverage]) -> dict[str, Any]:
    """Return one coverage as such, others as a collection."""
    if len(coverages) == 1:
        return coverages[0].to_json()
    return {
        "type": "CoverageCollection",
        "coverages": [coverage.to_json() for coverage in coverages],
    }


def way_coverage(name: str, exposure: Exposure, moment: str | None, more: Mapping[str, Any]) -> Coverage:
    """Return the values along a way: a Trajectory if its places have times, else a MultiPoint.

    Args:
        name: Of the parameter.
        exposure: What was met.
        moment: Of the one scan, where there is one.
        more: Members of ours.
    """
    lonlats = exposure.pieces.middles.tolist()
    seconds, departure = exposure.journey.middles_of(exposure.pieces), exposure.journey.departure
    if seconds is None or departure is None:
        domain = Domain("MultiPoint", lonlats, moment)
    else:
        times = [_text(departure, each) for each in seconds.tolist()]
        domain = Domain("Trajectory", [[t, x, y] for t, (x, y) in zip(times, lonlats, strict=True)])
    return Coverage(
        domain,
        {name: parameter(exposure.product), "length": LENGTH},
        {name: _values(exposure.values.tolist()), "length": exposure.pieces.lengths_m.tolist()},
        more,
    )


def corridor_coverage(name: str, product: Product, cells: CorridorCells, moment: str | None) -> Coverage:
    """Return the values of the cells of a corridor, as a MultiPoint of their middles."""
    places = [list(place) for place in zip(cells.lons.tolist(), cells.lats.tolist(), strict=True)]
    return Coverage(
        Domain("MultiPoint", places, moment),
        {name: parameter(product), "covered": COVERED},
        {name: _values(cells.values.tolist()), "covered": cells.fractions.tolist()},
    )


def parameter(product: Product) -> dict[str, Any]:
    """Return a product as a parameter of a coverage, with the rules its values keep."""
    rules = "; ".join(f"without what is {rule.label}" for rule in product.mask)
    said = f"{product.description or product.title}{f' ({rules})' if rules else ''}"
    unit = product.unit or "1"
    return {
        "type": "Parameter",
        "description": {LANGUAGE: said},
        "unit": {"label": {LANGUAGE: unit}, "symbol": unit},
        "observedProperty": {"label": {LANGUAGE: product.title}},
    }


def _range(values: Sequence[float | None]) -> dict[str, Any]:
    return {
        "type": "NdArray",
        "dataType": "float",
        "axisNames": ["composite"],
        "shape": [len(values)],
        "values": values,
    }


def _values(values: Sequence[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


def _text(departure: datetime, seconds: float) -> str:
    """Return a moment to the millisecond, where it has parts of a second."""
    moment = departure + timedelta(seconds=round(seconds, 3))
    if not moment.microsecond:
        return instant_text(moment)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
