"""The catalogue: which collections, periods and scenes exist now, kept in memory and followed by the log."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from mosaics.collection import Collection, UnknownCollectionError
from mosaics.document import MosaicDocument
from mosaics.index import QuadkeyIndex
from mosaics.log import LogError, LogState, read_state
from mosaics.period import Period
from mosaics.scene import SceneError, SceneItem, read_item
from mosaics.storage import ObjectNotFoundError, Storage

ASKED_TOGETHER = 16
"""Collections whose log is read at the same time."""

logger = logging.getLogger(__name__)


class UnknownPeriodError(LookupError):
    """A collection has no mosaic of that period; the message names the first and the last it has."""

    def __init__(self, period: Period, collection_id: str, existing: tuple[Period, ...]) -> None:
        there = f"there are {existing[0]} to {existing[-1]}" if existing else "it has no scenes yet"
        super().__init__(f"collection {collection_id!r} has nothing for {period}; {there}")


@dataclass(frozen=True, slots=True)
class _Kept:
    """One collection as it was last read."""

    collection: Collection
    state: LogState
    periods: tuple[Period, ...]
    synthetic: bool

    @classmethod
    def of(cls, collection: Collection, state: LogState) -> "_Kept":
        synthetic = any(scene.synthetic for scene in state.scenes.values())
        return cls(collection, state, tuple(sorted(state.mosaics)), synthetic)


@dataclass(frozen=True, slots=True)
class _View:
    """Everything there is at one time; replaced whole."""

    kept: Mapping[str, _Kept] = field(default_factory=dict)
    collections: Mapping[str, Collection] = field(default_factory=dict)


class Catalogue:
    """What exists now. Belongs to one event loop; questions are answered from memory and never wait."""

    def __init__(self, storage: Storage, *, max_indexes: int = 64, max_items: int = 10_000) -> None:
        """Begin empty; `refresh` reads what there is.

        Args:
            storage: Where the collections lie.
            max_indexes: Mosaics whose index is kept in memory, the least used are let go.
            max_items: Scene items kept in memory.
        """
        self.storage = storage
        self.generation = 0
        """Grows with every change of anything."""
        self._view = _View()
        self._refreshing = asyncio.Lock()
        self._indexes = _Loaded(max_indexes, self._load_index)
        self._items = _Loaded(max_items, self._load_item)

    async def refresh(self) -> frozenset[str]:
        """Follow the logs to what exists now.

        A collection whose log or description is damaged stays as it was, and that is logged.

        Returns:
            Ids of the collections that changed, came or went.

        Raises:
            StorageError: If storage cannot be read; what was known stays.
        """
        async with self._refreshing:
            known = self._view.kept
            ids = await self.storage.folders("collections/")
            gate = asyncio.Semaphore(ASKED_TOGETHER)
            followed = (self._follow(collection_id, known.get(collection_id), gate) for collection_id in ids)
            kept: dict[str, _Kept] = {}
            for collection_id, entry in zip(
                ids, await asyncio.gather(*followed, return_exceptions=True), strict=True
            ):
                if isinstance(entry, BaseException):
                    raise entry
                if entry is not None:
                    kept[collection_id] = entry
            news = frozenset(
                collection_id
                for collection_id in known.keys() | kept.keys()
                if known.get(collection_id) is not kept.get(collection_id)
            )
            if news:
                collections = {collection_id: entry.collection for collection_id, entry in kept.items()}
                self._view = _View(kept, MappingProxyType(collections))
                self.generation += 1
            return news

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

    def mosaic_key(self, collection_id: str, period: Period) -> str:
        """Return the key of the mosaic of a period.

        Raises:
            UnknownCollectionError: If there is no such collection.
            UnknownPeriodError: If it has no mosaic for the period.
        """
        kept = self._kept(collection_id)
        try:
            return kept.state.mosaics[period]
        except KeyError:
            raise UnknownPeriodError(period, collection_id, kept.periods) from None

    async def index(self, collection_id: str, period: Period) -> QuadkeyIndex:
        """Return the index of a period's mosaic, loaded once however many ask.

        Raises:
            UnknownCollectionError: If there is no such collection.
            UnknownPeriodError: If it has no mosaic for the period.
            StorageError: If storage cannot be read.
        """
        key = self.mosaic_key(collection_id, period)
        try:
            return await self._indexes.load(key)
        except ObjectNotFoundError:  # swept long after another took its place, which was not noticed here
            await self.refresh()
            if (newer := self.mosaic_key(collection_id, period)) == key:
                raise
            return await self._indexes.load(newer)

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

    def loaded_item(self, item_key: str) -> SceneItem | None:
        """Return a scene's item when it is in memory."""
        return self._items.peek(item_key)

    def _kept(self, collection_id: str) -> _Kept:
        try:
            return self._view.kept[collection_id]
        except KeyError:
            raise UnknownCollectionError(collection_id, self._view.kept) from None

    async def _follow(self, collection_id: str, known: _Kept | None, gate: asyncio.Semaphore) -> _Kept | None:
        async with gate:
            try:
                state = await read_state(self.storage, collection_id, known.state if known else None)
                if known is not None and state is known.state:
                    return known
                document = await self.storage.get(f"collections/{collection_id}/collection.json")
                return _Kept.of(_described(json.loads(document), collection_id), state)
            except ObjectNotFoundError:
                return known  # a writer has begun the collection but not described it yet
            except (LogError, ValueError):
                logger.exception("collection %s stays as it was", collection_id)
                return known

    async def _load_index(self, mosaic_key: str) -> QuadkeyIndex:
        data = await self.storage.get(mosaic_key)
        return await asyncio.to_thread(lambda: QuadkeyIndex.from_document(MosaicDocument(data)))

    async def _load_item(self, item_key: str) -> SceneItem:
        data = await self.storage.get(item_key)
        try:
            document = json.loads(data)
        except ValueError as error:
            raise SceneError(f"{item_key} is not a JSON document") from error
        return read_item(document, item_key, self.storage)


def _described(document: dict[str, Any], collection_id: str) -> Collection:
    collection = Collection.from_stac(document)
    if collection.id != collection_id:
        raise ValueError(f"the folder {collection_id!r} describes collection {collection.id!r}")
    return collection


Thing = TypeVar("Thing")


class _Loaded(Generic[Thing]):
    """Things loaded by key, the most recently used of them kept; loads of one key at a time are one load."""

    def __init__(self, size: int, load: Callable[[str], Awaitable[Thing]]) -> None:
        self._size = size
        self._load = load
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
        if len(self._things) > self._size:
            self._things.popitem(last=False)
