"""A finding: what one look at one part of a deployment showed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a part is well, and a sentence for whoever has to mend it."""

    ok: bool
    says: str
    """A sentence."""
    since: datetime | None = None
    """Since when it is wrong, where the part itself knows; else the first look that showed it counts."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Numbers behind the sentence, ready for JSON."""

    def document(self, since: datetime | None) -> dict[str, Any]:
        """The finding, ready for JSON.

        Args:
            since: When it began to be wrong; None where nothing is.
        """
        return {
            "ok": self.ok,
            "says": self.says,
            "since": since.isoformat(timespec="seconds") if since else None,
            **self.facts,
        }


Check: TypeAlias = Callable[[], Awaitable[Finding]]
"""Looks at one part. It answers in a finding whatever state the part is in, and may take its time."""
