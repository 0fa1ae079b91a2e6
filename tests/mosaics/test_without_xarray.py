"""rio-tiler is imported without xarray, which would take longer than all the rest of a command's start."""

import subprocess
import sys

SEEN = """
import sys
print([name for name in ("xarray", "rioxarray", "pandas", "dask") if name in sys.modules])
"""


def test_no_start_pays_for_xarray():
    commands = f"import app.cli.land, app.cli.ingest, app.cli.overviews\n{SEEN}"
    server = f"import app.main\n{SEEN}"  # after the others, since it takes as long again
    told = subprocess.run(
        [sys.executable, "-c", commands + server], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n[]\n"


def test_xarray_is_there_for_who_wants_it():
    told = subprocess.run(
        [sys.executable, "-c", "import mosaics, xarray; print(xarray.DataArray([1, 2]).sum().item())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "3\n"
