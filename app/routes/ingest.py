"""Ingest: scenes ordered from an archive, which a job brings."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.jobs.orders.request import IngestRequest
from app.keys import Scope
from app.routes.order_documents import ACCEPTED, IdempotencyKey, OrderDocument, accepted
from app.routes.permission import require
from app.routes.queries import InformedDesk, known_names, revalidated

router = APIRouter(
    tags=["jobs"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.WRITE))]
)


@router.post("/ingest", status_code=202, responses=ACCEPTED)
async def ingest(
    request: Request,
    response: Response,
    desk: InformedDesk,
    asked: IngestRequest,
    idempotency_key: IdempotencyKey = None,
) -> OrderDocument:
    """Order scenes from an archive: what `tilewatch ingest` does, as a job."""
    order = await desk.orders.submit("ingest", asked, key=idempotency_key)
    return await accepted(request, response, desk, order)
