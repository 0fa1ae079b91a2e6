"""Point: the value of a product at one place, or which absence there is."""

from fastapi import APIRouter, Depends

from app.products.model import Product
from app.rendering.pointing import PointAnswer
from app.rendering.selecting import Selection
from app.routes.answers import PointValue
from app.routes.periods import chosen_periods, period_text
from app.routes.queries import Datetime, InformedDesk, Position, known_names, revalidated

router = APIRouter(tags=["products"], dependencies=[Depends(known_names), Depends(revalidated)])


@router.get("/products/{product}/point/{lon},{lat}", name="product_point")
async def point(
    desk: InformedDesk, product: str, lon: float, lat: float, datetime: Datetime = None
) -> PointValue:
    """The value a tile shows at a place; where there is none, `state` and `reason` say why."""
    found = desk.registry.get(product)
    place = Position(lon, lat)
    written, selection = chosen_periods(desk, found, datetime)
    answer = await desk.renderer.point(found, place.lon, place.lat, written)
    return described(found, place, answer, selection)


def described(product: Product, place: Position, answer: PointAnswer, selection: Selection) -> PointValue:
    """An answer of the renderer as a document; numbers to six digits, which float32 holds."""
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
        period=answer.scenes[0].period.text if values else period_text(selection),
        class_name=class_of(product, single) if single is not None else None,
        scenes=[scene.id for scene in answer.scenes],
        unmasked=list(answer.unmasked),
        synthetic=any(scene.synthetic for scene in answer.scenes),
    )


def class_of(product: Product, value: float) -> str | None:
    """The class a value falls into: from its lower bound up to, and not including, its upper one."""
    for row in product.classes:
        if (row.lower is None or row.lower <= value) and (row.upper is None or value < row.upper):
            return row.name
    return None
