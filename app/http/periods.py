"""The periods a request selects, and the errors for those that have none."""

import asyncio
from collections.abc import Sequence

from app.errors import NothingLandedError
from app.products.product import Product
from app.rendering.selecting import Selection, select, select_periods
from app.state import AppState
from mosaics.index import QuadkeyIndex
from mosaics.period import Period

LOADED_AT_ONCE = 8
"""Mosaics fetched concurrently for one answer."""


def chosen_periods(state: AppState, product: Product, datetime: str | None) -> tuple[str, Selection]:
    """Return what a `datetime` parameter selects, and a text that goes on meaning the same.

    Raises:
        NothingLandedError, EmptyWindowError: If no period of the product lies in it.
        PeriodError, WindowError: If it is not valid.
    """
    landed = state.catalogue.has(product.collection)
    known = state.catalogue.periods(product.collection) if landed else ()
    if not known:
        raise NothingLandedError(f"nothing has landed for {product.id!r} yet")
    written = known[-1].text if datetime is None else datetime
    if product.roles:
        selection = select(state.catalogue, product, datetime)
        return datetime or selection.text, selection
    selection = select_periods(state.catalogue, product.collection, written)
    if not selection.periods:
        raise NothingLandedError(
            f"{product.id!r} has nothing for {written!r}; its periods run from {known[0]} to {known[-1]}"
        )
    return written, selection


def period_text(selection: Selection) -> str:
    """Return the text of a selection: one period, or the interval from the first to the last."""
    return selection.text


def scenes_of_each(state: AppState, selection: Selection) -> int:
    """Return how many scenes of one window a tile may need, so that all windows stay within the limit."""
    windows = sum(len(window.spans) for window in selection.windows)
    return max(1, state.settings.max_scenes_per_tile // max(1, windows))


async def load_indexes(state: AppState, product: Product, periods: Sequence[Period]) -> list[QuadkeyIndex]:
    """Return the indexes of some periods, loading a few at a time."""
    turn = asyncio.Semaphore(LOADED_AT_ONCE)

    async def load(period: Period) -> QuadkeyIndex:
        async with turn:
            return await state.catalogue.index(product.collection, period)

    return await asyncio.gather(*(load(period) for period in periods))
