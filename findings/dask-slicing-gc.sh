#!/usr/bin/env bash
# dask 2026.8.0: slicing an array switches Python's garbage collection off for the rest of the process, if it was off while
# dask.array was imported (as programs do to start faster). `dask.array.slicing.slice_array` is decorated with
# `dask.utils.disable_gc()`, which notes whether collection is enabled when the decorator is made, on import, and puts back
# that, not what it finds when the function is called.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dask[array]==2026.8.0" numpy==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import gc

gc.disable()
import dask.array

gc.enable()
ones = dask.array.ones((4, 4), chunks=2)
print("before slicing:", gc.isenabled())
ones[:2].dask
print("after slicing:", gc.isenabled())
if gc.isenabled():
    raise SystemExit("collection is still enabled: not as described")
gc.enable()
gc.collect()
print("as described")
PYTHON
