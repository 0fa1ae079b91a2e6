"""Asking: a question, its answer, and how one comes of the other."""

import shlex
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from scripts.corpora.checkout import Checkout

KEPT_HEADERS = (
    "accept-ranges", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-allow-origin", "access-control-expose-headers", "allow", "cache-control", "content-bbox",
    "content-crs", "content-disposition", "content-encoding", "content-range", "content-security-policy",
    "content-type", "etag", "link", "location", "retry-after", "vary", "www-authenticate", "x-cache",
    "x-content-type-options",
)  # fmt: skip
"""Headers that say something of the answer, beside every X-Tilewatch-*; not when and how fast it was made."""

COMMAND = "tilewatch"
"""In place of a method: the question is a line of the command line, and its status that of the process."""

OWN_HEADERS = "x-tilewatch-"

JSON = {"Content-Type": "application/json"}
GEOJSON = {"Content-Type": "application/geo+json"}

SHOWN_BODY = 160
"""Characters of a body that are shown."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request, or a line of the command line."""

    kind: str
    """What it is about: differences are grouped by it."""
    path: str
    """With the query."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None

    @property
    def text(self) -> str:
        """The request on a line; of its body the beginning."""
        more = "".join(f" [{name}: {value}]" for name, value in self.headers.items())
        sent = (
            "" if self.body is None else f" {self.body if len(self.body) <= 160 else self.body[:157] + '...'}"
        )
        return f"{self.method} {self.path}{more}{sent}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Those that are kept, by their names in small letters."""
    body: bytes
    """Uncompressed."""

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


Questions: TypeAlias = Generator[Question, Answer, None]
"""Questions of a kind; each is sent its answer, of which the next may be made."""


def run_command(checkout: Checkout, store: Path, question: Question) -> Answer:
    """Run a command: its status, and what it prints on both outputs."""
    done = checkout.run(*shlex.split(question.path.format(store=store)))
    media_type = "application/json" if done.stdout[:1] == "{" else "text/plain"
    text = (done.stdout + done.stderr).replace(str(store), "{store}")
    return Answer(done.returncode, {"content-type": media_type}, text.encode())


def ask(client: httpx.Client, question: Question) -> Answer:
    """Send a question."""
    content: Any = None if question.body is None else question.body.encode()
    request = client.build_request(
        question.method, question.path, headers=dict(question.headers), content=content
    )
    answer = client.send(request, follow_redirects=False)
    headers = {
        name: ", ".join(answer.headers.get_list(name))
        for name in sorted(set(answer.headers))
        if name in KEPT_HEADERS or name.startswith(OWN_HEADERS)
    }
    return Answer(answer.status_code, headers, answer.content)
