"""File masks: what beside a band's own numbers says which of its pixels are missing.

GDAL's mask of a file is one: internal, in a side-car file, of `NODATA_VALUES` or of an alpha band. For GDAL
an alpha band counts beside one or three bands of uint8 or uint16 only; beside others, and in other types as
`gdalwarp -dstalpha` writes them, it is looked at here, as rio-tiler does.
"""

import functools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from mosaics.raster.reading import differs_from

COLOURS = frozenset({ColorInterp.red, ColorInterp.green, ColorInterp.blue})


def has_own_mask(dataset: DatasetReader, index: int) -> bool:
    """Return whether GDAL knows a mask of the whole file, which counts in place of a nodata tag."""
    return MaskFlags.per_dataset in dataset.mask_flag_enums[index - 1]


def alpha_of(dataset: DatasetReader, index: int) -> int | None:
    """Return the number of the alpha band whose 0 marks missing pixels of a band.

    Returns:
        None without one, where GDAL counts it in its own mask, and for the alpha band itself.
    """
    if MaskFlags.alpha in dataset.mask_flag_enums[index - 1] or ColorInterp.alpha not in dataset.colorinterp:
        return None
    alpha = int(dataset.colorinterp.index(ColorInterp.alpha)) + 1
    return None if alpha == index else alpha


def picture_of(dataset: DatasetReader, index: int) -> tuple[int, ...]:
    """Return the bands of a picture in red, green and blue that have the nodata tag of one of them, if any.

    GDAL's dataset mask lacks a pixel of theirs where all have their nodata value: (0, 50, 60) is a colour,
    and 0 one of its numbers.

    Returns:
        Numbers of the bands; empty where the file has other bands, and for an alpha band.
    """
    colours = dataset.colorinterp
    if colours[index - 1] is ColorInterp.alpha or not set(colours) >= COLOURS:
        return ()
    nodata = dataset.nodatavals[index - 1]
    return tuple(
        band
        for band, colour, marked in zip(dataset.indexes, colours, dataset.nodatavals, strict=True)
        if colour is not ColorInterp.alpha and marked == nodata
    )


def read_kept(
    dataset: DatasetReader,
    index: int,
    window: Window,
    *,
    own: bool,
    alpha: int | None,
    together: tuple[tuple[int, ...], float] | None,
) -> NDArray[np.bool_] | None:
    """Return which pixels of a window a file's mask keeps, (height, width); None without a mask.

    Args:
        dataset: The file.
        index: Number of the band whose mask is read, from 1.
        window: Of the file.
        own: Whether GDAL's own mask counts.
        alpha: Number of an alpha band that counts.
        together: Bands of a picture, and the number that all of them have where a pixel is missing.
    """
    kept = [dataset.read_masks(index, window=window) > 0] if own else []
    if alpha is not None:
        kept.append(dataset.read(alpha, window=window) > 0)
    if together is not None:
        bands, nodata = together
        kept.append(_any(differs_from(dataset.read(band, window=window), nodata) for band in bands))
    return np.logical_and.reduce(kept) if kept else None


def _any(planes: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return functools.reduce(np.logical_or, planes)
