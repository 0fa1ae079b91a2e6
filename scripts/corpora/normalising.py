"""Normalising: what two runs cannot have in common, by rules with a name and a reason each.

There are as few as possible, and none touches a number or a picture of the data.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from scripts.corpora.asking import Answer
from scripts.corpora.recording import Exchange, Run

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
COUNTED_FROM, COUNTED_TO = -450, 60
"""Days from today that windows of regions reach to: the same season a year before, and the next night."""
SLACK = timedelta(minutes=10)
"""A server is started, and its database filled, before the first question."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that is replaced in the text of an answer."""

    name: str
    why: str
    replaced: Callable[[str, Run], str]
    kinds: frozenset[str] | None = None
    """Kinds of questions it is for; None for all."""


def _instants(text: str, run: Run) -> str:
    def shown(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0])
        return "<in the run>" if run.began - SLACK <= moment <= run.ended + SLACK else found[0]

    return INSTANT.sub(shown, text)


def _days(text: str, run: Run) -> str:
    today = run.began.astimezone(UTC).date()

    def shown(found: re.Match[str]) -> str:
        days = (date.fromisoformat(found[0]) - today).days
        return f"<today{days:+}>" if COUNTED_FROM <= days <= COUNTED_TO else found[0]

    return DAY.sub(shown, text)


def _members(text: str, _: Run) -> str:
    try:
        return "\n".join(json.dumps(json.loads(line), sort_keys=True) for line in text.splitlines())
    except ValueError:
        return text  # a table


def _fields(*names: str) -> Callable[[str, Run], str]:
    pattern = re.compile(rf'"({"|".join(names)})":\s*(?:-?\d[\d.e+-]*|"[^"]*")')
    return lambda text, _: pattern.sub(r'"\1":"<varies>"', text)


def _replacing(pattern: str, replacement: str) -> Callable[[str, Run], str]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text, _: compiled.sub(replacement, text)


RULES: Sequence[Rule] = (
    Rule("instants", "moments of the run itself: an area was registered, a job was begun", _instants),
    Rule(
        "days",
        "windows of regions, and what is ordered for them, are counted from today",
        _days,
        frozenset({"regions", "orders", "jobs"}),
    ),
    Rule(
        "members",
        "remembered entries come from PostgreSQL, which orders members its own way; whether an entry is "
        "remembered depends on how busy the database is",
        _members,
        frozenset({"statistics", "area series"}),
    ),
    Rule(
        "processes",
        "the process that leads is named by its process and a random number",
        _replacing(r"\b\d+-[0-9a-f]{6}\b", "<process>"),
        frozenset({"health", "jobs"}),
    ),
    Rule(
        "machine",
        "connections, free space and ages are those of the moment",
        _fields("open", "idle", "refreshed_seconds_ago", "free_bytes", "total_bytes", "says"),
        frozenset({"health"}),
    ),
    Rule(
        "runs of jobs",
        "how often a job has run, and when it does next",
        _replacing(r'"(last|next_run)":(\[.*?\}\]|"[^"]*")', r'"\1":"<varies>"'),
        frozenset({"jobs"}),
    ),
    Rule(
        "samples",
        "numbers of metrics count time and memory; their names and labels stay",
        _replacing(r"^([^#\n]*) \S+$", r"\1"),
        frozenset({"metrics"}),
    ),
)


def normalised(exchange: Exchange, run: Run) -> Answer:
    """The answer as any run of the same code gives it."""
    answer = exchange.answer
    if not is_text(answer.media_type):
        return answer
    text = written = answer.body.decode("utf-8", "replace")
    for rule in RULES:
        if rule.kinds is None or exchange.question.kind in rule.kinds:
            text = rule.replaced(text, run)
    if text == written:
        return answer
    headers = {
        name: "<of the content>" if name == "etag" else value for name, value in answer.headers.items()
    }
    return replace(answer, headers=headers, body=text.encode())


def is_text(media_type: str) -> bool:
    """Whether answers of a type can be read."""
    return media_type.startswith("text/") or media_type.endswith(("json", "xml"))
