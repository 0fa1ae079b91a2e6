"""Having a layer read: the process is started, bounded in memory and time, and its answer checked."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROGRAM = (sys.executable, "-m", "ingest.hdf5")
INHERITED = ("PATH", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "TMPDIR")
"""Variables the process is given; it needs no credential."""
OWN_VARIABLES = {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""No filters of HDF5 from elsewhere, and no threads."""
MOST_ANSWERED_BYTES = 2**20
SOMETHING_ELSE = "reading it gave something else than was asked for"


class UnreadableError(Exception):
    """A layer cannot be had; the message says why."""


class ForeignError(UnreadableError):
    """The file is not as its product has it."""


class AbsentError(ForeignError):
    """The file does not have the layer."""


class DamagedError(UnreadableError):
    """The file cannot be read, or not within bounds; it may come better again."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What reading a layer may take."""

    memory_bytes: int = 2**29
    """Address space; a layer of float32 needs some 300 MB of it, Python, numpy and HDF5 among it."""
    cpu_s: int = 60
    wall_s: float = 300.0
    file_bytes: int = 2**26
    """The largest file that may be written; a tile of float64 has 46 MB."""


def layer_of(
    path: Path, layer: str, *, side: int, dtype: str, folder: Path, bounds: Bounds = Bounds()
) -> tuple[NDArray[Any], Mapping[str, Any]]:
    """Read one layer in a process of its own.

    Args:
        path: The file.
        layer: Name of the dataset.
        side: Rows, and columns, that it has to have.
        dtype: Type its numbers have to have.
        folder: For a file that is removed again.
        bounds: What it may take.

    Returns:
        The numbers as stored, (side, side), and what the file states of them (`ingest.hdf5.reading.Facts`).

    Raises:
        ForeignError: If the file is not as its product has it.
        DamagedError: If it cannot be read within the bounds.
    """
    asked = {"layer": layer, "side": side, "dtype": dtype}
    pixels, facts = _read(path, asked, folder=folder, bounds=bounds)
    if pixels.shape != (side, side) or pixels.dtype.name != dtype:
        raise DamagedError(SOMETHING_ELSE)
    return pixels, facts


def variable_of(
    path: Path, variable: str, *, most: tuple[int, int], folder: Path, bounds: Bounds
) -> tuple[NDArray[Any], Mapping[str, Any]]:
    """Read one variable of a netCDF-4 file in a process of its own.

    Args:
        path: The file.
        variable: Its path in the file.
        most: Rows and columns of the whole grid, of which the file may be a part.
        folder: For a file that is removed again.
        bounds: What it may take.

    Returns:
        The numbers as stored, (rows, columns), and what the file states of them
        (`ingest.hdf5.gridded.GriddedFacts`).

    Raises:
        ForeignError: If the file is not as its product has it.
        DamagedError: If it cannot be read within the bounds.
    """
    pixels, facts = _read(path, {"layer": variable, "most": most}, folder=folder, bounds=bounds)
    if pixels.shape != (len(facts["latitudes"]), len(facts["longitudes"])) or pixels.dtype.kind not in "iuf":
        raise DamagedError(SOMETHING_ELSE)
    return pixels, facts


def _read(
    path: Path, asked: Mapping[str, Any], *, folder: Path, bounds: Bounds
) -> tuple[NDArray[Any], Mapping[str, Any]]:
    with tempfile.TemporaryDirectory(prefix=".reading-", dir=folder) as name:
        target = Path(name) / "layer.npy"
        about = {
            "path": str(path.resolve()),
            "target": str(target),
            "memory_bytes": bounds.memory_bytes,
            "cpu_s": bounds.cpu_s,
            "file_bytes": bounds.file_bytes,
        }
        answer = _ask({**asked, **about}, Path(name), bounds.wall_s)
        if "absent" in answer:
            raise AbsentError(str(answer["absent"])[:500])
        if "foreign" in answer:
            raise ForeignError(str(answer["foreign"])[:500])
        if "facts" not in answer:
            raise DamagedError(str(answer.get("damaged", "reading it ended without an answer"))[:500])
        return np.load(target, allow_pickle=False), answer["facts"]


def _ask(asked: Mapping[str, Any], folder: Path, wall_s: float) -> Mapping[str, Any]:
    """Run the process to its end; its answer goes through a file, whose size the bounds hold, too."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | OWN_VARIABLES
    with (folder / "answer").open("w+b") as said, (folder / "errors").open("w+b") as errors:
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                PROGRAM,
                input=json.dumps(asked).encode() + b"\n",
                stdout=said,
                stderr=errors,
                env=environment,
                timeout=wall_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DamagedError(f"it is not read within {wall_s:.0f} s") from error
        said.seek(0)
        errors.seek(0)
        content, complaint = said.read(MOST_ANSWERED_BYTES), errors.read(MOST_ANSWERED_BYTES)
    if done.returncode:
        raise DamagedError(_why(done.returncode, complaint.decode("utf-8", "replace"), asked))
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise DamagedError("reading it ended without an answer") from error
    return answer if isinstance(answer, dict) else {}


def _why(status: int, complaint: str, asked: Mapping[str, Any]) -> str:
    """Return why the process ended, in words."""
    if status < 0:
        return (
            f"reading it was ended by signal {-status}: it takes too long ({asked['cpu_s']} s), or is damaged"
        )
    if "MemoryError" in complaint:
        return f"it is not read within {asked['memory_bytes'] / 1e6:,.0f} MB of memory"
    last = next(iter(complaint.strip().splitlines()[-1:]), "without a word")
    return f"reading it failed: {last[:200]}"
