"""Flat files: named arrays one after the other, mapped into memory and read where they lie.

A file is a head of 32 bytes (`_HEAD`), a JSON object with facts and the place of each array, and the arrays,
each on a multiple of 64 bytes, least byte first. The checksum (CRC-32C) is over all that follows the head.
Nothing in a file is executed or followed, and nothing outside of it is read.
"""

import json
import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import google_crc32c
import numpy as np
from numpy.typing import NDArray

_MAGIC = b"TWFLAT\r\n"
_HEAD = struct.Struct("<8sIIQII")
"""Magic, version of what it holds, bytes of JSON, bytes of the whole file, checksum, and a reserved 0."""
_ALIGNED = 64
_PIECE_BYTES = 1 << 18
"""Looked at together; more would stay in the memory of the process."""


class FlatFileError(ValueError):
    """Bytes that are not a flat file of the version wanted, or not all of one; the message says which."""


@dataclass(frozen=True, slots=True)
class FlatFile:
    """The facts and arrays of a file."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    """One-dimensional, not to be written to."""
    mapped: mmap.mmap | None = None
    """Where they lie, if that is a file."""

    def let_go(self) -> None:
        """Leave the pages of a file that were read to the system, until they are read again."""
        if self.mapped is not None:
            self.mapped.madvise(mmap.MADV_DONTNEED)

    def packed(self, version: int) -> bytes:
        """Return the file; equal facts and arrays give equal bytes.

        Args:
            version: Of what it holds; readers of another do not take it.
        """
        data = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        at, places = 0, {}
        for name, array in data.items():
            places[name] = [at, len(array)]
            at += -(-array.nbytes // _ALIGNED) * _ALIGNED
        text = json.dumps({"facts": dict(self.facts), "arrays": places}, separators=(",", ":")).encode()
        text += b" " * (-(len(text) + _HEAD.size) % _ALIGNED)
        whole = bytearray(_HEAD.size) + text + bytes(at)
        for name, array in data.items():
            begin = _HEAD.size + len(text) + places[name][0]
            whole[begin : begin + array.nbytes] = array.tobytes()
        _HEAD.pack_into(whole, 0, _MAGIC, version, len(text), len(whole), _checksum(memoryview(whole)), 0)
        return bytes(whole)


TypesOf: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Gives the types of the elements of each array, as numpy takes them, of the facts of a file; ValueError,
KeyError or TypeError where the facts cannot be."""


def open_flat(path: Path, version: int, types_of: TypesOf) -> FlatFile:
    """Map a file into memory; pages of it that are read are shared by all processes that have mapped it.

    Args:
        path: Of the file. It must not be changed, only replaced or removed.
        version: Of what it holds.
        types_of: Says which arrays there are.

    Raises:
        FlatFileError: If it is damaged or of another version, or lacks an array.
        OSError: If it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise FlatFileError("the file is empty") from error
    return replace(read_flat(mapped, version, types_of), mapped=mapped)


def read_flat(data: bytes | mmap.mmap, version: int, types_of: TypesOf) -> FlatFile:
    """Read a file that lies in memory.

    Args:
        data: The whole file.
        version: Of what it holds.
        types_of: Says which arrays there are.

    Raises:
        FlatFileError: If it is damaged or of another version, or lacks an array.
    """
    whole = memoryview(data)
    text = _checked_text(whole, version)
    try:
        document = json.loads(text)
        facts, places = document["facts"], document["arrays"]
        arrays = {
            name: _array(whole, _HEAD.size + len(text), places[name], np.dtype(kind))
            for name, kind in types_of(facts).items()
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FlatFileError(f"the file does not hold what its version says: {error!r:.200}") from error
    return FlatFile(facts, arrays)


def _checked_text(whole: memoryview, version: int) -> bytes:
    """Return the JSON of a file whose bytes are as they were written."""
    if len(whole) < _HEAD.size:
        raise FlatFileError("the file is cut off")
    magic, found, size, length, checksum, _ = _HEAD.unpack_from(whole)
    if magic != _MAGIC:
        raise FlatFileError("the file is not a flat file")
    if found != version:
        raise FlatFileError(f"the file is of version {found}, not {version}")
    if length != len(whole) or _HEAD.size + size > length:
        raise FlatFileError(f"the file has {len(whole)} bytes, not {length}")
    if _checksum(whole) != checksum:
        raise FlatFileError("the file is damaged: it has another checksum than its head says")
    return bytes(whole[_HEAD.size : _HEAD.size + size])


def _checksum(whole: memoryview) -> int:
    """Return the checksum of all that follows the head."""
    checksum = 0
    for begin in range(_HEAD.size, len(whole), _PIECE_BYTES):
        checksum = google_crc32c.extend(checksum, bytes(whole[begin : begin + _PIECE_BYTES]))
    return checksum


def _array(whole: memoryview, base: int, place: Any, kind: np.dtype[Any]) -> NDArray[Any]:
    at, count = place
    if not (type(at) is type(count) is int and at >= 0 and count >= 0 and at % _ALIGNED == 0):
        raise FlatFileError(f"an array cannot lie at {place!r:.80}")
    if base + at + count * kind.itemsize > len(whole):
        raise FlatFileError("an array reaches beyond the end of the file")
    return np.frombuffer(whole, kind, count, base + at)
