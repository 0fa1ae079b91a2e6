"""Clipping: the part of a raster that lies under a box, on the raster's own pixel grid."""

import math
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from ingest.raster import RasterRefusedError, opened

BLOCK_PX = 256
ROWS = 1024
"""Read at a time: 22 MB of a Sentinel-2 band."""


def clip_file(path: Path, bbox: tuple[float, float, float, float], target: Path) -> None:
    """Writes the part of a GeoTIFF under a box of degrees, where it appears whole.

    Raises:
        RasterRefusedError: Where the file cannot be read, or has nothing under the box.
    """
    with opened(path) as dataset:
        _clip_dataset(dataset, path.name, bbox, target)


def _clip_dataset(
    dataset: DatasetReader, name: str, bbox: tuple[float, float, float, float], target: Path
) -> None:
    window = window_under(dataset, bbox)
    if window is None:
        raise RasterRefusedError(f"{name} has no pixels under the box.")
    unfinished = target.with_name(f"{target.name}.clipping")
    profile = dataset.profile | {
        "driver": "GTiff",
        "width": window.width,
        "height": window.height,
        "transform": dataset.window_transform(window),
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "compress": "deflate",
        "interleave": "band",
        "bigtiff": "if_safer",
    }
    try:
        with rasterio.open(unfinished, "w", **profile) as clipped:
            clipped.scales, clipped.offsets = dataset.scales, dataset.offsets
            for top in range(0, window.height, ROWS):
                rows = min(ROWS, window.height - top)
                part = Window(window.col_off, window.row_off + top, window.width, rows)
                clipped.write(dataset.read(window=part), window=Window(0, top, window.width, rows))
    except (RasterioError, CPLE_BaseError) as error:
        raise RasterRefusedError(
            f"{name} cannot be read under the box: it is truncated or damaged."
        ) from error
    unfinished.replace(target)


def window_under(dataset: DatasetReader, bbox: tuple[float, float, float, float]) -> Window | None:
    """The pixels that a box of degrees touches; None where there are none.

    A box whose west is greater than its east crosses the antimeridian.
    """
    west, south, east, north = bbox
    boxes = [bbox] if west < east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    columns: list[float] = []
    rows: list[float] = []
    for box in boxes:
        try:
            left, bottom, right, top = transform_bounds("EPSG:4326", dataset.crs, *box)
        except RasterioError:
            continue
        inverse = ~dataset.transform
        corners = [inverse * corner for corner in ((left, top), (right, bottom))]
        across, down = sorted(corner[0] for corner in corners), sorted(corner[1] for corner in corners)
        if across[1] <= 0 or down[1] <= 0 or across[0] >= dataset.width or down[0] >= dataset.height:
            continue
        columns += across
        rows += down
    if not columns or not all(map(math.isfinite, [*columns, *rows])):
        return None
    first_column, first_row = max(0, math.floor(min(columns))), max(0, math.floor(min(rows)))
    last_column = min(dataset.width, math.ceil(max(columns)))
    last_row = min(dataset.height, math.ceil(max(rows)))
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)
