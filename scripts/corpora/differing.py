"""Differing: what two answers, or two landed files, do not have in common, in sentences."""

import io
import itertools
import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from rasterio.io import MemoryFile

from scripts.corpora.asking import Answer
from scripts.corpora.normalising import is_text

Pixels = NDArray[Any]

SHOWN_TEXT = 160
"""Characters of a value."""


def differences(recorded: Answer, found: Answer) -> Iterator[str]:
    """What another build answers otherwise."""
    if recorded.status != found.status:
        yield f"status {recorded.status}, now {found.status}"
    for name in sorted({*recorded.headers, *found.headers}):
        before, now = recorded.headers.get(name), found.headers.get(name)
        if before != now:
            yield f"header {name}: {_shown(before)}, now {_shown(now)}"
    if recorded.body != found.body:
        yield from of_bodies(recorded.body, found.body, recorded.media_type)


def of_bodies(recorded: bytes, found: bytes, media_type: str) -> Iterator[str]:
    """What two contents of a media type do not have in common; something is said wherever bytes differ."""
    reason = "body: bytes differ"
    try:
        if media_type.endswith("ndjson"):
            lines = zip_longest(recorded.splitlines(), found.splitlines(), fillvalue=b"null")
            said = [each for pair in lines for each in _of_documents(*map(json.loads, pair))]
            reason = "body: the same documents, written differently"
        elif media_type.endswith("json"):
            said = list(_of_documents(json.loads(recorded), json.loads(found)))
            reason = "body: the same document, written differently"
        elif media_type.startswith("image/tiff"):
            said = list(_of_rasters(recorded, found))
            reason = "body: the same raster, encoded differently"
        elif media_type.startswith("image/") and "svg" not in media_type:
            said = list(_of_pixels(_picture(recorded), _picture(found)))
            reason = "body: the same picture, encoded differently"
        elif recorded[:6] == b"\x93NUMPY":
            said = list(_of_pixels(np.load(io.BytesIO(recorded)), np.load(io.BytesIO(found))))
            reason = "body: the same array, encoded differently"
        else:
            said = list(_of_lines(recorded, found)) if is_text(media_type) else []
    except (ValueError, UnidentifiedImageError, rasterio.errors.RasterioError) as error:
        said = [f"body: no longer readable as {media_type}: {error}"]
    sizes = f" ({len(recorded)} bytes, now {len(found)})"
    yield from said or [reason + sizes]


def _of_documents(recorded: Any, found: Any, path: str = "body") -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name in sorted({*recorded, *found}):
            if name not in found:
                yield f"{path}.{name}: {_shown(recorded[name])}, now absent"
            elif name not in recorded:
                yield f"{path}.{name}: new, {_shown(found[name])}"
            else:
                yield from _of_documents(recorded[name], found[name], f"{path}.{name}")
    elif isinstance(recorded, list) and isinstance(found, list):
        if len(recorded) != len(found):
            yield f"{path}: {len(recorded)} entries, now {len(found)}"
        for number, (before, now) in enumerate(zip(recorded, found, strict=False)):
            yield from _of_documents(before, now, f"{path}[{number}]")
    elif recorded != found or type(recorded) is not type(found):
        yield f"{path}: {_shown(recorded)}, now {_shown(found)}"


def _of_lines(recorded: bytes, found: bytes) -> Iterator[str]:
    before, now = recorded.decode("utf-8", "replace"), found.decode("utf-8", "replace")
    lines = itertools.zip_longest(before.splitlines(), now.splitlines())
    for number, (old, new) in enumerate(lines, start=1):
        if old != new:
            yield f"line {number}: {_shown(old)}, now {_shown(new)}"


def _of_rasters(recorded: bytes, found: bytes) -> Iterator[str]:
    with (
        MemoryFile(recorded) as old_file,
        MemoryFile(found) as new_file,
        old_file.open() as old,
        new_file.open() as new,
    ):
        for name in ("crs", "transform", "nodatavals", "dtypes", "scales", "offsets", "descriptions"):
            before, now = getattr(old, name), getattr(new, name)
            if str(before) != str(now):
                yield f"raster {name}: {_shown(before)}, now {_shown(now)}"
        yield from _of_pixels(old.read(), new.read())


def _picture(body: bytes) -> Pixels:
    """Red, green, blue and opacity as planes."""
    with Image.open(io.BytesIO(body)) as picture:
        return np.moveaxis(np.asarray(picture.convert("RGBA")), -1, 0)


def _of_pixels(recorded: Pixels, found: Pixels) -> Iterator[str]:
    if recorded.shape != found.shape or recorded.dtype != found.dtype:
        yield f"array {recorded.dtype} {recorded.shape}, now {found.dtype} {found.shape}"
        return
    missing, now_missing = _missing(recorded), _missing(found)
    differing = ~((recorded == found) | (missing & now_missing))
    apart = np.abs(recorded.astype("float64") - found.astype("float64"))
    if differing.any():
        said = f"{_pixels(differing)} of {_pixels(np.ones_like(differing))} pixels differ"
        both = apart[differing & ~missing & ~now_missing]
        if both.size:
            said += f", by {both.max():.3g} at most"
        if (missing != now_missing).any():
            said += (
                f"; {_pixels(missing & ~now_missing)} were missing, {_pixels(now_missing & ~missing)} now are"
            )
        yield said


def _missing(array: Pixels) -> NDArray[np.bool_]:
    return np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)


def _pixels(places: NDArray[np.bool_]) -> int:
    """How many pixels are among these places in any plane."""
    return int((places.any(axis=0) if places.ndim == 3 else places).sum())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 3]}..."
