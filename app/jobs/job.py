"""The job: what was requested, its progress and results, and why a request for one is refused."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["ingest", "composite", "analyze-scene", "analyze-parcels", "model"]
Status: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]

KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)

NOTHING: Mapping[str, Any] = MappingProxyType({})


MAX_REASONS = 20
"""Scenes whose reasons are told in a summary; the log of a job has more."""


def first_reasons(refused: Mapping[str, str]) -> dict[str, str]:
    """Return why the first scenes were refused, by id."""
    return dict(itertools.islice(refused.items(), MAX_REASONS))


class JobRequestError(ValueError):
    """A request for a job that is not valid; the message says what would be right."""


class JobLimitError(JobRequestError):
    """A request for a job larger than this service allows; the message begins with the limit's name."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail} (the limit is TILEWATCH_{name.upper()})")


class QueueFullError(Exception):
    """As many jobs wait as are allowed; the message names the limit."""


class JobEndedError(Exception):
    """The job has already ended and cannot be cancelled."""


class UnknownJobError(LookupError):
    """No job has this id."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"no job {job_id}; GET /jobs lists the latest jobs")


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of the current step."""

    step: str
    """The command that runs: ingest or composite."""
    step_number: int
    """Counted from 1."""
    steps: int
    done: int = 0
    total: int = 0
    """0 while the amount of work is unknown."""
    unit: str = "steps"
    """The unit of `done` and `total`: bytes or steps."""


@dataclass(frozen=True, slots=True)
class LandedScene:
    """A scene that a job landed, or found already landed."""

    collection: str
    scene: str
    period: str
    commit: int | None = None
    """None if it had landed before."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job and its state."""

    id: int
    kind: Kind
    request: Mapping[str, Any]
    """As it was understood, including defaults; see `app.jobs.request`."""
    status: Status
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    is_cancelling: bool = False
    """Whether it is being cancelled but still runs."""
    attempts: int = 0
    """How often it was started; more than once if a server was lost."""
    progress: Progress | None = None
    """None until it runs."""
    log: tuple[str, ...] = ()
    """The last lines."""
    landed: tuple[LandedScene, ...] = ()
    result: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What each step reported at its end, by step."""
    error: str | None = None
    """Why the job failed."""

    @property
    def refused(self) -> dict[str, str]:
        """Why, by id, scenes were not landed, or not used for the composite."""
        ingested, composed = self.result.get("ingest", {}), self.result.get("composite", {})
        return {**ingested.get("failures", {}), **composed.get("left_out", {})}

    @property
    def is_partial(self) -> bool:
        """Whether it is done, though some of its scenes were refused."""
        return self.status == "done" and bool(self.refused)

    @property
    def has_ended(self) -> bool:
        """Whether the job will not change any more."""
        return self.status in {"done", "failed", "cancelled"}
