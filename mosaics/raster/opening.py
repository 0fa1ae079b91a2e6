"""Opening rasters: the one place that does, as GeoTIFFs alone, without side-car files.

GDAL tells formats by content. A file that is called .tif and is a VRT, or has become one, may name any file
of this machine and any address; so may a GeoTIFF, in metadata that GDAL takes for the place of its overviews
or of its coordinates, and files beside it.
"""

import logging
import re
import threading
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.env import getenv, hasenv
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile
from rasterio.session import DummySession
from rasterio.shutil import copy

from mosaics.raster.coordinates import GDAL_ERRORS
from mosaics.raster.remote import RemotePathError, through_gate
from mosaics.storage.descriptors import NoDescriptorsError, are_few, comes_of_none_left

DRIVER = "GTiff"
"""The only format opened, COGs among it."""

ALONE: Mapping[str, str] = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
"""Options for GDAL, by which nothing that lies beside a file is read with it."""

ELSEWHERE = (("OVERVIEWS", "OVERVIEW_FILE"), ("GEOLOCATION", "X_DATASET"), ("GEOLOCATION", "Y_DATASET"))
"""Metadata of a file, by domain and name, that make GDAL read another one."""

MEMORY = "/vsimem/"
"""Where GDAL finds files that lie in memory."""

_LOCAL = re.compile(r"/(?!vsi).*", re.DOTALL)
_BUCKET = re.compile(r"/vsis3/[^/]+/.+", re.DOTALL)


class NotGeoTiffError(RasterioIOError):  # type: ignore[misc]
    """A file is not opened, since it is not a GeoTIFF that stands by itself; the message says so."""


class MissingParts(logging.Handler):
    """Hears of GDAL that it leaves out tags it could not read: of a file whose store sent half an answer.

    It opens such a file all the same, as one without a coordinate system, or with fewer overviews.
    """

    SAYS = re.compile("IO error|apparently corrupt|[Cc]annot read")

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._of_thread = threading.local()
        logging.getLogger("rasterio._env").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a warning, for the thread that reads."""
        if self.SAYS.search(record.getMessage()):
            self._of_thread.missed = True

    def forget(self) -> None:
        """Begin to listen."""
        self._of_thread.missed = False

    def were_missing(self) -> bool:
        """Return whether something was left out since."""
        return bool(self._of_thread.missed)


PARTS = MissingParts()


def open_raster(path: str | PathLike[str], *, overview: int | None = None) -> DatasetReader:
    """Open a GeoTIFF that is served, referenced or comes from an archive.

    Args:
        path: Absolute, or a path of GDAL in a bucket or at an https address.
        overview: Number of the overview through which it is seen, from 0; None for full resolution.

    Raises:
        NotGeoTiffError: If it is another format, or names other files.
        NoDescriptorsError: If no file can be opened at all.
        rasterio.errors.RasterioIOError: If it cannot be opened, or its head was not received whole.
    """
    name = _allowed(fspath(path))
    PARTS.forget()
    level = {} if overview is None else {"overview_level": overview}
    with _alone():
        try:
            dataset = rasterio.open(name, driver=DRIVER, sharing=False, **level)
        except GDAL_ERRORS as error:
            if are_few():
                raise NoDescriptorsError from error
            raise NotGeoTiffError(
                f"{_shown(path)} cannot be opened as a GeoTIFF; it is missing, damaged or of another format, "
                f"and no other is read ({type(error).__name__})"
            ) from error
    if found := [f"{domain}:{key}" for domain, key in ELSEWHERE if key in dataset.tags(ns=domain)]:
        dataset.close()
        raise NotGeoTiffError(f"{_shown(path)} names another file ({', '.join(found)}), which is not read")
    if name.startswith("/vsi"):
        dataset.overviews(1)  # which GDAL looks for when they are first asked for
        if PARTS.were_missing():
            dataset.close()
            raise RasterioIOError(f"{_shown(path)} was received in part only")
    return dataset


def open_head(name: str, *, overview: int | None = None) -> DatasetReader:
    """Open what comes before the blocks of a GeoTIFF, laid in memory by `mosaics.raster.heads`.

    It tells all that the file says of itself; pixels cannot be read by it.

    Raises:
        NotGeoTiffError: If it names other files.
        rasterio.errors.RasterioIOError: If it is not the head of a GeoTIFF, or not whole.
    """
    if not name.startswith(MEMORY):
        raise NotGeoTiffError(f"{_shown(name)} is not a head in memory")
    PARTS.forget()
    level = {} if overview is None else {"overview_level": overview}
    with _alone():
        dataset = rasterio.open(name, driver=DRIVER, sharing=False, **level)
    if any(key in dataset.tags(ns=domain) for domain, key in ELSEWHERE):
        dataset.close()
        raise NotGeoTiffError(f"{_shown(name)} names another file, which is not read")
    dataset.overviews(1)
    if PARTS.were_missing():
        dataset.close()
        raise RasterioIOError(f"{_shown(name)} is not the whole head")
    return dataset


def open_view(name: str, overview: int | None = None) -> DatasetReader:
    """Open a GeoTIFF put together in memory, whose head was opened by `open_head`.

    Args:
        name: Path of the description of its parts, in memory (GDAL's /vsisparse/).
        overview: As for `open_raster`.

    Raises:
        NotGeoTiffError: If it lies elsewhere.
        rasterio.errors.RasterioIOError: If it cannot be opened.
    """
    if not name.startswith(MEMORY):
        raise NotGeoTiffError(f"{_shown(name)} is not a view in memory")
    level = {} if overview is None else {"overview_level": overview}
    with _alone():
        return rasterio.open(f"/vsisparse/{name}", driver=DRIVER, sharing=False, **level)


def open_ruler(numbers: NDArray[np.float32], width: int, height: int) -> DatasetReader:
    """Open the upper left part of an array in memory as a raster, which reads what stands in the array.

    Args:
        numbers: Of shape (rows, columns); it must outlive the raster.
        width: Columns of the part.
        height: Rows of the part.
    """
    place = f"MEM:::DATAPOINTER={numbers.ctypes.data},PIXELS={width},LINES={height}"
    lines = f"LINEOFFSET={numbers.strides[0]},DATATYPE=Float32,GEOTRANSFORM=0/1/0/0/0/-1"
    # Only here: what else is opened names no memory of this process.
    with rasterio.Env(session=DummySession(), GDAL_MEM_ENABLE_OPEN="YES"):
        return rasterio.open(f"{place},{lines}", driver="MEM", sharing=False)


def opened_path(path: str) -> str:
    """Return what GDAL knows a file by that `open_raster` has opened."""
    try:
        return _allowed(path)
    except NotGeoTiffError:
        return path


def open_with_side_cars(path: str | PathLike[str]) -> DatasetReader:
    """Open a GeoTIFF of the user's own on this machine, with the files beside it.

    Raises:
        rasterio.errors.RasterioIOError: If it cannot be opened.
    """
    return rasterio.open(Path(path).resolve(), driver=DRIVER, sharing=False)


@lru_cache(maxsize=256)
def holds_crs(wkt: str) -> bool:
    """Return whether a GeoTIFF holds a coordinate system by itself; that of a rotated pole it does not."""
    with rasterio.Env(**ALONE), MemoryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with file.open(driver=DRIVER, width=1, height=1, count=1, dtype="uint8", crs=wkt):
            """Have it written."""
        with file.open(driver=DRIVER) as written:
            return written.crs is not None


def create_raster(path: str | PathLike[str], **profile: Any) -> DatasetWriter:
    """Create a GeoTIFF on this machine.

    Args:
        path: Absolute or relative.
        **profile: As `rasterio.open` takes it.

    Raises:
        rasterio.errors.RasterioIOError: If it cannot be written.
    """
    return rasterio.open(path, "w", **{**profile, "driver": DRIVER})


def copy_as_cog(source: str | PathLike[str], target: str | PathLike[str], **options: Any) -> None:
    """Write a GeoTIFF of ours as a COG.

    Raises:
        rasterio.errors.RasterioError: If it cannot be read or written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(Path(source).resolve(), driver=DRIVER, sharing=False) as dataset:
            copy(dataset, target, driver="COG", **options)


def _alone() -> AbstractContextManager[Any]:
    """Return the options that hide files beside one, without a look for credentials; none where they hold."""
    if hasenv() and ALONE.items() <= getenv().items():
        return nullcontext()
    alone: AbstractContextManager[Any] = rasterio.Env(session=DummySession(), **ALONE)
    return alone


def _allowed(path: str) -> str:
    """Return what GDAL opens for a path.

    Raises:
        NotGeoTiffError: If it is not a plain file, an object of a bucket or at an https address.
    """
    if path.startswith("/vsicurl"):
        try:
            return through_gate(path)
        except (RemotePathError, OSError) as error:
            if comes_of_none_left(error):
                raise NoDescriptorsError from error
            raise NotGeoTiffError(f"{error}, so that it is not opened") from error
    return path if _BUCKET.fullmatch(path) else _local(path)


def _local(path: str) -> str:
    if not _LOCAL.fullmatch(path):
        raise NotGeoTiffError(f"{path[:200]!r} is not the path of a file")
    return path


def _shown(path: str | PathLike[str]) -> str:
    """Return the name of a file as log lines have it."""
    return fspath(path).partition("?")[0].rpartition("/")[2][:200] or "a file"
