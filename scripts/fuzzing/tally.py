"""Tally: what was asked and answered by operation, and the shortest request for each kind of failure."""

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scripts.fuzzing.bounds import bound_s

UNAVAILABLE = 503
LONG_BODY = 400
"""Bytes of a body from which on it is written to a file for curl."""

CURL_HEADERS = ("content-type", "authorization", "accept", "range", "idempotency-key")
"""Headers that matter to an answer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request whose answer was not as promised."""

    kind: str
    """What was wrong, in a few words: failures of a kind are told once."""
    said: str
    request: httpx.Request

    @property
    def size(self) -> int:
        """How long it is to tell."""
        return len(str(self.request.url)) + len(self.request.content)


@dataclass(slots=True)
class Operation:
    """What is known of one operation."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)


class Tally:
    """All answers of a run.

    Args:
        slack: What the bounds of time are multiplied by, on a machine that does something else as well.
    """

    def __init__(self, slack: float = 1.0) -> None:
        self.operations: dict[str, Operation] = {}
        self.shortest: dict[tuple[str, str], Failure] = {}
        self._slack = slack

    @property
    def requests(self) -> int:
        """Number of requests that were answered."""
        return sum(sum(operation.statuses.values()) for operation in self.operations.values())

    def note(self, name: str, answer: httpx.Response) -> None:
        """Count an answer, and hold it against what is promised of all: no 500, and in time."""
        operation = self.operations.setdefault(name, Operation())
        operation.statuses[answer.status_code] += 1
        took_s = answer.elapsed.total_seconds()
        operation.slowest_s = max(operation.slowest_s, took_s)
        if answer.status_code >= 500 and answer.status_code != UNAVAILABLE:
            self.fail(name, Failure(f"status {answer.status_code}", answer.text[:300], answer.request))
        is_of_health = "/health" in name or "readyz" in name
        if answer.status_code == UNAVAILABLE and "retry-after" not in answer.headers and not is_of_health:
            self.fail(name, Failure("503 without Retry-After", answer.text[:300], answer.request))
        method, _, path = name.partition(" ")
        most_s = bound_s(method, path) * self._slack
        if took_s > most_s:
            self.fail(name, Failure("too slow", f"{took_s:.1f} s, and {most_s:g} at most", answer.request))

    def fail(self, name: str, failure: Failure) -> None:
        """Count a failure; of its kind the shortest request is kept."""
        self.operations.setdefault(name, Operation()).failures[failure.kind] += 1
        known = self.shortest.get((name, failure.kind))
        if known is None or failure.size < known.size:
            self.shortest[name, failure.kind] = failure

    def table(self) -> Iterator[str]:
        """Yield the lines of a table of operations."""
        width = max(map(len, self.operations), default=10)
        yield f"{'operation':{width}}  requests  slowest s  failures  statuses"
        for name, operation in sorted(self.operations.items()):
            count, failed = sum(operation.statuses.values()), sum(operation.failures.values())
            statuses = " ".join(f"{status}:{number}" for status, number in sorted(operation.statuses.items()))
            yield f"{name:{width}}  {count:8}  {operation.slowest_s:9.2f}  {failed:8}  {statuses}"

    def repeats(self, folder: Path) -> Iterator[str]:
        """Yield each kind of failure with a line that repeats it; long bodies are written to a folder."""
        for number, ((name, kind), failure) in enumerate(sorted(self.shortest.items())):
            count = self.operations[name].failures[kind]
            yield f"{name}: {kind}, {count} times: {' '.join(failure.said.split())[:300]}"
            yield f"    {curl(failure.request, folder / f'{number}.body')}"


def curl(request: httpx.Request, file: Path) -> str:
    """Return a command that sends a request again; a long body goes into `file`."""
    parts = ["curl", "-si", "-X", request.method, str(request.url)]
    for name, value in request.headers.items():
        if name in CURL_HEADERS:
            parts += ["-H", f"{name}: {value}"]
    body = request.content
    if len(body) > LONG_BODY or not body.isascii():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        parts += ["--data-binary", f"@{file}"]
    elif body:
        parts += ["--data-binary", body.decode()]
    return shlex.join(parts)
