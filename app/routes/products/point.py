"""Point: the value of a product at one place, or why there is none."""

from typing import Any

from fastapi import APIRouter, Depends

from app.http.parameters import AskedWindows, Datetime, Position, ReadyState, known_names, revalidated
from app.http.periods import chosen_periods, period_text
from app.http.schemas import PointValue
from app.products.product import Product
from app.rendering.point import PointAnswer
from app.rendering.selecting import Selection, Window

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])


@router.get("/products/{product}/point/{lon},{lat}", name="product_point")
async def point(
    *,
    state: ReadyState,
    product: str,
    lon: float,
    lat: float,
    windows: AskedWindows,
    datetime: Datetime = None,
) -> PointValue:
    """Return the value at a place, as a tile shows it; if there is none, `state` and `reason` say why."""
    found, time = windows.product(state, product, datetime)
    place = Position(lon, lat)
    written, selection = chosen_periods(state, found, time)
    answer = await state.renderer.point(found, place.lon, place.lat, written)
    return described(found, place, answer, selection)


def described(product: Product, place: Position, answer: PointAnswer, selection: Selection) -> PointValue:
    """Return the renderer's answer as a document; numbers have six digits, as float32 does."""
    values: list[float | None] = [float(f"{value:.6g}") for value in answer.values]
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
        class_name=class_of(product, single) if single is not None else None,
        scenes=[scene.id for scene in answer.scenes],
        unmasked=list(answer.unmasked),
        synthetic=any(scene.synthetic for scene in answer.scenes),
        windows={window.role: _window(window, answer) for window in selection.windows} or None,
        offset=product.offset,
        suspect=_is_suspect(product, single),
    )


def _window(window: Window, answer: PointAnswer) -> dict[str, Any]:
    state, scenes = answer.roles.get(window.role, (None, ()))
    return window.to_json() | {"state": state, "scenes": [scene.id for scene in scenes]}


def _is_suspect(product: Product, value: float | None) -> bool | None:
    if product.plausible is None or value is None:
        return None
    return not product.plausible[0] <= value <= product.plausible[1]


def class_of(product: Product, value: float) -> str | None:
    """Return the class of a value; a class includes its lower bound and excludes its upper one."""
    for row in product.classes:
        if (row.lower is None or row.lower <= value) and (row.upper is None or value < row.upper):
            return row.name
    return None
