"""Outcomes: what a look at an archive came to, and how its piece of time goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from app.feeds.planning import Look, Piece, backoff, due_again, following_slot, is_divisible
from app.jobs.job import Job
from app.jobs.request import MAX_SCENES
from mosaics.period import parse_instant

PollStatus: TypeAlias = Literal["done", "partial", "failed", "split"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look came to, and how the piece goes on."""

    status: PollStatus
    due_at: datetime | None
    complete_at: datetime | None
    watermark: datetime | None
    failures: int
    error: str | None = None
    found: int = 0
    landed: int = 0
    """Scenes that landed, not those that had before."""
    newest_acquired: datetime | None = None
    newest_seen: datetime | None = None
    """The same, those among them that were too cloudy."""
    newest_revision: datetime | None = None


def outcome_of(look: Look, piece: Piece, job: Job | None, now: datetime) -> Outcome:
    """Return what comes of a look whose order has ended.

    Args:
        look: How the feed looks.
        piece: What was looked at.
        job: The order; None if it was forgotten meanwhile.
        now: UTC.
    """
    facts = {} if job is None else job.result.get("ingest", {})
    landed, cloudy, revision = (_moment(facts, f"newest_{n}") for n in ("landed", "cloudy", "revision"))
    outcome = _decided(look, piece, job, facts, now)
    if outcome.status == "done":
        newest = max(filter(None, (piece.watermark, revision)), default=None)
        outcome = replace(outcome, complete_at=piece.asked_at or now, watermark=newest)
    return replace(
        outcome,
        found=int(facts.get("found", 0)),
        landed=int(facts.get("landed", 0)),
        newest_acquired=landed,
        newest_seen=max(filter(None, (landed, cloudy)), default=None),
        newest_revision=revision,
    )


def refusal(look: Look, piece: Piece, reason: str, now: datetime) -> Outcome:
    """Return what comes of a look that failed, or could not even be ordered: it is tried again later."""
    failures = piece.failures + 1
    due_at = now + backoff(look.every, failures)
    return Outcome("failed", due_at, piece.complete_at, piece.watermark, failures, reason)


def _decided(look: Look, piece: Piece, job: Job | None, facts: Mapping[str, Any], now: datetime) -> Outcome:
    """Return whether a look succeeded, and when the piece is due again.

    A scene that is refused costs itself alone: it is asked for again at the next slot, and the watermark
    stays before it.
    """

    def decided(status: PollStatus, due_at: datetime | None, error: str | None) -> Outcome:
        return Outcome(status, due_at, piece.complete_at, piece.watermark, 0, error)

    def failed(reason: str) -> Outcome:
        return refusal(look, piece, reason, now)

    if job is None:
        return failed("its order was forgotten before it could be read")
    if job.status != "done":
        return failed(job.error or "its order was cancelled")
    if facts.get("over_limit"):
        if is_divisible(piece):
            return decided("split", now, None)
        return failed(f"more than {MAX_SCENES} scenes in {piece.ends - piece.starts}; make the box smaller")
    if job.is_partial:
        scene, reason = next(iter(job.refused.items()))
        refused = f"{len(job.refused)} refused; {scene}: {reason}"
        return decided("partial", following_slot(look, now), refused)
    return decided("done", due_again(look, piece, now), None)


def _moment(facts: Mapping[str, Any], name: str) -> datetime | None:
    text = facts.get(name)
    return parse_instant(text) if isinstance(text, str) else None
