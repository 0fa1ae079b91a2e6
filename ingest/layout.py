"""The layout of a TIFF file: where its directories say that the blocks of its pixels lie."""

import math
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

Read: TypeAlias = Callable[[int, int], Awaitable[bytes]]
"""Gives the bytes of the file from an offset, so many."""
Span: TypeAlias = tuple[int, int]
"""First byte of a part of the file, and the one after its last."""

WIDTH, HEIGHT, COMPRESSION, SAMPLES, PLANAR, SUBFILE = 256, 257, 259, 277, 284, 254
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES, SUB_DIRECTORIES = 322, 323, 324, 325, 330
REDUCED, MASK = 1, 4
"""Bits of SUBFILE: an overview; a mask of another image (TIFF 6.0, section 8)."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by its type (TIFF 6.0, section 2; BigTIFF for 16 to 18)."""
INTEGERS = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}
MAX_DIRECTORIES = 64
"""A scene with mask has about twenty: two, and two for each overview."""
MAX_ENTRIES = 200
MAX_VALUES_BYTES = 2**26
"""Of one tag; a million blocks have 8 MB of offsets."""


class LayoutError(ValueError):
    """The blocks of a file cannot be told apart from outside; the message says why."""


class TruncatedLayoutError(LayoutError):
    """A file ends before what it says it has, or says of its blocks what cannot be."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of one full-resolution image of a file: its pixels, or their mask."""

    height_width: tuple[int, int]
    block_height_width: tuple[int, int]
    spans: NDArray[np.uint64]
    """(planes, rows, columns, 2): where each block begins and ends; empty where none was written."""
    compression: int = 1
    """How blocks are packed: value of the tag Compression."""

    def all_spans(self) -> Iterator[Span]:
        """Yield where all blocks lie."""
        height, width = self.height_width
        yield from self.under(Window(0, 0, width, height))

    def under(self, window: Window) -> Iterator[Span]:
        """Yield where the blocks lie that have a pixel of the window."""
        height, width = self.block_height_width
        rows = slice(window.row_off // height, math.ceil((window.row_off + window.height) / height))
        columns = slice(window.col_off // width, math.ceil((window.col_off + window.width) / width))
        for begin, end in self.spans[:, rows, columns].reshape(-1, 2).tolist():
            if begin < end:
                yield begin, end


@dataclass(frozen=True, slots=True)
class _Form:
    """How numbers and entries are written, which differs between TIFF and BigTIFF."""

    order: str
    count: str
    """Of the entries of a directory."""
    offset: str
    inline_bytes: int
    """Longest values that stand in the entry itself."""

    def number(self, form: str, data: bytes) -> int:
        value: int = struct.unpack_from(f"{self.order}{form}", data)[0]
        return value

    @property
    def entry_bytes(self) -> int:
        return 4 + 2 * self.inline_bytes


async def read_layout(read: Read, size_bytes: int) -> tuple[Blocks, ...]:
    """Read every directory of a file, and with it all that is not pixels.

    Args:
        read: Gives parts of the file.
        size_bytes: Of the file.

    Returns:
        The blocks of the pixels, then those of their mask where there is one.

    Raises:
        LayoutError: If the file is not a TIFF, is in strips, or is made in a way not known here.
        TruncatedLayoutError: If it ends too soon, or what it says of its blocks cannot be.
    """
    form, offset = _form(await read(0, min(16, size_bytes)))
    directories: list[dict[int, NDArray[np.uint64]]] = []
    while offset:
        if len(directories) == MAX_DIRECTORIES or offset >= size_bytes:
            raise TruncatedLayoutError("its directories do not end within it")
        tags, offset = await _directory(read, form, offset, size_bytes)
        directories.append(tags)
    kinds = [_number(tags, SUBFILE, 0) for tags in directories]
    if not kinds or kinds[0] & (REDUCED | MASK):
        raise LayoutError("its first image is not its pixels")
    masks = [
        tags for tags, kind in zip(directories, kinds, strict=True) if kind & MASK and not kind & REDUCED
    ]
    images = tuple(_blocks(tags, size_bytes) for tags in (directories[0], *masks))
    if any(image.height_width != images[0].height_width for image in images):
        raise LayoutError("its mask has another size than its pixels")
    return images


def _form(head: bytes) -> tuple[_Form, int]:
    """Return the form of a file, and where its first directory lies."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        raise LayoutError("it is not a TIFF")
    version, width, reserved = struct.unpack_from(f"{order}HHH", head, 2)
    if version == 42:
        return (form := _Form(order, "H", "I", 4)), form.number("I", head[4:])
    if (version, width, reserved) == (43, 8, 0):
        return (form := _Form(order, "Q", "Q", 8)), form.number("Q", head[8:])
    raise LayoutError("it is not a TIFF")


async def _directory(
    read: Read, form: _Form, offset: int, size_bytes: int
) -> tuple[dict[int, NDArray[np.uint64]], int]:
    """Return the numbers of a directory by tag, and where the next one lies; 0 after the last."""

    async def checked(begin: int, length: int) -> bytes:
        if begin + length > size_bytes:
            raise TruncatedLayoutError("its directories do not end within it")
        return await read(begin, length)

    width = struct.calcsize(form.count)
    count = form.number(form.count, await checked(offset, width))
    if count > MAX_ENTRIES:
        raise LayoutError(f"a directory of it has {count} entries")
    content = await checked(offset + width, count * form.entry_bytes + form.inline_bytes)
    tags: dict[int, NDArray[np.uint64]] = {}
    for at in range(0, count * form.entry_bytes, form.entry_bytes):
        entry = content[at : at + form.entry_bytes]
        tag, kind = struct.unpack_from(f"{form.order}HH", entry)
        number = form.number(form.offset, entry[4:])
        length = number * SIZES.get(kind, MAX_VALUES_BYTES + 1)
        if length > MAX_VALUES_BYTES or tag == SUB_DIRECTORIES:
            raise LayoutError(f"its tag {tag} is not known here")
        values = entry[4 + form.inline_bytes :]
        if length > form.inline_bytes:
            values = await checked(form.number(form.offset, values), length)
        if kind in INTEGERS:
            kept = np.frombuffer(values[:length], dtype=f"{form.order}{INTEGERS[kind]}")
            tags[tag] = kept.astype(np.uint64)
    return tags, form.number(form.offset, content[count * form.entry_bytes :])


def _blocks(tags: dict[int, NDArray[np.uint64]], size_bytes: int) -> Blocks:
    if TILE_OFFSETS not in tags or TILE_SIZES not in tags:
        raise LayoutError("it is in strips, not in tiles")
    height, width = _number(tags, HEIGHT, 0), _number(tags, WIDTH, 0)
    block_height, block_width = _number(tags, TILE_HEIGHT, 0), _number(tags, TILE_WIDTH, 0)
    if not (height and width and block_height and block_width):
        raise LayoutError("it does not say how large its tiles are")
    planes = _number(tags, SAMPLES, 1) if _number(tags, PLANAR, 1) == 2 else 1
    shape = planes, math.ceil(height / block_height), math.ceil(width / block_width)
    begins, lengths = tags[TILE_OFFSETS], tags[TILE_SIZES]
    if not len(begins) == len(lengths) == math.prod(shape):
        raise LayoutError("it has another number of tiles than its size asks for")
    ends = begins + lengths
    if (ends > size_bytes).any() or (ends < begins).any():
        raise TruncatedLayoutError("its tiles do not end within it")
    if ((begins == 0) != (lengths == 0)).any():
        raise TruncatedLayoutError("some of its tiles have a place and no length, or a length and no place")
    spans = np.stack([begins, ends], axis=-1).reshape(*shape, 2)
    return Blocks((height, width), (block_height, block_width), spans, _number(tags, COMPRESSION, 1))


def _number(tags: dict[int, NDArray[np.uint64]], tag: int, otherwise: int) -> int:
    values = tags.get(tag)
    return otherwise if values is None or not len(values) else int(values[0])
