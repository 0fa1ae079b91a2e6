"""The catalogue: which collections, periods and scenes exist now, kept in memory and followed by the log."""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from mosaics.catalogue_view import Kept, Unreadable, View, shows_same, without_description
from mosaics.collection import (
    Collection,
    UnknownCollectionError,
    UnreadableCollectionError,
    read_collection,
)
from mosaics.document import MosaicDocumentError
from mosaics.index import QuadkeyIndex
from mosaics.index_opening import IndexFiles, IndexFolder
from mosaics.log import follow_outline, log_is_lost
from mosaics.outline import Outline
from mosaics.period import Period
from mosaics.scene import SceneError, SceneItem, read_item
from mosaics.seals import unsealed
from mosaics.storage import ObjectNotFoundError, Storage

INDEX_BYTES, ITEM_BYTES = 64 << 20, 64 << 20

INDEX_REST_BYTES, INDEX_SCENE_BYTES = 30_000, 500
"""Of a mosaic's index, and for each scene if it is not a file's: names, footprint, times, cells."""

ITEM_ASSET_BYTES, ITEM_REST_BYTES = 900, 4000
"""Of an item in memory: for each asset, besides its checksums, and for all the rest, as measured."""

CHECKED_EVERY_S = 60.0
"""How often a log is asked whether its end is its end; in between, one small GET says that nothing is new."""

ASKED_TOGETHER = 16
"""Collections whose log is read at the same time."""

logger = logging.getLogger(__name__)


class UnknownPeriodError(LookupError):
    """A collection has no mosaic of that period; the message names the first and the last it has."""

    def __init__(self, period: Period, collection_id: str, existing: tuple[Period, ...]) -> None:
        there = f"there are {existing[0]} to {existing[-1]}" if existing else "it has no scenes yet"
        super().__init__(f"collection {collection_id!r} has nothing for {period}; {there}")


class Catalogue:
    """What exists now. Belongs to one event loop; questions are answered from memory and never wait."""

    def __init__(
        self,
        storage: Storage,
        *,
        max_indexes: int = 64,
        index_bytes: int = INDEX_BYTES,
        item_bytes: int = ITEM_BYTES,
        index_folder: IndexFolder | None = None,
    ) -> None:
        """Begin empty; `refresh` reads what there is.

        Args:
            storage: Where the collections lie.
            max_indexes: Mosaics whose index is kept in memory, the least used are let go.
            index_bytes: Of those, as they are weighed; one is kept in any case.
            item_bytes: Of scene items that are kept in memory, as they are weighed.
            index_folder: Where files of indexes are kept that are not files of storage; None to keep none.
        """
        self.storage = storage
        self.generation = 0
        """Grows with every change of anything."""
        self._view = View()
        self._refreshing = asyncio.Lock()
        self._checked_s: dict[str, float] = {}
        self._damaged_mosaics: set[str] = set()
        """Keys of those that could not be loaded when they were last asked for."""
        self._files = IndexFiles(storage, index_folder)
        self._indexes = _Loaded(index_bytes, self._load_index, _weight_of_index, most=max_indexes)
        self._items = _Loaded(item_bytes, self._load_item, _weight_of_item)

    async def refresh(self) -> frozenset[str]:
        """Follow the logs to what exists now.

        A collection whose log or description is damaged stays as far as it can be followed, and that is
        logged once; see `troubles`.

        Returns:
            Ids of the collections that changed, came or went.

        Raises:
            StorageError: If storage cannot be read; what was known stays.
        """
        async with self._refreshing:
            known: dict[str, Kept | Unreadable] = {**self._view.kept, **self._view.unreadable}
            ids = await self.storage.folders("collections/")
            gate = asyncio.Semaphore(ASKED_TOGETHER)
            followed = (self._follow(collection_id, known.get(collection_id), gate) for collection_id in ids)
            found: dict[str, Kept | Unreadable] = {}
            for collection_id, entry in zip(
                ids, await asyncio.gather(*followed, return_exceptions=True), strict=True
            ):
                if isinstance(entry, BaseException):
                    raise entry
                if entry is not None:
                    found[collection_id] = entry
            news = frozenset(
                one for one in known.keys() | found.keys() if not shows_same(known.get(one), found.get(one))
            )
            kept = {one: entry for one, entry in found.items() if isinstance(entry, Kept)}
            unreadable = {one: entry for one, entry in found.items() if isinstance(entry, Unreadable)}
            collections = self._view.collections
            if news:
                collections = MappingProxyType({one: entry.collection for one, entry in kept.items()})
                self.generation += 1
            self._view = View(kept, collections, unreadable)
            return news

    def troubles(self) -> Mapping[str, str]:
        """Return what is wrong with what storage says of collections, by the id of the collection."""
        view = self._view
        told = {one: entry.trouble for one, entry in view.kept.items() if entry.trouble is not None}
        told |= {one: entry.trouble for one, entry in view.unreadable.items()}
        for key, one in self.damaged_mosaics().items():
            told.setdefault(one, _unreadable_mosaic(key))
        return told

    def damaged_mosaics(self) -> Mapping[str, str]:
        """Return whose the mosaics in use are that could not be loaded when last asked for, by their keys."""
        if not self._damaged_mosaics:
            return {}
        in_use = {
            key: one for one, entry in self._view.kept.items() for key in entry.outline.mosaics.values()
        }
        self._damaged_mosaics &= in_use.keys()
        return {key: in_use[key] for key in sorted(self._damaged_mosaics)}

    def outlines(self) -> Mapping[str, Outline]:
        """Return the outline of what each collection holds, as far as its log can be followed."""
        return {one: entry.outline for one, entry in self._view.kept.items()}

    def collections(self) -> Mapping[str, Collection]:
        """Return all collections by id, ascending."""
        return self._view.collections

    def collection(self, collection_id: str) -> Collection:
        """Return the collection of that id.

        Raises:
            UnknownCollectionError: If there is none.
        """
        return self._kept(collection_id).collection

    def periods(self, collection_id: str) -> tuple[Period, ...]:
        """Return the periods a collection has a mosaic for, ascending.

        Raises:
            UnknownCollectionError: If there is no such collection.
        """
        return self._kept(collection_id).periods

    def is_synthetic(self, collection_id: str) -> bool:
        """Return whether any scene of a collection was made up.

        Raises:
            UnknownCollectionError: If there is no such collection.
        """
        return self._kept(collection_id).synthetic

    def early_periods(self, collection_id: str) -> frozenset[Period]:
        """Return the periods in which scenes in near real time stand in for those of the standard product.

        Raises:
            UnknownCollectionError: If there is no such collection.
        """
        return self._kept(collection_id).outline.early

    def mosaic_key(self, collection_id: str, period: Period) -> str:
        """Return the key of the mosaic of a period.

        Raises:
            UnknownCollectionError: If there is no such collection.
            UnknownPeriodError: If it has no mosaic for the period.
        """
        kept = self._kept(collection_id)
        try:
            return kept.outline.mosaics[period]
        except KeyError:
            raise UnknownPeriodError(period, collection_id, kept.periods) from None

    async def index(self, collection_id: str, period: Period) -> QuadkeyIndex:
        """Return the index of a period's mosaic, loaded once however many ask.

        Raises:
            UnknownCollectionError: If there is no such collection.
            UnknownPeriodError: If it has no mosaic for the period.
            UnreadableCollectionError: If the mosaic is missing or damaged.
            StorageError: If storage cannot be read.
        """
        key = self.mosaic_key(collection_id, period)
        try:
            try:
                return await self._indexes.load(key)
            except ObjectNotFoundError:  # swept long after another took its place, not noticed here
                await self.refresh()
                key = self.mosaic_key(collection_id, period)
                return await self._indexes.load(key)
        except (MosaicDocumentError, ObjectNotFoundError) as error:
            if key not in self._damaged_mosaics:
                logger.error("mosaic %s cannot be read: %s", key, error)  # noqa: TRY400 - says all there is
            self._damaged_mosaics.add(key)
            raise UnreadableCollectionError(collection_id, _unreadable_mosaic(key)) from error

    def loaded_index(self, mosaic_key: str) -> QuadkeyIndex | None:
        """Return the index of a mosaic if it is in memory."""
        return self._indexes.peek(mosaic_key)

    async def item(self, item_key: str) -> SceneItem:
        """Return a scene's item, loaded once however many ask.

        Raises:
            ObjectNotFoundError: If it is not in storage.
            SceneError: If it is not a STAC item of a scene.
        """
        return await self._items.load(item_key)

    @property
    def held_bytes(self) -> Mapping[str, int]:
        """What is kept in memory, as it is weighed: `indexes` and `items`."""
        return {"indexes": self._indexes.held_bytes, "items": self._items.held_bytes}

    def loaded_item(self, item_key: str) -> SceneItem | None:
        """Return a scene's item when it is in memory."""
        return self._items.peek(item_key)

    def _kept(self, collection_id: str) -> Kept:
        if not self.has(collection_id):
            raise UnknownCollectionError(collection_id, self._view.kept)
        return self._view.kept[collection_id]

    def has(self, collection_id: str) -> bool:
        """Return whether there is a collection of that id.

        Raises:
            UnreadableCollectionError: If there is one of which nothing can be read.
        """
        unreadable = self._view.unreadable.get(collection_id)
        if unreadable is not None:
            raise UnreadableCollectionError(collection_id, unreadable.trouble)
        return collection_id in self._view.kept

    async def _follow(
        self, collection_id: str, known: Kept | Unreadable | None, gate: asyncio.Semaphore
    ) -> Kept | Unreadable | None:
        async with gate:
            before = known if isinstance(known, Kept) else None
            outline, trouble = await self._outline(collection_id, before)
            if before is None and trouble is None and not outline.number:
                lost = await log_is_lost(self.storage, collection_id)
                trouble = None if lost is None else str(lost)
            if before is not None and outline is before.outline and trouble == before.trouble:
                return before
            if trouble is not None and not outline.number:  # nothing good is known, which is not: nothing
                if known is None or known.trouble != trouble:
                    logger.error("collection %s cannot be read: %s", collection_id, trouble)
                return Unreadable(trouble)
            try:
                document = await self.storage.get(f"collections/{collection_id}/collection.json")
                described = read_collection(document, collection_id)
                entry: Kept | Unreadable = Kept.of(described, outline, trouble)
            except ObjectNotFoundError:
                if not outline.number and trouble is None:
                    return known  # a writer has begun the collection but not described it yet
                entry = without_description(before, outline, "its collection.json is missing")
            except ValueError as error:
                damage = f"its collection.json is damaged ({error})"
                entry = without_description(before, outline, damage)
            if entry.trouble is not None and (known is None or known.trouble != entry.trouble):
                logger.error("collection %s stays as it was: %s", collection_id, entry.trouble)
            return entry

    async def _outline(self, collection_id: str, before: Kept | None) -> tuple[Outline, str | None]:
        """Return how far a log can be followed, and why no further; None if that is its end."""
        now = time.monotonic()
        last = self._checked_s.get(collection_id, -math.inf)
        checked = before is None or before.trouble is not None or now - last >= CHECKED_EVERY_S
        if checked:
            self._checked_s[collection_id] = now
        known = None if before is None else before.outline
        outline, trouble = await follow_outline(self.storage, collection_id, known, checked=checked)
        return outline, None if trouble is None else str(trouble)

    async def _load_index(self, mosaic_key: str) -> QuadkeyIndex:
        _, collection_id, _, period, _ = mosaic_key.split("/")
        kept = self._view.kept.get(collection_id)
        is_small = kept is not None and Period.parse(period) in kept.outline.small
        index = await self._files.open(mosaic_key, is_small=is_small)
        self._damaged_mosaics.discard(mosaic_key)
        return index

    async def _load_item(self, item_key: str) -> SceneItem:
        data = await self.storage.get(item_key)
        try:
            document = unsealed(data)
        except ValueError as error:
            raise SceneError(f"{item_key} is damaged: {error!s:.100}") from error
        return read_item(document, item_key, self.storage)


def _weight_of_index(index: QuadkeyIndex) -> int:
    # The pages of a file are the system's, which takes them back as it needs them.
    return INDEX_REST_BYTES + (0 if index.is_mapped else INDEX_SCENE_BYTES * index.size)


def _weight_of_item(item: SceneItem) -> int:
    checksums = sum(len(level) for asset in item.assets.values() for level in asset.checksums)
    return ITEM_REST_BYTES + ITEM_ASSET_BYTES * len(item.assets) + checksums


def _unreadable_mosaic(key: str) -> str:
    return f"its mosaic {key} is missing or damaged"


Thing = TypeVar("Thing")


class _Loaded(Generic[Thing]):
    """Things loaded by key, the most recently used of them kept; loads of one key at a time are one load."""

    def __init__(
        self,
        max_bytes: int,
        load: Callable[[str], Awaitable[Thing]],
        weigh: Callable[[Thing], int],
        *,
        most: int | None = None,
    ) -> None:
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._most = most
        self._load = load
        self._weigh = weigh
        self._things: OrderedDict[str, Thing] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Thing]] = {}

    def peek(self, key: str) -> Thing | None:
        thing = self._things.get(key)
        if thing is not None:
            self._things.move_to_end(key)
        return thing

    async def load(self, key: str) -> Thing:
        thing = self.peek(key)
        if thing is not None:
            return thing
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._fetch(key))
            task.add_done_callback(lambda done: self._finish(key, done))
        return await asyncio.shield(task)

    async def _fetch(self, key: str) -> Thing:
        return await self._load(key)

    def _finish(self, key: str, task: asyncio.Task[Thing]) -> None:
        del self._under_way[key]
        if task.cancelled() or task.exception() is not None:
            return
        self._things[key] = task.result()
        self.held_bytes += self._weigh(task.result())
        while len(self._things) > 1 and self._are_too_many():
            _, oldest = self._things.popitem(last=False)
            self.held_bytes -= self._weigh(oldest)

    def _are_too_many(self) -> bool:
        return self.held_bytes > self._max_bytes or (
            self._most is not None and len(self._things) > self._most
        )
