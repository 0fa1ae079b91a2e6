"""Reading one variable of a netCDF-4 file of unknown origin, and the latitudes and longitudes it lies on.

What its pieces have to be before they are read is in `ingest.hdf5.checks`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ingest.hdf5.checks import (
    AbsentLayerError,
    ForeignFileError,
    attribute_of,
    checked_dataset,
    number_of,
    numbers_of,
    opened,
    step_to,
    text_of,
)

TYPES = ("float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32")
AXES = ("latitude", "longitude")
ATTRIBUTES = ("shortname", "time_coverage_start", "time_coverage_end")
MOST_NESTED = 8
DIMENSION, DIMENSIONS = "_Netcdf4Dimid", "_Netcdf4Coordinates"
"""By which netCDF-4 numbers dimensions, and says which a variable has, in their order."""


@dataclass(slots=True)
class GriddedFacts:
    """What a file states of a variable, in plain values."""

    fill: float | None
    scale: float
    offset: float
    unit: str | None
    latitudes: list[float]
    """Degrees, as stored: one a row."""
    longitudes: list[float]
    """Degrees: one a column."""
    attributes: dict[str, str]
    """Of the file, as text."""

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON can hold them."""
        return asdict(self)


def read_variable(path: Path, variable: str, *, most: tuple[int, int]) -> tuple[NDArray[Any], GriddedFacts]:
    """Read one variable of a single time.

    Args:
        path: The file.
        variable: Its path in the file: product/vertical_column.
        most: Rows and columns of the whole grid, of which the file may be a part.

    Returns:
        The numbers as stored, (rows, columns), in the file's order of rows; and what the file states of them.

    Raises:
        ForeignFileError: If the file is not as it should be.
        DamagedFileError: If it cannot be read.
    """
    with opened(path) as file:
        axes = {name: _axis(file, name, path, size) for name, size in zip(AXES, most, strict=True)}
        dataset = _variable(file, variable, path, tuple(values.size for values in axes.values()))
        facts = _facts(file, dataset, axes)
        pixels = numbers_of(dataset, variable)
    return pixels.reshape(pixels.shape[-2:]), facts


def _axis(file: h5py.File, name: str, path: Path, most: int) -> NDArray[Any]:
    """Return the degrees of an axis."""
    found = step_to(file, name)
    if not isinstance(found, h5py.Dataset) or found.ndim != 1 or not 0 < found.size <= most:
        raise ForeignFileError(f"its {name} is not a list of 1 to {most} numbers")
    axis = checked_dataset(file, name, path, shape=found.shape, dtypes=("float32", "float64"))
    values = numbers_of(axis, name)
    if not np.isfinite(values).all():
        raise ForeignFileError(f"its {name} has values that are not numbers")
    return values


def _variable(file: h5py.File, variable: str, path: Path, shape: tuple[int, ...]) -> h5py.Dataset:
    """Return the dataset of a variable: rows and columns of the axes, of one time or without one."""
    *groups, name = variable.split("/")
    found: Any = file
    for group in groups[:MOST_NESTED]:
        found = step_to(found, group)
    there = step_to(found, name)
    if not isinstance(there, h5py.Dataset):
        raise AbsentLayerError(f"it has no variable {variable}")
    wanted = (1, *shape) if there.ndim == 3 else shape
    dataset = checked_dataset(found, name, path, shape=wanted, dtypes=TYPES)
    _require_order(file, dataset, variable)
    return dataset


def _require_order(file: h5py.File, dataset: h5py.Dataset, variable: str) -> None:
    """Refuse columns where rows should be, which a square part does not tell by its form."""
    if DIMENSIONS not in dataset.attrs or any(DIMENSION not in file[name].attrs for name in AXES):
        return
    order = np.asarray(attribute_of(dataset, DIMENSIONS)).ravel()[-2:].tolist()
    if order != [int(np.asarray(attribute_of(file[name], DIMENSION)).item()) for name in AXES]:
        raise ForeignFileError(f"{variable} is not stored by latitude and then longitude")


def _facts(file: h5py.File, dataset: h5py.Dataset, axes: dict[str, NDArray[Any]]) -> GriddedFacts:
    scale, offset = number_of(dataset, "scale_factor"), number_of(dataset, "add_offset")
    latitudes, longitudes = (values.astype(float).tolist() for values in axes.values())
    return GriddedFacts(
        fill=number_of(dataset, "_FillValue"),
        scale=1.0 if scale is None else scale,
        offset=0.0 if offset is None else offset,
        unit=text_of(dataset, "units") or None,
        latitudes=latitudes,
        longitudes=longitudes,
        attributes={name: said.strip() for name in ATTRIBUTES if (said := text_of(file, name)) is not None},
    )
