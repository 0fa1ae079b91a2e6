"""Finding areas: by what they are, how near they are and what was seen there last."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.areas.area import PARCEL, own_json
from app.areas.area_listing import Cursor, LatestBound, Listing, Near, SortOrder, list_areas
from app.areas.area_store import AreaSearch, read_shape, refuse_others_area
from app.areas.pages import MAX_PAGE
from app.database import Connection, Database
from app.errors import RequestError
from app.http.auth import owner_of, require
from app.http.bodies import JsonObject
from app.http.features import GeoJsonResponse, features_page, searched
from app.http.parameters import OpenDatabase, OpenState, Position, known_names_and, numbers_in
from app.keys import Scope
from app.routes.areas.areas import read_geometry
from app.routes.areas.areas import read_shape as read_shape_text
from app.routes.areas.many import AreaNumber, WantedAreas, read_wanted
from app.stac.collection_search import read_box
from app.stac.search import box_shape
from app.state import AppState

BOUNDS = "latest."
"""How names of parameters begin that bound latest values."""

router = APIRouter(
    tags=["areas"],
    dependencies=[Depends(known_names_and(BOUNDS)), Depends(require(Scope.READ))],
    default_response_class=GeoJsonResponse,
)

SORT = (
    "id, name, updated_at, crop_type or latest.PRODUCT, and - before it for the other way; areas without it "
    "are last."
)

WITHIN = "Metres on the ellipsoid from point or area; 0 for what touches it."


class SearchedAreas(WantedAreas):
    """Which areas, and in which order; members that are absent are not applied.

    `"latest.ndvi.lt": 0.4` bounds the newest value of a product (lt, lte, gt, gte), and
    `"latest.ndvi.valid_fraction.gte": 0.5` the share that was seen.
    """

    product: Annotated[str, Field(max_length=200, description="A product that is kept.")] | None = None
    owner_id: Annotated[str, Field(max_length=200)] | None = None
    crop_type: Annotated[str, Field(max_length=200)] | None = None
    status: Annotated[str, Field(max_length=200)] | None = None
    intersects: (
        Annotated[dict[str, Any], Field(description="A GeoJSON geometry that areas touch.")] | None
    ) = None
    within_m: Annotated[float, Field(description=WITHIN)] | None = None
    point: Annotated[list[float], Field(description="Longitude and latitude in degrees.")] | None = None
    area: AreaNumber | None = None
    sort: Annotated[str, Field(max_length=250, description=SORT)] = "id"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    token: Annotated[str, Field(max_length=2000, description="Of a next link.")] | None = None


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": SearchedAreas.model_json_schema()}},
    }
}


@dataclass(frozen=True, slots=True)
class AskedPage:
    """What is asked for, before the database is."""

    listing: Listing
    limit: int
    above: int = 0
    within_m: float | None = None
    """From the place, or from the area."""
    place: Position | None = None
    area: int | None = None
    after: Cursor | None = field(default=None)

    def __post_init__(self) -> None:
        if (self.within_m is None) != (self.place is None and self.area is None):
            raise RequestError(
                "within_m needs a place beside it, and a place within_m: point=lon,lat or area=ID"
            )
        if self.place is not None and self.area is not None:
            raise RequestError("within_m is from one place; give either point or area")

    async def near(self, connection: Connection) -> Near | None:
        """Return the distance that is asked for.

        Raises:
            app.areas.area.UnknownAreaError: If there is no such area, or it is of another owner.
        """
        if self.within_m is None:
            return None
        if self.area is None:
            assert self.place is not None  # noqa: S101 - one of both is given
            return Near(self.place.point, self.within_m)
        await refuse_others_area(connection, self.area, self.listing.search.owner)
        return Near(await read_shape(connection, self.area), self.within_m, self.area)


@router.get("/parcels", name="parcels")
@router.get("/areas")
async def find(
    *,
    request: Request,
    state: OpenState,
    database: OpenDatabase,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None,
    intersects: Annotated[str | None, Query(description="A GeoJSON geometry that areas touch")] = None,
    within_m: Annotated[float | None, Query(description=WITHIN)] = None,
    point: Annotated[str | None, Query(max_length=100, description="lon,lat in degrees")] = None,
    area: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Id of an area")] = None,
    kind: Annotated[str | None, Query(max_length=200)] = None,
    name: Annotated[str | None, Query(max_length=200, description="Part of the name")] = None,
    product: Annotated[str | None, Query(max_length=200, description="Id of a product that is kept")] = None,
    owner_id: Annotated[str | None, Query(max_length=200)] = None,
    crop_type: Annotated[str | None, Query(max_length=200)] = None,
    status: Annotated[str | None, Query(max_length=200)] = None,
    sort: Annotated[str, Query(max_length=250, description=SORT)] = "id",
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only areas with a higher id")] = 0,
    token: Annotated[str | None, Query(max_length=2000, description="From a next link")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """List areas; `links` holds the next page.

    `latest.ndvi.lt=0.4` bounds the newest value of a product (lt, lte, gt, gte), and
    `latest.ndvi.valid_fraction.gte=0.5` the share that was seen; `sort=-latest.ndvi` sorts by it.
    """
    order = SortOrder.read(sort)
    search = owned(
        AreaSearch(
            owner=owner_of(request),
            kind=kind_of(request, kind),
            name=searched("name", name),
            product=searched("product", product),
            bbox=read_box(bbox),
            intersects=None if intersects is None else read_shape_text(intersects),
        ),
        owner_id,
    )
    listing = Listing(
        search,
        crop_type=searched("crop_type", crop_type),
        status=searched("status", status),
        latest=bounds_of(state, request.query_params),
        order=known_order(state, order),
    )
    place = None if point is None else position_of(numbers_in("point", point))
    cursor = None if token is None else Cursor.parse(token, order)
    return await page(request, database, AskedPage(listing, limit, after, within_m, place, area, cursor))


@router.post("/parcels/search", name="parcels_search", openapi_extra=BODY)
@router.post("/areas/search", name="areas_search", openapi_extra=BODY)
async def search(
    request: Request, state: OpenState, database: OpenDatabase, document: JsonObject
) -> Response:
    """List areas as `GET /areas` does, of whatever size a geometry is; the next link has the body to send."""
    return await page(request, database, asked_page(request, state, document), document)


def asked_page(request: Request, state: AppState, document: Mapping[str, Any]) -> AskedPage:
    """Read the body of a search.

    Raises:
        RequestError, app.areas.area.AreaError: If it is not valid.
    """
    latest = {name: value for name, value in document.items() if name.startswith(BOUNDS)}
    plain = {name: value for name, value in document.items() if name not in latest}
    wanted = read_wanted(plain, SearchedAreas)
    order = SortOrder.read(wanted.sort)
    search = owned(
        AreaSearch(
            owner=owner_of(request),
            kind=kind_of(request, wanted.kind),
            name=searched("name", wanted.name),
            product=searched("product", wanted.product),
            bbox=None if wanted.bbox is None else box_shape(wanted.bbox),
            intersects=None if wanted.intersects is None else read_geometry(wanted.intersects),
            properties=None if wanted.properties is None else own_json(wanted.properties),
            ids=wanted.ids,
        ),
        wanted.owner_id,
    )
    listing = Listing(
        search,
        crop_type=searched("crop_type", wanted.crop_type),
        status=searched("status", wanted.status),
        latest=bounds_of(state, latest),
        order=known_order(state, order),
    )
    return AskedPage(
        listing,
        wanted.limit,
        within_m=wanted.within_m,
        place=None if wanted.point is None else position_of(wanted.point),
        area=wanted.area,
        after=None if wanted.token is None else Cursor.parse(wanted.token, order),
    )


async def page(
    request: Request, database: Database, asked: AskedPage, body: Mapping[str, Any] | None = None
) -> Response:
    """Return the page that is asked for; `body` is what was sent with POST."""
    async with database.searching() as connection:
        listing = replace(asked.listing, near=await asked.near(connection))
        found = await list_areas(connection, listing, above=asked.above, after=asked.after, limit=asked.limit)
    following: Mapping[str, Any] | None = None
    if found.following is not None:
        is_plain = body is None and asked.listing.order == SortOrder()
        following = {"after": found.areas[-1].id} if is_plain else {"token": found.following.token}
    return await features_page(request, found.areas, following=following, body=body)


def kind_of(request: Request, kind: str | None) -> str | None:
    """Return the kind that is asked for: that of parcels under their own address.

    Raises:
        RequestError: If another one is asked for there.
    """
    if not request.scope["route"].path.startswith("/parcels"):
        return searched("kind", kind)
    if kind not in {None, PARCEL}:
        raise RequestError(f"kind is {PARCEL!r} here; GET /areas lists those of any kind")
    return PARCEL


def owned(search: AreaSearch, owner_id: str | None) -> AreaSearch:
    """Return a search for the areas of an owner; nothing is found of others than the request is bound to."""
    owner_id = searched("owner_id", owner_id)
    if owner_id is None or owner_id == search.owner:
        return search
    return replace(search, owner=owner_id) if search.owner is None else replace(search, ids=())


def bounds_of(state: AppState, given: Mapping[str, Any]) -> tuple[LatestBound, ...]:
    """Read the bounds of latest values.

    Raises:
        app.areas.area.AreaError: If one is not valid.
        app.products.registry.UnknownProductError: If there is no such product.
    """
    found = tuple(LatestBound.read(name, value) for name, value in given.items() if name.startswith(BOUNDS))
    for bound in found:
        state.registry.get(bound.product)
    return found


def known_order(state: AppState, order: SortOrder) -> SortOrder:
    """Return an order once its product is known to exist."""
    if order.product:
        state.registry.get(order.product)
    return order


def position_of(numbers: list[float]) -> Position:
    """Return the point of a longitude and a latitude."""
    if len(numbers) != 2:
        raise RequestError(f"point must be two numbers, longitude and latitude, not {len(numbers)}")
    return Position(*numbers)
