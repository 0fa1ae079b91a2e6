"""Messages, docstrings, comments and documentation avoid the phrases that were given up."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

TICS = re.compile(
    r"(?<!there )\b(?:is|are|was) none\b|(?<![Tt]here )\b(?:is|was) no\b(?! longer)"
    r"|\b(?:[Nn]obody|[Ww]hoever|[Aa]new)\b"
)
"""Say "X is not a valid Y; …", "anyone who", "again"; "there is no X" and "is no longer" are fine."""

SOURCES = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for folder in ("app", "ingest", "mosaics", "colormaps", "migrations", "scripts")
    for path in (CHECKOUT / folder).rglob("*.py")
    if "node_modules" not in path.parts
)
COMPLYING = [path for path in SOURCES if not path.startswith("migrations/versions/")]
"""Without versions of the schema, whose comments are in databases already."""

DESCRIBED = [
    path.relative_to(CHECKOUT).as_posix()
    for folder, kind in (
        ("app/products", "*.toml"),
        ("mosaics/descriptions", "*.toml"),
        ("colormaps", "*.toml"),
        ("app/web/src", "*.ts"),
    )
    for path in sorted((CHECKOUT / folder).rglob(kind))
]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/reliability.md",
    ".env.example",
    "compose.yaml",
    *DESCRIBED,
]


def prose_of(path: str) -> Iterator[tuple[int, str]]:
    """Yield the strings and comments of a module, with their lines."""
    text = (CHECKOUT / path).read_text()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, " ".join(node.value.split())


def conditions_of(docstring: str) -> Iterator[str]:
    """Yield the conditions in the Raises section of a docstring."""
    _, _, section = docstring.partition("\nRaises:\n")
    for item in re.split(r"\n(?= {4}\S)", section.partition("\n\n")[0]):
        _, colon, condition = item.strip().partition(": ")
        if colon:
            yield condition


def test_the_code_uses_no_phrase_that_was_given_up():
    found = [
        f"{path}:{line}: {match[0]}"
        for path in COMPLYING
        for line, text in prose_of(path)
        if (match := TICS.search(text))
    ]
    assert found == []


def test_the_documentation_uses_no_phrase_that_was_given_up():
    found = [
        f"{path}:{number}: {match[0]}"
        for path in DOCUMENTS
        for number, line in enumerate((CHECKOUT / path).read_text().splitlines(), 1)
        if (match := TICS.search(line))
    ]
    assert found == []


def test_errors_are_documented_by_their_condition():
    found = [
        f"{path}: {function.name}: {condition}"
        for path in COMPLYING
        for function in ast.walk(ast.parse((CHECKOUT / path).read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for condition in conditions_of(ast.get_docstring(function) or "")
        if not condition.startswith("If ")
    ]
    assert found == []
