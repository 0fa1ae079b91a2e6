#!/usr/bin/env bash
# rasterio 1.4.4: a dataset opened with `opener=` crashes the process (segmentation fault) when it is closed in another thread than the one
# it was opened in, be it by the garbage collector after that thread has ended. The open file-like objects are kept in a
# context variable, which each thread has of its own; closing looks for them there in a callback of GDAL's. Without an opener
# the same is harmless. rasterio/rasterio#3636 (open) tells of a LookupError in the same place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 numpy==2.3.3
cat >"$folder/threads.py" <<'PYTHON'
import io
import sys
import threading
import warnings

import numpy
import rasterio
from rasterio.io import MemoryFile

warnings.simplefilter("ignore")
with MemoryFile() as file:
    with file.open(driver="GTiff", width=64, height=64, count=1, dtype="uint8") as dataset:
        dataset.write(numpy.ones((1, 64, 64), "uint8"))
    data = file.read()
kept = []


def read():
    name, options = "x.tif", {"opener": lambda path, mode="rb": io.BytesIO(data)}
    if sys.argv[1] == "plain":
        kept.append(MemoryFile(data))
        name, options = kept[0].name, {}
    kept.append(rasterio.open(name, driver="GTiff", sharing=False, **options))
    kept[-1].read(1)


thread = threading.Thread(target=read)
thread.start()
thread.join()
kept.pop().close()
print("closed in another thread:", sys.argv[1])
PYTHON
"$folder/venv/bin/python" "$folder/threads.py" plain
status=0
"$folder/venv/bin/python" "$folder/threads.py" opener || status=$?
if [[ $status -ne 139 ]]; then
    echo "it ended with $status: not as described"
    exit 1
fi
echo "as described"
