#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3): what `rasterio.warp.transform` does with a place outside a projection depends on how
# often that has happened in the process. For a place that a conic (ESRI:102001) lacks, each of the first twenty calls
# raises `CPLE_AppDefinedError`, which is no `rasterio.errors.RasterioError`, and gives none of the other coordinates of
# the call either; from the twenty-first on the same call returns infinity for that place and the others as they are.
# GDAL reports twenty errors for a transformation, which it keeps from call to call, and rasterio makes an exception of
# what is reported. pyproj gives infinity for the place from the first call on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 numpy==2.3.5 pyproj==3.7.2
"$folder/venv/bin/python" - <<'PYTHON'
import math

import pyproj
import rasterio
from rasterio.errors import RasterioError
from rasterio.warp import transform

print(f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}, pyproj {pyproj.__version__}")
xs, ys = [0.0, -102040.8], [1e6, 5061224.5]
lons, lats = pyproj.Transformer.from_crs("ESRI:102001", "EPSG:4326", always_xy=True).transform(xs, ys)
print(f"pyproj: {lons}, {lats}")
assert math.isfinite(lons[0]) and math.isinf(lons[1])
outcomes = []
for call in range(30):
    try:
        lons, lats = transform("ESRI:102001", "EPSG:4326", xs, ys)
    except Exception as error:
        assert type(error).__name__ == "CPLE_AppDefinedError" and not isinstance(error, RasterioError)
        outcomes.append("raised")
        if call == 0:
            print(f"call 1: {type(error).__name__}: {error}")
    else:
        assert math.isfinite(lons[0]) and math.isinf(lons[1])
        outcomes.append("infinite")
first = outcomes.index("infinite")
print(f"calls that raised: {outcomes.count('raised')}; from call {first + 1} on: {lons}, {lats}")
assert outcomes == ["raised"] * 20 + ["infinite"] * 10
print("as described")
PYTHON
