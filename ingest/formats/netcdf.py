"""The format "netcdf": layers are variables of a gridded TEMPO file, by their paths in it.

GDAL does not read these files rightly: its netCDF driver turns their rows and its HDF5 driver does not, and
neither has their place. So they are read by h5py (`ingest.hdf5`), turned so that north is up, put where their
latitudes and longitudes lie in the grid of the product, and written as plain GeoTIFFs.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from ingest.formats.unpacked import read_as, stated_fill, unpacked_raster, write_unpacked
from ingest.hdf5.child import Bounds, ForeignError, variable_of
from ingest.raster import Layer, RasterRefusedError, SourceRaster
from ingest.tempo import CELLS_PER_DEGREE, COLUMNS, ROWS, Cells, GridError, Scan, ScanNameError
from mosaics.period import PeriodError, parse_instant

UNITS: Mapping[str, str] = MappingProxyType(
    {"molecules/cm^2": "molecules/cm2", "degrees": "degree", "no unit": "1"}
)
"""What the product writes for the units of ours."""
USUAL_BOUNDS = Bounds(memory_bytes=2**30, file_bytes=2**28)
"""A variable of float64 of the whole grid has 183 MB."""
MOST_FILL = -1e29
"""Numbers up to this are fill, however -1e30 was rounded."""
NEAR = timedelta(seconds=1)
"""How far the start that a file states may be from that of its name."""


def unpack_netcdf(path: Path, layer: Layer, folder: Path, *, bounds: Bounds = USUAL_BOUNDS) -> SourceRaster:
    """See `ingest.formats.Format`; the file has to have the name its product gave it."""
    try:
        scan = Scan.parse(path.name)
    except ScanNameError as error:
        raise RasterRefusedError(f"{error} Of which scan it is, its name says.") from error
    if not isinstance(layer, str):
        raise RasterRefusedError(f"{layer!r} is not a variable of {scan.product}; give its path in the file.")
    target = folder / f"{path.stem}.{layer.replace('/', '.')}.tif"
    stated = target.with_suffix(".json")
    if not (target.is_file() and stated.is_file()):
        pixels, facts = _read(path, layer, scan, folder=folder, bounds=bounds)
        write_unpacked(pixels, facts, transform_of(Cells(**facts["cells"])), target, stated)
    facts = json.loads(stated.read_text(encoding="utf-8"))
    cells = Cells(**facts["cells"])
    return unpacked_raster(
        path,
        layer,
        facts,
        transform_of(cells),
        height_width=(cells.rows, cells.columns),
        dtype=facts["dtype"],
        units=UNITS,
        target=target,
    )


def transform_of(cells: Cells) -> Affine:
    """Return where the cells of a part of the grid lie, in degrees, the northernmost row first."""
    west, north = cells.west_north
    return Affine(1 / CELLS_PER_DEGREE, 0.0, west, 0.0, -1 / CELLS_PER_DEGREE, north)


def _read(
    path: Path, layer: str, scan: Scan, *, folder: Path, bounds: Bounds
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return the numbers of a variable, north up, and what the file states of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with read_as(scan.product, path, GridError):
        pixels, facts = variable_of(path, layer, most=(ROWS, COLUMNS), folder=folder, bounds=bounds)
        _require_scan(scan, facts["attributes"])
        cells = Cells.at(facts["latitudes"], facts["longitudes"])
        fill = stated_fill(layer, pixels.dtype.name, facts)
    kept = {name: facts[name] for name in ("scale", "offset", "unit")}
    place = {name: getattr(cells, name) for name in ("row", "column", "rows", "columns", "south_first")}
    north_up = pixels[::-1] if cells.south_first else pixels
    return _with_one_fill(north_up, fill), {
        **kept,
        "fill": fill,
        "dtype": pixels.dtype.name,
        "cells": place,
    }


def _with_one_fill(pixels: NDArray[Any], fill: float) -> NDArray[Any]:
    """Return the pixels with one number for all that are missing."""
    if pixels.dtype.kind != "f":
        return pixels
    missing = ~np.isfinite(pixels)
    if fill <= MOST_FILL:
        missing |= pixels <= MOST_FILL
    return np.where(missing, pixels.dtype.type(fill), pixels)


def _require_scan(scan: Scan, said: Mapping[str, str]) -> None:
    """Compare what the file says of its product and its time with its name.

    Raises:
        ForeignError: If they differ. The text counts: the variable `time` is 18 leap seconds late.
    """
    if said.get("shortname", scan.product) != scan.product:
        raise ForeignError(f"its shortname is {said['shortname'][:40]}, and its name says {scan.product}")
    start, end = (_moment(said, f"time_coverage_{side}") for side in ("start", "end"))
    if abs(start - scan.start) > NEAR or end < start:
        raise ForeignError(
            f"it covers {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}, and its name says "
            f"{scan.start:%Y-%m-%dT%H:%M:%SZ}"
        )


def _moment(said: Mapping[str, str], name: str) -> datetime:
    try:
        return parse_instant(said[name])
    except (KeyError, PeriodError) as error:
        raise ForeignError(f"its {name} is {said.get(name, 'missing')[:40]}, which is not a time") from error
