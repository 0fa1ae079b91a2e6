"""Jobs in the database: the SQL that creates them, assigns each to one process, and stores what they report.

A process holds the job it runs by a heartbeat in the job's row. A row without a heartbeat for `LEASE` may be
claimed by any process; times are the database's, so that clocks need not agree.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from app.database import Connection
from app.idempotency import KeyReusedError
from app.jobs.job import (
    Job,
    JobEndedError,
    Kind,
    LandedScene,
    Progress,
    QueueFullError,
    Status,
    UnknownJobError,
)

LEASE = timedelta(seconds=15)
"""A job whose holder is silent for longer is started by another process; see `runner.BEAT_S`."""

LOCK = 0x74696C65_6F726465
"""Key of the advisory lock for creating and claiming jobs, so that limits hold; "tileorde"."""

FIELDS = """
    id, kind, request, status, is_cancelling, attempts, progress, log, landed, result, error,
    created_at, started_at, finished_at
"""

OF_FEEDS = "feed-"
"""How keys of orders of feeds begin, which wait until those of users have started."""

SILENT = "(seen_at not between now() - {lease}::interval and now() + {lease}::interval)"
"""Whether the holder of a running job is silent. A heartbeat of the time to come was written before the
database's clock was set back; a holder that lives writes another within seconds."""

CREATE = f"""
    insert into orders (kind, request, key, owner_id) values ($1, $2::jsonb, $3, $4) returning {FIELDS}
"""

OF_KEY = f"select {FIELDS} from orders where coalesce(owner_id, '') = coalesce($2, '') and key = $1"

CLAIM = f"""
    update orders set status = 'running', holder = $1, seen_at = now(), attempts = attempts + 1,
        started_at = coalesce(started_at, now())
    where id = (
        select id from orders
        where (status = 'queued' or (status = 'running' and {SILENT.format(lease="$2")}))
            and id <> all($3::bigint[])
            and $4 > (
                select count(*) from orders where status = 'running' and not {SILENT.format(lease="$2")}
            )
        order by coalesce(key like '{OF_FEEDS}%', false), id for update skip locked limit 1
    )
    returning {FIELDS}
"""

BEAT = """
    update orders set seen_at = now(), progress = $3::jsonb, log = $4, landed = $5::jsonb
    where id = $1 and holder = $2 and status = 'running'
    returning is_cancelling
"""

FINISH = """
    update orders set status = $3, error = $4, result = $5::jsonb, progress = $6::jsonb, log = $7,
        landed = $8::jsonb, finished_at = now(), holder = null, is_cancelling = false
    where id = $1 and holder = $2 and status = 'running'
"""

HAND_BACK = """
    update orders set status = 'queued', holder = null, attempts = attempts - 1
    where id = $1 and holder = $2 and status = 'running'
"""

CANCEL = f"""
    update orders set
        is_cancelling = status = 'running',
        finished_at = case when status = 'queued' then now() end,
        status = case when status = 'queued' then 'cancelled' else status end
    where id = $1 and status in ('queued', 'running')
    returning {FIELDS}
"""

LAST = f"""
    select {FIELDS} from orders where $2::text is null or owner_id = $2 order by id desc limit $1
"""

INGESTING = "select request from orders where kind = 'ingest' and status in ('queued', 'running')"

COUNTS = f"""
    select status, count(*) as orders,
        count(*) filter (where status = 'running' and {SILENT.format(lease="$1")}) as lost
    from orders group by status
"""


@dataclass(frozen=True, slots=True)
class ReportedWork:
    """What a job has reported while running."""

    progress: Progress | None
    log: Sequence[str]
    landed: Sequence[LandedScene]

    @property
    def columns(self) -> tuple[str | None, list[str], str]:
        """Progress, log and landed scenes as they are stored."""
        progress = json.dumps(asdict(self.progress)) if self.progress else None
        return progress, list(self.log), json.dumps([asdict(scene) for scene in self.landed])


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of jobs."""

    by_status: Mapping[str, int]
    lost: int
    """Running jobs whose holder is silent."""


async def create_job(
    connection: Connection,
    kind: Kind,
    request: str,
    key: str | None,
    *,
    owner: str | None = None,
    max_queued: int,
) -> Job:
    """Create a job, or return the one created with the same key; call it within a transaction.

    Args:
        connection: To the database.
        kind: What to do.
        request: The request as JSON, including defaults.
        key: The idempotency key.
        owner: To whom the request is bound.
        max_queued: Number of jobs that may wait.

    Raises:
        KeyReusedError: If the key was sent with another request.
        QueueFullError: If that many jobs wait already.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
    if key is not None and (known := await job_of_key(connection, key, owner)):
        if known.kind != kind or known.request != json.loads(request):
            raise KeyReusedError(f"job {known.id}")
        return known
    queued = await connection.fetchval("select count(*) from orders where status = 'queued'")
    if queued >= max_queued:
        raise QueueFullError(
            f"orders_queued: {queued} jobs wait already (the limit is TILEWATCH_ORDERS_QUEUED)"
        )
    return _job(await connection.fetchrow(CREATE, kind, request, key, owner))


async def job_of_key(connection: Connection, key: str, owner: str | None) -> Job | None:
    """Return the job created with an idempotency key of an owner; None if there is none."""
    row = await connection.fetchrow(OF_KEY, key, owner)
    return None if row is None else _job(row)


async def pending_ingestions(connection: Connection) -> list[Mapping[str, Any]]:
    """Return the requests of ingestions that wait or run."""
    return [json.loads(row["request"]) for row in await connection.fetch(INGESTING)]


async def read_job_row(connection: Connection, job_id: int) -> Job:
    """Return a job.

    Raises:
        UnknownJobError: If no job has this id.
    """
    row = await connection.fetchrow(f"select {FIELDS} from orders where id = $1", job_id)
    if row is None:
        raise UnknownJobError(job_id)
    return _job(row)


async def refuse_others_job(connection: Connection, job_id: int, owner: str) -> None:
    """Raise an error unless a job is of an owner.

    Raises:
        UnknownJobError: If it has another owner, or does not exist: one cannot learn which.
    """
    if await connection.fetchval("select owner_id from orders where id = $1", job_id) != owner:
        raise UnknownJobError(job_id)


async def last_jobs(connection: Connection, *, limit: int, owner: str | None = None) -> list[Job]:
    """Return the latest jobs, newest first; those of an owner if one is given."""
    rows = await connection.fetch(LAST, limit, owner)
    return [_job(row) for row in rows]


async def cancel_job(connection: Connection, job_id: int) -> Job:
    """Cancel a job that waits, or ask for one that runs to be cancelled; cancelling twice is not an error.

    Raises:
        UnknownJobError: If no job has this id.
        JobEndedError: If the job is done or has failed.
    """
    row = await connection.fetchrow(CANCEL, job_id)
    if row is not None:
        return _job(row)
    job = await read_job_row(connection, job_id)
    if job.status != "cancelled":
        raise JobEndedError(f"job {job_id} is already {job.status}; there is nothing to cancel")
    return job


async def claim_job(connection: Connection, holder: str, *, at_once: int, but: Collection[int]) -> Job | None:
    """Claim the job that is due: the oldest that waits or whose holder was lost, feeds last.

    Call it in a transaction.

    Args:
        connection: To the database.
        holder: A name for this process.
        at_once: Number of jobs that may run, over all processes.
        but: Ids of jobs not to claim.

    Returns:
        The job; None if none is due or enough run already.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
    row = await connection.fetchrow(CLAIM, holder, LEASE, list(but), at_once)
    return None if row is None else _job(row)


async def beat(connection: Connection, job_id: int, holder: str, told: ReportedWork) -> bool | None:
    """Write a job's heartbeat and what it has reported.

    Returns:
        Whether the job is to be cancelled; None if this process no longer holds it.
    """
    found: bool | None = await connection.fetchval(BEAT, job_id, holder, *told.columns)
    return found


async def finish_job(
    connection: Connection,
    job_id: int,
    holder: str,
    status: Status,
    told: ReportedWork,
    *,
    result: Mapping[str, Any],
    error: str | None,
) -> None:
    """Record how a job ended; do nothing if this process no longer holds it."""
    await connection.execute(FINISH, job_id, holder, status, error, json.dumps(dict(result)), *told.columns)


async def hand_back_job(connection: Connection, job_id: int, holder: str) -> None:
    """Let another process continue a job."""
    await connection.execute(HAND_BACK, job_id, holder)


async def count_jobs(connection: Connection) -> Counts:
    """Return the number of jobs in each state."""
    rows = await connection.fetch(COUNTS, LEASE)
    return Counts({row["status"]: row["orders"] for row in rows}, sum(row["lost"] for row in rows))


async def forget_jobs(connection: Connection, older_than: timedelta) -> None:
    """Delete jobs that ended long ago, with their idempotency keys."""
    await connection.execute("delete from orders where finished_at < now() - $1::interval", older_than)


def _job(row: Any) -> Job:
    progress, result = row["progress"], row["result"]
    return Job(
        id=row["id"],
        kind=row["kind"],
        request=json.loads(row["request"]),
        status=row["status"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        is_cancelling=row["is_cancelling"],
        attempts=row["attempts"],
        progress=Progress(**json.loads(progress)) if progress else None,
        log=tuple(row["log"]),
        landed=tuple(LandedScene(**scene) for scene in json.loads(row["landed"])),
        result=json.loads(result) if result else {},
        error=row["error"],
    )
