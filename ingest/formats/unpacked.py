"""Unpacked layers: what the formats that h5py reads have in common, from the numbers to a plain GeoTIFF."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from ingest.hdf5.child import AbsentError, DamagedError, ForeignError
from ingest.raster import (
    AbsentLayerError,
    DamagedRasterError,
    Layer,
    RasterRefusedError,
    SourceRaster,
    held_nodata,
)
from mosaics.raster.opening import create_raster

DEGREES = CRS.from_epsg(4326)


@contextmanager
def read_as(product: str, path: Path, *foreign: type[Exception]) -> Iterator[None]:
    """Raise what is wrong with a file in the words of landing.

    Args:
        product: What its name says it is.
        path: The file.
        foreign: Errors beside `ForeignError` that mean that the file is not as its product has it.

    Raises:
        AbsentLayerError: If it does not have the layer.
        RasterRefusedError: If it is not as its product has it.
        DamagedRasterError: If it cannot be read.
    """
    kinds: tuple[type[Exception], ...] = (ForeignError, *foreign)
    try:
        yield
    except kinds as error:
        refusal = AbsentLayerError if isinstance(error, AbsentError) else RasterRefusedError
        raise refusal(f"{path.name} is not as {product} has it: {error}.") from error
    except DamagedError as error:
        raise DamagedRasterError(path, f"{path.name} is damaged: {error}. Download it again.") from error


def stated_fill(layer: str, dtype: str, facts: Mapping[str, Any]) -> float:
    """Return the number of missing pixels, which the file has to state.

    Raises:
        ForeignError: If it does not, or not as a number of its type.
    """
    fill = None if facts["fill"] is None else held_nodata(float(facts["fill"]), dtype)
    if fill is None:
        raise ForeignError(f"{layer} does not say by _FillValue, in {dtype}, which pixels are missing")
    return fill


def write_unpacked(
    pixels: NDArray[Any], facts: Mapping[str, Any], transform: Affine, target: Path, stated: Path
) -> None:
    """Write a layer as a GeoTIFF in degrees, and beside it what the file states; both appear whole.

    Args:
        pixels: The numbers, (rows, columns), north up.
        facts: What the file states, with its scale, offset and fill.
        transform: Where the cells lie.
        target: The GeoTIFF.
        stated: Takes the facts, as JSON.
    """
    unfinished = target.with_suffix(".unfinished")
    with create_raster(
        unfinished,
        height=pixels.shape[0],
        width=pixels.shape[1],
        count=1,
        dtype=pixels.dtype.name,
        crs=DEGREES,
        transform=transform,
        nodata=facts["fill"],
    ) as dataset:
        dataset.write(pixels, 1)
        dataset.scales, dataset.offsets = (facts["scale"],), (facts["offset"],)
    stated.write_text(json.dumps(facts), encoding="utf-8")
    unfinished.replace(target)


def unpacked_raster(
    path: Path,
    layer: Layer,
    facts: Mapping[str, Any],
    transform: Affine,
    *,
    height_width: tuple[int, int],
    dtype: str,
    units: Mapping[str, str],
    target: Path,
) -> SourceRaster:
    """Return a layer that was written, to be landed; `units` says what the product writes for ours."""
    return SourceRaster(
        path=path,
        layer=layer,
        files=(path,),
        height_width=height_width,
        dtype=dtype,
        crs=DEGREES,
        transform=transform,
        south_up=False,
        nodata=held_nodata(facts["fill"], dtype),
        scale_offset=(facts["scale"], facts["offset"]),
        has_mask=False,
        unit=units.get(str(facts["unit"]), facts["unit"]),
        unpacked=target,
    )
