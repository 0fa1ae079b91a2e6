"""rio-tiler is imported without xarray, which would take longer than all the rest of a command's start."""

import subprocess
import sys

import pytest

SEEN = """
import sys
print([name for name in ("xarray", "rioxarray", "pandas", "dask") if name in sys.modules])
"""


@pytest.mark.parametrize("imports", ["app.main", "app.cli.land, app.cli.ingest, app.cli.overviews"])
def test_no_start_pays_for_xarray(imports):
    told = subprocess.run(
        [sys.executable, "-c", f"import {imports}\n{SEEN}"], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"


def test_xarray_is_there_for_who_wants_it():
    told = subprocess.run(
        [sys.executable, "-c", "import mosaics, xarray; print(xarray.DataArray([1, 2]).sum().item())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "3\n"
