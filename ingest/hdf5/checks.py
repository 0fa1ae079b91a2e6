"""What a piece of an HDF5 file of unknown origin has to be before it is read.

HDF5 follows links into other files, and a few kilobytes may declare terabytes. So each step of the way to a
dataset has to be a hard link, and everything about the dataset has to be as its product has it, before a byte
of its numbers is read.
"""

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

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


class AbsentLayerError(ForeignFileError):
    """A file does not have the layer that is asked for."""


class DamagedFileError(Exception):
    """A file cannot be read; it may come better again."""


def step_to(group: object, name: str) -> Any:
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


def checked_dataset(
    group: h5py.Group, name: str, path: Path, *, shape: tuple[int, ...], dtypes: tuple[str, ...]
) -> h5py.Dataset:
    """Return a dataset whose numbers may be read.

    Raises:
        ForeignFileError: If its form, its type or the way it is stored is not the product's.
    """
    dataset = step_to(group, name)
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


def require_size_of_pieces(dataset: h5py.Dataset, name: str) -> None:
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


def number_of(dataset: h5py.Dataset, name: str) -> float | None:
    """Return an attribute that is one number, as its decimal says: float32 0.1 is 0.1."""
    if name not in dataset.attrs:
        return None
    value = np.asarray(attribute_of(dataset, name))
    if value.size != 1 or value.dtype.kind not in "iuf":
        raise ForeignFileError(f"its attribute {name} is not a number")
    number = value.ravel()[0]
    if not np.isfinite(number):
        raise ForeignFileError(f"its attribute {name} is not a finite number")
    return float(str(number))


def text_of(place: Any, name: str) -> str | None:
    """Return an attribute that is one text; None where there is none, or several."""
    if name not in place.attrs:
        return None
    value = np.asarray(attribute_of(place, name)).ravel()
    if value.size != 1:
        return None
    content = value[0]
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)


def attribute_of(place: Any, name: str) -> Any:
    """Return an attribute.

    Raises:
        ForeignFileError: If it is too long to be one of a product.
    """
    identifier = h5py.h5a.open(place.id, name.encode())
    if identifier.get_storage_size() > MOST_TEXT_BYTES:
        raise ForeignFileError(f"its attribute {name} has {identifier.get_storage_size()} bytes")
    return place.attrs[name]


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read from it.

    Raises:
        DamagedFileError: If it, or what is asked of it meanwhile, cannot be read.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError) as error:  # how h5py tells what HDF5 stumbles over
        raise DamagedFileError(f"it cannot be read: {in_a_line(error)}") from error


def numbers_of(dataset: h5py.Dataset, name: str) -> NDArray[Any]:
    """Return the numbers of a dataset that was checked, in the byte order of this machine.

    Raises:
        DamagedFileError, ForeignFileError: If a piece cannot be unpacked or unpacks to more than it is.
    """
    require_size_of_pieces(dataset, name)
    numbers: NDArray[Any] = np.empty(dataset.shape, dataset.dtype.newbyteorder("="))
    dataset.read_direct(numbers)
    return numbers


def in_a_line(error: Exception) -> str:
    """Return the message of an error as one short line."""
    return " ".join(str(error).split())[:200]
