"""Compiling: the text of a band-math expression becomes the numexpr nodes of an `Expression`."""

import ast
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numexpr.expressions import ConstantNode, OpNode, VariableNode

from app.products.exactness import cleaned, compared_numbers, compares_computed, is_plain, within_leeway
from app.products.expression import Aggregate, Expression, Years
from app.products.grammar import ExpressionError, exponent_of, function_of, name_of, parse
from app.products.homogeneity import is_scale_free

MAX_BANDS = 12
"""Different bands; each is read for every pixel."""
MAX_COST = 256
"""Operations per pixel, as counted by `Expression.cost`."""

_OPERATIONS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div",
    ast.Gt: "gt", ast.GtE: "ge", ast.Lt: "gt", ast.LtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
_SWAPPED = (ast.Lt, ast.LtE)
_COST = {"sqrt": 2, "log": 8, "exp": 8}
"""Cost of a function relative to an addition, in float32 with numexpr 2.14."""
AGGREGATE_COST = 4
"""Cost of a mean or a standard deviation per year: numpy's passes over the years, besides what is inside."""


def compile_expression(
    text: str, *, roles: Collection[str] = (), years: Mapping[str, Years] | None = None
) -> Expression:
    """Read a formula.

    Args:
        text: The formula. Bands are named ``red``, or ``pre.red`` if there are roles.
        roles: The time windows that can be named; without any, bands are named alone.
        years: The roles with a window in each of several years; their bands may only occur inside `mean(…)`
            and `std(…)`.

    Raises:
        ExpressionError: If the text exceeds a limit or is not an expression; finding out evaluates nothing.
    """
    return _compile(text, tuple(roles), tuple((years or {}).items()))


@lru_cache(maxsize=512)
def _compile(text: str, roles: tuple[str, ...], years: tuple[tuple[str, Years], ...]) -> Expression:
    return _compiled(parse(text), roles, dict(years))


def _compiled(tree: ast.expr, roles: tuple[str, ...], years: Mapping[str, Years]) -> Expression:
    found = _Compilation(roles, years).finish(tree)
    return replace(found, double_tree=_Compilation(roles, years, double=True).nodes(tree).node)


@dataclass(frozen=True, slots=True)
class _Term:
    node: Any
    cost: int
    is_condition: bool = False

    @property
    def number(self) -> "_Term":
        """The term as a number: 1 where a condition holds, otherwise 0."""
        return _apply("where", self, _constant(1), _constant(0)) if self.is_condition else self


def _constant(value: float) -> _Term:
    return _Term(ConstantNode(np.float32(value)), 0)


def _apply(operation: str, *terms: _Term) -> _Term:
    cost = _COST.get(operation, 1) + sum(term.cost for term in terms)
    _checked(cost)
    nodes = [term.node for term in terms]
    if operation in ("gt", "ge", "eq", "ne", "and", "or"):
        return _Term(OpNode(operation, nodes, kind="bool"), cost, is_condition=True)
    kind = "double" if any(node.astKind == "double" for node in nodes) else "float"
    return _Term(OpNode(operation, nodes, kind=kind), cost)


def _checked(cost: int) -> int:
    if cost > MAX_COST:
        raise ExpressionError(
            f"the expression takes more than {MAX_COST} operations per pixel; write it shorter, especially "
            "its powers, logarithms and exponentials"
        )
    return cost


class _Compilation:
    """Turns a checked tree into numexpr nodes.

    Arithmetic propagates NaN and infinity by itself. Operations that would lose them (comparisons, choices,
    denominators, exponentials) have their operands guarded: 0 times each operand is added to the result,
    which is 0 or missing.
    """

    def __init__(self, roles: tuple[str, ...], years: Mapping[str, Years], *, double: bool = False) -> None:
        self.roles = roles
        self.years = years
        self.double = double
        self.deciding = 0
        """Comparisons and denominators that what is compiled stands in, of a formula for float64."""
        self.bands: dict[str, None] = {}
        self.variables: dict[str, _Term] = {}
        self.guards: dict[str, _Term] = {}
        self.aggregates: dict[str, Aggregate] = {}
        self.aggregates_cost = 0

    def nodes(self, tree: ast.expr) -> _Term:
        """Return the whole formula, with its guards."""
        result = self.guarded(tree)
        if not self.variables:
            raise ExpressionError("the expression names no bands; name at least one, as in nir / red")
        for guard in self.guards.values():
            result = _apply("add", result, _apply("mul", guard, _constant(0)))
        return result

    def finish(self, tree: ast.expr) -> Expression:
        result = self.nodes(tree)
        return Expression(
            ast.unparse(tree),
            tuple(self.bands),
            _checked(result.cost + self.aggregates_cost),
            result.node,
            tuple(self.variables),
            self.aggregates,
            is_band=isinstance(tree, ast.Name | ast.Attribute),
            compares_computed=compares_computed(tree),
            thresholds=compared_numbers(tree),
            is_scale_free=is_scale_free(tree),
        )

    def guarded(self, tree: ast.expr) -> _Term:
        return self.guard(tree, self.term(tree))

    def decisive(self, tree: ast.expr) -> _Term:
        """Return what is compared or divided by: there it matters whether a sum of decimals is 0."""
        self.deciding += self.double
        found = self.guarded(tree)
        self.deciding -= self.double
        return found

    def guard(self, tree: ast.expr, term: _Term) -> _Term:
        # A condition is 1 or 0, and its own operands are guarded.
        if not (term.is_condition or isinstance(tree, ast.Constant)):
            self.guards.setdefault(ast.dump(tree), term)
        return term.number

    def condition(self, tree: ast.expr, function: str) -> _Term:
        term = self.term(tree)
        if not term.is_condition:
            raise ExpressionError(
                f"{function} needs a comparison, such as red > 0.1; {ast.unparse(tree)!r} is a number"
            )
        return term

    def term(self, tree: ast.expr) -> _Term:  # noqa: PLR0911 - one branch for each kind of node
        match tree:
            case ast.Constant(value=int() | float() as value):
                return _Term(ConstantNode(float(value)), 0) if self.double else _constant(value)
            case ast.Name() | ast.Attribute():
                return self.variable(*name_of(tree))
            case ast.UnaryOp():
                return _apply("neg", self.term(tree.operand).number)
            case ast.BinOp(op=ast.Pow()):
                base = self.term(tree.left).number
                square = _apply("mul", base, base)
                return square if exponent_of(tree) == 2 else _apply("mul", square, base)
            case ast.BinOp(op=ast.Div()):
                return _apply("div", self.term(tree.left).number, self.decisive(tree.right))
            case ast.BinOp():
                return self.arithmetic(tree)
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                first, second = self.decisive(left), self.decisive(right)
                pair = (second, first) if isinstance(comparison, _SWAPPED) else (first, second)
                found = _apply(_OPERATIONS[type(comparison)], *pair)
                if self.double and compares_computed(tree):
                    node = within_leeway(_OPERATIONS[type(comparison)], *(term.node for term in pair))
                    return replace(found, node=node)
                return found
            case ast.Call():
                return self.call(function_of(tree), tree.args)
        raise ExpressionError(f"{ast.unparse(tree)!r} has no meaning in an expression")

    def arithmetic(self, tree: ast.BinOp) -> _Term:
        """Return a sum, difference or product; what is left over of nothing by roundings is nothing."""
        first, second = self.term(tree.left).number, self.term(tree.right).number
        found = _apply(_OPERATIONS[type(tree.op)], first, second)
        if self.deciding and isinstance(tree.op, ast.Add | ast.Sub) and not is_plain(tree):
            return replace(found, node=cleaned(found.node, first.node, second.node))
        return found

    def call(self, function: str, arguments: list[ast.expr]) -> _Term:  # noqa: PLR0911 - one a function
        match function:
            case "where":
                condition = self.condition(arguments[0], "where")
                return _apply("where", condition, self.guarded(arguments[1]), self.guarded(arguments[2]))
            case "keep":
                value = self.term(arguments[0]).number
                return _apply("where", self.condition(arguments[1], "keep"), value, _constant(math.nan))
            case "minimum" | "maximum":
                return self.extreme(function, arguments)
            case "exp":
                return _apply("exp", self.guarded(arguments[0]))
            case "mean" | "std":
                return self.aggregate(function, arguments[0])
            case "abs":
                return _apply("absolute", self.term(arguments[0]).number)
            case _:
                return _apply(function, self.term(arguments[0]).number)

    def extreme(self, function: str, arguments: list[ast.expr]) -> _Term:
        """Return the smaller or larger of two; for two conditions, whether both or either holds."""
        first, second = (self.term(argument) for argument in arguments)
        if first.is_condition and second.is_condition:
            return _apply("and" if function == "minimum" else "or", first, second)
        first, second = self.guard(arguments[0], first), self.guard(arguments[1], second)
        return _apply(function, first, second)

    def aggregate(self, function: str, inner: ast.expr) -> _Term:
        """Compile what is inside as a formula of its own, over one role; its result is a variable here."""
        named = {name_of(node)[0] for node in ast.walk(inner) if isinstance(node, ast.Attribute)}
        role = next(iter(named), "")
        if len(named) != 1 or role not in self.years:
            there_are = ", ".join(self.years) or "none here"
            raise ExpressionError(
                f"{function} is taken over the years of one role that has several; there are: {there_are}"
            )
        written = ast.unparse(ast.Call(ast.Name(function), [inner], []))
        if written not in self.variables:
            inside = _compiled(inner, (role,), {})
            self.bands.update(dict.fromkeys(inside.bands))
            self.aggregates[written] = Aggregate(function, inside, self.years[role].least)
            self.aggregates_cost += (inside.cost + AGGREGATE_COST) * self.years[role].most
            self.name_variable(written)
        return self.variables[written]

    def name_variable(self, name: str) -> None:
        if len(self.variables) == MAX_BANDS or len(self.bands) > MAX_BANDS:
            raise ExpressionError(f"an expression may name at most {MAX_BANDS} bands")
        kind = "double" if self.double else "float"
        self.variables[name] = _Term(VariableNode(f"v{len(self.variables)}", kind), 0)

    def variable(self, role: str, band: str) -> _Term:
        if role in self.years:
            raise ExpressionError(
                f"{role} has a window in each of several years; write mean({role}.{band}) or "
                f"std({role}.{band})"
            )
        if role and not self.roles:
            raise ExpressionError(f"this product has no time windows; write {band} instead of {role}.{band}")
        if self.roles and role not in self.roles:
            choices = " or ".join(f"{known}.{band}" for known in self.roles)
            raise ExpressionError(
                f"{f'{role}.{band}' if role else band!r} does not name a time window; write {choices}"
            )
        name = f"{role}.{band}" if role else band
        if name not in self.variables:
            self.bands[name] = None
            self.name_variable(name)
        return self.variables[name]
