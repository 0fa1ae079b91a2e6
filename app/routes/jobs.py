"""Jobs: what the application does by itself, and what it will do next."""

from typing import Any

from fastapi import APIRouter, Depends

from app.database import NoDatabaseError
from app.errors import RequestError
from app.keys import Scope
from app.routes.permission import require
from app.routes.queries import OpenDesk, known_names, revalidated

router = APIRouter(
    tags=["health"], dependencies=[Depends(known_names), Depends(revalidated), Depends(require(Scope.READ))]
)


@router.get("/jobs")
async def jobs(desk: OpenDesk) -> dict[str, Any]:
    """Which process leads, when each job runs next, and how its latest runs went."""
    if desk.database is None:
        raise NoDatabaseError("no database is configured")
    if desk.scheduler is None:
        raise RequestError("this worker runs no jobs (TILEWATCH_JOBS); ask one that does")
    return await desk.scheduler.state()
