"""Standing in: scenes in near real time are shown in the standard collection until its own take their place.

A scene is copied, pixels and item, under an id that tells what it is; its own collection keeps it. What is to
be shown follows from what both collections hold, so that a run that was killed is made good by the next, in
whatever order scenes are published.
"""

import asyncio
import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from ingest.item import COG, GEOJSON
from ingest.landing import copy_file, put_collection, put_item, put_same, workspace
from ingest.planning import ScenePlan, scene_folder
from mosaics.collection import Collection
from mosaics.commits import LogState
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes, read_commits, read_document, read_state
from mosaics.near_real_time import PREFIX, PROPERTY, awaiting, is_replaced, stand_in_id
from mosaics.period import Period
from mosaics.seals import unsealed
from mosaics.storage import ObjectNotFoundError, Storage

AT_ONCE = 16
"""Mosaics that are read at once; S3 answers in some 30 ms."""


@dataclass(slots=True)
class StandIns:
    """What came of bringing scenes that stand in up to date."""

    shown: int = 0
    """Scenes that stand in now and did not before."""
    gone: int = 0
    """Scenes that stood in before."""
    periods: set[Period] = field(default_factory=set)
    """Of the mosaics that have changed."""


async def bring_stand_ins(storage: Storage, early: Collection, standard: Collection) -> StandIns:
    """Show the scenes in near real time of which there is no standard one yet, and no others.

    All that has landed in either collection since this was done last is looked at, by whatever command.

    Args:
        storage: Where both collections lie.
        early: The collection in near real time.
        standard: The one that takes its place.

    Raises:
        LogError: If a log cannot be followed.
        StorageError: If storage cannot be read, or does not take it.
    """
    outcome, logs = StandIns(), _Logs(storage, early.id, standard.id)
    while periods := await logs.touched():
        change = await _change(logs, beside(periods))
        if change is None:
            break
        if change.add:
            await put_collection(storage, standard)
        added = [await _copied(storage, record, early.id, standard.id) for record in change.add]
        await commit_scenes(storage, standard.id, add=added, remove=change.remove)
        outcome.shown += len(added)
        outcome.gone += len(change.remove)
        outcome.periods |= change.periods
    await logs.note()
    return outcome


async def replaced_by(storage: Storage, plan: ScenePlan) -> tuple[ScenePlan, list[str]]:
    """Return what stands in for a scene, which goes when the scene lands, and its plan, which links to that.

    Args:
        storage: Where its collection lies.
        plan: Of the scene.
    """
    state = await read_state(storage, plan.collection.id)
    if not any(scene_id.startswith(PREFIX) for scene_id in state.scenes):
        return plan, []
    record = plan.record()
    there = await _records(storage, plan.collection.id, state, beside([plan.period]))
    gone = [each for each in there if each.id.startswith(PREFIX) and is_replaced(each, record)]
    links = [
        {**link, "rel": "predecessor-version"}
        for each in gone
        for link in (await _item(storage, each.item_key))["links"]
        if link["rel"] == "derived_from"
    ]
    linked = replace(plan.provenance, links=(*plan.provenance.links, *links))
    return replace(plan, provenance=linked), [each.id for each in gone]


def beside(periods: Iterable[Period]) -> list[Period]:
    """Return periods and those before and after each: a scan may begin in one as it is published first."""
    return sorted({near for each in periods for near in (each.preceding(), each, each.following())})


@dataclass(slots=True)
class _Logs:
    """How far the logs of two collections were followed, which is noted in storage."""

    storage: Storage
    early_id: str
    standard_id: str
    early: LogState = field(default_factory=LogState)
    standard: LogState = field(default_factory=LogState)
    noted: tuple[int, int] | None = None
    """Numbers of the commits of both up to which all is as it is to be; None before that was looked up."""

    @property
    def key(self) -> str:
        return f"collections/{self.standard_id}/near-real-time/{self.early_id}.json"

    @property
    def numbers(self) -> tuple[int, int]:
        return self.early.number, self.standard.number

    async def touched(self) -> set[Period]:
        """Follow both logs, and return the periods in which anything has changed since."""
        if self.noted is None:
            self.noted = await self._read_note()
        self.early = await self._followed(self.early_id, self.early)
        self.standard = await self._followed(self.standard_id, self.standard)
        if self.noted[0] > self.early.number or self.noted[1] > self.standard.number:
            self.noted = (0, 0)  # a log was rebuilt
        if self.noted[0] == 0:
            return set(self.early.mosaics)
        changed: set[Period] = set()
        for name, number in ((self.early_id, self.noted[0]), (self.standard_id, self.noted[1])):
            async for commit in read_commits(self.storage, name, number + 1, checked=False):
                changed |= set(map(Period.parse, commit.mosaics))
        return changed

    async def note(self) -> None:
        """Record that all is as it is to be, as far as the logs were followed."""
        if self.numbers not in {self.noted, (0, 0)}:
            content = json.dumps({"early": self.early.number, "standard": self.standard.number})
            await self.storage.put(self.key, content.encode(), "application/json")

    async def _followed(self, name: str, known: LogState) -> LogState:
        return await read_state(self.storage, name, known if known.number else None)

    async def _read_note(self) -> tuple[int, int]:
        try:
            said = json.loads(await self.storage.get(self.key))
            return int(said["early"]), int(said["standard"])
        except (ObjectNotFoundError, ValueError, KeyError, TypeError):
            return 0, 0  # all is looked at again


@dataclass(frozen=True, slots=True)
class _Change:
    add: list[SceneRecord]
    """Records of the collection in near real time."""
    remove: list[str]
    periods: set[Period]


async def _change(logs: _Logs, periods: list[Period]) -> _Change | None:
    """Return what is to be shown and is not, and what is shown and is not to be; None where nothing is."""
    storage, standard_id = logs.storage, logs.standard_id
    found = await _records(storage, standard_id, logs.standard, beside(periods))
    standard = [each for each in found if not each.id.startswith(PREFIX)]
    there = {each.id: each for each in found if each.id.startswith(PREFIX) and each.period in periods}
    early = await _records(storage, logs.early_id, logs.early, periods)
    wanted = {stand_in_id(each.id): each for each in awaiting(early, standard)}
    add = [
        each
        for name, each in wanted.items()
        if name not in there or there[name].item_key != _key(each, standard_id)
    ]
    remove = [name for name in there if name not in wanted]
    if not add and not remove:
        return None
    return _Change(add, remove, {each.period for each in (*add, *(there[name] for name in remove))})


async def _records(
    storage: Storage, collection_id: str, state: LogState, periods: Iterable[Period]
) -> list[SceneRecord]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def scenes(key: str) -> list[SceneRecord]:
        async with turn:
            return [*(await read_document(storage, collection_id, key)).scenes()]

    keys = [state.mosaics[period] for period in periods if period in state.mosaics]
    return list(chain.from_iterable(await asyncio.gather(*map(scenes, keys))))


def _key(record: SceneRecord, standard_id: str) -> str:
    """Return the key of the item of a scene as it stands in."""
    version = posixpath.basename(posixpath.dirname(record.item_key))
    return f"{scene_folder(standard_id, stand_in_id(record.id), version)}item.json"


async def _copied(storage: Storage, record: SceneRecord, early_id: str, standard_id: str) -> SceneRecord:
    """Write pixels and item of a scene where it stands in; no reader sees them before a commit names them."""
    key = _key(record, standard_id)
    item = await _item(storage, record.item_key)
    folder, into = posixpath.dirname(record.item_key), posixpath.dirname(key)
    with workspace() as made:
        for asset in item["assets"].values():
            name = asset["href"].removeprefix("./")
            if "/" not in name:
                await copy_file(storage, f"{folder}/{name}", made / name)
                await put_same(storage, f"{into}/{name}", made / name, COG)
    await put_item(storage, key, _as_stand_in(item, record, early_id, standard_id, into))
    return replace(record, id=stand_in_id(record.id), item_key=key)


def _as_stand_in(
    item: Mapping[str, Any], record: SceneRecord, early_id: str, standard_id: str, folder: str
) -> dict[str, Any]:
    """Return the item of a scene as it stands in: it says so, and leads to the scene itself."""
    origin = {"rel": "derived_from", "href": posixpath.relpath(record.item_key, folder), "type": GEOJSON}
    return {
        **item,
        "id": stand_in_id(record.id),
        "collection": standard_id,
        "properties": {**item["properties"], PROPERTY: early_id},
        "links": [*item["links"], origin],
    }


async def _item(storage: Storage, key: str) -> dict[str, Any]:
    document: dict[str, Any] = unsealed(await storage.get(key))
    return document
