"""Point: the value of a product at one place, or why there is none."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app.http.parameters import AskedWindows, Datetime, Position, ReadyState, known_names, revalidated
from app.http.periods import chosen_periods, period_text
from app.http.schemas import PointValue
from app.products.product import Product
from app.rendering.point import PointAnswer
from app.rendering.selecting import Selection, Window
from app.state import AppState
from mosaics.near_real_time import PREFIX

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])


@router.get("/products/{product}/point/{lon},{lat}", name="product_point")
async def point(
    *,
    response: Response,
    state: ReadyState,
    product: str,
    lon: float,
    lat: float,
    windows: AskedWindows,
    datetime: Datetime = None,
) -> PointValue:
    """Return the value at a place, as a tile shows it; if there is none, `state` and `reason` say why."""
    found, time = windows.product(state, product, datetime)
    return await point_of(response, state, found, Position(lon, lat), time)


async def point_of(
    response: Response, state: AppState, found: Product, place: Position, time: str | None
) -> PointValue:
    """Return the value of a product at a place and time, and say in the response what was left out."""
    written, selection = chosen_periods(state, found, time)
    answer = await state.renderer.point(found, place.lon, place.lat, written)
    if answer.skipped:
        response.headers["X-Tilewatch-Skipped"] = str(len(answer.skipped))
        response.headers["Cache-Control"] = "no-store"
    return described(found, place, answer, selection)


def described(product: Product, place: Position, answer: PointAnswer, selection: Selection) -> PointValue:
    """Return the renderer's answer as a document."""
    values: list[float | None] = list(answer.values)
    single = values[0] if len(values) == 1 else None
    return PointValue(
        lon=place.lon,
        lat=place.lat,
        value=single,
        values=values if len(values) > 1 else None,
        state=answer.state,
        reason=answer.reason,
        unit=product.unit,
        period=answer.scenes[0].period.text if values and not product.roles else period_text(selection),
        class_name=answer.class_name,
        scenes=[scene.id for scene in answer.scenes],
        unmasked=list(answer.unmasked),
        synthetic=any(scene.synthetic for scene in answer.scenes),
        near_real_time=any(scene.id.startswith(PREFIX) for scene in answer.scenes) or None,
        windows={window.role: _window(window, answer) for window in selection.windows} or None,
        offset=product.offset,
        parameters=dict(product.parameter_values) or None,
        suspect=answer.suspect,
        n_obs=answer.observations,
    )


def _window(window: Window, answer: PointAnswer) -> dict[str, Any]:
    state, scenes = answer.roles.get(window.role, (None, ()))
    return window.to_json() | {"state": state, "scenes": [scene.id for scene in scenes]}
