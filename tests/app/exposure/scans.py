"""SYNTHETIC hourly scans of formaldehyde that are landed as ingestion does: their values are known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rasterio.transform import Affine

from mosaics.period import Cadence
from mosaics.storage import Storage
from tests.app.statistics.landed import Raster, land

LEFT, TOP, CELL = -87.0, 42.0, 0.02
"""A part of the grid of TEMPO."""

DAY = datetime(2024, 7, 3, tzinfo=UTC)


async def land_scan(
    storage: Storage,
    folder: Path,
    hour: int,
    column: Sequence[Sequence[float]],
    *,
    cloud: Sequence[Sequence[float]] | None = None,
    minutes: int = 59,
) -> None:
    """Land the scan of an hour of 3 July 2024; -1 in `column` times 1e15 is a value, NaN is missing."""
    values = np.array(column, "float64") * 1e15
    rows = {
        "hcho": np.where(np.isnan(values), -1e30, values),
        "quality": np.zeros(values.shape, "int16"),
        "cloud_fraction": np.zeros(values.shape, "float32") if cloud is None else np.array(cloud, "float32"),
        "solar_zenith_angle": np.full(values.shape, 30, "float32"),
    }
    nodata = {"hcho": -1e30, "quality": -9999, "cloud_fraction": -1e30, "solar_zenith_angle": -1e30}
    start = DAY + timedelta(hours=hour)
    await land(
        storage,
        folder,
        f"2024-07-03T{hour:02}",
        {
            name: Raster(each, Affine(CELL, 0, LEFT, 0, -CELL, TOP), "EPSG:4326", nodata=nodata[name])
            for name, each in rows.items()
        },
        scene_id=f"SYNTHETIC-S{hour:02}",
        cadence=Cadence.HOUR,
        collection_id="tempo-hcho",
        span=(start, start + timedelta(minutes=minutes)),
    )
