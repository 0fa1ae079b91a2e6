"""Jobs: what the application does by itself, and the jobs that somebody ordered."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.database import NoDatabaseError
from app.http.auth import require
from app.http.job_documents import JobDocument, document, summary
from app.http.parameters import OpenState, known_names, revalidated
from app.keys import Scope
from app.tasks.task_runs import leader

router = APIRouter(
    tags=["jobs"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)

JobId = Annotated[int, Path(alias="job", ge=1, le=2**63 - 1, description="Id of the job.")]


@router.get("/jobs")
async def jobs(
    request: Request,
    state: OpenState,
    limit: Annotated[int, Query(ge=1, le=100, description="Jobs that are listed, newest first.")] = 20,
) -> dict[str, Any]:
    """Which process leads, when each of its tasks runs next and how the latest went; the latest jobs.

    `tasks` is empty where the worker that answers leaves them to others (`TILEWATCH_JOBS`).
    """
    if state.database is None:
        raise NoDatabaseError("no database is configured")
    if state.scheduler is None:
        async with state.database.connection() as connection:
            leading = {"leader": await leader(connection), "this_worker": None, "tasks": list[Any]()}
    else:
        leading = await state.scheduler.state()
    latest = await state.jobs.last(limit)
    return leading | {"jobs": [summary(request, job).model_dump(mode="json") for job in latest]}


@router.get("/jobs/{job}", name="job")
async def read_job(request: Request, state: OpenState, job_id: JobId) -> JobDocument:
    """A job that somebody ordered: how far it is, its last words, and where what came of it is served."""
    return await document(request, state, await state.jobs.read(job_id))


@router.delete("/jobs/{job}", dependencies=[Depends(require(Scope.WRITE))])
async def cancel_job(request: Request, response: Response, state: OpenState, job_id: JobId) -> JobDocument:
    """Cancel a job; what has landed stays, and so does the record of the job.

    Answered 202 while a job that runs is being ended, which takes some seconds.
    """
    job = await state.jobs.cancel(job_id)
    if job.is_cancelling:
        response.status_code = 202
    return await document(request, state, job)
