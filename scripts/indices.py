"""Prints the catalogue of published indices as `app/products/indices/spyndex.json` has it, from spyndex."""

import ast
import json
import sys
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import numpy as np
import spyndex

SPECTRA = {"B": "SR_B2", "G": "SR_B3", "R": "SR_B4", "N": "SR_B5", "S1": "SR_B6", "S2": "SR_B7"}
"""Columns of spyndex's spectra, which are of Landsat 8, by letter."""


def document() -> dict[str, Any]:
    """Return the catalogue: what is used of spyndex's, and the range each index is expected in."""
    shipped = files("spyndex") / "data"
    indices = _read(shipped / "spectral-indices-dict.json")["SpectralIndices"]
    constants = _read(shipped / "constants.json")
    spectra = _read(shipped / "spectral.json")
    return {
        "source": "spyndex",
        "version": version("spyndex"),
        "license": "MIT, copyright David Montero Loaiza",
        "letters": {
            letter: {"title": facts["long_name"], "common_name": facts["common_name"]}
            for letter, facts in _read(shipped / "bands.json").items()
        },
        "constants": {
            name: {"description": facts["description"], "default": facts["default"]}
            for name, facts in constants.items()
        },
        "indices": {name: _entry(name, facts, constants, spectra) for name, facts in sorted(indices.items())},
    }


def written(found: dict[str, Any]) -> str:
    """Return the catalogue as text, every letter, constant and index on a line of its own."""
    parts = []
    for key, value in found.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in value.items())
            parts.append(f"{json.dumps(key)}: {{\n{rows}\n}}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _read(path: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _entry(name: str, facts: dict[str, Any], constants: Any, spectra: Any) -> dict[str, Any]:
    found = {
        "title": facts["long_name"],
        "domain": facts["application_domain"],
        "formula": facts["formula"],
        "symbols": facts["bands"],
        "reference": facts["reference"],
    }
    expected = _expected(name, facts, constants, spectra)
    return found if expected is None else found | {"expected": expected}


def _expected(name: str, facts: dict[str, Any], constants: Any, spectra: Any) -> dict[str, Any] | None:
    if _is_normalised_difference(ast.parse(facts["formula"], mode="eval").body):
        return {"low": -1.0, "high": 1.0, "basis": "formula"}
    symbols = {symbol: constants[symbol]["default"] for symbol in facts["bands"] if symbol in constants}
    columns = {symbol: SPECTRA.get(symbol) for symbol in facts["bands"] if symbol not in constants}
    if None in [*symbols.values(), *columns.values()]:
        return None
    bands = {symbol: np.array(list(spectra[column].values())) for symbol, column in columns.items()}
    with np.errstate(all="ignore"):
        values = np.asarray(spyndex.computeIndex(name, {**symbols, **bands}))
    values = values[np.isfinite(values)]
    low, high = (float(f"{bound:.2g}") for bound in (values.min(), values.max()))
    return {"low": low, "high": high, "basis": "spectra"} if low < high else None


def _is_normalised_difference(tree: ast.expr) -> bool:
    """Return whether a formula is (a - b) / (a + b) of two bands."""
    match tree:
        case ast.BinOp(
            op=ast.Div(),
            left=ast.BinOp(op=ast.Sub(), left=ast.Name(id=first), right=ast.Name(id=second)),
            right=ast.BinOp(op=ast.Add(), left=ast.Name(id=third), right=ast.Name(id=fourth)),
        ):
            return {first, second} == {third, fourth}
    return False


if __name__ == "__main__":
    sys.stdout.write(written(document()))
