"""The exposure: what a journey meets of a product at one time, as numbers, as an entry and piece by piece."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.exposure.journey import Journey
from app.exposure.measures import Measures, measures_of, share_where
from app.exposure.splitting import Pieces
from app.products.product import Product
from app.rendering.point import STATES
from app.rendering.values import Code
from app.statistics.distribution import Distribution
from app.statistics.summarising import areas_of_classes
from app.statistics.summary import COMPLETE, Status
from mosaics.index import SceneRef
from mosaics.period import instant_text
from mosaics.raster.decimals import Floats
from mosaics.scene import Asset


class Missing(StrEnum):
    """Why a piece has no value, beside what a pixel may say of it."""

    UNREADABLE = "unreadable"
    NO_SCAN = "no_scan"


WORDS = {
    "masked": "masked",
    "nodata": "without data",
    "outside": "outside coverage",
    "outside_zone": "where the product does not apply",
    "unreadable": "in files that cannot be read",
    "no_scan": "at moments outside every scan",
}
"""What a sentence says of a state, after the share of the length."""

OF_CODE = {code: str(STATES[code]) for code in Code}


@dataclass(frozen=True, eq=False)
class Exposure:
    """What a journey meets of a product."""

    product: Product
    journey: Journey
    pieces: Pieces
    values: Floats
    """Of each piece, in the product's unit; NaN where there is none."""
    states: NDArray[np.str_]
    """Of each piece: "ok", or why it has no value."""
    scans: tuple[SceneRef, ...] = ()
    """The scenes values came from, best first."""
    skipped: tuple[SceneRef, ...] = ()
    """Scenes with a file that could not be read."""
    failed: tuple[Asset, ...] = ()
    """Those files."""
    unmasked: tuple[str, ...] = ()
    """Mask rules that could not be applied to a scene because it lacks the band."""
    refusal: str | None = None
    """Why there are no values, as a sentence, where another reason keeps them away."""
    cell_size_m: float | None = None
    """Height of the cells; None where no scene could be read."""
    inputs: str = ""
    """SHA-256, in hex, of all that determines the numbers."""
    windows: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Of a product that compares dates, as used."""

    @cached_property
    def by_length(self) -> Measures:
        """Weighted with metres."""
        return measures_of(self.values, self.pieces.lengths_m)

    @cached_property
    def by_time(self) -> Measures | None:
        """Weighted with seconds; None where nothing is known of time."""
        seconds = self.journey.seconds_of(self.pieces)
        return None if seconds is None else measures_of(self.values, seconds)

    @property
    def moments(self) -> list[str | None]:
        """When the middle of each piece is passed, RFC 3339; None where it is not known."""
        middles, departure = self.journey.middles_of(self.pieces), self.journey.departure
        if middles is None or departure is None:
            return [None] * self.pieces.count
        return [instant_text(departure + timedelta(seconds=each)) for each in middles.tolist()]

    @cached_property
    def lacking(self) -> dict[str, float]:
        """The share of the length without a value, by state."""
        shares = {state: share_where(self.states == state, self.pieces.lengths_m) for state in WORDS}
        return {state: share for state, share in shares.items() if share > 0}

    @cached_property
    def status(self) -> Status:
        """ok: `COMPLETE` of the length has a value and every scene could be read; partial; or empty."""
        valid = self.by_length.valid_share
        complete = valid >= COMPLETE and not self.skipped
        return Status.EMPTY if valid == 0 else Status.OK if complete else Status.PARTIAL

    @property
    def reason(self) -> str | None:
        """What is missing, in a sentence; None where all is there."""
        if self.status is Status.OK:
            return None
        if self.refusal is not None:
            return self.refusal
        said = [
            f"{share * 100:.3g} % of the length lies {WORDS[state]}" for state, share in self.lacking.items()
        ]
        if self.skipped:
            said.append(f"left out, since files cannot be read: {', '.join(s.id for s in self.skipped[:3])}")
        return f"{'; '.join(said)}." if said else None

    def entry(self, period: str) -> dict[str, Any]:
        """Return it as an entry of a series, ready for JSON: no number is NaN or infinite."""
        length, time = self.by_length, self.by_time
        codes = self.product.takes_codes
        entry: dict[str, Any] = {
            "period": period,
            "status": str(self.status),
            "length_km": length.weight / 1000,
            "valid_share": length.valid_share,
            **_numbers(length, of_codes=codes),
            "duration_s": None if time is None else self.journey.duration_s,
            "time": None
            if time is None
            else {"valid_share": time.valid_share, **_numbers(time, of_codes=codes)},
            "lacking": self.lacking,
            "pieces": self.pieces.count,
            "scans": [scan_document(scan) for scan in self.scans],
            "rules": [rule.label for rule in self.product.mask],
            "parameters": dict(self.product.parameter_values),
            "cell_size_m": self.cell_size_m,
            "synthetic": any(scan.synthetic for scan in self.scans),
            "inputs": self.inputs,
        }
        if classes := self._classes():
            entry["classes"] = classes
        if self.reason is not None:
            entry["reason"] = self.reason
        if self.windows:
            entry["windows"] = dict(self.windows)
        if self.product.offset is not None:
            entry["offset"] = {"value": self.product.offset}
        if self.skipped:
            entry["skipped"] = [scene.id for scene in self.skipped]
        if self.unmasked:
            entry["unmasked"] = list(self.unmasked)
        return entry

    def _classes(self) -> list[dict[str, Any]]:
        held = ~np.isnan(self.values) & (self.pieces.lengths_m > 0)
        if not self.product.class_names or not held.any():
            return []
        lengths = self.pieces.lengths_m[held]
        found = areas_of_classes(self.product, Distribution.of((), self.values[held], lengths))
        return [
            {"name": name, "length_km": metres / 1000, "share": metres / float(lengths.sum())}
            for name, metres in zip(self.product.class_names, found, strict=True)
        ]


def _numbers(measures: Measures, *, of_codes: bool) -> dict[str, float | None]:
    """Return the numbers; numbers of classes have none."""
    facts = asdict(measures)
    return {name: None if of_codes else facts[name] for name in ("mean", "max", "p95")}


def scan_document(scan: SceneRef) -> dict[str, str]:
    """Return a scan as it is told, ready for JSON."""
    return {"id": scan.id, "start": instant_text(scan.start), "end": instant_text(scan.end)}


def states_of(codes: NDArray[np.uint8], values: Floats, *, is_failing: bool) -> NDArray[np.str_]:
    """Return the state of pieces by the codes of their cells.

    Args:
        codes: A `Code` each, (n,).
        values: Of each, NaN where there is none.
        is_failing: Whether a file could not be read, so that what has no data may have some.
    """
    states = np.full(len(codes), str(OF_CODE[Code.OUTSIDE]), dtype="<U12")
    for code, name in OF_CODE.items():
        states[codes == code] = name
    if is_failing:
        states[np.isnan(values) & np.isin(states, [OF_CODE[Code.NODATA], OF_CODE[Code.OUTSIDE]])] = (
            Missing.UNREADABLE
        )
    return states


def used_of(scenes: Sequence[SceneRef], used: Sequence[str]) -> tuple[SceneRef, ...]:
    """Return the scenes that were used, best first."""
    return tuple(scene for scene in scenes if scene.id in set(used))
