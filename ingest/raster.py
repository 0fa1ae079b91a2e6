"""A raster as a user hands it in: what it says of itself, its rows north first, and why it may be refused."""

import functools
import itertools
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS as PROJ_CRS
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window
from shapely.geometry import MultiPolygon, Polygon

from ingest.file_facts import (
    EXACT,
    alpha_of,
    as_decimal,
    has_own_mask,
    marks_64_bits,
    picture_of,
    read_categories,
    read_kept,
    what_helps,
)
from ingest.footprints import Footprint, footprint_of
from mosaics.collection import Category
from mosaics.ellipsoid import SEMI_MAJOR_M
from mosaics.raster.coordinates import GDAL_ERRORS, Bounds
from mosaics.raster.opening import holds_crs, open_raster, open_with_side_cars

ROWS_BYTES = 32 * 2**20
"""How much of a raster is in memory at a time."""

METERS_PER_DEGREE = math.pi / 180 * 6378137.0
"""Along a meridian or the equator of the WGS 84 sphere."""

STRAIGHT = 1e-9
"""Of a pixel: how far a rotation may move the far edge of a file that counts as straight."""

DECIMALS = 7
"""Of a degree: a centimetre."""

Layer: TypeAlias = int | str
"""A raster of a file, as its format names it: number of a GeoTIFF's band, from 1; path of a dataset."""


class RasterRefusedError(ValueError):
    """A file cannot be landed; the message says why and what to do."""


class AbsentLayerError(RasterRefusedError):
    """A file does not have a layer."""


class DamagedRasterError(RasterRefusedError):
    """A file cannot be read, or not to its end; if it came from somewhere, it may come better again."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class SourceRaster:
    """One layer of a file, as the file describes it."""

    path: Path
    layer: Layer
    files: tuple[Path, ...]
    """The file and the side-car files that are read with it."""
    height_width: tuple[int, int]
    dtype: str
    crs: CRS
    transform: Affine
    """North up, whichever way the rows lie in the file."""
    south_up: bool
    nodata: float | None
    """The file's own tag; None where it is missing or the dtype cannot hold it."""
    scale_offset: tuple[float, float]
    """The file's own tags; (1, 0) where they are missing."""
    has_mask: bool
    """Whether GDAL's mask of the file marks missing pixels; an alpha band is one as far as GDAL counts it."""
    unit: str | None = None
    """Of the physical values, in the file's own words; None where it does not say."""
    marked_by: int | None = None
    """A whole number beyond 2^53 that marks missing pixels in the file; where it lands a mask does."""
    categories: Mapping[int, Category] = field(default_factory=dict)
    """What its colour table and names of categories say of its numbers."""
    unpacked: Path | None = None
    """The GeoTIFF that the layer was written to, where it is not read from the file itself."""
    alpha: int | None = None
    """Number of an alpha band that marks missing pixels, too, though GDAL does not count it."""
    picture: tuple[int, ...] = ()
    """Numbers of the bands of a picture, where a pixel is missing if all have `nodata`; else empty."""
    mirrored: bool = False
    """Whether columns run from east to west in the file."""

    @property
    def name(self) -> str:
        """The file's name, for people."""
        return self.path.name

    @property
    def pixels_path(self) -> Path:
        """The GeoTIFF that the pixels are read from."""
        return self.unpacked or self.path

    @property
    def index(self) -> int:
        """Number of the band in that GeoTIFF, from 1."""
        return self.layer if isinstance(self.layer, int) and self.unpacked is None else 1

    @property
    def is_masked(self) -> bool:
        """Whether a mask or an alpha band of the file says which pixels are missing."""
        return self.has_mask or self.alpha is not None

    @property
    def size_bytes(self) -> int:
        """Size of the pixels, uncompressed."""
        return self.height_width[0] * self.height_width[1] * np.dtype(self.dtype).itemsize

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top in units of the CRS."""
        height, width = self.height_width
        left, top = self.transform.c, self.transform.f
        return left, top + height * self.transform.e, left + width * self.transform.a, top

    @property
    def pixel_size_m(self) -> float:
        """The shorter side of a pixel, in metres (on the equator for degrees)."""
        unit_m = METERS_PER_DEGREE if self.crs.is_geographic else self.crs.linear_units_factor[1]
        return float(min(abs(self.transform.a), abs(self.transform.e)) * unit_m)

    def rows(self) -> Iterator[tuple[int, NDArray[np.generic], NDArray[np.bool_] | None]]:
        """Read the raster from north to south, each row from west to east.

        Yields:
            Row where the piece begins, its pixels (rows, width), and which of them the file's mask, its
            alpha band or the other bands of a picture keep; None without any of these.

        Raises:
            RasterRefusedError: If the file ends before its pixels do.
        """
        height, width = self.height_width
        step = max(16, ROWS_BYTES // (width * np.dtype(self.dtype).itemsize) // 256 * 256)
        with opened(self.pixels_path, side_cars=len(self.files) > 1) as dataset:
            for top in range(0, height, step):
                count = min(step, height - top)
                window = Window(0, height - top - count if self.south_up else top, width, count)
                try:
                    pixels = dataset.read(self.index, window=window)
                    kept = self._kept(dataset, window)
                except GDAL_ERRORS as error:
                    raise DamagedRasterError(
                        self.path,
                        f"{self.name} cannot be read to its end: it is truncated or damaged. "
                        "Copy or download it again.",
                    ) from error
                if self.marked_by is not None:
                    held = pixels != self.marked_by
                    kept = held if kept is None else kept & held
                turned = np.s_[:: -1 if self.south_up else 1, :: -1 if self.mirrored else 1]
                yield top, pixels[turned], None if kept is None else kept[turned]

    def _kept(self, dataset: DatasetReader, window: Window) -> NDArray[np.bool_] | None:
        together = (self.picture, self.nodata) if self.picture and self.nodata is not None else None
        return read_kept(dataset, self.index, window, own=self.has_mask, alpha=self.alpha, together=together)


@contextmanager
def opened(path: Path, *, side_cars: bool = False) -> Iterator[DatasetReader]:
    """Open a GeoTIFF, and nothing else.

    Args:
        path: The file.
        side_cars: Whether files beside it are read with it, as it is right for the user's own.

    Raises:
        RasterRefusedError: If it is not a GeoTIFF that can be read.
    """
    if not path.is_file():
        raise RasterRefusedError(f"there is no file {path.name}; an asset is a GeoTIFF on this machine.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = open_with_side_cars(path) if side_cars else open_raster(path.resolve())
        except GDAL_ERRORS as error:
            raise DamagedRasterError(
                path, f"{path.name} is not a GeoTIFF that can be read. {what_helps(path)}"
            ) from error
        with dataset:
            yield dataset


def inspect_raster(
    path: Path, index: int = 1, *, flip: bool = False, side_cars: bool = False
) -> SourceRaster:
    """Read what a file says of one of its bands.

    Args:
        path: The file.
        index: Number of the band, from 1.
        flip: Whether a mirrored file is taken, and its columns turned.
        side_cars: See `opened`.

    Raises:
        RasterRefusedError: If the file is not a GeoTIFF, or one that would have to be changed to be landed.
    """
    with opened(path, side_cars=side_cars) as dataset:
        if not 1 <= index <= dataset.count:
            raise RasterRefusedError(
                f"{path.name} has no band {index}; it has {dataset.count}, counted from 1 ({path.name}:1)."
            )
        dtype = dataset.dtypes[index - 1]
        _refuse_dtype(path.name, dtype)
        _refuse_placing(path.name, dataset, flip=flip)
        mark = marks_64_bits(path, dtype)
        return marked_beyond_float64(
            SourceRaster(
                path=path,
                layer=index,
                files=tuple(sorted(Path(name) for name in dataset.files)),
                height_width=dataset.shape,
                dtype=dtype,
                crs=dataset.crs,
                transform=_north_up(dataset.transform, dataset.width, dataset.height),
                south_up=dataset.transform.e > 0,
                nodata=held_nodata(dataset.nodatavals[index - 1] if mark is None else mark, dtype),
                scale_offset=(as_decimal(dataset.scales[index - 1]), as_decimal(dataset.offsets[index - 1])),
                has_mask=has_own_mask(dataset, index),
                unit=dataset.units[index - 1] or None,
                categories=read_categories(dataset, index),
                alpha=alpha_of(dataset, index),
                picture=picture_of(dataset, index),
                mirrored=dataset.transform.a < 0,
            )
        )


def marked_beyond_float64(raster: SourceRaster, nodata: float | None = None) -> SourceRaster:
    """Return a raster that tells what is missing by itself where float64, and so a tag, cannot hold nodata.

    Args:
        raster: The raster.
        nodata: Used in place of its own.
    """
    found = raster.nodata if nodata is None else nodata
    if found is None or np.dtype(raster.dtype).kind not in "iu" or abs(found) <= EXACT:
        return raster
    return replace(raster, nodata=None, marked_by=int(found))


def held_nodata(nodata: float | None, dtype: str) -> float | None:
    """Return the value as `dtype` holds it (-999.9 is -999.9000244 in float32); None where it cannot."""
    if nodata is None:
        return None
    kind = np.dtype(dtype)
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            held = float(kind.type(nodata))
        return None if math.isinf(held) and not math.isinf(nodata) else held
    limits = np.iinfo(kind)
    return nodata if float(nodata).is_integer() and limits.min <= nodata <= limits.max else None


def _refuse_dtype(name: str, dtype: str) -> None:
    if dtype.startswith("complex"):
        raise RasterRefusedError(
            f"{name} holds complex numbers ({dtype}), which no map shows. "
            "Write their amplitude or phase first, for example with gdal_calc.py."
        )
    if np.dtype(dtype).kind not in "iuf":
        raise RasterRefusedError(f"{name} holds {dtype}; numbers of 8 to 64 bits can be landed.")


def _refuse_placing(name: str, dataset: DatasetReader, *, flip: bool) -> None:
    transform = dataset.transform
    if dataset.gcps[0]:
        raise RasterRefusedError(
            f"{name} is placed by ground control points only. "
            f"Warp it first: gdalwarp -t_srs EPSG:4326 {name} OUTPUT.tif"
        )
    if dataset.crs is None:
        raise RasterRefusedError(
            f"{name} has no coordinate reference system. If you know it: gdal_edit.py -a_srs EPSG:… {name}"
        )
    if transform.is_identity:
        raise RasterRefusedError(
            f"{name} does not say where it lies. "
            f"If you know its corners: gdal_edit.py -a_ullr LEFT TOP RIGHT BOTTOM {name}"
        )
    if not _is_straight(transform, dataset.width, dataset.height):
        raise RasterRefusedError(
            f"{name} is rotated or sheared against its coordinate axes. "
            f"Warp it onto a straight grid first: gdalwarp {name} OUTPUT.tif"
        )
    if transform.a < 0 and not flip:
        raise RasterRefusedError(
            f"{name} is mirrored: its columns run from east to west. tilewatch land --flip lands it with its "
            f"columns turned; gdalwarp {name} OUTPUT.tif turns them, too."
        )
    if not (dataset.crs.is_geographic or dataset.crs.is_projected):
        raise RasterRefusedError(
            f"{name} has a local coordinate system that is tied to no place on Earth. "
            f"If you know the right one: gdal_edit.py -a_srs EPSG:… {name}"
        )
    if not holds_crs(dataset.crs.to_wkt()):
        raise RasterRefusedError(
            f"{name} has a coordinate system that a GeoTIFF cannot hold: {dataset.crs.to_string()[:60]}. "
            f"Warp it into another first: gdalwarp -t_srs EPSG:4326 {name} OUTPUT.tif"
        )


def _is_straight(transform: Affine, width: int, height: int) -> bool:
    """Return whether rows run along an axis; a rotation of 1e-9 of a pixel over the file is rounding."""
    if transform.a == 0 or transform.e == 0:
        return False
    off = max(abs(transform.b) * height / abs(transform.a), abs(transform.d) * width / abs(transform.e))
    return bool(off <= STRAIGHT)


def _north_up(transform: Affine, width: int, height: int) -> Affine:
    """Return the transform of the file's pixels, once the first is the one in the north-west."""
    left = transform.c if transform.a > 0 else transform.c + width * transform.a
    top = transform.f if transform.e < 0 else transform.f + height * transform.e
    return Affine(abs(transform.a), 0.0, left, 0.0, -abs(transform.e), top)


def scene_footprint(rasters: Mapping[str, SourceRaster]) -> Footprint:
    """Return the union of the rasters' outlines, split at the antimeridian.

    Raises:
        RasterRefusedError: If a raster does not lie on the Earth, or two do not overlap.
    """
    outlines = {band: raster_footprint(raster) for band, raster in rasters.items()}
    for (first, one), (second, other) in itertools.combinations(outlines.items(), 2):
        if one is not other and one.intersection(other).area == 0:
            raise RasterRefusedError(
                f"{first} ({rasters[first].name}) and {second} ({rasters[second].name}) do not overlap, "
                "so they are not of one scene. Land them as two, each under its own --id."
            )
    distinct = {shapely.to_wkb(outline): outline for outline in outlines.values()}
    rounded = shapely.set_precision(shapely.union_all(list(distinct.values())), 10.0**-DECIMALS)
    if rounded.is_empty:
        raise _nowhere(next(iter(rasters.values())))  # shrunk to a point, as by a system it is not in
    assert isinstance(rounded, Polygon | MultiPolygon)  # noqa: S101 - a union of overlapping polygons
    return rounded


def raster_footprint(raster: SourceRaster) -> Footprint:
    """Return the outline of a raster in longitude and latitude.

    Raises:
        RasterRefusedError: If the raster lies on another body, or nothing of it lies on the Earth.
    """
    _refuse_other_bodies(raster)
    outline = footprint_of(raster.crs, raster.bounds, (raster.transform.a, -raster.transform.e))
    if outline is None:
        raise _nowhere(raster)
    return outline


def _refuse_other_bodies(raster: SourceRaster) -> None:
    """Refuse what lies on an ellipsoid that is not within 1% of the Earth's."""
    body = _body(raster.crs.to_wkt())
    if body is not None and abs(body[1] / SEMI_MAJOR_M - 1) > 0.01:
        raise RasterRefusedError(
            f"{raster.name} lies on a body of {body[1] / 1000:,.0f} km radius "
            f"({body[0]}), not on the Earth ({SEMI_MAJOR_M / 1000:,.0f} km); only the Earth is mapped."
        )


@functools.lru_cache(maxsize=256)
def _body(crs_wkt: str) -> tuple[str, float] | None:
    """Return the name of a system's ellipsoid and its semi-major axis in metres; None if it has none."""
    ellipsoid = PROJ_CRS.from_wkt(crs_wkt).ellipsoid
    return None if ellipsoid is None else (ellipsoid.name, ellipsoid.semi_major_metre)


def _nowhere(raster: SourceRaster) -> RasterRefusedError:
    left, bottom, right, top = raster.bounds
    return RasterRefusedError(
        f"{raster.name} says it reaches from {left:g}, {bottom:g} to {right:g}, {top:g} in "
        f"{raster.crs.to_string()[:60]}, which is not on Earth. Give it the coordinate system it is in: "
        f"gdal_edit.py -a_srs EPSG:… {raster.name}"
    )
