"""Exactness: comparisons in an expression as decimals decide them, though float64 has computed its numbers.

0.3 - 0.2 is less than 0.1 in float64, by one rounding. Bands and numbers as they stand are the nearest to
their decimals and compare rightly; so does a sum or difference of two of them with 0. Anything else counts as
equal within a leeway, and a sum or difference that roundings alone have left over counts as 0.
"""

import ast
from typing import Any

from numexpr.expressions import ConstantNode, OpNode

from app.products.thresholds import LEEWAY


def compares_computed(tree: ast.expr) -> bool:
    """Return whether a formula compares numbers that it has computed, other than a plain sum with 0."""
    return any(isinstance(node, ast.Compare) and not _is_exact(node) for node in ast.walk(tree))


def compared_numbers(tree: ast.expr) -> tuple[float, ...]:
    """Return the numbers that a formula compares with, or chooses by, each once."""
    found: dict[float, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            numbers = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
            found |= {float(number): None for number in numbers if isinstance(number, int | float)}
    return tuple(found)


def is_plain(tree: ast.expr) -> bool:
    """Return whether a formula is a sum or difference of two bands or numbers as they stand."""
    return (
        isinstance(tree, ast.BinOp)
        and isinstance(tree.op, ast.Add | ast.Sub)
        and _is_given(tree.left)
        and _is_given(tree.right)
    )


def within_leeway(operation: str, first: Any, second: Any) -> Any:
    """Return the nodes of a comparison (gt, ge, eq, ne) in which numbers within the leeway are equal."""
    apart = _node("sub", first, second)
    leeway = _leeway(first, second)
    match operation:
        case "ge":
            return _condition("ge", apart, _node("neg", leeway))
        case "gt":
            return _condition("gt", apart, leeway)
        case "eq":
            return _condition("ge", leeway, _node("absolute", apart))
        case _:
            return _condition("gt", _node("absolute", apart), leeway)


def cleaned(result: Any, first: Any, second: Any) -> Any:
    """Return the nodes of a sum or difference, 0 where it is within the leeway of nothing."""
    nothing = _condition("ge", _leeway(first, second), _node("absolute", result))
    # 0 times the result is 0, and still missing where an operand is infinite.
    return _node("where", nothing, _node("mul", result, ConstantNode(0.0)), result)


def _is_exact(comparison: ast.Compare) -> bool:
    left, right = comparison.left, comparison.comparators[0]
    if _is_given(left) and _is_given(right):
        return True
    return any(
        is_plain(one) and isinstance(other, ast.Constant) and other.value == 0
        for one, other in ((left, right), (right, left))
    )


def _is_given(tree: ast.expr) -> bool:
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return _is_given(tree.operand)
    return isinstance(tree, ast.Name | ast.Attribute | ast.Constant)


def _leeway(first: Any, second: Any) -> Any:
    size = _node("add", _node("absolute", first), _node("absolute", second))
    return _node("mul", size, ConstantNode(LEEWAY))


def _node(operation: str, *nodes: Any) -> Any:
    return OpNode(operation, list(nodes), kind="double")


def _condition(operation: str, *nodes: Any) -> Any:
    return OpNode(operation, list(nodes), kind="bool")
