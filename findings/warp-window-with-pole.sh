#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3): a WarpedVRT over a raster of the whole world in degrees leaves pixels empty where its
# window holds a pole away from its middle. GDAL finds the part of the source to read by points on the window's edges,
# which do not tell of the pole. In EPSG:3067 (Finland) a 3,000 x 5,000 km window is filled to 79.9 %, and in EPSG:5041
# (UPS North) one of 700 km to 95.6 %; nothing is reported. With the warp option SAMPLE_GRID=YES all pixels come, but
# only if it is given as a keyword of its own: in a mapping under the name `warp_extras` it is taken and does nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import rasterio
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds, from_origin
from rasterio.vrt import WarpedVRT

print(f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}")
WINDOWS = {
    "EPSG:3067": (-1e6, 6e6, 2e6, 11e6),
    "EPSG:5041": (1.9e6, 1.9e6, 2.6e6, 2.6e6),
}
OPTIONS = {
    "no option": {},
    "SAMPLE_GRID as a keyword": {"SAMPLE_GRID": "YES"},
    "SAMPLE_GRID in warp_extras": {"warp_extras": {"SAMPLE_GRID": "YES"}},
}
found = {}
with MemoryFile() as memory:
    profile = {"driver": "GTiff", "width": 1440, "height": 720, "count": 1, "dtype": "float32"}
    with memory.open(**profile, crs="EPSG:4326", transform=from_origin(-180, 90, 0.25, 0.25)) as world:
        world.write(np.full((1, 720, 1440), 7, "float32"))
    with memory.open() as world:
        for system, bounds in WINDOWS.items():
            for name, options in OPTIONS.items():
                transform = from_bounds(*bounds, 256, 256)
                size = {"width": 256, "height": 256}
                with WarpedVRT(world, crs=system, transform=transform, add_alpha=True, **size, **options) as vrt:
                    filled = float((vrt.read(2) > 0).mean())
                found[system, name] = filled
                print(f"{system}, {name}: {filled:.1%} of the pixels filled")
for system, share in (("EPSG:3067", 0.799), ("EPSG:5041", 0.956)):
    assert abs(found[system, "no option"] - share) < 0.002
    assert found[system, "SAMPLE_GRID in warp_extras"] == found[system, "no option"]
    assert found[system, "SAMPLE_GRID as a keyword"] == 1
print("as described")
PYTHON
