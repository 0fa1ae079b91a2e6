"""Composites: cloud-free images for a place and a time, computed by a job."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.http.auth import owner_of, require
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
    """Start a composite as a job, after an ingestion if requested: what `tilewatch composite` does."""
    job = await state.jobs.submit("composite", asked, key=idempotency_key, owner=owner_of(request))
    return await accepted(request, response, state, job)
