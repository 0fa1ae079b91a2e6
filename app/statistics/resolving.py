"""Resolving: which scenes a statistic draws on, and the hash that tells whether a stored one still holds."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

import shapely

from app.products.model import Product
from app.rendering.resolving import RENDERER_VERSION, scenes_in
from app.statistics.geometry import Polygonal
from app.statistics.summary import StatisticsRequestError, Wanted
from mosaics.catalogue import Catalogue
from mosaics.index import SceneRef, TooManyScenesError

STATISTICS_VERSION = "1"
"""Part of every hash: changes whenever the same inputs would give other numbers."""


@dataclass(frozen=True, slots=True)
class ResolvedStatistics:
    """A question with the scenes that will answer it."""

    product: Product
    polygon: Polygonal
    datetime: str | None
    """As given: a period, interval or instant; None for the latest period."""
    wanted: Wanted
    scenes: tuple[SceneRef, ...]
    """Those that meet the polygon, best first."""
    cell_budget: int

    def __post_init__(self) -> None:
        if self.product.formula is None:
            raise StatisticsRequestError(
                f"product '{self.product.id}' is a picture of three bands; statistics need one value a pixel"
            )

    @property
    def inputs(self) -> str:
        """SHA-256, in hex, of all that determines the answer; a new scene changes it where it is seen."""
        facts = {
            "versions": [STATISTICS_VERSION, RENDERER_VERSION],
            "product": self.product.digest,
            "classes": [row.name for row in self.product.classes],
            "lit_above": self.product.lit_above,
            "wanted": asdict(self.wanted),
            "cell_budget": self.cell_budget,
            "scenes": [scene.item_key for scene in self.scenes],
        }
        digest = sha256(json.dumps(facts, sort_keys=True).encode())
        digest.update(shapely.to_wkb(self.polygon, output_dimension=2, byte_order=1))
        return digest.hexdigest()


async def scenes_under(
    catalogue: Catalogue,
    product: Product,
    polygon: Polygonal,
    datetime: str | None,
    *,
    limit: int,
) -> tuple[SceneRef, ...]:
    """The scenes under a polygon, best first.

    Raises:
        StatisticsRequestError: If there are more than `limit`.
        mosaics.period.PeriodError: If `datetime` makes no sense.
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    try:
        return await scenes_in(catalogue, product, polygon, datetime, limit=limit)
    except TooManyScenesError as error:
        raise StatisticsRequestError(
            f"more than {error.limit} scenes lie under the area at this time, which is the limit; "
            "ask for a smaller area or a shorter time"
        ) from error
