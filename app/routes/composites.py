"""Composites: pictures without clouds, ordered for a place and a time, which a job computes."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.jobs.orders.request import CompositeRequest
from app.keys import Scope
from app.routes.order_documents import ACCEPTED, IdempotencyKey, OrderDocument, accepted
from app.routes.permission import require
from app.routes.queries import InformedDesk, known_names, revalidated

router = APIRouter(
    tags=["jobs"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.WRITE))]
)


@router.post("/composites", status_code=202, responses=ACCEPTED)
async def composites(
    request: Request,
    response: Response,
    desk: InformedDesk,
    asked: CompositeRequest,
    idempotency_key: IdempotencyKey = None,
) -> OrderDocument:
    """Order a composite: what `tilewatch composite` does, as a job, after `tilewatch ingest` where asked."""
    order = await desk.orders.submit("composite", asked, key=idempotency_key)
    return await accepted(request, response, desk, order)
