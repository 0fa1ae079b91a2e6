"""The viewer: our page at a product and a period, under the address TiTiler's clients expect one at."""

from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse

from app.http.parameters import Datetime, ReadyState, known_names
from app.http.periods import chosen_periods

router = APIRouter(dependencies=[Depends(known_names)])


@router.get(
    "/products/{product}/{tms}/map.html",
    name="product_viewer",
    status_code=HTTPStatus.TEMPORARY_REDIRECT,
    response_class=RedirectResponse,
)
async def viewer(
    request: Request,
    state: ReadyState,
    product: str,
    tms: Annotated[Literal["WebMercatorQuad"], Path(description="The grid the page draws.")],  # noqa: ARG001
    datetime: Datetime = None,
) -> RedirectResponse:
    """Lead to the page, where it shows the product at the latest period of the time asked for."""
    found = state.registry.get(product)
    _, selection = chosen_periods(state, found, datetime)
    shown = urlencode({"product": found.id, "period": selection.periods[0].text})
    return RedirectResponse(f"{request.url_for('page')}#{shown}", headers={"Cache-Control": "no-cache"})
