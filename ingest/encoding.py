"""Encoding: how the stored numbers of a band are to be read, decided once and with its reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from ingest.harmonising import Harmonisation
from ingest.raster import RasterRefusedError, SourceRaster, held_nodata
from mosaics.collection import Band

PHYSICAL = "floating-point numbers are taken as physical values"
DECLARED = "the archive's metadata (raster:bands)"
BOTH_GIVEN = "scale and offset given on landing"
SCALE_GIVEN = "scale given on landing"
OFFSET_GIVEN = "offset given on landing"
CODES = "codes of classes"
TAGS = "the file's own tags"
COLLECTION = "as the collection says"
OF_ONE_BAND = frozenset({PHYSICAL, DECLARED, BOTH_GIVEN, SCALE_GIVEN, OFFSET_GIVEN, CODES, TAGS, COLLECTION})
"""Reasons that hold for a band alone; any other is a rule's, which holds for the whole scene."""


@dataclass(frozen=True, slots=True)
class PerBand:
    """Numbers a user gives for one band (`red=0.5`) or for all others (`0.5`)."""

    for_all: float | None = None
    for_band: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, band: str) -> float | None:
        """The number for a band; None where none was given."""
        return self.for_band.get(band, self.for_all)

    def among(self, bands: Iterable[str]) -> "PerBand":
        """The numbers for some of the bands."""
        return PerBand(self.for_all, {band: self.for_band[band] for band in bands if band in self.for_band})


@dataclass(frozen=True, slots=True)
class Encoding:
    """What turns a stored number into a physical value: value = number * scale + offset, nodata aside."""

    nodata: float | None
    """Marks missing pixels; NaN is one. None where a mask marks them, or none is missing."""
    scale: float
    offset: float
    unit: str
    categorical: bool
    reason: str
    """Where scale and offset come from."""


def decide_nodata(raster: SourceRaster, band: Band, given: PerBand) -> float | None:
    """The value that marks missing pixels.

    What was given for this very band, else the file's own tag, else what was given for all, else the
    collection's where the file holds the collection's dtype, else NaN for floats without a mask.

    Raises:
        RasterRefusedError: Where the dtype cannot hold the number given.
    """
    for number in (given.for_band.get(band.name), None if raster.nodata is not None else given.for_all):
        if number is not None:
            held = held_nodata(number, raster.dtype)
            if held is None:
                raise RasterRefusedError(
                    f"{raster.name} holds {raster.dtype}, which cannot hold a nodata value of {number:g}."
                )
            return held
    if raster.nodata is not None:
        return raster.nodata
    if band.nodata is not None and raster.dtype == band.dtype:
        return held_nodata(band.nodata, raster.dtype)
    if np.dtype(raster.dtype).kind == "f" and not raster.has_mask:
        return float("nan")
    return None


def decide_scale(
    raster: SourceRaster,
    band: Band,
    *,
    scales: PerBand,
    offsets: PerBand,
    rule: Callable[[], Harmonisation] | None,
    declared: tuple[float, float] | None = None,
) -> tuple[float, float, str]:
    """Scale, offset and where they come from.

    They are the user's, else the archive's, else of the file's tags, else of dtype and collection.

    Args:
        raster: The band as its file describes it.
        band: The band as its collection describes it.
        scales: Given by the user.
        offsets: Given by the user.
        rule: Decides the scene's offset in place of the collection's; asked only where it would be used.
        declared: Scale and offset that the metadata of the band's archive give.

    Raises:
        RasterRefusedError: Where nothing says what a stored number means.
        OffsetUndecidedError: Of `rule`.
    """
    scale, offset = scales.of(band.name), offsets.of(band.name)
    if scale is not None and offset is not None:
        return scale, offset, BOTH_GIVEN
    usable_rule = rule if offset is None and scale in {None, band.scale} else None
    if declared is not None and not band.categorical:
        own: tuple[float, float, str] | None = (*declared, DECLARED)
    else:
        own = _own_scale(raster, band, usable_rule)
    if own is None:
        if scale is None:
            meaning = "a plain ratio" if band.unit == "1" else f"in {band.unit}"
            raise RasterRefusedError(
                f"{raster.name} holds {raster.dtype} where {band.name} of the collection is {band.dtype}: "
                f"what its numbers stand for is unknown. Give --scale {band.name}=S and --offset "
                f"{band.name}=O so that number * S + O is {meaning}."
            )
        return scale, 0.0, SCALE_GIVEN
    if scale is not None:
        # an offset belongs to its scale
        return scale, own[1] if own[0] == scale else 0.0, SCALE_GIVEN
    if offset is not None:
        return own[0], offset, OFFSET_GIVEN
    return own


def _own_scale(
    raster: SourceRaster,
    band: Band,
    rule: Callable[[], Harmonisation] | None,
) -> tuple[float, float, str] | None:
    """What file and collection say; None where neither says what a number stands for."""
    if band.categorical:
        return 1.0, 0.0, CODES
    if raster.scale_offset != (1.0, 0.0):
        return (*raster.scale_offset, TAGS)
    if np.dtype(raster.dtype).kind == "f":
        return 1.0, 0.0, PHYSICAL
    counts = np.dtype(band.dtype).kind in "iu" and (band.scale, band.offset) == (1.0, 0.0)
    if raster.dtype != band.dtype and not counts:
        return None
    if rule is None:
        return band.scale, band.offset, COLLECTION
    decided = rule()
    return band.scale, decided.offset, decided.reason
