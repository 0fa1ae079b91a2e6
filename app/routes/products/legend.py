"""Legends, made from the same colour table as the tiles."""

from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from app.http.parameters import AskedWindows, Datetime, OpenState, known_names
from app.products.legend import legend_json, legend_svg
from app.products.product import Product
from app.rendering.selecting import EmptyWindowError, Selection, select
from app.state import AppState

router = APIRouter(tags=["products"], dependencies=[Depends(known_names)])

FRESH = {"Cache-Control": "no-cache"}

NOT_VERIFIED = "Satellite estimate, not field verified."
EARLY_NOTE = "In near real time where the standard product is not there yet, which takes its place."
SYNTHETIC_NOTE = "Synthetic data: made up for demonstration, not observed."


class LegendFormat(StrEnum):
    """The formats of a legend."""

    JSON = "json"
    PNG = "png"
    SVG = "svg"


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The legend.",
        "content": {"application/json": {}, "image/png": {}, "image/svg+xml": {}},
    },
    304: {"description": "The caller has the current legend."},
}


@router.get(
    "/products/{product}/legend.{format}",
    name="product_legend",
    responses=ANSWERS,
    response_class=Response,
)
async def legend(
    *,
    state: OpenState,
    product: str,
    format: LegendFormat,  # noqa: A002
    windows: AskedWindows,
    datetime: Datetime = None,
) -> Response:
    """Return what a product's colours mean; for one that compares dates, with its windows."""
    found, time = windows.product(state, product, datetime)
    selection = None
    if found.roles and found.collection in state.catalogue.collections():
        selection = _selection(state, found, time)
    return await drawn_legend(state, found, format, legend_note(state, found, selection))


async def drawn_legend(
    state: AppState,
    found: Product,
    format: LegendFormat,  # noqa: A002
    note: str | None,
) -> Response:
    """Return the legend of a product with a note under it."""
    if format is LegendFormat.PNG:
        picture = await state.legends.png(found, note)
        return Response(picture, media_type="image/png", headers=FRESH)
    if format is LegendFormat.SVG:
        return Response(legend_svg(found, note=note), media_type="image/svg+xml", headers=FRESH)
    return JSONResponse(legend_json(found, note=note), headers=FRESH)


def legend_note(state: AppState, product: Product, selection: Selection | None) -> str | None:
    """Return the sentences of a legend: windows, offset, caveats, an archive that ended, made-up data."""
    sentences: list[str | None] = [index_note(product)]
    if product.roles:
        windows = selection.windows if selection else ()
        sentences += [f"{window.title}: {window.text}." for window in windows]
        if product.offset is not None:
            sentences.append(f"Offset subtracted: {product.offset:g}.")
        if product.plausible is not None:
            sentences.append("Values below {:g} or above {:g} are suspect.".format(*product.plausible))
        sentences.append(NOT_VERIFIED)
    values = product.parameter_values
    sentences += [product.parameters[name].said(value) for name, value in values.items()]
    if selection is not None and is_early(state, product, selection):
        sentences.append(EARLY_NOTE)
    sentences += [_ended_note(state, product, selection), synthetic_note(state, product)]
    return " ".join(filter(None, sentences)) or None


def index_note(product: Product) -> str | None:
    """Return the formula and the publication of the index that a product shows; None where it shows none."""
    if (facts := product.index_facts) is None:
        return None
    return f"{facts['name']} = {facts['formula']} ({facts['reference']})."


def _selection(state: AppState, product: Product, datetime: str | None) -> Selection | None:
    """Return what is compared; None if nothing can be and no time is given, so a legend is still shown."""
    try:
        return select(state.catalogue, product, datetime)
    except EmptyWindowError:
        if datetime is not None:
            raise
        return None


def _ended_note(state: AppState, product: Product, selection: Selection | None) -> str | None:
    """Return what is to be said of periods after the end of a collection's archive."""
    if selection is None or not selection.periods:
        return None
    collection = state.catalogue.collection(product.collection)
    return collection.note_until(max(period.end for period in selection.periods))


def is_early(state: AppState, product: Product, selection: Selection) -> bool:
    """Return whether scenes in near real time stand in where something is shown."""
    return not state.catalogue.early_periods(product.collection).isdisjoint(selection.periods)


def synthetic_note(state: AppState, product: Product) -> str | None:
    """Return a sentence if the data are made up."""
    known = product.collection in state.catalogue.collections()
    return SYNTHETIC_NOTE if known and state.catalogue.is_synthetic(product.collection) else None
