"""Cubes: every observation of a composite as Zarr, for analysis elsewhere."""

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from ingest.compositing.request import CompositeError, CompositeRequest
from ingest.compositing.stacking import Overpass, Stacking, observations
from ingest.item import SYNTHETIC

BYTES_A_VALUE = 4
PROJECTED = ("projection_x_coordinate", "projection_y_coordinate")
"""Standard names of CF for coordinates that are no degrees."""


def require_new(path: Path) -> None:
    """Refuse a path where something is already.

    Raises:
        CompositeError: If something is there.
    """
    if "://" in str(path) or str(path).startswith(("s3:/", "http:/", "https:/")):
        raise CompositeError("a cube is written to a folder of this machine, not to an address.")
    if path.exists():
        raise CompositeError(f"there is a {path.name} already; name another folder, or remove it.")
    if not path.parent.is_dir():
        raise CompositeError(f"there is no folder to put {path.name} in.")


def cube_bytes(geobox: GeoBox, passes: Sequence[Overpass], bands: Sequence[str]) -> int:
    """Return the size of a cube before it is compressed."""
    height, width = geobox.shape.yx
    return int(height * width * len(passes) * len(bands) * BYTES_A_VALUE)


def write_cube(
    order: CompositeRequest,
    stacking: Stacking,
    passes: Sequence[Overpass],
    geobox: GeoBox,
    path: Path,
    *,
    side: int,
    run: Callable[[Any], None],
) -> None:
    """Write the masked values of all bands as (time, y, x), one chunk a block and overpass.

    Args:
        order: What is composited.
        stacking: How scenes are read.
        passes: The observations.
        geobox: The finest grid of the bands; coarser ones are repeated onto it.
        path: Folder to write, where nothing is; it appears whole.
        side: Of chunks, in pixels.
        run: Computes what xarray wants written.

    Raises:
        CompositeError: If something is at the path.
    """
    require_new(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        cube = _cube(order, stacking, passes, geobox, side)
        run(cube.to_zarr(unfinished, mode="w", zarr_format=3, consolidated=False, compute=False))
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _cube(
    order: CompositeRequest, stacking: Stacking, passes: Sequence[Overpass], geobox: GeoBox, side: int
) -> xarray.Dataset:
    scenes = [scene for each in passes for scene in each.scenes]
    values = stacking.values(scenes, order.bands, geobox, side)
    coords = dict(xr_coords(geobox))
    crs_name = list(coords)[-1]
    times = np.array([each.time.astimezone(UTC).replace(tzinfo=None) for each in passes], "datetime64[ns]")
    coords["time"] = xarray.DataArray(times, dims="time", attrs={"standard_name": "time", "axis": "T"})
    names = ("longitude", "latitude") if geobox.crs and geobox.crs.geographic else PROJECTED
    for axis, name in zip("xy", names, strict=True):
        coords[axis].attrs |= {"standard_name": name, "axis": axis.upper()}
    described = order.source.collection
    variables = {}
    for band in order.bands:
        facts = described.band(band)
        attributes = {"units": facts.unit, "long_name": facts.title, "grid_mapping": crs_name}
        if facts.wavelength_um is not None:
            attributes["radiation_wavelength_um"] = facts.wavelength_um
        variables[band] = xarray.DataArray(
            da.stack(observations(passes, values, band)), coords, ("time", "y", "x"), attrs=attributes
        )
    synthetic = any(scene.record.synthetic for scene in scenes)
    rule = order.composition.mask.model_dump_json(exclude_defaults=True)
    return xarray.Dataset(
        variables,
        attrs={
            "Conventions": "CF-1.11",
            "title": f"{SYNTHETIC if synthetic else described.title}, {order.interval.text}",
            "institution": SYNTHETIC if synthetic else described.attribution,
            "history": "stacked, masked and scaled by Tilewatch",
            "comment": f"NaN where nothing is stored or {rule} rejects",
            "tilewatch_synthetic": int(synthetic),
            "tilewatch_scenes": json.dumps([[scene.id for scene in each.scenes] for each in passes]),
        },
    )
