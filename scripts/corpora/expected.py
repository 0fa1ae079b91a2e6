"""Differences that are meant: a TOML file of patterns, each with its reason.

    [[expected]]
    kind = "interface"               # exactly; any where absent
    request = "GET /openapi.json"    # found in the request, or in the key of the landed file
    difference = "body.paths"        # found in what differs
    reason = "the jobs have a description now"

`request` and `difference` are regular expressions; what is absent fits everything.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class ExpectedFileError(ValueError):
    """A file that says something else than patterns and reasons."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A difference that is meant."""

    reason: str
    kind: str | None = None
    request: str = ""
    difference: str = ""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ExpectedFileError("every expected difference has a reason")

    def covers(self, kind: str, request: str, difference: str) -> bool:
        """Whether a difference is this one."""
        return (
            self.kind in {None, kind}
            and re.search(self.request, request) is not None
            and re.search(self.difference, difference) is not None
        )


def read_expected(file: Path) -> Sequence[Expected]:
    """Read a file of expected differences; `ExpectedFileError`."""
    try:
        return [Expected(**each) for each in tomllib.loads(file.read_text())["expected"]]
    except (TypeError, KeyError, tomllib.TOMLDecodeError) as error:
        raise ExpectedFileError(f"{file}: {error}; scripts/corpora/expected.py shows the form") from error
