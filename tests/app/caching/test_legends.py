"""Legend pictures are painted once, in a thread, and never above the memory they were given."""

import asyncio
from importlib.resources import files
from pathlib import Path

import pytest

from app.caching.legends import LegendPictures
from app.products.legend import legend_png
from app.products.registry import Registry


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load([Path(str(files("app.products")))])


async def test_a_legend_is_painted_once_for_all_who_ask_and_once_a_note(registry: Registry) -> None:
    pictures, ndvi = LegendPictures(), registry.get("ndvi")
    together = await asyncio.gather(*(pictures.png(ndvi, None) for _ in range(5)))
    again = await pictures.png(ndvi, None)
    noted = await pictures.png(ndvi, "Synthetic.")
    assert {*together, again} == {legend_png(ndvi, note=None)}
    assert noted == legend_png(ndvi, note="Synthetic.")
    assert pictures.painted == 2


async def test_legends_are_painted_again_where_memory_is_short(registry: Registry) -> None:
    ndvi, other = registry.get("ndvi"), registry.get("no2")
    pictures = LegendPictures(max_bytes=len(legend_png(ndvi)) + len(legend_png(other)))  # and no bookkeeping
    for product in (ndvi, other, ndvi, ndvi):
        assert await pictures.png(product, None) == legend_png(product)
    assert pictures.painted == 3


async def test_the_loop_goes_on_while_a_legend_is_painted(registry: Registry) -> None:
    painting = asyncio.ensure_future(LegendPictures().png(registry.get("ndvi"), None))
    turns = 0
    while not painting.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
