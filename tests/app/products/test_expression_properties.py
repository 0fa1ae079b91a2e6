"""Expressions against arithmetic done another way: trees walked with Python floats, one pixel at a time."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from app.products.compiling import compile_expression
from app.products.grammar import ExpressionError

BANDS = ("red", "nir", "swir22")
CONSTANTS = (0.0, 1.0, 2.0, 0.5, 0.1, 3.25, 1e15, 0.001)
EPSILON = 2.0**-23
LARGEST = float(np.finfo(np.float32).max)

Tree = tuple[Any, ...]


class AmbiguousError(Exception):
    """Rounding to float32 could decide this pixel either way."""


class Missing(Exception):  # noqa: N818 - a result, not a failure
    """The pixel has no value."""


def numbers() -> st.SearchStrategy[Tree]:
    leaves = st.one_of(
        st.sampled_from(BANDS).map(lambda band: ("band", band)),
        st.sampled_from(CONSTANTS).map(lambda constant: ("constant", constant)),
    )

    def grow(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        comparison = st.tuples(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner, inner)
        condition = st.one_of(
            comparison, st.tuples(st.sampled_from(["both", "either"]), comparison, comparison)
        )
        return st.one_of(
            st.tuples(st.sampled_from(["+", "-", "*", "/"]), inner, inner),
            st.tuples(st.sampled_from(["negative", "square", "cube", "abs", "sqrt", "log", "exp"]), inner),
            st.tuples(st.sampled_from(["minimum", "maximum"]), inner, inner),
            st.tuples(st.just("where"), condition, inner, inner),
            st.tuples(st.just("keep"), inner, condition),
            condition,
        )

    return st.recursive(leaves, grow, max_leaves=8)


FORMS = {
    "negative": "(-{})", "square": "({} ** 2)", "cube": "({} ** 3)", "where": "where({}, {}, {})",
    "keep": "keep({}, {})", "both": "minimum({}, {})", "either": "maximum({}, {})",
} | {name: name + "({})" for name in ("abs", "sqrt", "log", "exp")} | {
    name: name + "({}, {})" for name in ("minimum", "maximum")
}  # fmt: skip


def written(tree: Tree) -> str:
    kind, *parts = tree
    if kind == "band":
        return str(parts[0])
    if kind == "constant":
        return repr(parts[0])
    texts = [written(part) for part in parts]
    return FORMS[kind].format(*texts) if kind in FORMS else f"({texts[0]} {kind} {texts[1]})"


def walked(tree: Tree, pixel: dict[str, float]) -> tuple[float, float]:
    """Value and the largest error that float32 can have made; every part is walked, chosen or not."""
    kind, *parts = tree
    if kind == "band":
        return present(pixel[parts[0]]), 0.0
    if kind == "constant":
        return float(np.float32(parts[0])), 0.0
    operands: list[tuple[float, float]] = []
    missing = ambiguous = False
    for part in parts:
        try:
            operands.append(walked(part, pixel))
        except Missing:
            missing = True
        except AmbiguousError:
            ambiguous = True
    if missing:
        raise Missing
    if ambiguous:
        raise AmbiguousError
    return OPERATIONS[kind](*operands)


def present(value: float) -> float:
    if math.isnan(value):
        raise Missing
    return value


def rounded(value: float, error: float, *, steps: float = 1) -> tuple[float, float]:
    if abs(value) + error > LARGEST * (1 - EPSILON):
        if abs(value) - error > LARGEST * (1 + EPSILON):
            raise Missing
        raise AmbiguousError
    if 0 < abs(value) < 1e-35 or (value == 0 and error > 0):
        raise AmbiguousError
    exact = error == 0 and steps == 1 and float(np.float32(value)) == value
    return value, 0.0 if exact else error + steps * EPSILON * abs(value)


def quotient(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    if b == (0.0, 0.0):
        raise Missing
    if abs(b[0]) <= b[1]:
        raise AmbiguousError
    value = a[0] / b[0]
    return rounded(value, (a[1] + abs(value) * b[1]) / (abs(b[0]) - b[1]))


def product(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return rounded(a[0] * b[0], abs(a[0]) * b[1] + abs(b[0]) * a[1] + a[1] * b[1])


def positive(a: tuple[float, float], *, zero_is_fine: bool) -> None:
    value, error = a
    if value < -error or (value == error == 0 and not zero_is_fine):
        raise Missing
    if value <= error and error > 0:
        raise AmbiguousError


def root(a: tuple[float, float]) -> tuple[float, float]:
    positive(a, zero_is_fine=True)
    return rounded(math.sqrt(a[0]), a[1] / math.sqrt(a[0] - a[1]) if a[1] else 0.0)


def logarithm(a: tuple[float, float]) -> tuple[float, float]:
    positive(a, zero_is_fine=False)
    return rounded(math.log(a[0]), a[1] / (a[0] - a[1]) + EPSILON**2, steps=4)


def exponential(a: tuple[float, float]) -> tuple[float, float]:
    if abs(a[0]) > 80 or a[1] > 1:
        if a[0] - a[1] > 89:
            raise Missing
        raise AmbiguousError
    value = math.exp(a[0])
    return rounded(value, value * math.expm1(a[1]), steps=4)


def compared(holds: Callable[[float, float], bool]) -> Callable[..., tuple[float, float]]:
    def compare(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
        if a[1] + b[1] > 0 and abs(a[0] - b[0]) <= a[1] + b[1]:
            raise AmbiguousError
        return float(holds(a[0], b[0])), 0.0

    return compare


def kept(value: tuple[float, float], condition: tuple[float, float]) -> tuple[float, float]:
    if not condition[0]:
        raise Missing
    return value


OPERATIONS: dict[str, Callable[..., tuple[float, float]]] = {
    "+": lambda a, b: rounded(a[0] + b[0], a[1] + b[1]),
    "-": lambda a, b: rounded(a[0] - b[0], a[1] + b[1]),
    "*": product,
    "/": quotient,
    "negative": lambda a: (-a[0], a[1]),
    "abs": lambda a: (abs(a[0]), a[1]),
    "square": lambda a: product(a, a),
    "cube": lambda a: product(product(a, a), a),
    "sqrt": root,
    "log": logarithm,
    "exp": exponential,
    "minimum": lambda a, b: (min(a[0], b[0]), max(a[1], b[1])),
    "maximum": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "<": compared(lambda a, b: a < b),
    "<=": compared(lambda a, b: a <= b),
    ">": compared(lambda a, b: a > b),
    ">=": compared(lambda a, b: a >= b),
    "==": compared(lambda a, b: a == b),
    "!=": compared(lambda a, b: a != b),
    "both": lambda a, b: (float(bool(a[0]) and bool(b[0])), 0.0),
    "either": lambda a, b: (float(bool(a[0]) or bool(b[0])), 0.0),
    "where": lambda condition, a, b: a if condition[0] else b,
    "keep": kept,
}

SPECIAL = (math.nan, 0.0, -0.0, 1.0, -1.0, 2.0, 0.25, -0.5, 3e38, -2e20, 1e15, 80.0)
values = st.one_of(
    st.sampled_from(SPECIAL), st.floats(-4, 4, width=32).map(lambda v: v if abs(v) > 1e-6 else 0.0)
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(tree=numbers(), pixels=st.lists(st.tuples(values, values, values), min_size=1, max_size=12))
def test_every_pixel_is_what_plain_arithmetic_says(tree, pixels):
    try:
        formula = compile_expression(written(tree))
    except ExpressionError as refusal:
        if "operations per pixel" not in str(refusal) and "names no band" not in str(refusal):
            raise
        reject()
    columns = np.array(pixels, dtype=np.float32).T.copy()
    found = formula.evaluate({name: columns[BANDS.index(name)] for name in formula.bands})
    assert found.dtype == np.float32
    assert not np.isinf(found).any()
    for i, result in enumerate(found.tolist()):
        pixel = dict(zip(BANDS, columns[:, i].tolist(), strict=True))
        try:
            value, error = walked(tree, pixel)
        except AmbiguousError:
            continue
        except Missing:
            assert math.isnan(result), f"{written(tree)} at {pixel} is missing, not {result}"
            continue
        assert result == pytest.approx(value, abs=2 * error + 1e-37), f"{written(tree)} at {pixel}"


FRAGMENTS = (
    *(
        "red",
        "nir",
        "pre.",
        "where(",
        "keep(",
        "exp(",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "**",
        "/",
        "<",
        "==",
        "!",
        "=",
    ),
    *("1", "2", "3", "0.5", "1e3", "and ", "not ", "lambda ", "_", ".", " if ", " else "),
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(FRAGMENTS),
            max_size=25,
        ).map("".join),
    )
)  # fmt: skip
def test_any_text_is_either_refused_or_runs(text):
    try:
        formula = compile_expression(text)
    except ExpressionError:
        return
    result = formula.evaluate({name: np.ones(5, dtype=np.float32) for name in formula.bands})
    assert result.shape == (5,)
    assert result.dtype == np.float32
