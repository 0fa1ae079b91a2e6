"""The recording: a folder with a store, the questions asked of it, and what was answered.

Layout: `store/` as it was landed, `recording.json` with questions, statuses and headers, `bodies/` by digest.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.corpora.asking import Answer, Question

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Run:
    """When a server answered, UTC: what it says of that time differs from run to run."""

    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer."""

    question: Question
    answer: Answer


@dataclass(frozen=True, slots=True)
class Recording:
    """What a build answered.

    Attributes:
        about: The state of the code, and whether real scenes were there.
        run: When.
        exchanges: In the order they were asked.
    """

    about: dict[str, Any]
    run: Run
    exchanges: Sequence[Exchange]


def store_of(folder: Path) -> Path:
    """Where the store of a recording is."""
    return folder / "store"


def write(recording: Recording, folder: Path) -> None:
    """Write a recording; bodies that are equal are written once."""
    bodies = folder / "bodies"
    bodies.mkdir(parents=True, exist_ok=True)
    exchanges = []
    for each in recording.exchanges:
        digest = hashlib.sha256(each.answer.body).hexdigest()
        (bodies / f"{digest}.gz").write_bytes(gzip.compress(each.answer.body, 5, mtime=0))
        answer = {"status": each.answer.status, "headers": each.answer.headers, "body": digest}
        exchanges.append({"question": asdict(each.question), "answer": answer})
    document = {
        "format": FORMAT,
        "about": recording.about,
        "run": {"began": recording.run.began.isoformat(), "ended": recording.run.ended.isoformat()},
        "exchanges": exchanges,
    }
    (folder / "recording.json").write_text(json.dumps(document, indent=1))


def read(folder: Path) -> Recording:
    """Read a recording."""
    document = json.loads((folder / "recording.json").read_text())
    moments = {name: datetime.fromisoformat(text) for name, text in document["run"].items()}
    return Recording(document["about"], Run(**moments), list(_exchanges(document, folder / "bodies")))


def _exchanges(document: dict[str, Any], bodies: Path) -> Iterator[Exchange]:
    for each in document["exchanges"]:
        body = gzip.decompress((bodies / f"{each['answer']['body']}.gz").read_bytes())
        yield Exchange(Question(**each["question"]), Answer(**each["answer"] | {"body": body}))
