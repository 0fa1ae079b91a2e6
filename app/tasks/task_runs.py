"""Slots: the times at which a task is due, one row each in the database, so that it runs once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.database import Connection
from app.tasks.leader_election import BEAT, LEADER, LOCK, NAMED
from app.tasks.task import Slot

CLAIM = """
    insert into job_slots (job, slot, holder, status) values ($1, $2, $3, 'running')
    on conflict (job, slot) do update
        set holder = $3, status = 'running', started_at = now(), finished_at = null, detail = '{}'
        where job_slots.status = 'early'
    returning true
"""

FINISH = """
    update job_slots set finished_at = now(), status = $4, detail = $5::jsonb
    where job = $1 and slot = $2 and holder = $3 and status = 'running'
"""

ABANDON = """
    update job_slots set finished_at = now(), status = 'abandoned' where status = 'running' and holder <> $1
"""

LAST = """
    select slot, started_at, finished_at, holder, status, detail from job_slots
    where job = $1 order by slot desc limit $2
"""

LATEST = (
    "select distinct on (job) job, slot, status = 'running' as running from job_slots order by job, slot desc"
)

MARK_EARLY = """
    update job_slots set status = 'early', finished_at = coalesce(finished_at, now())
    where job = any($1::text[]) and slot > $2
"""

PRUNE = "delete from job_slots where slot < now() - $1::interval"


@dataclass(frozen=True, slots=True)
class Beat:
    """What the database knows of the leading process."""

    holder: str
    began: datetime
    """When it connected."""
    last: datetime
    """When it last verified that it leads."""
    silent_s: float
    """Seconds since then, by the database's clock: this process's own may be another."""


@dataclass(frozen=True, slots=True)
class LatestSlot:
    """The latest slot of a task that was taken."""

    due: datetime
    is_running: bool


async def claim_slot(connection: Connection, slot: Slot, holder: str) -> bool:
    """Take a slot; return whether it was free."""
    return bool(await connection.fetchval(CLAIM, slot.task, slot.due, holder))


async def finish_slot(
    connection: Connection, slot: Slot, holder: str, status: str, detail: Mapping[str, Any]
) -> None:
    """Record how a slot ended; one that was abandoned meanwhile stays abandoned."""
    await connection.execute(FINISH, slot.task, slot.due, holder, status, json.dumps(detail))


async def abandon_slots(connection: Connection, holder: str) -> None:
    """Abandon unfinished slots of other processes; only for the leader, since nothing else may run then."""
    await connection.execute(ABANDON, holder)


async def last_slots(connection: Connection, task: str, *, limit: int) -> list[dict[str, Any]]:
    """Return the latest slots of a task, ready for JSON."""
    return [
        {
            "slot": row["slot"].isoformat(),
            "started_at": row["started_at"].isoformat(),
            "finished_at": row["finished_at"] and row["finished_at"].isoformat(),
            "holder": row["holder"],
            "status": row["status"],
            "detail": json.loads(row["detail"]),
        }
        for row in await connection.fetch(LAST, task, limit)
    ]


async def forget_slots(connection: Connection, older_than: timedelta) -> None:
    """Delete old slots."""
    await connection.execute(PRUNE, older_than)


async def free_later_slots(connection: Connection, tasks: Sequence[str], moment: datetime) -> None:
    """Let slots of tasks due after a moment be taken again: they were, before the clock was set back."""
    await connection.execute(MARK_EARLY, list(tasks), moment)


async def leader(connection: Connection) -> str | None:
    """Return the holder of the lock, or None."""
    found: str | None = await connection.fetchval(LEADER, LOCK, len(NAMED) + 1)
    return found


async def leader_beat(connection: Connection) -> Beat | None:
    """Return the holder of the lock and when it last verified that it leads; None if there is none."""
    row = await connection.fetchrow(BEAT, LOCK, len(NAMED) + 1)
    return None if row is None else Beat(row["holder"], row["began"], row["last"], row["silent_s"])


async def latest_slots(connection: Connection) -> dict[str, LatestSlot]:
    """Return the latest slot of every task that has ever run."""
    return {row["job"]: LatestSlot(row["slot"], row["running"]) for row in await connection.fetch(LATEST)}
