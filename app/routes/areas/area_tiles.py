"""Areas as vector tiles, with a value each, and the TileJSON of them."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.areas.area_store import AreaSearch
from app.areas.area_tiles import LATEST, LAYER, AreaValues, read_range, read_tile
from app.errors import RequestError
from app.http.auth import owner_of, require
from app.http.features import searched
from app.http.parameters import OpenDatabase, ReadyState, known_names, revalidated
from app.http.values import Value, notes_of, refuse_absent, unit_of
from app.http.vector_tiles import ANSWER, USUAL_ZOOM, TilePlace, VectorLayer, tile_answer
from app.keys import Scope
from app.products.product import Product
from app.rendering.selecting import Span, years_before
from app.routes.areas.many import one_period
from app.state import AppState
from mosaics.period import Period

router = APIRouter(tags=["areas"], dependencies=[Depends(known_names), Depends(require(Scope.READ))])

OUTLINES = "Registered areas; the id of a feature is that of its area."


class AreasTileJson(BaseModel):
    """TileJSON 3.0.0 of areas, with what a legend needs."""

    tilejson: str = "3.0.0"
    name: str
    tiles: list[str]
    vector_layers: list[VectorLayer]
    minzoom: int = 0
    maxzoom: int = USUAL_ZOOM
    bounds: tuple[float, float, float, float]
    attribution: str | None = None
    product: str | None = Field(description="Whose kept values they have; null for outlines alone.")
    value: Value
    unit: str | None = Field(description="Of the value; null for shares and outlines.")
    period: str | None = Field(description="Of the values; latest where each area has its newest.")
    before: str | None = Field(description="The period whose values are subtracted, where changes are drawn.")
    low: float | None = Field(description="The smallest value of all areas; null where there is none.")
    high: float | None = Field(description="The largest.")
    areas: int = Field(description="Areas that are drawn.")
    valued: int = Field(description="Those with a value.")
    notes: list[str] = Field(description="That a satellite had ended, or what a threshold means.")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Parameters of what is drawn."""

    product: Annotated[
        str | None, Query(max_length=200, description="A product that areas keep; outlines alone if absent.")
    ] = None
    period: Annotated[
        str | None,
        Query(
            max_length=100,
            description="One period, or latest: of each area the newest with the value. The latest of the "
            "product if absent.",
        ),
    ] = None
    value: Annotated[Value, Query(description="A number of the kept entries.")] = Value.MEAN
    change: Annotated[
        bool, Query(description="Draw the value minus that of the same time one year before.")
    ] = False
    kind: Annotated[str | None, Query(max_length=200, description="Kind of the areas; all if absent.")] = None

    def asked(self, state: AppState, owner: str | None) -> tuple[Product | None, AreaValues]:
        """Return the product, and what the database is asked for a request that may be bound to an owner.

        Raises:
            app.products.registry.UnknownProductError: If no product has this id.
            app.errors.NothingLandedError: If nothing has landed in the period.
            RequestError: If the product has no such value.
        """
        kind = searched("kind", self.kind)
        if self.product is None:
            if self.period is not None or self.change:
                raise RequestError("a period and a change need a product; name it with product=")
            return None, AreaValues(AreaSearch(owner, kind), value=self.value)
        product = state.registry.get(self.product)
        refuse_absent(product, self.value)
        if self.change and product.roles:
            raise RequestError(f"product {product.id!r} compares dates itself; leave out change")
        search = AreaSearch(owner, kind, product=product.id)
        if self.period == LATEST:
            if self.change:
                raise RequestError("change compares a period with the same of a year before; name one")
            return product, AreaValues(search, product.id, LATEST, value=self.value)
        period = one_period(state.catalogue, product, self.period)
        before = None
        if self.change:
            span = years_before(state.catalogue, product, Span((period,), None), 1)
            if span is None:
                raise RequestError(f"nothing has landed for {product.id!r} one year before {period}")
            before = span.periods[0].text
        return product, AreaValues(search, product.id, period.text, before, self.value)


@router.get("/areas/tiles.json", name="areas_tilejson", dependencies=[Depends(revalidated)])
async def tilejson(
    request: Request, state: ReadyState, database: OpenDatabase, drawn: Annotated[Drawn, Depends()]
) -> AreasTileJson:
    """Return the TileJSON of areas as vector tiles; tile addresses fix the period that is described."""
    product, asked = drawn.asked(state, owner_of(request))
    async with database.searching() as connection:
        found = await read_range(connection, asked)
    tile = request.url_for("areas_tile", z="{z}", x="{x}", y="{y}")
    facts = {"product": asked.product, "period": asked.period, "kind": drawn.kind}
    query = {name: value for name, value in facts.items() if value is not None}
    if product is not None:
        query |= {"value": str(drawn.value)} | ({"change": "true"} if drawn.change else {})
    kinds = "areas" if drawn.kind is None else drawn.kind
    fields = {"name": "String", "kind": "String"}
    if product is not None:
        fields |= {"value": "Number", "status": "String", "period": "String"}
    return AreasTileJson(
        name=kinds if product is None else f"{product.title}: {kinds}",
        tiles=[f"{tile}?{urlencode(query)}" if query else str(tile)],
        vector_layers=[VectorLayer(id=LAYER, description=OUTLINES, fields=fields)],
        bounds=found.bounds or (-180.0, -90.0, 180.0, 90.0),
        attribution=None if product is None else state.catalogue.collection(product.collection).attribution,
        product=asked.product,
        value=drawn.value,
        unit=None if product is None else unit_of(product, drawn.value),
        period=asked.period,
        before=asked.before,
        low=found.low,
        high=found.high,
        areas=found.areas,
        valued=found.valued,
        notes=[] if product is None else notes_of_map(state, product, drawn.value, asked.period),
    )


def notes_of_map(state: AppState, product: Product, value: Value, period: str | None) -> list[str]:
    """Return what is to be said of a map of a product's values in a period."""
    collection = state.catalogue.collection(product.collection)
    note = None if period in {None, LATEST} else collection.note_until(Period.parse(period).end)
    return [*([note] if note else []), *notes_of(product, value)]


@router.get(
    "/areas/tiles/{z}/{x}/{y}.pbf",
    name="areas_tile",
    response_class=Response,
    responses=ANSWER,
)
async def tile(
    *,
    request: Request,
    state: ReadyState,
    database: OpenDatabase,
    drawn: Annotated[Drawn, Depends()],
    place: TilePlace,
) -> Response:
    """Return the areas of a tile of web Mercator, each with the latest value that is kept.

    Outlines are simplified to what the zoom shows. Areas smaller than half a pixel, and the smallest where
    there are more than 5,000, are left out, and `X-Tilewatch-Dropped` is their number. Values change when
    scenes land, so that a tile must be revalidated; its `ETag` follows from its content.
    """
    _, asked = drawn.asked(state, owner_of(request))
    async with database.searching() as connection:
        return tile_answer(await read_tile(connection, asked, *place))
