"""Sampling: one real tile, resolved and rendered like any other but without caches."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import morecantile

from app.health.finding import Finding
from app.products.registry import Registry
from app.rendering.address import TileAddresses
from app.rendering.renderer import Renderer, RenderingOverloadError
from app.rendering.resolving import resolve_tile
from app.rendering.selecting import EmptyWindowError
from mosaics.catalogue import Catalogue
from mosaics.index import TooManyScenesError
from mosaics.storage import StorageError

TMS = morecantile.tms.get("WebMercatorQuad")


@dataclass(frozen=True, slots=True)
class Sample:
    """A place whose tile is rendered."""

    name: str
    """Name of what the tile stands for."""
    product: str
    lon: float
    lat: float
    zoom: int
    query: str = ""
    """As in the address of a tile."""

    @property
    def path(self) -> str:
        """Path of the tile at the place."""
        tile = TMS.tile(self.lon, self.lat, self.zoom)
        return f"/products/{self.product}/tiles/{TMS.id}/{tile.z}/{tile.x}/{tile.y}.png"


class Sampler:
    """Renderer of sample tiles.

    Args:
        registry: The products.
        catalogue: What exists now.
        addresses: Parses the addresses of samples.
        renderer: Renders them.
        limit: Number of scenes a tile may need.
        samples: Returns the samples; if empty, a tile of the first product with scenes is rendered.
    """

    def __init__(
        self,
        registry: Registry,
        catalogue: Catalogue,
        addresses: TileAddresses,
        renderer: Renderer,
        *,
        limit: int,
        samples: Callable[[], Awaitable[Sequence[Sample]]],
    ) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._addresses = addresses
        self._renderer = renderer
        self._limit = limit
        self._samples = samples

    async def check(self) -> Finding:
        """Check that every sample can be rendered."""
        try:
            samples = tuple(await self._samples()) or await self._anywhere()
        except StorageError:
            return Finding(False, "No tile could be tried: storage does not answer.")
        if not samples:
            return Finding(True, "No tile was tried: nothing has landed yet.")
        wrong = {sample.name: says for sample in samples if (says := await self._fault(sample))}
        if wrong:
            says = "; ".join(f"{name}: {why}" for name, why in wrong.items())
            return Finding(False, f"A tile cannot be drawn: {says}", facts={"tried": len(samples)})
        tried = [sample.name for sample in samples]
        return Finding(True, f"A tile was drawn for each of: {', '.join(tried)}.", facts={"tried": tried})

    async def _fault(self, sample: Sample) -> str | None:
        """Return why a sample cannot be rendered; None if it can, or if there is nothing to show yet."""
        try:
            request = self._addresses.parse(sample.path, sample.query)
            resolved = await resolve_tile(self._catalogue, request, limit=self._limit)
            rendered = await self._renderer.render(resolved)
        except EmptyWindowError:
            return None
        except (StorageError, RenderingOverloadError) as error:
            return f"not rendered ({type(error).__name__})"
        except (LookupError, ValueError, TooManyScenesError) as error:
            return str(error)
        if rendered.skipped:
            return f"cannot read files of {', '.join(rendered.skipped[:3])}"
        return None

    async def _anywhere(self) -> tuple[Sample, ...]:
        for product in self._registry.all():
            periods = self._catalogue.periods(product.collection) if self._has(product.collection) else ()
            if periods and not product.roles:
                index = await self._catalogue.index(product.collection, periods[-1])
                west, south, east, north = index.bounds
                place = (west + east) / 2, (south + north) / 2
                return (Sample(product.id, product.id, *place, zoom=index.quadkey_zoom),)
        return ()

    def _has(self, collection_id: str) -> bool:
        return collection_id in self._catalogue.collections()
