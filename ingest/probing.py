"""Probing: how low the digital numbers of a Sentinel-2 band go, which tells whether the offset is in them."""

import numpy as np
from numpy.typing import NDArray

from ingest.harmonising import needs_pixels
from ingest.landing_request import LandingRequest
from ingest.raster import SourceRaster
from mosaics.descriptions.collections import CollectionDescription

CLOUDS = (3, 8, 9, 10)
"""Classes left out of the probe: cloud shadow, cloud of medium and of high probability, thin cirrus."""


def bands_to_probe(source: CollectionDescription, order: LandingRequest) -> tuple[str, ...]:
    """The bands whose pixels tell a scene's offset: red or another reflective one, and the classification.

    Args:
        source: The collection it goes to.
        order: What is asked; its files need not be there.

    Returns:
        None of them where the offset is known without: from the archive, the user or the scene's other bands.
    """
    if source.harmonisation is None or order.decided is not None:
        return ()
    bands = [asset.band for asset in order.assets]
    reflective = [band for band in bands if not source.collection.band(band).categorical]
    given = order.offsets.for_all is not None or order.declared.keys() >= set(reflective)
    if given or not needs_pixels(order.baseline, removed=order.removed):
        return ()
    first = "red" if "red" in reflective else next(iter(reflective), None)
    return tuple(band for band in bands if band in {first, "scl"}) if first else ()


def low_percentile(
    raster: SourceRaster, nodata: float | None, classification: SourceRaster | None = None
) -> float | None:
    """The 1st percentile of the valid, clear digital numbers; None where there are none.

    0 is no data in Sentinel-2 whatever the file's tag says; it is left out before any offset.

    Args:
        raster: A band of uint16.
        nodata: Number of its missing pixels.
        classification: The scene classification, on a grid of its own; without it clouds count as well.
    """
    classes = None if classification is None else np.vstack([rows for _, rows, _ in classification.rows()])
    counts: NDArray[np.int64] = np.zeros(2**16, dtype="int64")
    for top, pixels, kept in raster.rows():
        clear = np.ones(pixels.shape, dtype=bool) if kept is None else kept
        if classification is not None and classes is not None:
            clear = clear & ~np.isin(_seen_from(raster, top, pixels.shape, classification, classes), CLOUDS)
        counts += np.bincount(pixels[clear], minlength=2**16)
    counts[0] = 0
    if nodata is not None:
        counts[int(nodata)] = 0
    reached = np.cumsum(counts)
    return float(np.searchsorted(reached, 0.01 * reached[-1])) if reached[-1] else None


def _seen_from(
    raster: SourceRaster,
    top: int,
    shape: tuple[int, ...],
    other: SourceRaster,
    values: NDArray[np.generic],
) -> NDArray[np.generic]:
    """The nearest value of another raster of the same CRS at each pixel of some rows."""
    here, there = raster.transform, other.transform
    ys = here.f + (top + np.arange(shape[0]) + 0.5) * here.e
    xs = here.c + (np.arange(shape[1]) + 0.5) * here.a
    rows = np.clip(np.floor((ys - there.f) / there.e).astype(int), 0, values.shape[0] - 1)
    columns = np.clip(np.floor((xs - there.c) / there.a).astype(int), 0, values.shape[1] - 1)
    seen: NDArray[np.generic] = values[rows[:, None], columns[None, :]]
    return seen
