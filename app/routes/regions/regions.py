"""Regions: boxes refreshed in rotation, the state of each, and a refresh on request."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.database import NoDatabaseError
from app.errors import RequestError
from app.http.auth import require
from app.http.parameters import OpenState, Position, known_names, revalidated
from app.http.region_documents import RegionDetail, RegionList, RegionRun
from app.keys import Scope
from app.regions.runs import last_runs

RUNS_SHOWN = 20

router = APIRouter(tags=["regions"], dependencies=[Depends(known_names), Depends(revalidated)])

RegionName = Annotated[str, Path(alias="region", description="A region of /regions.")]
Point = Annotated[
    str | None, Query(description="lon,lat: only regions that contain the point, the smallest first.")
]

BEGUN: dict[int | str, dict[str, Any]] = {
    HTTPStatus.ACCEPTED: {
        "description": "The run; `Location` is the address of the region's state.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


@router.get("/regions", dependencies=[Depends(require(Scope.READ))])
async def regions(request: Request, state: OpenState, point: Point = None) -> RegionList:
    """List the regions with their state, and the faults of those that are not valid."""
    listing, statuses = await state.regions.statuses()
    if point is not None:
        at = read_point(point)
        statuses = [each for each in statuses if each.region.bbox.contains(at.lon, at.lat)]
        statuses.sort(key=lambda each: each.region.bbox.area_km2)
    return RegionList.of(request, state, listing, statuses)


@router.get("/regions/{region}", name="region", dependencies=[Depends(require(Scope.READ))])
async def region(request: Request, state: OpenState, name: RegionName) -> RegionDetail:
    """Return a region with its latest refreshes, newest first."""
    status = await state.regions.status(name)
    runs = []
    if state.database is not None:
        async with state.database.connection() as connection:
            runs = await last_runs(connection, name, limit=RUNS_SHOWN)
    return RegionDetail.with_runs(request, state, status, runs)


@router.post(
    "/regions/{region}/refresh",
    status_code=HTTPStatus.ACCEPTED,
    responses=BEGUN,
    dependencies=[Depends(require(Scope.ADMIN))],
)
async def refresh(request: Request, response: Response, state: OpenState, name: RegionName) -> RegionRun:
    """Refresh a region now, whenever the rotation would; 409 if it is being refreshed already."""
    if state.rotation is None:
        raise NoDatabaseError("no database is configured")
    run = await state.rotation.refresh(name)
    response.headers["Location"] = str(request.url_for("region", region=name))
    return RegionRun.of(run)


def read_point(text: str) -> Position:
    """Read a position from `lon,lat`."""
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        raise RequestError(f"point {text[:80]!r} is not valid; give lon,lat in degrees") from None
    return Position(lon, lat)
