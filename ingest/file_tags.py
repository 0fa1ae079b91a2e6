"""File tags: scale and offset as a file states them, beside what else is said of the same numbers.

A tag of scale says nothing of the offset: software writes an offset of 0 with it, asked for or not. So where
file and collection agree on the scale, the offset is the one that `--baseline` or the scene's rule gives.
Where two sources cannot both be right and nothing given says which is, the file is refused, naming both.
"""

import math
from collections.abc import Callable

import numpy as np

from ingest.harmonisation import Harmonisation, OffsetUndecidedError
from ingest.raster import RasterRefusedError, SourceRaster
from mosaics.collection import Band

UNTAGGED = (1.0, 0.0)
"""Scale and offset of a file without tags."""
HARMONISED = (0.0, -0.1)
"""Offsets of reflectance that a file may state for Sentinel-2: its numbers carry ESA's 1000, or do not."""


def offset_beside_tags(
    raster: SourceRaster, band: Band, rule: Callable[[], Harmonisation] | None, baseline: str | None
) -> Harmonisation | None:
    """Return what decides the offset of a file with tags; None where the tags do.

    Args:
        raster: The band as its file describes it, with a tag of scale or offset.
        band: The band as its collection describes it.
        rule: Decides the scene's offset; None where the collection's own holds.
        baseline: Processing baseline the scene is said to have.

    Raises:
        RasterRefusedError: If the tags and another source cannot both be right.
        OffsetUndecidedError: If `rule` cannot decide and the tags say no offset.
    """
    scale, offset = raster.scale_offset
    if not math.isclose(scale, band.scale, rel_tol=1e-6):
        _refuse_other_scale(raster, band, baseline if rule is not None else None)
        return None
    if rule is None:
        states = (band.scale, band.offset) != UNTAGGED
        if states and not _equal(offset, band.offset):
            raise _contradiction(raster, band, f"the collection says {band.scale:g} and {band.offset:g}")
        return None
    return _decided(raster, band, rule, baseline)


def _refuse_other_scale(raster: SourceRaster, band: Band, baseline: str | None) -> None:
    """Refuse tags of another scale than the collection's that do not stand by themselves."""
    if baseline is not None:
        meaning = f"--baseline {baseline} speaks of numbers of scale {band.scale:g}"
        raise _contradiction(raster, band, meaning)
    of_numbers = np.dtype(raster.dtype).kind in "iu" and raster.dtype == band.dtype
    if raster.scale_offset[0] == 1.0 and of_numbers:  # an offset alone
        raise _contradiction(raster, band, f"the collection says {band.scale:g} and {band.offset:g}")


def _decided(
    raster: SourceRaster, band: Band, rule: Callable[[], Harmonisation], baseline: str | None
) -> Harmonisation | None:
    """Return the rule's offset, or None for that of tags which nothing speaks against."""
    offset = raster.scale_offset[1]
    try:
        decided = rule()
    except OffsetUndecidedError as error:
        if offset != 0.0:
            return None
        raise OffsetUndecidedError(
            f"the tags of {raster.name} say offset 0, which is written where none is stated, too; {error}"
        ) from error
    if not any(_equal(offset, known) for known in (*HARMONISED, decided.offset)):
        raise _contradiction(raster, band, f"the offset is {decided.offset:g}: {decided.reason}")
    if baseline is not None or offset == 0.0 or _equal(offset, decided.offset):
        return decided
    if decided.is_firm:
        raise _contradiction(raster, band, f"the offset is {decided.offset:g}: {decided.reason}")
    return None


def _contradiction(raster: SourceRaster, band: Band, other: str) -> RasterRefusedError:
    scale, offset = raster.scale_offset
    return RasterRefusedError(
        f"the tags of {raster.name} say scale {scale:g} and offset {offset:g}, but {other}. "
        f"Say which is right for {band.name}: give --scale {band.name}=S and --offset {band.name}=O."
    )


def _equal(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
