"""Reading: odc-stac's way to a file of a scene; pixels that need not be moved are copied as they are."""

import logging
import math
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.loader import RioDriver, RioReader
from odc.loader._reader import pick_overview
from odc.loader._rio import _do_read, _reproject_info_from_rio, rio_env
from rasterio.io import DatasetReader

from ingest.compositing.grids import NEARLY, is_aligned
from mosaics.raster.coordinates import GDAL_ERRORS
from mosaics.raster.opening import ALONE, open_raster

logger = logging.getLogger(__name__)

GDAL_OPTIONS = {
    **ALONE,
    "GDAL_CACHEMAX": 256 << 20,  # bytes, in the whole process
    "GDAL_NUM_THREADS": 1,
    "GDAL_INGESTED_BYTES_AT_OPEN": 32768,
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_CONNECTTIMEOUT": 10,
    "GDAL_HTTP_TIMEOUT": 60,
    "GDAL_HTTP_MAX_RETRY": 4,
    "GDAL_HTTP_RETRY_DELAY": 0.5,
    "GDAL_HTTP_NETRC": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.tiff,{noext}",  # a path with options, /vsicurl?…, has none
}
"""How GDAL reads, wherever the graph runs. Credentials are not among them: each process has its own."""


_WARPING = threading.Lock()
"""rasterio silences a warning of its own while it warps, in a way that threads undo for one another."""

NEAREST_TOLERANCE_PX = 0.9
"""How far pixels may lie from those of a file to be copied, as odc-loader has it for the nearest pixel."""


class SceneBand(NamedTuple):
    """What a file is called to people."""

    band: str
    scene_id: str


class UnreadableSceneError(RuntimeError):
    """Pixels of a scene cannot be read where the graph runs."""

    def __init__(self, band: str, scene_id: str) -> None:
        super().__init__(band, scene_id)  # its arguments travel from a worker
        self.scene_id = scene_id

    def __str__(self) -> str:
        return (
            f"{self.args[0]} of scene {self.scene_id} cannot be read; it is damaged or out of reach, from "
            "here or from a worker of the cluster."
        )


class SceneDriver(RioDriver):
    """odc-stac's driver for GDAL with options of its own, that names the scene where reading fails.

    Args:
        options: For GDAL.
        names: What a file is called to people, by the path GDAL opens.
    """

    def __init__(self, options: Mapping[str, Any], names: Mapping[str, SceneBand]) -> None:
        super().__init__()
        self.options = dict(options)
        self.names = dict(names)

    def capture_env(self) -> dict[str, Any]:
        """Return the options, in place of whatever the process has set."""
        return self.options

    def open(self, src: Any, ctx: Any) -> "SceneReader":
        """Return a reader of one file."""
        return SceneReader(src, ctx, self.names.get(src.uri, SceneBand("a band", "unknown")))


class SceneReader(RioReader):
    """Reads one file of a scene."""

    def __init__(self, src: Any, ctx: Any, name: SceneBand) -> None:
        super().__init__(src, ctx)
        self.source = src
        self.name = name

    def read(self, cfg: Any, dst_geobox: GeoBox, **options: Any) -> Any:
        """See `RioReader.read`.

        Pixels on the same lattice, or on one a whole number of times coarser, are copied as they are.

        Raises:
            UnreadableSceneError: If the file cannot be read here.
        """
        try:
            with open_raster(self.source.uri) as dataset:
                if (part := _part_under(dataset, dst_geobox)) is not None:
                    return part.read(dataset, cfg.dtype)
                with _WARPING:
                    return self._moved(dataset, cfg, dst_geobox, options.get("dst"))
        except GDAL_ERRORS as error:
            logger.info("%s of scene %s: %s", *self.name, error)
        raise UnreadableSceneError(*self.name)  # not from GDAL's error, which cannot travel from a worker

    def _moved(self, dataset: DatasetReader, cfg: Any, grid: GeoBox, target: NDArray[Any] | None) -> Any:
        """Return pixels moved onto a grid as `RioReader` does, which would open the file as any format."""
        placed = _reproject_info_from_rio(dataset, grid, ttol=NEAREST_TOLERANCE_PX)
        overview = None
        if cfg.use_overviews and placed.read_shrink > 1:
            overview = pick_overview(placed.read_shrink, dataset.overviews(self.source.band))
        seen = nullcontext(dataset) if overview is None else open_raster(self.source.uri, overview=overview)
        with seen as coarse, rio_env(VSI_CACHE=False):
            return _do_read(rasterio.band(coarse, self.source.band), cfg, grid, placed, dst=target)


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a file that lies under a grid whose pixels are whole parts of its own."""

    times: int
    """So many pixels of the grid are one of the file, in each direction."""
    rows: tuple[int, int, int]
    """First row in the file, rows, and rows of the grid above the first (negative: beyond its top)."""
    columns: tuple[int, int, int]
    height_width: tuple[int, int]
    """Of the grid."""

    def read(self, dataset: Any, dtype: str) -> tuple[tuple[slice, slice], NDArray[Any]]:
        """Return where in the grid the part lies, and its pixels."""
        inner, outer = zip(
            *(
                _overlap(first, count * self.times, length)
                for (_, count, first), length in zip(
                    (self.rows, self.columns), self.height_width, strict=True
                )
            ),
            strict=True,
        )
        if not (self.rows[1] and self.columns[1]):
            return (slice(0, 0), slice(0, 0)), np.empty((0, 0), dtype)
        window = rasterio.windows.Window(self.columns[0], self.rows[0], self.columns[1], self.rows[1])
        pixels = dataset.read(1, window=window, out_dtype=dtype)
        if self.times > 1:
            pixels = pixels.repeat(self.times, axis=0).repeat(self.times, axis=1)
        return outer, pixels[inner]


def _overlap(first: int, count: int, length: int) -> tuple[slice, slice]:
    """Return what of `count` pixels from `first` on lies within `length`: within them, and within it."""
    begin, end = max(first, 0), max(min(first + count, length), 0)
    return slice(begin - first, end - first), slice(begin, end)


def _part_under(dataset: Any, grid: GeoBox) -> _Part | None:
    """Return the part of a dataset under a grid; None where pixels have to be moved."""
    own = GeoBox(dataset.shape, dataset.transform, dataset.crs)
    if not is_aligned(grid, own):
        return None
    steps = ~own.transform * grid.transform
    times = round(1 / steps.a)
    if times != round(1 / steps.e):
        return None
    height, width = grid.shape.yx
    top, left = steps.f, steps.c

    def along(start: float, length: int, size: int) -> tuple[int, int, int]:
        first = max(0, math.floor(start + NEARLY))
        last = min(size, math.ceil(start + length / times - NEARLY))
        return first, max(0, last - first), round((first - start) * times)

    return _Part(
        times, along(top, height, dataset.height), along(left, width, dataset.width), (height, width)
    )
