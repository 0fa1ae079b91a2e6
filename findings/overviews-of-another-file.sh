#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3): a GeoTIFF may name any other file as its overviews, by metadata inside it (domain OVERVIEWS, name
# OVERVIEW_FILE). GDAL opens that file, of any format it knows (a VRT, too, and so any address), when overviews are asked for or a read is
# smaller than the file, and returns its pixels as those of the GeoTIFF. Neither naming the driver GTiff nor switching side-car files off
# (GDAL_DISABLE_READDIR_ON_OPEN=EMPTY_DIR, GDAL_PAM_ENABLED=NO) prevents it; the metadata can be looked at before any overview is asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 numpy==2.3.5
cd "$folder"
venv/bin/python - <<'PYTHON'
import os

import numpy as np
import rasterio
from rasterio.transform import from_origin


def write(path: str, side: int, value: int, **metadata: str) -> None:
    placed = {"crs": "EPSG:32631", "transform": from_origin(655360, 5686280, 640 / side, 640 / side)}
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile, **placed) as dataset:
        dataset.write(np.full((side, side), value, np.uint8), 1)
        dataset.update_tags(ns="OVERVIEWS", **metadata)


print(f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}")
write("other.tif", 32, 99)
write("named.tif", 64, 1, OVERVIEW_FILE=os.path.abspath("other.tif"))
with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"):
    with rasterio.open("named.tif", driver="GTiff") as dataset:
        metadata = dataset.tags(ns="OVERVIEWS")
        full, half = dataset.read(1)[0, 0], dataset.read(1, out_shape=(32, 32))[0, 0]
print(f"full resolution {full}, at half of it {half}; {metadata}")
assert (full, half) == (1, 99) and "OVERVIEW_FILE" in metadata
print("as described")
PYTHON
