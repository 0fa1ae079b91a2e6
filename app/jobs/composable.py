"""What can be composited: of which collections, with which bands, of scenes that have landed."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import shapely

from app.jobs.aoi import read_toi
from app.jobs.job import JobRequestError
from app.jobs.request import CompositeRequest, IngestRequest
from mosaics.catalogue import Catalogue
from mosaics.collection import UnknownBandError, UnknownCollectionError
from mosaics.descriptions.collections import CollectionDescription
from mosaics.descriptions.composites import compositable_bands, composite_collections
from mosaics.index import SceneRef
from mosaics.period import Period
from mosaics.scene import SceneError
from mosaics.storage import ObjectNotFoundError

MAX_MOSAICS = 31
"""Mosaics that are looked through for a scene, each one GET at most: two years by month, a month by day."""

MAX_ITEMS = 16
"""Scenes that are looked at for their bands, each one GET at most; the first that has them ends it."""

FETCH = '"ingest": true fetches scenes first'


@dataclass(frozen=True, slots=True)
class Composites:
    """A collection that holds composites of another."""

    id: str
    of: str
    """The collection whose scenes they are made of."""
    mask: str
    """The band of those that tells which pixels count."""
    bands: tuple[str, ...]
    """That a composite may have."""


def find_composites(
    collections: Mapping[str, CollectionDescription], request: CompositeRequest
) -> Composites:
    """Return where the composite of a request goes.

    Raises:
        JobRequestError: If none is made of that collection, or with these bands; the message names what
            there is.
    """
    targets = composite_collections(collections)
    if request.collection not in targets:
        raise JobRequestError(
            f"no composites are made of '{request.collection}'; they are of: {', '.join(sorted(targets))}"
        )
    found = _composites(collections[request.collection], targets[request.collection])
    for band in request.bands:
        if band not in found.bands:
            classes = ", whose numbers are names," if band == found.mask else ""
            raise JobRequestError(
                f"composites of {found.of} have no band '{band}'{classes} but: {', '.join(found.bands)}"
            )
    return found


def _composites(source: CollectionDescription, target: CollectionDescription) -> Composites:
    composition = target.composition
    assert composition is not None  # noqa: S101 - `composite_collections` gives no others
    return Composites(
        target.collection.id, composition.of, composition.mask.band, compositable_bands(source, target)
    )


class LandedScenes:
    """Knows whether a composite would have a scene.

    Args:
        catalogue: What has landed.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def refuse_nothing_landed(self, request: CompositeRequest, made: Composites) -> None:
        """Raise for a composite of which no scene has landed, as far as mosaics and a few items tell.

        Raises:
            JobRequestError: If no scene over the box in that time has its bands and the mask.
            StorageError: If storage cannot be read.
        """
        try:
            await self._refuse_nothing_known(request, made)
        except JobRequestError:
            await self._catalogue.refresh()  # it may have landed a moment ago
            await self._refuse_nothing_known(request, made)

    async def _refuse_nothing_known(self, request: CompositeRequest, made: Composites) -> None:
        try:
            collection = self._catalogue.collection(made.of)
            for band in (*request.bands, made.mask):
                collection.band(band)
        except UnknownCollectionError as error:
            raise JobRequestError(f"{error}; {FETCH}") from error
        except UnknownBandError as error:
            raise JobRequestError(str(error)) from error
        known = self._catalogue.periods(made.of)
        interval = read_toi(request.toi)
        periods = [period for period in known if interval.overlaps(period.start, period.end)]
        if len(periods) > MAX_MOSAICS:
            return
        looked_at, lacking = 0, ""
        async for scene in self._scenes(request, made, periods):
            if looked_at == MAX_ITEMS:
                return
            lack = await self._lack(scene, (*request.bands, made.mask))
            if lack is None:
                return
            looked_at, lacking = looked_at + 1, lacking or f"{scene.id} has no {lack}"
        where = f"over the box in {request.toi}"
        if looked_at:
            raise JobRequestError(f"no scene {where} has all bands and {made.mask}: {lacking}; {FETCH}")
        there = f"scenes are of {known[0]} to {known[-1]}" if known else "it has no scenes yet"
        raise JobRequestError(f"no scene of {made.of} lies {where}; {there}; {FETCH}")

    async def _scenes(
        self, request: CompositeRequest, made: Composites, periods: Sequence[Period]
    ) -> AsyncIterator[SceneRef]:
        """Yield the scenes of some mosaics over the box in the time."""
        interval = read_toi(request.toi)
        area = request.aoi.geometry
        for period in periods:
            index = await self._catalogue.index(made.of, period)
            for scene in await asyncio.to_thread(index.scenes_in, area):
                if interval.overlaps(scene.start, scene.end):
                    yield scene

    async def _lack(self, scene: SceneRef, bands: Sequence[str]) -> str | None:
        """Return what keeps a scene from being used; None where nothing does."""
        try:
            item = await self._catalogue.item(scene.item_key)
        except (ObjectNotFoundError, SceneError):
            return "item that can be read"
        return next((f"band {band}" for band in bands if band not in item.assets), None)


def may_be_of(ingestion: IngestRequest, request: CompositeRequest) -> bool:
    """Return whether scenes that an ingestion brings may lie in the box and the time of a composite."""
    brought = read_toi(ingestion.toi)
    if brought.start is None or brought.end is None:  # not of an order
        return True
    meets = read_toi(request.toi).overlaps(brought.start, brought.end)
    return meets and bool(shapely.intersects(ingestion.aoi.geometry, request.aoi.geometry))
