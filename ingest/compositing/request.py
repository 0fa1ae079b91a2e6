"""An order of a composite: what somebody asks for, checked before anything is looked at."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.compositing.reducing import METHODS
from mosaics.bbox import Bbox
from mosaics.collection import UnknownBandError
from mosaics.descriptions.collections import CollectionDescription, Composition, find_collection
from mosaics.descriptions.composites import compositable_bands, composite_collections
from mosaics.period import Cadence, Interval, Period, PeriodError, parse_when

MAX_PERIODS = 24
"""Composites one command makes, one a period."""


class CompositeError(ValueError):
    """A composite that cannot be made; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class CompositeRequest:
    """One composite of one period."""

    source: CollectionDescription
    """Whose scenes it is made of."""
    target: CollectionDescription
    """Where it is landed."""
    box: Bbox
    interval: Interval
    """Whose observations count; within the period."""
    period: Period
    bands: tuple[str, ...]
    method: str = "median"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise CompositeError(f"no method '{self.method[:40]}'; there are: {', '.join(METHODS)}.")
        if not self.bands:
            raise CompositeError("a composite has at least one band: --bands red,green,blue.")
        there = compositable_bands(self.source, self.target)
        for band in self.bands:
            if self.source.collection.band(band).categorical:
                raise CompositeError(
                    f"the numbers of {band} are names, of which there is no {self.method}; "
                    f"there are: {', '.join(there)}."
                )
            if band not in there:
                raise UnknownBandError(band, self.target.collection.id, there)
        if doubled := sorted({band for band in self.bands if self.bands.count(band) > 1}):
            raise CompositeError(f"{', '.join(doubled)} given more than once.")

    @property
    def composition(self) -> Composition:
        """Which pixels of the source count."""
        composition = self.target.composition
        assert composition is not None  # noqa: S101 - `find_target` has seen to it
        return composition

    @property
    def id(self) -> str:
        """The scene's id: the same composite asked for again replaces itself."""
        identity = [sorted(self.bands), self.box.parts, self.interval.text]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]
        return f"{self.source.collection.id}-{self.method}-{self.period.text}-{digest}"


def find_target(collections: Mapping[str, CollectionDescription], source_id: str) -> CollectionDescription:
    """Return the collection that holds composites of another.

    Raises:
        UnknownCollectionError: If there is no such other.
        CompositeError: If no collection holds composites of it.
    """
    find_collection(collections, source_id)
    holders = composite_collections(collections)
    if source_id not in holders:
        raise CompositeError(
            f"no collection holds composites of '{source_id}'; there are composites of: "
            f'{", ".join(sorted(holders))}. Another takes a file with [composite] of = "{source_id}".'
        )
    return holders[source_id]


def composite_orders(
    collections: Mapping[str, CollectionDescription],
    source_id: str,
    *,
    box: Bbox,
    when: str,
    bands: Sequence[str],
    method: str,
) -> tuple[CompositeRequest, ...]:
    """Return the composites of a time, one for each period it touches.

    Raises:
        CompositeError, PeriodError, UnknownBandError, UnknownCollectionError: If one cannot be ordered.
    """
    target = find_target(collections, source_id)
    return tuple(
        CompositeRequest(
            source=collections[source_id],
            target=target,
            box=box,
            interval=interval,
            period=period,
            bands=tuple(bands),
            method=method,
        )
        for period, interval in _periods(when, target.collection.cadence)
    )


def _periods(when: str, cadence: Cadence) -> list[tuple[Period, Interval]]:
    """Return the periods of a time, and what of each the time takes."""
    whole = parse_when(when, cadence)
    if whole.start is None or whole.end is None:
        raise PeriodError(f"'{when}' has an open end; a composite takes a {cadence.value}, such as 2024-06.")
    found: list[tuple[Period, Interval]] = []
    period = Period.containing(whole.start, cadence)
    while period.start < whole.end:
        found.append((period, Interval(max(period.start, whole.start), min(period.end, whole.end))))
        period = period.following()
        if len(found) > MAX_PERIODS:
            raise PeriodError(f"'{when}' has more than {MAX_PERIODS} periods; ask for fewer at once.")
    return found
