"""Ingestion of scenes from an archive, done by a job."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.http.auth import owner_of, require
from app.http.job_documents import ACCEPTED, IdempotencyKey, JobDocument, accepted
from app.http.parameters import ReadyState, known_names, revalidated
from app.jobs.request import IngestRequest
from app.keys import Scope

router = APIRouter(
    tags=["jobs"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.WRITE))]
)


@router.post("/ingest", status_code=202, responses=ACCEPTED)
async def ingest(
    request: Request,
    response: Response,
    state: ReadyState,
    asked: IngestRequest,
    idempotency_key: IdempotencyKey = None,
) -> JobDocument:
    """Start an ingestion from an archive as a job: what `tilewatch ingest` does."""
    job = await state.jobs.submit("ingest", asked, key=idempotency_key, owner=owner_of(request))
    return await accepted(request, response, state, job)
