"""The grammar of band-math expressions, checked before anything is evaluated."""

import ast
import re
from keyword import iskeyword

MAX_LENGTH = 500
"""In characters; dNBR written out has 105, RBR 190."""
MAX_NODES = 160
"""Number of bands, numbers, operators and calls."""
MAX_DEPTH = 32
"""Nesting levels of operators and calls."""
MAX_DIGITS = 20
"""Consecutive digits; a float32 keeps nine."""
MAX_CONSTANT = 1e30
"""Largest constant; its inverse is the smallest except 0. A constant times a band stays within float32."""

AGGREGATES = {"mean": 1, "std": 1}
"""Functions over the windows of a role that has one in each of several years."""
FUNCTIONS = {
    "where": 3, "keep": 2, "minimum": 2, "maximum": 2, "sqrt": 1, "log": 1, "exp": 1, "abs": 1,
    **AGGREGATES,
}  # fmt: skip
"""Functions with their numbers of arguments."""

_WHAT_THERE_IS = (
    "it may have bands, numbers, + - * /, ** 2 and ** 3, comparisons and the functions "
    + ", ".join(FUNCTIONS)
)
_FOREIGN_CHARACTER = re.compile(r"[^A-Za-z0-9_.+\-*/<>=!(), \t\r\n]")
_LONG_NUMBER = re.compile(rf"[0-9_]{{{MAX_DIGITS + 1},}}")
_ODD_NUMBER = re.compile(r"(?<![\w.])[0-9][0-9.]*+(?:[eE][+-]?[0-9]++)?+[A-Za-z_]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_COMPARISONS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq)


class ExpressionError(ValueError):
    """A text that is not a valid expression; the message says why and what would work."""


def parse(text: str) -> ast.expr:
    """Parse an expression into a tree that contains only what an expression may have.

    Args:
        text: The expression.

    Raises:
        ExpressionError: If it exceeds a limit or contains anything that has no meaning here.
    """
    _check_text(text)
    if (
        iskeyword(text.strip()) and text.strip().islower()
    ):  # a band called class is one, though Python has another use for the word
        return ast.Name(text.strip())
    try:
        root = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError, Warning) as error:
        raise ExpressionError(
            f"{_quote(text)} is not an expression: {_reason(error)}; {_WHAT_THERE_IS}"
        ) from error
    level, depth, nodes = [root], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if nodes > MAX_NODES:
            raise ExpressionError(f"an expression may have at most {MAX_NODES} bands, numbers and operators")
        if depth > MAX_DEPTH:
            raise ExpressionError(f"an expression may be nested at most {MAX_DEPTH} levels deep")
        level = [operand for node in level for operand in _operands(node)]
    return root


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"an expression may have at most {MAX_LENGTH} characters; this one has {len(text)}"
        )
    if not text.strip():
        raise ExpressionError(f"the expression is empty; {_WHAT_THERE_IS}")
    if found := _FOREIGN_CHARACTER.search(text):
        raise ExpressionError(f"{found[0]!a} has no meaning in an expression; {_WHAT_THERE_IS}")
    if _LONG_NUMBER.search(text):
        raise ExpressionError(
            f"a number may have at most {MAX_DIGITS} digits in a row; write large ones as 1e15"
        )
    if found := _ODD_NUMBER.search(text):
        raise ExpressionError(f"{found[0]!r} is not a number; write one like 2, 0.5 or 1e15")


def _operands(node: ast.expr) -> list[ast.expr]:  # noqa: PLR0911 - one branch for each kind of node
    """Return the operands of a node that are expressions themselves; refuse a node without meaning."""
    match node:
        case ast.Constant():
            _check_number(node)
            return []
        case ast.Name() | ast.Attribute():
            name_of(node)
            return []
        case ast.BinOp(op=ast.Pow()):
            exponent_of(node)
            return [node.left, node.right]
        case ast.BinOp(op=op) if isinstance(op, _ARITHMETIC):
            return [node.left, node.right]
        case ast.UnaryOp(op=ast.USub()):
            return [node.operand]
        case ast.Compare():
            _check_comparison(node)
            return [node.left, *node.comparators]
        case ast.Call():
            function_of(node)
            return node.args
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            raise ExpressionError(
                "and, or and not are not supported; write minimum(a > 1, b > 2) for both, "
                "maximum(a > 1, b > 2) for either, where(a > 1, x, y) for a choice"
            )
        case _:
            raise ExpressionError(f"{_written(node)} has no meaning in an expression; {_WHAT_THERE_IS}")


def name_of(node: ast.Name | ast.Attribute) -> tuple[str, str]:
    """Return the role and the band of a name; the role is empty if none is named."""
    match node:
        case ast.Name(id=band):
            role, names = "", [band]
        case ast.Attribute(value=ast.Name(id=role), attr=band):
            names = [role, band]
        case _:
            raise ExpressionError(
                f"{_written(node)} is not a name; bands are named red, or pre.red with a role"
            )
    for name in names:
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function; write {_usage(name)}")
        if not _NAME.fullmatch(name):
            raise ExpressionError(
                f"{_quote(name)} is not a name; a name starts with a letter and has letters, digits and _"
            )
    return role, band


def exponent_of(node: ast.BinOp) -> int:
    """Return the exponent of a power, 2 or 3."""
    match node.right:
        case ast.Constant(value=int() | float() as exponent) if exponent in (2, 3):
            return int(exponent)
    raise ExpressionError(
        "** takes only the exponents 2 and 3; write sqrt(x) for a root and exp(x * log(y)) for others"
    )


def function_of(node: ast.Call) -> str:
    """Return the function that a call names."""
    name = node.func.id if isinstance(node.func, ast.Name) else _unparsed(node.func)
    if name not in FUNCTIONS:
        raise ExpressionError(f"{_quote(name)} is not a function; there are: {', '.join(FUNCTIONS)}")
    plain = not node.keywords and not any(isinstance(argument, ast.Starred) for argument in node.args)
    if not plain or len(node.args) != FUNCTIONS[name]:
        raise ExpressionError(f"{name} is a function; write {_usage(name)}")
    return name


def _check_number(node: ast.Constant) -> None:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"{_written(node)} is not a number; write one like 2, 0.5 or 1e15")
    if value and not 1 / MAX_CONSTANT <= value <= MAX_CONSTANT:
        raise ExpressionError(
            f"the number {_written(node)} is out of range; numbers must be 0 or from "
            f"{1 / MAX_CONSTANT:g} to {MAX_CONSTANT:g}"
        )


def _check_comparison(node: ast.Compare) -> None:
    if len(node.ops) > 1:
        raise ExpressionError(
            f"{_written(node)} compares more than two values; write minimum(low < x, x < high)"
        )
    if not isinstance(node.ops[0], _COMPARISONS):
        raise ExpressionError(f"{_written(node)} is not a comparison; there are <, <=, >, >=, == and !=")


def _usage(function: str) -> str:
    arguments = {"where": "condition, value, other_value", "keep": "value, condition"}
    return f"{function}({arguments.get(function, ', '.join('xy'[: FUNCTIONS[function]]))})"


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _written(node: ast.expr) -> str:
    """Return a node as it is written, quoted."""
    return _quote(_unparsed(node))


def _unparsed(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:  # a thousand characters of signs or brackets are as many levels
        return "..."


def _reason(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.msg and "nested" not in error.msg:
        return f"it cannot be read at character {error.offset}" if error.offset else "it cannot be read"
    return f"it is nested too deeply; at most {MAX_DEPTH} levels are allowed"
