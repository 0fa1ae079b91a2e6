"""Composites: pictures without clouds, ordered for a place and a time, which a job computes."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.http.auth import require
from app.http.job_documents import ACCEPTED, IdempotencyKey, JobDocument, accepted
from app.http.parameters import ReadyState, known_names, revalidated
from app.jobs.request import CompositeRequest
from app.keys import Scope

router = APIRouter(
    tags=["jobs"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.WRITE))]
)


@router.post("/composites", status_code=202, responses=ACCEPTED)
async def composites(
    request: Request,
    response: Response,
    state: ReadyState,
    asked: CompositeRequest,
    idempotency_key: IdempotencyKey = None,
) -> JobDocument:
    """Order a composite: what `tilewatch composite` does, as a job, after `tilewatch ingest` where asked."""
    job = await state.jobs.submit("composite", asked, key=idempotency_key)
    return await accepted(request, response, state, job)
