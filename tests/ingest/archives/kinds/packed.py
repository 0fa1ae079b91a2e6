"""A format that GDAL does not read: arrays of numpy with their facts beside them, first row in the south."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from ingest.raster import Layer, RasterRefusedError, SourceRaster, inspect_raster

UNIT = "reflectance"


def write_packed(path: Path, layers: dict[str, NDArray[np.uint16]], upper_left: tuple[float, float]) -> Path:
    """Writes layers of 10 m pixels in EPSG:32631, missing where they are 0, as `DN * 0.0001 - 0.1`."""
    facts = {"crs": "EPSG:32631", "upper_left": upper_left, "nodata": 0, "scale_offset": [0.0001, -0.1]}
    arrays: dict[str, Any] = {name: rows[::-1] for name, rows in layers.items()}
    with path.open("wb") as file:
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)
    return path


def unpack_packed(path: Path, layer: Layer, folder: Path) -> SourceRaster:
    """See `ingest.formats.Format`."""
    try:
        with np.load(path, allow_pickle=False) as packed:
            facts, rows = json.loads(str(packed["facts"])), packed[str(layer)][::-1]
    except (OSError, ValueError, KeyError) as error:
        raise RasterRefusedError(f"{path.name} does not have the layer {layer!r}.") from error
    folder.mkdir(exist_ok=True)
    target = folder / f"{path.stem}.{layer}.tif"
    left, top = facts["upper_left"]
    scale, offset = facts["scale_offset"]
    with rasterio.open(
        target,
        "w",
        driver="GTiff",
        height=rows.shape[0],
        width=rows.shape[1],
        count=1,
        dtype=rows.dtype,
        crs=facts["crs"],
        transform=Affine(10, 0, left, 0, -10, top),
        nodata=facts["nodata"],
    ) as dataset:
        dataset.write(rows, 1)
        dataset.scales, dataset.offsets, dataset.units = (scale,), (offset,), (UNIT,)
    plain = inspect_raster(target)
    return SourceRaster(
        path=path,
        layer=layer,
        files=(path,),
        height_width=plain.height_width,
        dtype=plain.dtype,
        crs=plain.crs,
        transform=plain.transform,
        south_up=False,
        nodata=plain.nodata,
        scale_offset=plain.scale_offset,
        has_mask=False,
        unit=UNIT,
        unpacked=target,
    )
