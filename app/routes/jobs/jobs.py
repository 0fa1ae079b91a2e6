"""Jobs that clients have started, and the background tasks of the application."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.database import NoDatabaseError
from app.http.auth import owner_of, require
from app.http.job_documents import JobDocument, document, summary
from app.http.parameters import OpenState, known_names, revalidated
from app.keys import Scope
from app.tasks.task_runs import leader

router = APIRouter(
    tags=["jobs"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)


async def own_job(
    request: Request,
    state: OpenState,
    job: Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the job.")],
) -> int:
    """Return the id of a job in an address, of which others than its owner learn nothing.

    Raises:
        app.jobs.job.UnknownJobError: If the request is bound to an owner and the job is not this one's.
    """
    owner = owner_of(request)
    if owner is not None:
        await state.jobs.refuse_others(job, owner)
    return job


JobId = Annotated[int, Depends(own_job)]


@router.get("/jobs")
async def jobs(
    request: Request,
    state: OpenState,
    limit: Annotated[int, Query(ge=1, le=100, description="Number of jobs to list, newest first.")] = 20,
) -> dict[str, Any]:
    """Return the leading process, the next and latest run of each task, and the latest jobs.

    `tasks` is empty if the answering worker leaves tasks to others (`TILEWATCH_JOBS`).
    """
    owner = owner_of(request)
    if state.database is None:
        raise NoDatabaseError("no database is configured")
    if state.scheduler is None:
        async with state.database.connection() as connection:
            leading = {"leader": await leader(connection), "this_worker": None, "tasks": list[Any]()}
    else:
        leading = await state.scheduler.state()
    latest = await state.jobs.last(limit, owner)
    return leading | {"jobs": [summary(request, job).model_dump(mode="json") for job in latest]}


@router.get("/jobs/{job}", name="job")
async def read_job(request: Request, state: OpenState, job_id: JobId) -> JobDocument:
    """Return a job: its progress, the end of its log, and where its results are served."""
    return await document(request, state, await state.jobs.read(job_id))


@router.delete(
    "/jobs/{job}",
    dependencies=[Depends(require(Scope.WRITE))],
    responses={202: {"description": "It is being stopped.", "model": JobDocument}},
)
async def cancel_job(request: Request, response: Response, state: OpenState, job_id: JobId) -> JobDocument:
    """Cancel a job; what has landed stays, and so does the job's record.

    The answer is 202 while a running job is being stopped, which takes a few seconds.
    """
    job = await state.jobs.cancel(job_id)
    if job.is_cancelling:
        response.status_code = 202
    return await document(request, state, job)
