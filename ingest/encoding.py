"""Encoding: how the stored numbers of a band are to be read, decided once and with its reason.

The numbers of Sentinel-2 are a case of their own. Since 2022-01-25, and in all older dates processed again,
ESA's numbers are 1000 higher: reflectance is (DN - 1000) / 10000. Some archives have taken the 1000 away
again. Whether they have is decided for a whole scene, by what is known of it and by how low its numbers go.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ingest.file_tags import UNTAGGED, offset_beside_tags
from ingest.harmonisation import Harmonisation, OffsetUndecidedError
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

BOA_OFFSET = -0.1
"""BOA_ADD_OFFSET of -1000 times the quantification of 1e-4, in every band (ESA, baseline 04.00)."""
FIRST_BASELINE_WITH_OFFSET = (4, 0)
FIRST_DAY_WITH_OFFSET = datetime(2022, 1, 25, tzinfo=UTC)
LOWEST_DN_WITH_OFFSET = 900
"""Numbers that still carry the offset hardly go below about 1000, whatever the ground (our own probe)."""
CLOUDS = (3, 8, 9, 10)
"""Classes left out of the probe: cloud shadow, cloud of medium and of high probability, thin cirrus."""


class BaselineError(ValueError):
    """A text that is not a processing baseline; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class PerBand:
    """Numbers a user gives for one band (`red=0.5`) or for all others (`0.5`)."""

    for_all: float | None = None
    for_band: Mapping[str, float] = field(default_factory=dict)
    without: frozenset[str | None] = frozenset()
    """Bands given as having none (`red=none`); None among them stands for all others (`none`)."""

    def of(self, band: str) -> float | None:
        """Return the number for a band; None where it was not given."""
        return self.for_band.get(band, self.for_all)

    def is_without(self, band: str) -> bool:
        """Return whether a band is to have none."""
        return band in self.without or (None in self.without and band not in self.for_band)

    def among(self, bands: Iterable[str]) -> "PerBand":
        """Return the numbers for some of the bands."""
        return PerBand(
            self.for_all,
            {band: self.for_band[band] for band in bands if band in self.for_band},
            self.without & {None, *bands},
        )


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


def as_told(raster: SourceRaster, band: Band, given: PerBand) -> SourceRaster:
    """Return the raster as a picture, with the number that all bands have in a missing pixel, or as none.

    That number is the file's, else the one given for all bands. A band is looked at by itself where a number
    or `none` is given for it, where the collection states the number for it, and where it is of classes.
    """
    if raster.has_mask:
        raster = replace(raster, marked_by=None)
    nodata = None if raster.has_mask else raster.nodata
    if raster.nodata is None:
        nodata = held_nodata(given.for_all, raster.dtype)
    if given.is_without(band.name):
        return replace(raster, nodata=None, marked_by=None, picture=())
    if nodata is None or band.categorical or band.name in given.for_band:
        return replace(raster, picture=())
    if not raster.picture or _nodata_of_collection(raster, band) == nodata:
        return replace(raster, picture=())
    return replace(raster, nodata=nodata)


def decide_nodata(raster: SourceRaster, band: Band, given: PerBand) -> float | None:
    """Return the value that marks missing pixels.

    What was given for this very band, else none where the file has a mask of its own or all bands of a
    picture have to be missing, else the file's own tag, else what was given for all, else the collection's
    where the file holds the collection's dtype and has no mask, else NaN for floats without a mask.

    Raises:
        RasterRefusedError: If the dtype cannot hold the number given.
    """
    number = given.for_band.get(band.name)
    says_itself = raster.nodata is not None or raster.marked_by is not None
    if number is None and not says_itself and not given.is_without(band.name):
        number = given.for_all
    if number is not None:
        held = held_nodata(number, raster.dtype)
        if held is None:
            raise RasterRefusedError(
                f"{raster.name} holds {raster.dtype}, which cannot hold a nodata value of {number:g}."
            )
        return None if as_told(raster, band, given).picture else held
    raster = as_told(raster, band, given)
    if raster.has_mask or raster.picture:
        return None
    if raster.nodata is not None or raster.marked_by is not None:
        return raster.nodata
    if not given.is_without(band.name) and (stated := _nodata_of_collection(raster, band)) is not None:
        return stated
    return float("nan") if np.dtype(raster.dtype).kind == "f" and not raster.is_masked else None


def _nodata_of_collection(raster: SourceRaster, band: Band) -> float | None:
    """Return the collection's nodata value, where it speaks of numbers like the file's and no mask does."""
    if raster.is_masked or raster.dtype != band.dtype:
        return None
    return held_nodata(band.nodata, raster.dtype)


def decide_scale(
    raster: SourceRaster,
    band: Band,
    *,
    scales: PerBand,
    offsets: PerBand,
    rule: Callable[[], Harmonisation] | None,
    declared: tuple[float, float] | None = None,
    baseline: str | None = None,
) -> tuple[float, float, str]:
    """Return scale, offset and where they come from.

    They are the user's, else the archive's, else of the file's tags, else of dtype and collection. An offset
    of the file's tags gives way to the scene's rule, as `ingest.file_tags` says.

    Args:
        raster: The band as its file describes it.
        band: The band as its collection describes it.
        scales: Given by the user.
        offsets: Given by the user.
        rule: Decides the scene's offset in place of the collection's; asked only where it would be used.
        declared: Scale and offset that the metadata of the band's archive give.
        baseline: Processing baseline the scene is said to have.

    Raises:
        RasterRefusedError: If nothing says what a stored number means, or two sources say different things.
        OffsetUndecidedError: If `rule` raises it.
    """
    scale, offset = scales.of(band.name), offsets.of(band.name)
    if scale is not None and offset is not None:
        return scale, offset, BOTH_GIVEN
    usable_rule = rule if offset is None and scale in {None, band.scale} else None
    if declared is not None and not band.categorical:
        own: tuple[float, float, str] | None = (*declared, DECLARED)
    else:
        if scale is not None and scale != raster.scale_offset[0]:  # an offset belongs to its scale
            raster = replace(raster, scale_offset=UNTAGGED)
        own = _own_scale(raster, band, usable_rule, baseline, compared=offset is None)
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
    baseline: str | None,
    *,
    compared: bool,
) -> tuple[float, float, str] | None:
    """Return what file and collection say; None where neither says what a number stands for.

    Args:
        raster: The band as its file describes it.
        band: The band as its collection describes it.
        rule: As for `decide_scale`.
        baseline: As for `decide_scale`.
        compared: Whether the offset of the file's tags is to agree with what else is said of it.
    """
    if band.categorical:
        return 1.0, 0.0, CODES
    if raster.scale_offset != UNTAGGED:
        decided = offset_beside_tags(raster, band, rule, baseline) if compared else None
        scale, offset = raster.scale_offset
        return (scale, offset, TAGS) if decided is None else (band.scale, decided.offset, decided.reason)
    if np.dtype(raster.dtype).kind == "f":
        return 1.0, 0.0, PHYSICAL
    counts = np.dtype(band.dtype).kind in "iu" and (band.scale, band.offset) == (1.0, 0.0)
    if raster.dtype != band.dtype and not counts:
        return None
    if rule is None:
        return band.scale, band.offset, COLLECTION
    decided = rule()
    return band.scale, decided.offset, decided.reason


def decide_offset(
    *,
    baseline: str | None,
    sensed: datetime,
    low_dn: float | None,
    removed: bool | None = None,
) -> Harmonisation:
    """Decide the offset of a Sentinel-2 Level-2A scene.

    Args:
        baseline: Processing baseline, "05.09"; None where unknown.
        sensed: When the scene was taken.
        low_dn: 1st percentile of the valid digital numbers of its red (or another reflective) band; None
            where there are none.
        removed: What the archive says of its pixels: True where it has taken the offset away (Earth Search's
            `earthsearch:boa_offset_applied`), False where it says it has not, which is not always so; None
            where it hands on ESA's numbers.

    Raises:
        OffsetUndecidedError: If neither baseline nor pixels nor date decide.
    """
    looks_removed = low_dn is not None and low_dn < LOWEST_DN_WITH_OFFSET
    probe = f"1st percentile of the digital numbers is {low_dn:.0f}" if low_dn is not None else "no pixels"
    if removed:
        return Harmonisation(0.0, "the archive has taken the offset away")
    if baseline is not None:
        if parse_baseline(baseline) < FIRST_BASELINE_WITH_OFFSET:
            return Harmonisation(0.0, f"processing baseline {baseline} is before 04.00: no offset")
        if removed is False and looks_removed:
            # Element84/earth-search#71: items flagged as not applied whose pixels have it taken away
            return Harmonisation(
                0.0, f"the archive says otherwise, but the offset is gone: {probe}, below 900"
            )
        doubt = None
        if looks_removed:
            doubt = (
                f"the {probe}, as if the offset of baseline {baseline} had been taken away already "
                "(Earth Search does so): give --offset 0 if it has."
            )
        return Harmonisation(BOA_OFFSET, f"processing baseline {baseline} is 04.00 or later: -1000", doubt)
    if looks_removed:
        gone = f"the offset is not in the numbers: {probe}, below {LOWEST_DN_WITH_OFFSET}"
        return Harmonisation(0.0, gone, is_firm=True)
    if sensed < FIRST_DAY_WITH_OFFSET:
        return Harmonisation(
            0.0, f"taken before 2022-01-25 and of unknown baseline, so taken for one before 04.00 ({probe})"
        )
    raise OffsetUndecidedError(
        "whether these digital numbers carry the Sentinel-2 offset of -1000 cannot be told from them "
        f"({probe}). Give --baseline (such as 05.09; the product's metadata has it), "
        "or --offset -0.1 or --offset 0."
    )


def needs_pixels(baseline: str | None, *, removed: bool | None) -> bool:
    """Return whether the archive says nothing, or what is wrong at times, so that the pixels are asked."""
    if baseline is None:
        return not removed
    return removed is False and parse_baseline(baseline) >= FIRST_BASELINE_WITH_OFFSET


def parse_baseline(text: str) -> tuple[int, int]:
    """Return the two numbers of a processing baseline, "05.09" or "N0509".

    Raises:
        BaselineError: If the text is something else.
    """
    match = re.fullmatch(r"N?(\d{2})\.?(\d{2})", text.strip())
    if match is None:
        raise BaselineError(f"'{text}' is not a valid processing baseline; one looks like 05.09 (or N0509).")
    return int(match[1]), int(match[2])


def low_percentile(
    raster: SourceRaster, nodata: float | None, classification: SourceRaster | None = None
) -> float | None:
    """Return the 1st percentile of the valid, clear digital numbers; None without any.

    0 means no data in Sentinel-2 whatever the file's tag says; it is left out before any offset.

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
    """Return the nearest value of another raster of the same CRS at each pixel of some rows."""
    here, there = raster.transform, other.transform
    ys = here.f + (top + np.arange(shape[0]) + 0.5) * here.e
    xs = here.c + (np.arange(shape[1]) + 0.5) * here.a
    rows = np.clip(np.floor((ys - there.f) / there.e).astype(int), 0, values.shape[0] - 1)
    columns = np.clip(np.floor((xs - there.c) / there.a).astype(int), 0, values.shape[1] - 1)
    seen: NDArray[np.generic] = values[rows[:, None], columns[None, :]]
    return seen
