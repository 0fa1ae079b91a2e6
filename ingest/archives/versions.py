"""Versions of a file: what tells one from another, so that parts of two are never joined."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx

GENERATIONS = ("x-amz-version-id", "x-goog-generation")
"""Headers by which stores number the versions of an object."""


@dataclass(frozen=True, slots=True)
class Version:
    """What an answer says of the version of a file; None where it does not say it."""

    etag: str | None = None
    """Weak ones (`W/"…"`) too."""
    modified: str | None = None
    generation: str | None = None
    size_bytes: int | None = None
    """Of the whole file."""

    @classmethod
    def of(cls, response: httpx.Response, size_bytes: int | None) -> "Version":
        """Return the version that an answer is of."""
        headers: Mapping[str, str] = response.headers
        generations = (f"{name}={headers[name]}" for name in GENERATIONS if name in headers)
        return cls(headers.get("etag"), headers.get("last-modified"), next(generations, None), size_bytes)

    @classmethod
    def from_json(cls, document: Any) -> "Version":
        """Read what `to_json` wrote; nothing is said by anything else."""
        facts = document if isinstance(document, Mapping) else {}
        return cls(**{name: facts.get(name) for name in cls.__dataclass_fields__})

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @property
    def tag(self) -> str | None:
        """What If-Range takes: a strong tag, else a date; None where there is neither."""
        if self.etag is not None and self.etag.startswith('"'):
            return self.etag
        return self.modified

    def is_continued_by(self, part: "Version") -> bool:
        """Return whether a part may be joined to what came of this version (RFC 9110, section 15.3.7.3).

        What both say has to be the same, and a part has to repeat a strong tag: servers that do not know
        If-Range answer with parts of whatever is there now. A date alone need not be repeated with If-Range.
        """
        is_tagged = self.etag is None or part.etag is not None
        pairs = zip(asdict(self).values(), asdict(part).values(), strict=True)
        return is_tagged and all(one == other for one, other in pairs if None not in {one, other})
