"""Inputs of an analysis: entries of a series, where a parcel stands, and the hash of all that."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import numpy as np

from app.analysis.analysis_store import Asked
from app.analysis.neighbours import Standing, positions_m, standing
from app.analysis.parcel import AnalysisOptions, Assessed
from app.analysis.parcel_store import Around, Parcel, ParcelSeries
from app.analysis.request import ParcelNumbers
from mosaics.period import Period

ANALYSIS_VERSION = "1"
"""Part of every hash: changes whenever the same inputs would give another result."""

USUAL = ParcelNumbers()


def standing_among(
    parcel: Parcel, series: ParcelSeries, around: Around, options: AnalysisOptions
) -> Standing | None:
    """Return where a parcel stands at the end of its series; None where it or too few others have a value."""
    mean, valid = series.means[-1], series.valid[-1]
    if mean is None or (valid or 0.0) < options.seen or parcel.group[1] is None:
        return None
    place = positions_m(np.array([parcel.lon]), np.array([parcel.lat]))
    near = ((around.places_m - place) ** 2).sum(axis=1) <= options.within_m**2
    others = [
        n
        for n, (known, group) in enumerate(zip(around.ids, around.groups, strict=True))
        if near[n] and known != parcel.id and group == parcel.group
    ]
    return standing(mean, around.values[others], floor=options.floor)


def series_of(entries: Sequence[str]) -> ParcelSeries:
    """Return the entries of a series, given as JSON, that were counted or computed."""
    read = [json.loads(each) for each in entries]
    read = [each for each in read if each.get("status") != "pending"]
    return ParcelSeries(
        tuple(each["period"] for each in read),
        tuple(each["mean"] for each in read),
        tuple(each["valid_fraction"] for each in read),
        tuple(each["inputs"] for each in read),
    )


def until(series: ParcelSeries, tested: Period) -> ParcelSeries:
    """Return the entries with a value up to a period, and that of the period, empty where none is there."""
    kept = [
        n
        for n, (text, mean) in enumerate(zip(series.periods, series.means, strict=True))
        if text == tested.text or (mean is not None and Period.parse(text).start < tested.start)
    ]
    found = ParcelSeries(
        tuple(series.periods[n] for n in kept),
        tuple(series.means[n] for n in kept),
        tuple(series.valid[n] for n in kept),
        tuple(series.inputs[n] for n in kept),
    )
    if found.periods and found.periods[-1] == tested.text:
        return found
    return ParcelSeries(
        (*found.periods, tested.text), (*found.means, None), (*found.valid, None), (*found.inputs, "")
    )


def latest_valued(series: ParcelSeries) -> Period | None:
    """Return the latest period with a value; None where there is none."""
    for text, mean in zip(reversed(series.periods), reversed(series.means), strict=True):
        if mean is not None:
            return Period.parse(text)
    return None


def input_hash(asked: Asked, options: AnalysisOptions, series: ParcelSeries, among: Standing | None) -> str:
    """Return the SHA-256, in hex, of all that determines the analysis of a parcel."""
    facts = [
        ANALYSIS_VERSION,
        asked.product,
        asked.period,
        options.to_json(),
        [
            (period, inputs)
            for period, mean, inputs in zip(series.periods, series.means, series.inputs, strict=True)
            if mean is not None
        ],
        None if among is None else asdict(among),
    ]
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def options_key(numbers: ParcelNumbers) -> str:
    """Return what tells options from others in the database; empty for the usual ones."""
    if numbers == USUAL:
        return ""
    return sha256(numbers.model_dump_json().encode()).hexdigest()


def reported(asked: Asked, options: AnalysisOptions, assessed: Assessed) -> dict[str, Any]:
    """Return an analysis as it is kept and answered."""
    about = {"product": asked.product, "period": asked.period}
    return about | assessed.to_json() | {"options": options.to_json()}
