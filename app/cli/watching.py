"""Watching: what is said while scenes land, one after the other or many at once."""

import itertools
from collections.abc import Mapping
from typing import Literal, TypeAlias

from app.cli.exit import CommandError
from app.cli.reporting import Reporter
from ingest.landing import Landing
from ingest.landing_notes import notes_on

Status: TypeAlias = Literal["done", "partial", "failed"]

Failed: TypeAlias = tuple[Mapping[str, str], int]
"""Why, by what they are called, scenes have not landed; and how many have, now or before."""

NAMED = 3
"""Scenes that are named where a command ends; the lines above name all."""


class Watcher:
    """Says how an ingestion goes; see `ingest.ingesting.Watch`.

    Args:
        told: Hears of it.
        count: Scenes in all.
        to_fetch_bytes: What has to be fetched for them, as far as it is known.
    """

    def __init__(self, told: Reporter, count: int, to_fetch_bytes: int = 0) -> None:
        self.fetched_bytes = 0
        self._to_fetch_bytes = to_fetch_bytes
        self._count = count
        self._done = 0
        self._told = told

    def fetched(self, size_bytes: int) -> None:
        """Move the bar."""
        self.fetched_bytes += size_bytes
        self._told.progress(self.fetched_bytes, max(self._to_fetch_bytes, self.fetched_bytes), "bytes")

    def landed(self, landing: Landing) -> None:
        """Say a scene, and what its user should read."""
        self._done += 1
        plan = landing.plan
        said = "unchanged" if landing.commit is None else f"commit {landing.commit}"
        self._told.say(f"[{self._done}/{self._count}] {plan.id}: {said}")
        for note in notes_on(plan):
            self._told.say(f"    {note}")
        self._told.landed(plan.collection.id, plan.id, plan.period.text, landing.commit)

    def failed(self, scene_id: str, reason: str) -> None:
        """Say why a scene has not landed."""
        self._done += 1
        self._told.warn(f"[{self._done}/{self._count}] {scene_id}: not landed: {reason}")


class TableWatcher(Watcher):
    """Says how landing a table goes; see `ingest.landing_many.LandingWatch`."""

    def __init__(self, told: Reporter, count: int) -> None:
        super().__init__(told, count)
        self._in_storage = 0

    def staged(self) -> None:
        """Move the bar: the scene is in storage, and is said with its batch."""
        self._in_storage += 1
        self._told.progress(self._in_storage, self._count, "steps")

    def landed(self, landing: Landing) -> None:
        """Say a scene; one that had landed before is counted alone."""
        if landing.commit is not None:
            super().landed(landing)
            return
        self._done += 1
        self.staged()
        plan = landing.plan
        self._told.landed(plan.collection.id, plan.id, plan.period.text, None)

    def failed(self, scene_id: str, reason: str) -> None:
        """Say why a scene has not landed."""
        super().failed(scene_id, reason)
        self.staged()


def status_of(failures: Mapping[str, str], landed: int) -> Status:
    """Return what a run came to: `partial` where some scenes landed and others were refused."""
    if not failures:
        return "done"
    return "partial" if landed else "failed"


def refuse_if_any_failed(failures: Mapping[str, str], landed: int) -> None:
    """End the command with its exit code for failures where scenes have not landed, and name them.

    Args:
        failures: Why, by what they are called, scenes have not landed.
        landed: Scenes that have, now or before.
    """
    if failures:
        raise CommandError(failures_text(failures, landed))


def failures_text(failures: Mapping[str, str], landed: int) -> str:
    """Return which scenes were not landed and why, the first few of them."""
    count = len(failures)
    named = [f"{name}: {reason.rstrip('.')}" for name, reason in itertools.islice(failures.items(), NAMED)]
    rest = f"; and {count - NAMED} more, see above" if count > NAMED else ""
    said = f"{count} {'scene was' if count == 1 else 'scenes were'} not landed"
    there = f"Partial: {landed} landed, " if landed else ""
    return f"{there}{said}: {'; '.join(named)}{rest}."
