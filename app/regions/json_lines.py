"""JSON with line numbers: the members of an object and the elements of an array, each with its line."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Located:
    """A value in a text that `json.loads` accepts."""

    text: str
    at: int
    """Where the value begins, as an index in the text."""
    value: Any
    label: int = -1
    """Where its key begins; negative for an element of an array."""

    @classmethod
    def whole(cls, text: str) -> "Located":
        """Return the value of a whole text.

        Raises:
            json.JSONDecodeError: If the text is not valid JSON.
            RecursionError: If the text is nested too deeply.
        """
        return cls(text, _space(text, 0), json.loads(text))

    @property
    def line(self) -> int:
        """The line it begins on, from 1; the line of its key if it has one."""
        return self.text.count("\n", 0, self.at if self.label < 0 else self.label) + 1

    def elements(self) -> Iterator["Located"]:
        """Yield the elements of an array, in order."""
        at = _space(self.text, self.at + 1)
        while self.text[at] != "]":
            value, end = _decode(self.text, at)
            yield Located(self.text, at, value)
            at = self._next(end)

    def members(self) -> Iterator[tuple[str, "Located"]]:
        """Yield the members of an object, in order; a repeated key is yielded each time."""
        at = _space(self.text, self.at + 1)
        while self.text[at] != "}":
            key, end = _decode(self.text, at)
            begin = _space(self.text, _space(self.text, end) + 1)  # after the colon
            value, end = _decode(self.text, begin)
            yield key, Located(self.text, begin, value, at)
            at = self._next(end)

    def _next(self, end: int) -> int:
        at = _space(self.text, end)
        return _space(self.text, at + 1) if self.text[at] == "," else at


def _space(text: str, at: int) -> int:
    """Return the first position from `at` that is not white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at
