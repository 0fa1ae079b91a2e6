"""SYNTHETIC parts of TEMPO scans: groups, attributes, types and fills of a real one, numbers made up here.

The layout is that of a part that Harmony cut out of TEMPO_HCHO_L3 V04: south first, latitudes and longitudes
the middles of cells in float32, attributes lists of one number. Layers that are not asked for are left out.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ingest.tempo import Scan

NAME = "TEMPO_HCHO_L3_V04_20250912T210435Z_S012.nc"
COLUMN, UNCERTAINTY = "product/vertical_column", "product/vertical_column_uncertainty"
FLAG, CLOUD = "product/main_data_quality_flag", "support_data/eff_cloud_fraction"
SUN = "geolocation/solar_zenith_angle"
NEW_YORK = (-77.5, 38.5, -73.5, 41.0)
"""Rows 1225 to 1349 and columns 4525 to 4724 of the whole grid, by Harmony's rule."""
PART = (1225, 4525, 125, 200)

_UNITS = {"float64": "molecules/cm^2", "float32": "degrees"}
_FILLS = {"float64": -1e30, "float32": -1e30, "int16": -9999, "int32": -1}

Layers = Mapping[str, NDArray[Any]]


def usual_layers(
    rows: int, columns: int, first_row: int = 0, first_column: int = 0
) -> dict[str, NDArray[Any]]:
    """The layers of a part, south first.

    The column is 1e12 times (10,000 times the cell's row in the whole grid plus its column), so that every
    number tells its place. Missing is the cell in the south-west. The next to it in the east has a flag of 2,
    the one after that a cloud fraction of 0.75, and the one after that the sun at 85 degrees.
    """
    row, column = np.mgrid[first_row : first_row + rows, first_column : first_column + columns]
    molecules = (row * 10_000.0 + column) * 1e12
    flag = np.zeros((rows, columns), "int16")
    cloud = np.full((rows, columns), 0.25, "float32")
    sun = np.full((rows, columns), 40, "float32")
    flag[0, 1], cloud[0, 2], sun[0, 3] = 2, 0.75, 85
    uncertainty = np.full((rows, columns), 5e14)
    for layer, fill in (
        (molecules, -1e30),
        (uncertainty, -1e30),
        (flag, -9999),
        (cloud, -1e30),
        (sun, -1e30),
    ):
        layer[0, 0] = fill
    return {COLUMN: molecules, UNCERTAINTY: uncertainty, FLAG: flag, CLOUD: cloud, SUN: sun}


def write_scan(
    path: Path,
    part: tuple[int, int, int, int] = PART,
    layers: Layers | None = None,
    *,
    change: Callable[[h5py.File], None] = lambda _: None,
) -> Path:
    """Writes a part of a scan under the name of a product, when and what it is told by the name.

    Args:
        path: Where the file goes.
        part: Its first row, from the south, and column in the whole grid, and how many of them.
        layers: By path in the file; the usual ones if there are none.
        change: Is given the file at the end.
    """
    scan = Scan.parse(path.name)
    row, column, rows, columns = part
    layers = usual_layers(rows, columns, row, column) if layers is None else layers
    with h5py.File(path, "w") as file:
        for name, text in {
            "shortname": scan.product,
            "time_coverage_start": f"{scan.start:%Y-%m-%dT%H:%M:%SZ}",
            "time_coverage_end": f"{scan.start:%Y-%m-%dT23:59:59Z}",
        }.items():
            file.attrs[name] = np.bytes_(text)
        file["latitude"] = (14.01 + 0.02 * (row + np.arange(rows))).astype("float32")
        file["longitude"] = (-167.99 + 0.02 * (column + np.arange(columns))).astype("float32")
        file["time"] = [(scan.start.timestamp() - 315_964_800) + 18]  # seconds of GPS, since 1980-01-06
        for number, name in enumerate(("time", "latitude", "longitude")):
            file[name].attrs["_Netcdf4Dimid"] = np.int32(number)
        for name, numbers in layers.items():
            _write_layer(file, name, numbers)
        change(file)
    return path


def _write_layer(file: h5py.File, name: str, numbers: NDArray[Any]) -> None:
    dataset = file.create_dataset(name, data=numbers[None], compression="gzip", compression_opts=1)
    kind = numbers.dtype.name
    dataset.attrs["_FillValue"] = np.array([_FILLS[kind]], kind)
    dataset.attrs["_Netcdf4Coordinates"] = np.array([0, 1, 2], "int32")
    if kind in _UNITS and name != CLOUD:
        dataset.attrs["units"] = np.bytes_(_UNITS[kind])
