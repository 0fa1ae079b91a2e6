"""The viewer: our page at a product and a period, under the address TiTiler's clients expect one at."""

from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse

from app.routes.periods import chosen_periods
from app.routes.queries import Datetime, InformedDesk, known_names

router = APIRouter(dependencies=[Depends(known_names)])


@router.get(
    "/products/{product}/{tms}/map.html",
    name="product_viewer",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def viewer(
    request: Request,
    desk: InformedDesk,
    product: str,
    tms: Annotated[Literal["WebMercatorQuad"], Path(description="The grid the page draws.")],  # noqa: ARG001
    datetime: Datetime = None,
) -> RedirectResponse:
    """Lead to the page, where it shows the product at the latest period of the time asked for."""
    found = desk.registry.get(product)
    _, selection = chosen_periods(desk, found, datetime)
    shown = urlencode({"product": found.id, "period": selection.periods[0].text})
    return RedirectResponse(f"{request.url_for('page')}#{shown}", headers={"Cache-Control": "no-cache"})
