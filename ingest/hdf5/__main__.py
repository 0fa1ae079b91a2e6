"""The process that reads a layer: `python -m ingest.hdf5`, asked by one line of JSON and bounded by itself.

It answers with one line of JSON, `{"facts": …}`, `{"absent": why}`, `{"foreign": why}` or `{"damaged": why}`;
the numbers go into a file, as numpy keeps arrays.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Read what is asked for."""
    asked = json.loads(sys.stdin.readline())
    _bound(asked["memory_bytes"], asked["cpu_s"], asked["file_bytes"])
    print(json.dumps(_answer(asked)))  # noqa: T201 - the process that started this reads it


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from ingest.hdf5.checks import AbsentLayerError, DamagedFileError, ForeignFileError

    try:
        pixels, facts = _read(asked)
    except AbsentLayerError as error:
        return {"absent": str(error)}
    except ForeignFileError as error:
        return {"foreign": str(error)}
    except DamagedFileError as error:
        return {"damaged": str(error)}
    with Path(asked["target"]).open("wb") as target:
        np.save(target, pixels, allow_pickle=False)
    return {"facts": facts.to_json()}


def _read(asked: dict[str, Any]) -> tuple[Any, Any]:
    """Return the numbers and what the file states of them: of a tile, or of a part of a grid."""
    path = Path(asked["path"])
    if "most" in asked:
        from ingest.hdf5.gridded import read_variable

        return read_variable(path, asked["layer"], most=tuple(asked["most"]))
    from ingest.hdf5.reading import read_layer

    return read_layer(path, asked["layer"], side=asked["side"], dtype=asked["dtype"])


def _bound(memory_bytes: int, cpu_s: int, file_bytes: int) -> None:
    """Take no more from now on; beyond it the system refuses, or ends the process."""
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
