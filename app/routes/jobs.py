"""Jobs: what the application does by itself, and the jobs that somebody ordered."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.database import NoDatabaseError
from app.jobs.slots import leader
from app.keys import Scope
from app.routes.order_documents import OrderDocument, document, summary
from app.routes.permission import require
from app.routes.queries import OpenDesk, known_names, revalidated

router = APIRouter(
    tags=["jobs"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)

OrderId = Annotated[int, Path(alias="job", ge=1, le=2**63 - 1, description="Id of the job.")]


@router.get("/jobs")
async def jobs(
    request: Request,
    desk: OpenDesk,
    limit: Annotated[int, Query(ge=1, le=100, description="Orders that are listed, newest first.")] = 20,
) -> dict[str, Any]:
    """Which process leads, when each of its jobs runs next and how the latest went; the latest orders.

    `jobs` is empty where the worker that answers leaves them to others (`TILEWATCH_JOBS`).
    """
    if desk.database is None:
        raise NoDatabaseError("no database is configured")
    if desk.scheduler is None:
        async with desk.database.connection() as connection:
            state = {"leader": await leader(connection), "this_worker": None, "jobs": list[Any]()}
    else:
        state = await desk.scheduler.state()
    orders = await desk.orders.last(limit)
    return state | {"orders": [summary(request, order).model_dump(mode="json") for order in orders]}


@router.get("/jobs/{job}", name="job")
async def read_job(request: Request, desk: OpenDesk, order_id: OrderId) -> OrderDocument:
    """A job that somebody ordered: how far it is, its last words, and where what came of it is served."""
    return await document(request, desk, await desk.orders.read(order_id))


@router.delete("/jobs/{job}", dependencies=[Depends(require(Scope.WRITE))])
async def cancel_job(
    request: Request, response: Response, desk: OpenDesk, order_id: OrderId
) -> OrderDocument:
    """Cancel a job; what has landed stays, and so does the record of the job.

    Answered 202 while a job that runs is being ended, which takes some seconds.
    """
    order = await desk.orders.cancel(order_id)
    if order.is_cancelling:
        response.status_code = 202
    return await document(request, desk, order)
