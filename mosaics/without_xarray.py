"""Import rio-tiler without its optional reader of xarray's cubes, which nothing here uses.

xarray, pandas and what they bring take more than half of the time in which a command starts. rio-tiler goes
without them if they are not installed; they are, since composites are written with xarray, so that they are
hidden from it for as long as it is imported. `mosaics` imports this module before any other.

So is boto3, which is not among the dependencies and may be there all the same: where the environment has AWS
credentials rasterio would make a session of it, for 30 ms, whenever a file is opened. GDAL is told by options
how to sign (`mosaics.storage.Storage.gdal_options`).
"""

import sys

HIDDEN = ("xarray", "rioxarray", "boto3")
"""What rio-tiler and rasterio import if they can. None in `sys.modules` means to Python: it is missing."""

_hidden = [name for name in HIDDEN if name not in sys.modules]
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]
try:
    import rio_tiler.io  # noqa: F401
finally:
    for _name in _hidden:
        del sys.modules[_name]
