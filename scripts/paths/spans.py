"""Spans: from code that ran to the lines of the functions it stands in.

A function counts whole, from `def` to its last line, docstring included, however little of it ran and however
often. What is written inside a function (comprehensions, lambdas, functions) lies within its lines and counts
once. Decorators and class bodies do not count, nor what dataclasses and enumerations write for themselves.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType


@dataclass(frozen=True, slots=True, order=True)
class Function:
    """A function as it is written."""

    first: int
    last: int
    """Lines, the last included."""
    name: str
    """With the classes and functions it stands in."""

    @property
    def lines(self) -> range:
        """The numbers of its lines."""
        return range(self.first, self.last + 1)


def functions_run(codes: Iterable[CodeType], checkout: Path) -> Mapping[str, tuple[Function, ...]]:
    """The functions that ran, in the order of their files, by path from the checkout.

    Of functions inside others that ran as well, only the outer is told.
    """
    found: dict[str, set[Function]] = {}
    for code in codes:
        path = Path(code.co_filename)
        if function := _function_at(path, code.co_firstlineno):
            found.setdefault(str(path.relative_to(checkout)), set()).add(function)
    return {path: tuple(_outermost(found[path])) for path in sorted(found)}


def _outermost(functions: Iterable[Function]) -> Iterator[Function]:
    last = 0
    for function in sorted(functions, key=lambda each: (each.first, -each.last)):
        if function.first > last:
            yield function
            last = function.last


def _function_at(path: Path, line: int) -> Function | None:
    """The innermost function that has a line; None for code of a module or class body."""
    having = [function for begin, function in _functions(path) if begin <= line <= function.last]
    return max(having, default=None)


@cache
def _functions(path: Path) -> tuple[tuple[int, Function], ...]:
    return tuple(_written(ast.parse(path.read_text()), ""))


def _written(node: ast.AST, within: str) -> Iterator[tuple[int, Function]]:
    """The functions below a node, each with the line Python takes for its first: that of a decorator."""
    for child in ast.iter_child_nodes(node):
        name = within
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{within}.{child.name}".lstrip(".")
            if not isinstance(child, ast.ClassDef):
                begin = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                yield begin, Function(child.lineno, child.end_lineno or child.lineno, name)
        yield from _written(child, name)
