"""Resolving: which scenes a statistic draws on, and the hash that tells whether a stored one still holds."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import Any, TypeVar

import shapely

from app.products.product import Product
from app.rendering.resolving import RENDERER_VERSION, SceneWindows, layer_of, scenes_in
from app.rendering.selecting import EmptyWindowError, Span, Window, WindowError, select
from app.statistics.geometry import Polygonal
from app.statistics.summary import StatisticsRequestError, SummaryOptions
from mosaics.catalogue import Catalogue
from mosaics.index import TooManyScenesError

STATISTICS_VERSION = "4"
"""Part of every hash: changes whenever the same inputs would give other numbers."""


NO_SCENES = SceneWindows()


@dataclass(frozen=True)
class Resolved:
    """A question about a shape with the scenes that will answer it."""

    product: Product
    polygon: shapely.Geometry
    """In degrees."""
    datetime: str | None
    """As given: a period, interval or instant; None for the latest period."""
    wanted: SummaryOptions
    cell_budget: int
    of_classes: bool = False
    """Whether its values are numbers of classes, of categorical bands."""
    scenes: SceneWindows = NO_SCENES
    """Those that meet the polygon; none where there is nothing to compare."""
    windows: tuple[Window, ...] = ()
    """Of a product with roles, as used; none where there is nothing to compare."""
    refusal: str | None = None
    """Why there is nothing to compare, as a sentence."""

    def __post_init__(self) -> None:
        if self.product.formula is None:
            raise StatisticsRequestError(
                f"product '{self.product.id}' is a picture of three bands; statistics need one value a pixel"
            )

    @cached_property
    def inputs(self) -> str:
        """SHA-256, in hex, of all that determines the answer; a new scene changes it where it is seen."""
        facts: dict[str, Any] = {
            "versions": [STATISTICS_VERSION, RENDERER_VERSION],
            "product": self.product.digest,
            "classes": list(self.product.class_names),
            "lit_above": self.product.lit_above,
            "wanted": asdict(self.wanted),
            "cell_budget": self.cell_budget,
            "scenes": list(self.scenes.key_parts),
        }
        if self.of_classes:
            facts["of_classes"] = True
        if self.product.further_lit_above:
            facts["further_lit_above"] = self.product.further_lit_above
        if self.product.zero_below is not None:
            facts["zero_below"] = self.product.zero_below
        if self.product.lights is not None:
            facts["lights"] = self.product.lights
        if self.product.observations is not None:
            facts["observations"] = self.product.observations
        if self.windows:  # an entry names them
            facts["windows"] = [[window.role, window.text, window.how] for window in self.windows]
            facts["plausible"] = self.product.plausible
        digest = sha256(json.dumps(facts, sort_keys=True).encode())
        digest.update(self.shape_key)
        return digest.hexdigest()

    @property
    def shape_key(self) -> bytes:
        """What tells the shape from others, for the hash."""
        return bytes(shapely.to_wkb(self.polygon, output_dimension=2, byte_order=1))


@dataclass(frozen=True)
class ResolvedStatistics(Resolved):
    """A question about a polygon."""

    polygon: Polygonal


R = TypeVar("R", bound=Resolved)


async def resolve_statistics(
    catalogue: Catalogue,
    question: R,
    *,
    limit: int,
) -> R:
    """A question that has no scenes yet with those that will answer it.

    Nothing to compare in a product with roles is not an error here: a series begins with periods that have no
    earlier ones, or that overlap with a window that is given.

    Raises:
        StatisticsRequestError: If there are more than `limit`.
        mosaics.period.PeriodError: If its time makes no sense.
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    product = question.product
    try:
        windows = select(catalogue, product, question.datetime).windows if product.roles else ()
        scenes = await scenes_in(catalogue, product, question.polygon, question.datetime, limit=limit)
    except (EmptyWindowError, WindowError) as error:
        return replace(question, refusal=_sentence(error))
    except TooManyScenesError as error:
        raise StatisticsRequestError(
            f"more than {error.limit} scenes lie under the area at this time, which is the limit; "
            "ask for a smaller area or a shorter time"
        ) from error
    return replace(question, scenes=scenes, windows=windows)


def why_not_compared(catalogue: Catalogue, product: Product, datetime: str) -> str | None:
    """Return why a time of a product with roles cannot be compared, as a sentence; None where it can."""
    if not product.roles:
        return None
    try:
        select(catalogue, product, datetime)
    except (EmptyWindowError, WindowError) as error:
        return _sentence(error)
    return None


def _sentence(error: Exception) -> str:
    return f"{str(error).removesuffix('.')}."


async def covered_share(catalogue: Catalogue, question: ResolvedStatistics) -> float:
    """Share of the polygon inside the footprints of the best covered period; of windows, the worst of them.

    Raises:
        mosaics.storage.StorageError: If a mosaic cannot be fetched.
    """
    product, shares = question.product, []
    spans: list[Sequence[Span]] = [window.spans for window in question.windows]
    for of_window in spans or [[layer_of(catalogue, product, question.datetime).selection]]:
        covered = 0.0
        for period in chain.from_iterable(span.periods for span in of_window):
            index = await catalogue.index(product.collection, period)
            covered = max(covered, await asyncio.to_thread(index.covered_fraction, question.polygon))
        shares.append(covered)
    return min(shares)
