"""Health: whether the process is up, whether it can serve, and what it is doing."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.http.parameters import OpenState
from app.state import AppState

PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
FAILING: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "The same document, if something fails; a problem while the server starts or stops.",
        "content": {"application/json": {}, "application/problem+json": PROBLEM},
    }
}

router = APIRouter(tags=["health"])

FRESH = {"Cache-Control": "no-store"}


@router.get("/healthz")
async def healthz() -> Response:
    """Report that the process answers."""
    return JSONResponse({"status": "live"}, headers=FRESH)


@router.get("/readyz", responses=FAILING)
async def readyz(state: OpenState) -> Response:
    """Report whether tiles can be served, with the state of each part; 503 while storage does not answer.

    A worker stays ready while Redis or the database is unavailable: tiles are then computed, and only areas
    are answered 503. `left_out` lists files of products, collections and sources that are
    wrong, with their reasons.
    """
    ready = state.freshness.refreshed_at is not None and not state.freshness.is_failing
    document = {
        "status": "ready" if ready else "unready",
        "storage": storage_state(state),
        "redis": redis_state(state),
        "database": await database_state(state),
        "renderer": {"waiting": state.renderer.waiting},
        "left_out": left_out(state),
    }
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(document, status_code=status, headers=FRESH)


@router.get("/health", responses=FAILING)
@router.get("/meta/health.json", name="meta_health", responses=FAILING)
async def health(state: OpenState) -> Response:
    """Check every part a deployment depends on; 503 if one fails, with what is wrong and since when.

    A failing worker keeps doing what it can; `/readyz` says whether to send it requests.
    """
    report = await state.health.report()
    status = HTTPStatus.OK if report.ok else HTTPStatus.SERVICE_UNAVAILABLE
    earlier = {
        "disk_ok": report.findings["storage"].ok,
        "regions_ok": report.findings["regions"].ok,
    }
    return JSONResponse(report.document() | earlier, status_code=status, headers=FRESH)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return this worker's metrics in Prometheus format."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST, headers=FRESH)


def storage_state(state: AppState) -> dict[str, Any]:
    """Return whether storage answered last time, and how long ago."""
    age_s = state.freshness.age_s
    return {
        "reachable": age_s is not None and not state.freshness.is_failing,
        "refreshed_seconds_ago": None if age_s is None else round(age_s, 1),
        "catalogue_generation": state.catalogue.generation,
        "collections": len(state.catalogue.collections()),
    }


def redis_state(state: AppState) -> dict[str, Any]:
    """Return whether Redis is configured, and whether it is in use."""
    if state.redis is None:
        return {"configured": False}
    return {"configured": True, "asked": not state.redis.open, "errors": state.redis.errors}


def left_out(state: AppState) -> list[dict[str, str]]:
    """Return the files of products, collections and sources that are wrong, and why."""
    files = (*state.registry.left_out.values(), *state.descriptions.current().left_out)
    return [one.document() for one in files]


async def database_state(state: AppState) -> dict[str, Any]:
    """Return whether a database is configured, and whether it answers."""
    if state.database is None:
        return {"configured": False}
    reachable = await state.database.is_reachable()
    now = state.database.connections
    return {
        "configured": True,
        "reachable": reachable,
        "connections": {"open": now.open, "idle": now.idle, "limit": now.limit},
    }
