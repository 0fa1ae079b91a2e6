"""The periods a request means, with words for where there are none."""

import asyncio
from collections.abc import Sequence

from app.errors import NothingLandedError
from app.products.product import Product
from app.rendering.selecting import Selection, select, select_periods
from app.state import AppState
from mosaics.index import QuadkeyIndex
from mosaics.period import Period

LOADED_AT_ONCE = 8
"""Mosaics fetched side by side for one answer."""


def chosen_periods(state: AppState, product: Product, datetime: str | None) -> tuple[str, Selection]:
    """What a `datetime` parameter means, and how to write it so that it goes on meaning that.

    Raises:
        NothingLandedError, EmptyWindowError: If no period of the product lies in it.
        PeriodError, WindowError: If it makes no sense.
    """
    landed = product.collection in state.catalogue.collections()
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
    """The periods of a selection as one, or as an interval of the first and the last."""
    return selection.text


def scenes_of_each(state: AppState, selection: Selection) -> int:
    """Scenes a tile may need of one window, so that all of them stay within the limit."""
    windows = sum(len(window.spans) for window in selection.windows)
    return max(1, state.settings.max_scenes_per_tile // max(1, windows))


async def load_indexes(state: AppState, product: Product, periods: Sequence[Period]) -> list[QuadkeyIndex]:
    """The scenes of some periods, a few fetched at a time."""
    turn = asyncio.Semaphore(LOADED_AT_ONCE)

    async def load(period: Period) -> QuadkeyIndex:
        async with turn:
            return await state.catalogue.index(product.collection, period)

    return await asyncio.gather(*(load(period) for period in periods))
