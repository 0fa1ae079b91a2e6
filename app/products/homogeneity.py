"""Homogeneity: whether a formula gives the same whatever unit its bands are in, as normalised differences do.

Such a formula is computed from whole numbers, each band times the same divisor: sums are exact, and a ratio
of two is rounded once, so that (0.3 - 0.1) / (0.3 + 0.1) is 0.5 in float32 too.
"""

import ast
from fractions import Fraction

ANY = Fraction(10**6)
"""The degree of 0, which is that of whatever it stands beside."""


class _MixedError(Exception):
    """Parts of different degrees are added or compared."""


def is_scale_free(tree: ast.expr) -> bool:
    """Return whether a formula has the same value for bands all multiplied by one positive number."""
    try:
        return _degree(tree) in {0, ANY}
    except _MixedError:
        return False


def _degree(tree: ast.expr) -> Fraction:  # noqa: PLR0911 - one branch for each kind of node
    match tree:
        case ast.Constant(value=value):
            return ANY if value == 0 else Fraction(0)
        case ast.Name() | ast.Attribute():
            return Fraction(1)
        case ast.UnaryOp(operand=operand):
            return _degree(operand)
        case ast.BinOp(op=ast.Pow(), left=left, right=ast.Constant(value=int() | float() as power)):
            return _times(_degree(left), Fraction(power))
        case ast.BinOp(op=ast.Mult() | ast.Div() as op, left=left, right=right):
            first, second = _degree(left), _degree(right)
            if ANY in {first, second}:
                return ANY
            return first + second if isinstance(op, ast.Mult) else first - second
        case ast.BinOp(left=left, right=right):
            return _same(_degree(left), _degree(right))
        case ast.Compare(left=left, comparators=[right]):
            _same(_degree(left), _degree(right))
            return Fraction(0)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _of_call(name, [_degree(argument) for argument in args])
    raise _MixedError


def _of_call(name: str, degrees: list[Fraction]) -> Fraction:
    match name:
        case "where":
            return _same(degrees[1], degrees[2])
        case "minimum" | "maximum":
            return _same(*degrees)
        case "log" | "exp":
            return _same(degrees[0], Fraction(0))
        case "sqrt":
            return _times(degrees[0], Fraction(1, 2))
        case _:  # keep, abs, mean and std have the degree of what they are taken of
            return degrees[0]


def _times(degree: Fraction, factor: Fraction) -> Fraction:
    return ANY if degree == ANY else degree * factor


def _same(first: Fraction, second: Fraction) -> Fraction:
    if first == ANY:
        return second
    if second not in {ANY, first}:
        raise _MixedError
    return first
