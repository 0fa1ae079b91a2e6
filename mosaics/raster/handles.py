"""Handles: datasets that stay open, a bounded number to a thread, and which overview of them to read."""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeAlias

from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.warp import calculate_default_transform

from mosaics.ellipsoid import WGS84
from mosaics.hosts import host_of
from mosaics.lanes import leave_for
from mosaics.raster.block_checks import BlockChecks, require_head
from mosaics.raster.coordinates import Turn, moved, turn_of
from mosaics.raster.decimals import Floats
from mosaics.raster.grid import Grid
from mosaics.raster.heads import Head, head_at_hand
from mosaics.raster.opening import open_head, open_raster
from mosaics.scene import Asset
from mosaics.storage.descriptors import share

HANDLES_PER_THREAD = 96
"""Open datasets a thread keeps. A handle holds a file descriptor or a header, not pixels."""

SHARE_OF_DESCRIPTORS = 32
"""A handle has about three files open, and there are several threads; of 256 descriptors 8 are handles."""

OVERSAMPLING, LEEWAY = 1.2, 0.1
"""Reading a warped file at a lower resolution, GDAL takes the coarsest overview whose factor is below 1.2
times what is asked for plus 0.1; measured with GDAL 3.10 by comparing pixels, and held by the tests."""

WEB_MERCATOR_LATITUDE = 85.06
"""Latitude past which Web Mercator has no sensible resolution; rio-tiler clips there too."""

WEB_MERCATOR = CRS.from_epsg(3857)

OneOrMany: TypeAlias = float | Floats
"""A coordinate, or those of many places."""


@dataclass(slots=True)
class Handle:
    """An open dataset at full resolution, its overviews as they are first needed, and what was derived."""

    path: str
    datasets: dict[int, DatasetReader]
    """By overview level; 0 is full resolution."""
    factors: tuple[float, ...]
    """How much coarser each overview is than full resolution, ascending."""
    nodata: float | None = None
    """Its own nodata tag; None without one, and where a mask counts in its place."""
    is_masked: bool = False
    """Whether it has a mask of its own."""
    is_rounded: bool = False
    """Whether its nodata tag is of 64-bit whole numbers, which rasterio rounds to float64."""
    shifts: tuple[float, ...] = (0.0,)
    """By how much the file is moved east, in units of its coordinate system, to be seen on the one turn
    around the Earth that transformations give; more than one where it has parts on several."""
    turn: Turn | None = None
    """That turn; None where its x is not a longitude times a constant."""
    checked: dict[int, BlockChecks] = field(default_factory=dict)
    """What is known of the blocks of each level."""
    width_in: dict[str, float] = field(default_factory=dict)
    """Pixel width in another coordinate system's unit, by that system's text."""
    width_asked: tuple[CRS, float] | None = None
    """That of the system asked last; most ask in one system, of which the very name takes 0.1 ms."""
    crs_text: str | None = None
    """Its coordinate system's text, once asked for."""
    to_cells: tuple[float, ...] | None = None
    """What takes its coordinates to columns and rows at full resolution, a to f, once asked for."""
    host: str = ""
    """Where it lies; empty on this machine."""
    head: Head | None = None
    """What its datasets are opened by, without its blocks; None if they read the file."""
    whole: dict[int, DatasetReader] = field(default_factory=dict)
    """Of a file opened by its head: by level, what reads the file itself, once GDAL has to."""

    @property
    def system(self) -> str:
        """The text of the file's coordinate system, made once."""
        if self.crs_text is None:
            self.crs_text = self.datasets[0].crs.to_wkt()
        return self.crs_text

    def cells(self, xs: OneOrMany, ys: OneOrMany) -> tuple[OneOrMany, OneOrMany]:
        """Return columns and rows, with fractions, of what is in units of its coordinate system."""
        if self.to_cells is None:
            self.to_cells = tuple(~self.datasets[0].transform)[:6]
        a, b, c, d, e, f = self.to_cells
        return xs * a + ys * b + c, xs * d + ys * e + f

    def dataset(self, level: int) -> DatasetReader:
        """Return the dataset seen through an overview (0: full resolution), opened now if need be."""
        if level not in self.datasets:
            self.datasets[level] = _opened(self.path, self.head, level - 1)
        return self.datasets[level]

    def readable(self, level: int) -> DatasetReader:
        """Return a dataset as `dataset` does by which GDAL can read pixels."""
        if self.head is None:
            return self.dataset(level)
        leave_for(self.host)
        if level not in self.whole:
            self.whole[level] = open_raster(self.path, overview=level - 1 if level else None)
        return self.whole[level]

    def nodata_of(self, asset: Asset) -> float | None:
        """Return the number that marks missing pixels, the file's or else the item's; None for a mask."""
        if self.is_masked:
            return None
        is_told = asset.nodata is not None and self.is_rounded
        return asset.nodata if self.nodata is None or is_told else self.nodata

    def level_for(self, grid: Grid) -> int:
        """Return the overview to read for a grid: 0 is full resolution, k the k-th overview."""
        if not self.factors:
            return 0
        left, _, right, _ = grid.bounds
        coarser = round((right - left) / self._pixel_width(grid.crs)) / grid.width
        limit = coarser * OVERSAMPLING + LEEWAY
        return sum(factor < limit for factor in self.factors)

    def _pixel_width(self, crs: CRS) -> float:
        """Return the width of a full-resolution pixel in units of `crs`."""
        if self.width_asked is None or self.width_asked[0] is not crs:
            name = crs.to_string()
            if name not in self.width_in:
                self.width_in[name] = _pixel_width(self.datasets[0], crs)
            self.width_asked = (crs, self.width_in[name])
        return self.width_asked[1]


class HandlePool:
    """The open datasets of one thread, the least recently used closed first.

    GDAL handles must not be shared between threads, so each render thread has a pool of its own.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size or max(1, min(HANDLES_PER_THREAD, share(SHARE_OF_DESCRIPTORS)))
        self._handles: OrderedDict[str, Handle] = OrderedDict()
        self._place: tuple[tuple[float, float, str], tuple[float, float]] | None = None

    def handle(self, path: str, head: tuple[int, int] | None = None) -> Handle:
        """Return the open dataset at `path`, opened now if need be and its `head` is right."""
        found = self._handles.get(path)
        if found is None:
            require_head(path, head)
            return self._open(path, head_at_hand(path, head))
        if found.head is None:
            leave_for(found.host)
        self._handles.move_to_end(path)
        return found

    def place_in(self, handle: Handle, lon: float, lat: float) -> tuple[float, float]:
        """Return a place in degrees in a file's coordinate system; infinite where it has none.

        That asked last is kept, since the bands of a scene are asked for the same place in one system.
        """
        asked = lon, lat, handle.system
        if self._place is None or self._place[0] != asked:
            (x,), (y,) = moved(WGS84, handle.dataset(0).crs, [lon], [lat])
            self._place = asked, (float(x), float(y))
        return self._place[1]

    def _open(self, path: str, head: Head | None) -> Handle:
        host = host_of(path)
        if head is None:
            leave_for(host)
        dataset = _opened(path, head)
        factors = tuple(dataset.width / math.ceil(dataset.width / o) for o in dataset.overviews(1))
        is_masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
        found = self._handles[path] = Handle(
            path,
            {0: dataset},
            factors,
            None if is_masked else dataset.nodata,
            is_masked,
            dataset.dtypes[0] in {"int64", "uint64"},
            _shifts(dataset),
            turn_of(dataset.crs),
            head=head,
            host=host,
        )
        while len(self._handles) > self._size:
            self.forget(next(iter(self._handles)))
        return found

    def dataset(self, path: str, level: int) -> DatasetReader:
        """Return the dataset at `path` seen through overview `level` (0: full resolution)."""
        return self.handle(path).dataset(level)

    def forget(self, path: str) -> None:
        """Close whatever is open at `path`."""
        handle = self._handles.pop(path, None)
        if handle is not None:
            for dataset in (*handle.datasets.values(), *handle.whole.values()):
                dataset.close()

    def close(self) -> None:
        """Close everything."""
        for path in list(self._handles):
            self.forget(path)


_of_thread = threading.local()


def thread_pool() -> HandlePool:
    """Return the pool of the calling thread."""
    pool: HandlePool | None = getattr(_of_thread, "pool", None)
    if pool is None:
        pool = _of_thread.pool = HandlePool()
    return pool


def _opened(path: str, head: Head | None, overview: int | None = None) -> DatasetReader:
    """Open a file, seen through an overview, or its head where that is at hand."""
    return open_raster(path, overview=overview) if head is None else open_head(head.name, overview=overview)


def _shifts(dataset: DatasetReader) -> tuple[float, ...]:
    """Return by how much a dataset is moved to be seen wherever it lies.

    Raises:
        rasterio.errors.RasterioIOError: If it has no coordinate system.
    """
    if dataset.crs is None:
        raise RasterioIOError(f"{dataset.name.rpartition('/')[2]} does not state a coordinate system")
    turn = turn_of(dataset.crs)
    if turn is None:
        return (0.0,)
    left, _, right, _ = dataset.bounds
    return turn.shifts(left, right, abs(dataset.transform.a))


def _pixel_width(dataset: DatasetReader, crs: CRS) -> float:
    """Return the width of a dataset's pixel in units of `crs`, as GDAL suggests it for a warp."""
    if dataset.crs == crs:
        return float(dataset.transform.a)
    left, bottom, right, top = dataset.bounds
    width, height = dataset.width, dataset.height
    if _shifts(dataset) != (0.0,):
        left, right, width = _on_one_turn(dataset)
    if dataset.crs.is_geographic and crs == WEB_MERCATOR:
        south = max(bottom, -WEB_MERCATOR_LATITUDE)
        north = min(top, WEB_MERCATOR_LATITUDE)
        if south < north and (south, north) != (bottom, top):
            height = max(1, round(height * (north - south) / (top - bottom)))
            bottom, top = south, north
    transform, _, _ = calculate_default_transform(dataset.crs, crs, width, height, left, bottom, right, top)
    return float(transform.a)


def _on_one_turn(dataset: DatasetReader) -> tuple[float, float, int]:
    """Return left, right and columns of a dataset moved to the middle of the turn, no wider than that."""
    turn = turn_of(dataset.crs)
    assert turn is not None  # noqa: S101 - it is moved along one
    columns = min(dataset.width, max(1, round(turn.period / dataset.transform.a)))
    half = min(columns * dataset.transform.a, turn.period) / 2
    middle = turn.west + turn.period / 2
    return middle - half, middle + half, columns
