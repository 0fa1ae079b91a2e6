"""Recording: what a job's subprocess reports, within limits, until the next heartbeat stores it."""

import asyncio
import logging
from collections import deque
from dataclasses import replace
from typing import Any

from app.jobs.job import Job, LandedScene, Progress
from app.jobs.job_store import ReportedWork
from app.jobs.subprocess import Event

log = logging.getLogger(__name__)

PRIVATE = "The server has a problem with its storage or disk; its log has the reason."

LOG_LINES = 200
LINE_CHARS = 500
REFUSAL_CHARS = 2000
MAX_LANDED = 2000
"""Limits of what is kept: about 300 kB at most."""


class Running:
    """A job while it runs here."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stirred = asyncio.Event()
        """Set when there is something to look at before the next heartbeat is due."""
        self.refusal: str | None = None
        self.results: dict[str, Any] = dict(job.result)
        self._progress: Progress | None = None
        self._log = deque(job.log, maxlen=LOG_LINES)
        self._landed = {(scene.collection, scene.scene): scene for scene in job.landed}

    @property
    def told(self) -> ReportedWork:
        """What is to be stored."""
        return ReportedWork(self._progress, tuple(self._log), tuple(self._landed.values()))

    def begin(self, step: str, number: int, steps: int) -> None:
        """Note that a step starts; what an earlier attempt reported of it no longer counts."""
        self._progress = Progress(step, number, steps)
        self.refusal = None
        self.results.pop(step, None)

    @property
    def is_partial(self) -> bool:
        """Whether the step has reported, at its end, that some scenes landed and others were refused."""
        step = self._progress.step if self._progress else ""
        return bool(self.results.get(step, {}).get("status") == "partial")

    def say(self, text: str) -> None:
        """Add a line to the log."""
        self._log.append(_storable(text)[:LINE_CHARS])

    def hear(self, event: Event) -> None:
        """Note what a subprocess reports; ignore what is not understood."""
        match event:
            case {"event": "progress", "done": int(done), "total": int(total), "unit": str(unit)}:
                if self._progress is not None:
                    self._progress = replace(self._progress, done=done, total=total, unit=unit)
            case {"event": "log", "text": str(text)}:
                self.say(text)
            case {"event": "refused", "text": str(text), "private": is_private}:
                if is_private:
                    log.error("job %d: %s", self.job.id, text)
                    text = PRIVATE
                self.refusal = _storable(text)[:REFUSAL_CHARS]
                self.say(text)
            case {"event": "landed", "collection": str(), "scene": str(), "period": str()}:
                self._note_landed(event)
            case {"event": "result"} if self._progress is not None:
                facts = {name: value for name, value in event.items() if name != "event"}
                self.results[self._progress.step] = facts

    def _note_landed(self, event: Event) -> None:
        key = event["collection"], event["scene"]
        if key in self._landed and event.get("commit") is None:
            return  # a second attempt finds what the first one landed
        if key in self._landed or len(self._landed) < MAX_LANDED:
            self._landed[key] = LandedScene(*key, event["period"], event.get("commit"))


def _storable(text: str) -> str:
    """Return a text without what PostgreSQL cannot store: U+0000 and unpaired surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()
