"""What can be composited: of which collections, with which bands, of scenes that have landed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import shapely

from app.jobs.orders.child import CommandLine
from app.jobs.orders.listing import Listing
from app.jobs.orders.model import OrderRequestError
from app.jobs.orders.request import CompositeRequest, read_toi
from app.regions.model import parts_of
from mosaics.catalogue import Catalogue
from mosaics.collection import UnknownBandError, UnknownCollectionError

MAX_MOSAICS = 31
"""Mosaics that are looked through for a scene, each one GET at most: two years by month, a month by day."""

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


class Composable:
    """Knows of what composites are made.

    Args:
        command_line: Whom to ask.
        catalogue: What has landed.
    """

    def __init__(self, command_line: CommandLine, catalogue: Catalogue) -> None:
        self._listing = Listing(command_line, ("collections", "list", "--json"), _composites)
        self._catalogue = catalogue

    async def find(self, request: CompositeRequest) -> Composites:
        """Where the composite of a request goes.

        Raises:
            OrderRequestError: If none is made of that collection, or with these bands; the message names
                what there is.
            SourcesUnknownError: If the command line cannot tell.
        """
        known = (await self._listing.known()).values()
        holders = {each.of: each for each in known if each is not None}
        if request.collection not in holders:
            raise OrderRequestError(
                f"no composites are made of '{request.collection}'; they are of: {', '.join(sorted(holders))}"
            )
        found = holders[request.collection]
        for band in request.bands:
            if band not in found.bands:
                classes = ", whose numbers are names," if band == found.mask else ""
                raise OrderRequestError(
                    f"composites of {found.of} have no band '{band}'{classes} but: {', '.join(found.bands)}"
                )
        return found

    async def refuse_nothing_landed(self, request: CompositeRequest, made: Composites) -> None:
        """Raise for a composite for which nothing has landed, as far as mosaics tell.

        Raises:
            OrderRequestError: If no scene lies over the box in that time, or the collection has no such band.
            StorageError: If storage cannot be read.
        """
        try:
            await self._refuse_nothing_known(request, made)
        except OrderRequestError:
            await self._catalogue.refresh()  # it may have landed a moment ago
            await self._refuse_nothing_known(request, made)

    async def _refuse_nothing_known(self, request: CompositeRequest, made: Composites) -> None:
        try:
            collection = self._catalogue.collection(made.of)
            for band in (*request.bands, made.mask):
                collection.band(band)
        except UnknownCollectionError as error:
            raise OrderRequestError(f"{error}; {FETCH}") from error
        except UnknownBandError as error:
            raise OrderRequestError(str(error)) from error
        if not await self._has_scenes(request, made):
            periods = self._catalogue.periods(made.of)
            there = f"scenes are of {periods[0]} to {periods[-1]}" if periods else "it has no scenes yet"
            raise OrderRequestError(
                f"no scene of {made.of} lies over the box in {request.toi}; {there}; {FETCH}"
            )

    async def _has_scenes(self, request: CompositeRequest, made: Composites) -> bool:
        """Whether a scene lies over the box in the time; taken for granted of many mosaics."""
        interval = read_toi(request.toi)
        periods = [
            period
            for period in self._catalogue.periods(made.of)
            if interval.overlaps(period.start, period.end)
        ]
        if len(periods) > MAX_MOSAICS:
            return True
        area = shapely.union_all([shapely.box(*part) for part in parts_of(request.aoi)])
        for period in periods:
            index = await self._catalogue.index(made.of, period)
            scenes = await asyncio.to_thread(index.scenes_in, area)
            if any(interval.overlaps(scene.start, scene.end) for scene in scenes):
                return True
        return False


def _composites(name: str, facts: Mapping[str, Any]) -> Composites | None:
    """The composites of a collection; None where it holds other scenes."""
    held = facts["composites"]
    return Composites(name, held["of"], held["mask"], tuple(held["bands"])) if held else None
