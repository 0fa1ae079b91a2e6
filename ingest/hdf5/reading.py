"""Reading one layer of an HDF5 file of unknown origin: first what it is, then its pixels.

What its layers have to be before they are read is in `ingest.hdf5.checks`.
"""

import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ingest.hdf5.checks import (
    MOST_TEXT_BYTES,
    AbsentLayerError,
    ForeignFileError,
    checked_dataset,
    number_of,
    numbers_of,
    opened,
    step_to,
    text_of,
)

GRIDS = ("HDFEOS", "GRIDS")
FIELDS = "Data Fields"
STRUCTURE = ("HDFEOS INFORMATION", "StructMetadata.0")
FILE_ATTRIBUTES = ("HDFEOS", "ADDITIONAL", "FILE_ATTRIBUTES")
"""Where some productions have the attributes that others have at the root."""
MOST_GRIDS = 16


@dataclass(slots=True)
class Facts:
    """What a file states of a layer, in plain values."""

    group: str
    """Path of the group that has the layer."""
    fill: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    latitudes: tuple[float, float, float] | None = None
    """The first, the second and the last of `lat`; None where the group has none."""
    longitudes: tuple[float, float, float] | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    """Of the file, as text."""
    structure: dict[str, Any] = field(default_factory=dict)
    """Corners, size and projection as StructMetadata.0 has them; empty without it."""

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON can hold them."""
        return asdict(self)


def read_layer(path: Path, layer: str, *, side: int, dtype: str) -> tuple[NDArray[Any], Facts]:
    """Read one layer.

    Args:
        path: The file.
        layer: Name of the dataset among the data fields of its grid.
        side: Rows, and columns, that it has.
        dtype: Type of its numbers, as numpy writes it.

    Returns:
        The numbers as stored, (side, side), in the file's order of rows; and what the file states of them.

    Raises:
        ForeignFileError: If the file is not as it should be.
        DamagedFileError: If it cannot be read.
    """
    with opened(path) as file:
        fields = _fields_with(file, layer)
        dataset = checked_dataset(fields, layer, path, shape=(side, side), dtypes=(dtype,))
        facts = _facts(file, fields, dataset, path, side)
        return numbers_of(dataset, layer), facts


def _fields_with(file: h5py.File, layer: str) -> h5py.Group:
    """Return the data fields of the grid that has a layer; the grid's name differs between collections."""
    grids = _group(file, *GRIDS)
    names = list(grids.keys()) if len(grids) <= MOST_GRIDS else []
    found = [
        fields
        for name in names
        if isinstance(fields := step_to(step_to(grids, name), FIELDS), h5py.Group) and layer in list(fields)
    ]
    if len(found) != 1:
        if not found and names:
            raise AbsentLayerError(f"not one of its grids has the layer {layer}")
        raise ForeignFileError(f"{len(found)} of its grids have the layer {layer}")
    return found[0]


def _group(file: h5py.File, *names: str) -> h5py.Group:
    found: Any = file
    for name in names:
        found = step_to(found, name)
    if not isinstance(found, h5py.Group):
        raise ForeignFileError(f"it has no group {'/'.join(names)}")
    return found


def _facts(file: h5py.File, fields: h5py.Group, dataset: h5py.Dataset, path: Path, side: int) -> Facts:
    scale, offset = number_of(dataset, "scale_factor"), number_of(dataset, "offset")
    if offset is None:
        offset = number_of(dataset, "add_offset")
    return Facts(
        group=str(fields.name),
        fill=number_of(dataset, "_FillValue"),
        scale=1.0 if scale is None else scale,
        offset=0.0 if offset is None else offset,
        unit=text_of(dataset, "units") or None,
        latitudes=_axis(fields, "lat", path, side),
        longitudes=_axis(fields, "lon", path, side),
        attributes=_file_attributes(file),
        structure=_structure(file),
    )


def _axis(fields: h5py.Group, name: str, path: Path, side: int) -> tuple[float, float, float] | None:
    if step_to(fields, name) is None:
        return None
    axis = checked_dataset(fields, name, path, shape=(side,), dtypes=("float32", "float64"))
    values = numbers_of(axis, name)
    steps = np.diff(values)
    if not np.isfinite(values).all() or steps.min() * steps.max() <= 0:
        raise ForeignFileError(f"{name} does not run in one direction")
    return float(values[0]), float(values[1]), float(values[-1])


def _file_attributes(file: h5py.File) -> dict[str, str]:
    """Return the attributes of the file that tell which tile and version it is."""
    places: list[Any] = [file]
    found: Any = file
    for name in FILE_ATTRIBUTES:
        found = step_to(found, name)
    if isinstance(found, h5py.Group):
        places.append(found)
    names = ("ShortName", "VersionID", "HorizontalTileNumber", "VerticalTileNumber")
    return {
        name: text.strip()
        for place in places
        for name in names
        if name in place.attrs and (text := text_of(place, name)) is not None
    }


def _structure(file: h5py.File) -> dict[str, Any]:
    """Return what StructMetadata.0 says of the grid.

    Raises:
        ForeignFileError: If there is one that does not say it, or of several grids.
    """
    found: Any = file
    for name in STRUCTURE:
        found = step_to(found, name)
    if found is None:
        return {}
    if not isinstance(found, h5py.Dataset) or found.shape not in {(), (1,)} or found.dtype.kind not in "SO":
        raise ForeignFileError("its StructMetadata.0 is not a text")
    how = found.id.get_create_plist()
    if how.get_layout() == h5py.h5d.VIRTUAL or how.get_external_count():
        raise ForeignFileError("its StructMetadata.0 lies in another file")
    if found.dtype.itemsize > MOST_TEXT_BYTES:
        raise ForeignFileError("its StructMetadata.0 is too long")
    content = found[()] if found.shape == () else found[0]
    text = content.decode("ascii", "replace") if isinstance(content, bytes) else str(content)
    return parse_structure(text[:MOST_TEXT_BYTES])


_NUMBER = r"(-?\d{1,12}(?:\.\d{1,9})?)"


def parse_structure(text: str) -> dict[str, Any]:
    """Return corners in degrees, size, projection and origin of the one grid of a StructMetadata.0.

    Raises:
        ForeignFileError: If it does not say them, or of several grids.
    """
    patterns = {
        "size": r"XDim=(\d{1,6})\s+YDim=(\d{1,6})",
        "upper_left": rf"UpperLeftPointMtrs=\({_NUMBER},{_NUMBER}\)",
        "lower_right": rf"LowerRightMtrs=\({_NUMBER},{_NUMBER}\)",
        "projection": r"Projection=(\w{1,40})",
        "origin": r"GridOrigin=(\w{1,40})",
    }
    found = {name: re.findall(pattern, text, re.ASCII) for name, pattern in patterns.items()}
    wanted = ("size", "upper_left", "lower_right", "projection")
    if any(len(found[name]) != 1 for name in wanted) or len(found["origin"]) > 1:
        raise ForeignFileError("its StructMetadata.0 does not describe one grid")

    def degrees(name: str) -> list[float]:
        return [packed_degrees(float(number)) for number in found[name][0]]

    return {
        "columns_rows": [int(number) for number in found["size"][0]],
        "west_north": degrees("upper_left"),
        "east_south": degrees("lower_right"),
        "projection": found["projection"][0],
        "origin": next(iter(found["origin"]), "HE5_HDFE_GD_UL"),
    }


def packed_degrees(packed: float) -> float:
    """Return the degrees of an angle as GCTP packs it: DDDMMMSSS.SS, as a number."""
    degrees, rest = divmod(abs(packed), 1e6)
    minutes, seconds = divmod(rest, 1e3)
    return math.copysign(degrees + minutes / 60 + seconds / 3600, packed)
