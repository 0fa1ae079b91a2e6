"""Reading one layer of an HDF5 file of unknown origin: first what it is, then its pixels.

HDF5 follows links into other files, and a few kilobytes may declare terabytes. So each step of the way to a
dataset has to be a hard link, and everything about the dataset has to be as its product has it, before a byte
of its pixels is read.
"""

import math
import re
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

GRIDS = ("HDFEOS", "GRIDS")
FIELDS = "Data Fields"
STRUCTURE = ("HDFEOS INFORMATION", "StructMetadata.0")
FILE_ATTRIBUTES = ("HDFEOS", "ADDITIONAL", "FILE_ATTRIBUTES")
"""Where some productions have the attributes that others have at the root."""
MOST_GRIDS = 16
MOST_CHUNKS = 65_536
"""Of a dataset; a tile of 2400 x 2400 cells has 256 with chunks of 150 x 150."""
MOST_TEXT_BYTES = 2**17
"""Of an attribute or of StructMetadata.0, which has 32,000."""
FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32"}
"""What pixels may be packed with, by the numbers that HDF5 has for them; each once."""
CHECKSUM_BYTES = 4
"""Of fletcher32, which stand behind a piece."""


class ForeignFileError(Exception):
    """A file is not as its product has it; the message says in what."""


class DamagedFileError(Exception):
    """A file cannot be read; it may come better again."""


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
    try:
        with h5py.File(path, "r", locking=False) as file:
            fields = _fields_with(file, layer)
            dataset = _dataset(fields, layer, path, shape=(side, side), dtypes=(dtype,))
            facts = _facts(file, fields, dataset, path, side)
            _require_size_of_pieces(dataset, layer)
            pixels: NDArray[Any] = np.empty((side, side), dtype)
            dataset.read_direct(pixels)
    except (OSError, RuntimeError, KeyError, ValueError) as error:  # how h5py tells what HDF5 stumbles over
        raise DamagedFileError(f"it cannot be read: {_line(error)}") from error
    return pixels, facts


def _fields_with(file: h5py.File, layer: str) -> h5py.Group:
    """Return the data fields of the grid that has a layer; the grid's name differs between collections."""
    grids = _group(file, *GRIDS)
    names = list(grids.keys()) if len(grids) <= MOST_GRIDS else []
    found = [
        fields
        for name in names
        if isinstance(fields := _step(_step(grids, name), FIELDS), h5py.Group) and layer in list(fields)
    ]
    if len(found) != 1:
        said = f"{len(found)} of its grids have" if found else "not one of its grids has"
        raise ForeignFileError(f"{said} the layer {layer}")
    return found[0]


def _group(file: h5py.File, *names: str) -> h5py.Group:
    found: Any = file
    for name in names:
        found = _step(found, name)
    if not isinstance(found, h5py.Group):
        raise ForeignFileError(f"it has no group {'/'.join(names)}")
    return found


def _step(group: object, name: str) -> Any:
    """Return what a group has under a name, if that is a hard link; None where it has nothing.

    Raises:
        ForeignFileError: If it is another link, which may lead out of the file.
    """
    if not isinstance(group, h5py.Group):
        return None
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        kind = "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link"
        raise ForeignFileError(f"{name} is {kind}, where the product has its own data")
    return group[name]


def _dataset(
    group: h5py.Group, name: str, path: Path, *, shape: tuple[int, ...], dtypes: tuple[str, ...]
) -> h5py.Dataset:
    """Return a dataset whose numbers may be read.

    Raises:
        ForeignFileError: If its form, its type or the way it is stored is not the product's.
    """
    dataset = _step(group, name)
    if not isinstance(dataset, h5py.Dataset):
        raise ForeignFileError(f"{name} is not a dataset")
    how = dataset.id.get_create_plist()
    if how.get_layout() == h5py.h5d.VIRTUAL:
        raise ForeignFileError(f"{name} is a virtual dataset, whose data lie in other files")
    if how.get_external_count():
        raise ForeignFileError(f"{name} has its data in an external file")
    if dataset.shape != shape:
        raise ForeignFileError(f"{name} has the form {dataset.shape}, where the product has {shape}")
    if dataset.dtype.newbyteorder("=").name not in dtypes or dataset.dtype.subdtype is not None:
        raise ForeignFileError(
            f"{name} holds {dataset.dtype.name}, where the product has {' or '.join(dtypes)}"
        )
    _require_packing(dataset, how, name, path)
    return dataset


def _require_packing(dataset: h5py.Dataset, how: Any, name: str, path: Path) -> None:
    """Refuse packing that the product does not have, and pixels that are not in the file."""
    codes = [how.get_filter(number)[0] for number in range(how.get_nfilters())]
    if strangers := [code for code in codes if code not in FILTERS]:
        raise ForeignFileError(
            f"{name} is packed by the filter {strangers[0]}, not by {', '.join(FILTERS.values())}"
        )
    if len(set(codes)) != len(codes):
        raise ForeignFileError(f"{name} is packed by the same filter more than once")
    if dataset.id.get_storage_size() > path.stat().st_size:
        raise ForeignFileError(f"{name} has more bytes than the file")
    if how.get_layout() != h5py.h5d.CHUNKED:
        if not dataset.id.get_storage_size():
            raise ForeignFileError(f"{name} has no pixels")
        return
    chunk = how.get_chunk()
    count = math.prod(-(-size // part) for size, part in zip(dataset.shape, chunk, strict=True))
    if count > MOST_CHUNKS or any(part > size for size, part in zip(dataset.shape, chunk, strict=True)):
        raise ForeignFileError(f"{name} is stored in pieces of {chunk}")
    if (there := dataset.id.get_num_chunks()) != count:  # HDF5 would fill the others with 0: dark, not unseen
        raise ForeignFileError(f"{name} has {there} of its {count} pieces")


def _require_size_of_pieces(dataset: h5py.Dataset, name: str) -> None:
    """Refuse pieces that unpack to more than they are; HDF5 itself would unpack them to their end."""
    if dataset.chunks is None or dataset.compression != "gzip":
        return
    most = math.prod(dataset.chunks) * dataset.dtype.itemsize + (CHECKSUM_BYTES if dataset.fletcher32 else 0)
    for number in range(dataset.id.get_num_chunks()):
        place = dataset.id.get_chunk_info(number)
        mask, packed = dataset.id.read_direct_chunk(place.chunk_offset)
        if mask:  # it did not shrink, and is stored as it is
            continue
        stream = zlib.decompressobj()
        try:
            size_bytes = len(stream.decompress(packed, most + 1))
        except zlib.error as error:
            raise DamagedFileError(f"a piece of {name} cannot be unpacked") from error
        if size_bytes > most:
            raise ForeignFileError(f"a piece of {name} unpacks to more than its {most:,} bytes")


def _facts(file: h5py.File, fields: h5py.Group, dataset: h5py.Dataset, path: Path, side: int) -> Facts:
    scale, offset = _number(dataset, "scale_factor"), _number(dataset, "offset")
    if offset is None:
        offset = _number(dataset, "add_offset")
    return Facts(
        group=str(fields.name),
        fill=_number(dataset, "_FillValue"),
        scale=1.0 if scale is None else scale,
        offset=0.0 if offset is None else offset,
        unit=_text(dataset, "units") or None,
        latitudes=_axis(fields, "lat", path, side),
        longitudes=_axis(fields, "lon", path, side),
        attributes=_file_attributes(file),
        structure=_structure(file),
    )


def _axis(fields: h5py.Group, name: str, path: Path, side: int) -> tuple[float, float, float] | None:
    if _step(fields, name) is None:
        return None
    axis = _dataset(fields, name, path, shape=(side,), dtypes=("float32", "float64"))
    values: NDArray[Any] = np.empty(side, axis.dtype)
    axis.read_direct(values)
    steps = np.diff(values)
    if not np.isfinite(values).all() or steps.min() * steps.max() <= 0:
        raise ForeignFileError(f"{name} does not run in one direction")
    return float(values[0]), float(values[1]), float(values[-1])


def _file_attributes(file: h5py.File) -> dict[str, str]:
    """Return the attributes of the file that tell which tile and version it is."""
    places: list[Any] = [file]
    found: Any = file
    for name in FILE_ATTRIBUTES:
        found = _step(found, name)
    if isinstance(found, h5py.Group):
        places.append(found)
    names = ("ShortName", "VersionID", "HorizontalTileNumber", "VerticalTileNumber")
    return {
        name: text.strip()
        for place in places
        for name in names
        if name in place.attrs and (text := _text(place, name)) is not None
    }


def _structure(file: h5py.File) -> dict[str, Any]:
    """Return what StructMetadata.0 says of the grid.

    Raises:
        ForeignFileError: If there is one that does not say it, or of several grids.
    """
    found: Any = file
    for name in STRUCTURE:
        found = _step(found, name)
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


def _number(dataset: h5py.Dataset, name: str) -> float | None:
    """Return an attribute that is one number, as its decimal says: float32 0.1 is 0.1."""
    if name not in dataset.attrs:
        return None
    value = np.asarray(_attribute(dataset, name))
    if value.size != 1 or value.dtype.kind not in "iuf":
        raise ForeignFileError(f"its attribute {name} is not a number")
    number = value.ravel()[0]
    if not np.isfinite(number):
        raise ForeignFileError(f"its attribute {name} is not a finite number")
    return float(str(number))


def _text(place: Any, name: str) -> str | None:
    if name not in place.attrs:
        return None
    value = np.asarray(_attribute(place, name)).ravel()
    if value.size != 1:
        return None
    content = value[0]
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)


def _attribute(place: Any, name: str) -> Any:
    identifier = h5py.h5a.open(place.id, name.encode())
    if identifier.get_storage_size() > MOST_TEXT_BYTES:
        raise ForeignFileError(f"its attribute {name} has {identifier.get_storage_size()} bytes")
    return place.attrs[name]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
