"""Made-up rasters for what neither the demo nor the real scenes show: small, and the same every time.

Whole-number arithmetic alone draws them, so that no version of a library draws another pixel.
"""

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine, from_origin

Numbers = NDArray[np.uint16]

SIZE_PX = 96

OFFSET_DN = 1000
"""What Sentinel-2's processing baselines from 04.00 on add to every number."""


def draw_all(folder: Path) -> None:
    """Draw every raster into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for year in range(2020, 2025):
        vigour = 40 * (year % 3) + (160 if year == 2024 else 0)
        _draw_sentinel(folder, f"july-{year}", vigour, crs="EPSG:32633", corner=(500_000, 5_100_000))
    for row in range(3):
        for column in range(3):
            corner = (300_000 + 1_600 * column, 5_500_000 - 1_600 * row)
            vigour = 60 * row + 25 * column
            _draw_sentinel(
                folder, f"crowd-{row}{column}", vigour, crs="EPSG:32632", corner=corner, pixel_m=20
            )
    _draw_sentinel(folder, "dateline", 80, crs="EPSG:32701", corner=(175_000, 8_120_000), pixel_m=120)
    for name, vigour in {"2023-06-a": 60, "2023-06-b": 90, "2023-06-c": 120, "2024-06": 20}.items():
        _draw_landsat(folder, name, vigour)
    _draw_zones(folder)


def _draw_sentinel(
    folder: Path, name: str, vigour: int, *, crs: str, corner: tuple[float, float], pixel_m: float = 10
) -> None:
    """Red, near infrared and scene classification; `vigour` makes it greener."""
    y, x = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    field = (x // 12 * 7 + y // 9 * 5) % 11
    grain = (x * 31 + y * 17 + x * y) % 23
    red = OFFSET_DN + 900 - 40 * field - vigour + grain
    nir = OFFSET_DN + 1500 + 220 * field + 4 * vigour + 2 * grain
    scl = np.where(field > 3, 4, 5)
    scl[(x - 30) ** 2 + (y - 60 + vigour // 8) ** 2 < 150] = 9
    scl[:3, :] = 0
    placed = from_origin(*corner, pixel_m, pixel_m)
    for band, numbers in {"red": red, "nir": nir}.items():
        numbers[:3, :] = 0
        _write(folder / f"{name}-{band}.tif", numbers.astype("uint16"), crs, placed, 0)
    _write(folder / f"{name}-scl.tif", scl.astype("uint8"), crs, placed, 0)


def _draw_landsat(folder: Path, name: str, vigour: int) -> None:
    """Six bands of Landsat and its quality band; the less `vigour`, the more has burned."""
    y, x = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    field = (x // 10 + y // 14 * 3) % 9
    grain = (x * 13 + y * 29 + x * y) % 41
    planes = {
        "blue": 8600 + 60 * field + grain,
        "green": 9100 + 90 * field + grain,
        "red": 9300 - 50 * field + grain,
        "nir08": 13_000 + 400 * field + 30 * vigour + 3 * grain,
        "swir22": 12_500 - 20 * vigour - 150 * field + 2 * grain,
    }
    quality = np.full((SIZE_PX, SIZE_PX), 21_824)  # clear, low confidence of all else (USGS LSDS-1619)
    quality[(x - vigour) ** 2 + (y - 40) ** 2 < 180] = 22_280  # cloud, high confidence
    quality[:, :2] = 1  # fill
    placed = from_origin(500_000, 4_400_000, 30, 30)
    for band, numbers in planes.items():
        numbers[:, :2] = 0
        _write(folder / f"landsat-{name}-{band}.tif", numbers.astype("uint16"), "EPSG:32614", placed, 0)
    _write(folder / f"landsat-{name}-qa_pixel.tif", quality.astype("uint16"), "EPSG:32614", placed, 1)


def _draw_zones(folder: Path) -> None:
    """Zones over the demo's fire: 0 outside, 255 unmapped, else inside."""
    y, x = np.mgrid[0:40, 0:60]
    zones = np.where(x + y // 2 < 40, 1, 0)
    zones[30:, :] = 255
    _write(
        folder / "zones.tif", zones.astype("uint8"), "EPSG:4326", from_origin(-99.2, 40.6, 0.005, 0.005), 255
    )


def _write(path: Path, numbers: Numbers | NDArray[np.uint8], crs: str, placed: Affine, nodata: float) -> None:
    height, width = numbers.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=numbers.dtype, crs=crs,
        transform=placed, nodata=nodata,
    ) as file:  # fmt: skip
        file.write(numbers, 1)
