"""The order: what was asked, how far it is, what came of it, and why one is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["ingest", "composite"]
Status: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]

KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)

NOTHING: Mapping[str, Any] = MappingProxyType({})


class OrderRequestError(ValueError):
    """An order that cannot be; the message says what would be right."""


class OrderLimitError(OrderRequestError):
    """An order that is larger than this service allows; the message begins with the limit's name."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail} (the limit is TILEWATCH_{name.upper()})")


class QueueFullError(Exception):
    """As many orders wait as may; the message names the limit."""


class KeyReusedError(Exception):
    """The idempotency key belongs to an order of something else."""


class JobEndedError(Exception):
    """An order has ended already, and cannot be cancelled."""


class UnknownJobError(LookupError):
    """There is no order of that id."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"no job {job_id}; GET /jobs lists the latest")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the step at hand is."""

    step: str
    """The command that runs: ingest or composite."""
    step_number: int
    """From 1."""
    steps: int
    done: int = 0
    total: int = 0
    """0 while it is not known how much there is to do."""
    unit: str = "steps"
    """What is counted: bytes or steps."""


@dataclass(frozen=True, slots=True)
class LandedScene:
    """A scene that is in storage because of an order, or was before."""

    collection: str
    scene: str
    period: str
    commit: int | None = None
    """None where it had been landed before."""


@dataclass(frozen=True, slots=True)
class Job:
    """An order as it stands."""

    id: int
    kind: Kind
    request: Mapping[str, Any]
    """As it is understood, defaults and all; see `app.jobs.request`."""
    status: Status
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    is_cancelling: bool = False
    """Whether it is to be cancelled, and still runs."""
    attempts: int = 0
    """How often it was begun; more than once where a server was lost on the way."""
    progress: Progress | None = None
    """None until it runs."""
    log: tuple[str, ...] = ()
    """The last lines."""
    landed: tuple[LandedScene, ...] = ()
    result: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What each step told at its end, by step."""
    error: str | None = None
    """Why it failed."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in {"done", "failed", "cancelled"}
