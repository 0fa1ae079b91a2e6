"""A finding: the result of one check of one part of a deployment."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a part works, with a sentence for the operator."""

    ok: bool
    says: str
    """The sentence."""
    since: datetime | None = None
    """Since when it fails, if the part itself knows; otherwise the first failing check counts."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Numbers behind the sentence, ready for JSON."""

    def document(self, since: datetime | None) -> dict[str, Any]:
        """Return the finding, ready for JSON.

        Args:
            since: When it started to fail; None if it does not.
        """
        return {
            "ok": self.ok,
            "says": self.says,
            "since": since.isoformat(timespec="seconds") if since else None,
            **self.facts,
        }


Check: TypeAlias = Callable[[], Awaitable[Finding]]
"""Checks one part. It always returns a finding, whatever the part's state, and may take its time."""
