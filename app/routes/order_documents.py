"""Order documents: how a job that somebody ordered stands, and where what came of it is served."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Header
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.desk import Desk
from app.jobs.orders.model import Kind, LandedScene, Order, Progress, Status
from app.products.model import Product
from app.routes.answers import JSON, Link
from app.routes.stac_documents import GEOJSON, PREVIEW_PIXELS, shown_products
from mosaics.storage import StorageError

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key and body give the same job, however often they are sent.",
    ),
]

ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The job; `Location` is where it tells how it stands.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


class OrderProgress(BaseModel):
    """How far a job is."""

    step: str = Field(description="The command at work: ingest or composite.")
    step_number: int
    steps: int
    done: int
    total: int = Field(description="0 while it is not known how much there is to do.")
    unit: str
    fraction: float | None = Field(description="Of the step, 0 to 1.")

    @classmethod
    def of(cls, progress: Progress) -> "OrderProgress":
        """The progress of an order."""
        fraction = progress.done / progress.total if progress.total else None
        return cls(
            step=progress.step,
            step_number=progress.step_number,
            steps=progress.steps,
            done=progress.done,
            total=progress.total,
            unit=progress.unit,
            fraction=None if fraction is None else round(min(max(fraction, 0.0), 1.0), 4),
        )


class OrderSummary(BaseModel):
    """A job in a list."""

    id: int
    kind: Kind
    status: Status
    cancelling: bool = Field(description="Whether it is to be cancelled, and still runs.")
    progress: OrderProgress | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    links: list[Link]


class OrderedScene(BaseModel):
    """A scene that is there because of a job, or was before."""

    collection: str
    scene: str
    period: str
    commit: int | None = Field(description="Null where the scene had been landed before.")
    links: list[Link]


class OrderedLayer(BaseModel):
    """A product that shows what landed, at the time it is of."""

    product: str
    title: str
    collection: str
    period: str
    links: list[Link]


class OrderResult(BaseModel):
    """What came of a job so far."""

    scenes: list[OrderedScene]
    layers: list[OrderedLayer]
    steps: dict[str, Any] = Field(description="What each step told at its end.")


class OrderDocument(OrderSummary):
    """A job."""

    request: dict[str, Any] = Field(description="As it was understood: `aoi` is the box that is taken.")
    attempts: int = Field(description="How often it was begun; more than once where a server was lost.")
    log: list[str] = Field(description="The last lines of what it says.")
    result: OrderResult


def summary(request: Request, order: Order) -> OrderSummary:
    """An order in a list."""
    return OrderSummary(
        id=order.id,
        kind=order.kind,
        status=order.status,
        cancelling=order.is_cancelling,
        progress=None if order.progress is None else OrderProgress.of(order.progress),
        created_at=order.created_at,
        started_at=order.started_at,
        finished_at=order.finished_at,
        error=order.error,
        links=[Link(rel="self", href=_address(request, order))],
    )


async def document(request: Request, desk: Desk, order: Order) -> OrderDocument:
    """An order and what came of it; its layers are there once it is done."""
    shown = {(scene.collection, scene.period) for scene in order.landed}
    if order.has_ended and not all(_is_known(desk, *each) for each in shown):
        with suppress(StorageError):  # the layers are then served a little later than their addresses
            await desk.catalogue.refresh()
    layers = [
        _layer(request, order, product, period)
        for collection, period in sorted(shown)
        for product in _products(desk, order, collection)
    ]
    scenes = [_scene(request, scene) for scene in order.landed]
    return OrderDocument(
        **dict(summary(request, order)),
        request=dict(order.request),
        attempts=order.attempts,
        log=list(order.log),
        result=OrderResult(scenes=scenes, layers=layers, steps=dict(order.result)),
    )


async def accepted(request: Request, response: Response, desk: Desk, order: Order) -> OrderDocument:
    """The answer to an order that was taken."""
    response.headers["Location"] = _address(request, order)
    return await document(request, desk, order)


def _address(request: Request, order: Order) -> str:
    return str(request.url_for("job", job=order.id))


def _is_known(desk: Desk, collection: str, period: str) -> bool:
    known = collection in desk.catalogue.collections()
    return known and period in {each.text for each in desk.catalogue.periods(collection)}


def _products(desk: Desk, order: Order, collection: str) -> Iterator[Product]:
    """The products that show a collection with the bands that were ordered, or with all of them."""
    bands = set(order.request["bands"])
    for product in shown_products(desk, collection):
        if not bands or bands >= set(product.bands):
            yield product


def _layer(request: Request, order: Order, product: Product, period: str) -> OrderedLayer:
    def address(name: str, **more: str) -> str:
        return str(request.url_for(name, product=product.id, **more))

    time = urlencode({"datetime": period})
    shared = urlencode({"product": product.id, "period": period})
    tile = address("product_tile", tms="WebMercatorQuad", z="{z}", x="{x}", y="{y}", format="png")
    tilejson = address("product_tilejson", tms="WebMercatorQuad")
    links = [
        Link(rel="tilejson", href=f"{tilejson}?{time}"),
        Link(rel="tiles", href=f"{tile}?{time}", type="image/png", templated=True),
        Link(rel="product", href=address("product")),
        Link(rel="alternate", href=f"{request.base_url}#{shared}", type="text/html"),
    ]
    west, south, east, north = order.request["aoi"]
    if west < east:  # a picture over the antimeridian would go around the world
        picture = f"{address('product')}/bbox/{west:.7g},{south:.7g},{east:.7g},{north:.7g}.png"
        href = f"{picture}?{time}&max_size={PREVIEW_PIXELS}"
        links.append(Link(rel="preview", href=href, type="image/png"))
    return OrderedLayer(
        product=product.id, title=product.title, collection=product.collection, period=period, links=links
    )


def _scene(request: Request, scene: LandedScene) -> OrderedScene:
    collection = str(request.url_for("collection", collection=scene.collection))
    items = str(request.url_for("stac_items", collection_id=scene.collection))
    return OrderedScene(
        collection=scene.collection,
        scene=scene.scene,
        period=scene.period,
        commit=scene.commit,
        links=[
            Link(rel="item", href=f"{items}/{quote(scene.scene, safe='')}", type=GEOJSON),
            Link(rel="collection", href=collection, type=JSON),
        ],
    )
