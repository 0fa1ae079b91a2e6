"""Import rio-tiler without its optional reader of xarray's cubes, which nothing here uses.

xarray, pandas and what they bring take more than half of the time in which a command starts. rio-tiler goes
without them if they are not installed; they are, since composites are written with xarray, so that they are
hidden from it for as long as it is imported. `mosaics` imports this module before any other.
"""

import sys

HIDDEN = ("xarray", "rioxarray")
"""What rio-tiler imports where it can. None in `sys.modules` means to Python that a module is missing."""

_hidden = [name for name in HIDDEN if name not in sys.modules]
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]
try:
    import rio_tiler.io  # noqa: F401
finally:
    for _name in _hidden:
        del sys.modules[_name]
