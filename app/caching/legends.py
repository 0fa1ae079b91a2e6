"""Legend pictures, each painted once: text is slow to draw, and a legend never changes."""

import asyncio
from sys import getsizeof

from app.caching.process_cache import BoundedCache, SingleFlight
from app.products.legend import legend_png
from app.products.product import Product

MAX_BYTES = 4 << 20
"""Memory for legends in one worker; one takes about 10 kB."""


class LegendPictures:
    """The PNG legends of one registry's products."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._kept: BoundedCache[str, bytes] = BoundedCache(max_bytes, _weight)
        self._painting: SingleFlight[bytes] = SingleFlight()
        self.painted = 0
        """Number of pictures painted since the start."""

    @property
    def size(self) -> int:
        """Memory of the pictures, in bytes."""
        return self._kept.size

    async def png(self, product: Product, note: str | None) -> bytes:
        """Return the legend of a product with a note under it; paint it in a thread if it is not cached."""
        key = f"{product.id}\n{product.digest}\n{product.class_names}\n{note or ''}"
        if (kept := self._kept.get(key)) is not None:
            return kept
        return await self._painting.run(key, lambda: self._paint(key, product, note))

    async def _paint(self, key: str, product: Product, note: str | None) -> bytes:
        picture = await asyncio.to_thread(legend_png, product, note=note)
        self.painted += 1
        self._kept.put(key, picture)
        return picture


def _weight(key: str, picture: bytes) -> int:
    return getsizeof(key) + getsizeof(picture)
