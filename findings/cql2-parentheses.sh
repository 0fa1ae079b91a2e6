#!/usr/bin/env bash
# cql2 0.6.0: reading a text of CQL2 that is not valid takes time that grows exponentially with parentheses within each
# other, though the same parentheses around a valid condition are read in microseconds: `(a=` sixteen times, 64
# characters, takes about a second, and each two more about four times as long. Who reads texts of strangers has to
# count parentheses first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cql2==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import time

import cql2


def seconds(text):
    begun = time.perf_counter()
    try:
        cql2.Expr(text)
    except Exception:
        pass
    return time.perf_counter() - begun


valid = seconds("(" * 16 + "a=1" + ")" * 16)
broken = {depth: seconds("a=(" * depth) for depth in (8, 10, 12, 14, 16)}
print(f"valid, 16 deep: {valid:.4f} s")
for depth, taken in broken.items():
    print(f"not valid, {depth} deep: {taken:.3f} s")
assert broken[16] > 8 * broken[10] and broken[16] > 20 * valid
PYTHON
