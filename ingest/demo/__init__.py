"""The demo: a synthetic landscape, landed like any user's files and called synthetic wherever it shows."""

import asyncio
import hashlib
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ingest.demo import nightlights, no2, sentinel2
from ingest.item import labelled
from ingest.landing import convert_scene, is_landed, put_collection, require_space, upload_scene, workspace
from ingest.landing_request import LandingRequest
from ingest.planning import CONVERTER, DIGEST_LENGTH, ScenePlan, plan_scene, scene_folder
from mosaics.collection import Collection
from mosaics.commits import LogState
from mosaics.descriptions.collections import CollectionDescription, find_collection, load_collections
from mosaics.log import commit_scenes, read_state
from mosaics.storage import Storage

EDITION = 2
"""Counts the ways the demo is drawn; a new one replaces what an earlier one landed."""
NEEDED_BYTES = 400 * 10**6
"""Disk the drawing takes for a while, with room to spare."""
STEPS = 100
PROCESSES = 2


class RealScenesError(ValueError):
    """The demo would come to lie among real scenes."""


class DemoScene(Protocol):
    """A scene that can be drawn."""

    @property
    def collection_id(self) -> str:
        """Where it goes."""

    @property
    def id(self) -> str:
        """What it is called."""

    def draw(self, folder: Path) -> LandingRequest:
        """Write its GeoTIFFs into a folder and order their landing."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What came of it, in sentences."""

    lines: tuple[str, ...]


def demo_scenes() -> tuple[DemoScene, ...]:
    """Return all scenes, collection by collection."""
    return (*sentinel2.scenes(), *nightlights.scenes(), *no2.scenes())


async def land_demo(
    storage: Storage, progress: Callable[[int], None] = lambda _: None, *, force: bool = False
) -> DemoReport:
    """Land what of the demo is not there yet, by one commit a collection.

    Args:
        storage: Where it goes.
        progress: Told the steps done; `STEPS` in all.
        force: Whether real scenes may lie in the same collections.

    Raises:
        RealScenesError: If they do and may not; nothing is landed then.
    """
    scenes = demo_scenes()
    collections = list(dict.fromkeys(scene.collection_id for scene in scenes))
    states = {name: await read_state(storage, name) for name in collections}
    holding = [name for name, state in states.items() if not all(s.synthetic for s in state.scenes.values())]
    if holding and not force:
        raise RealScenesError(
            f"there are real scenes in {', '.join(holding)}; synthetic ones among them would mislead. "
            "Give another --storage, or --force if you know what you do."
        )
    new = [s for s in scenes if not is_landed(states[s.collection_id], s.id, demo_item_key(s))]
    if not new:
        progress(STEPS)
        return DemoReport(("The demo is landed already; nothing changed.", _WHERE))
    sources = load_collections()
    with workspace() as folder:
        require_space(folder, NEEDED_BYTES)
        plans = await asyncio.to_thread(_convert_all, new, sources, folder, progress)
        lines = []
        for name in collections:
            of_collection = [plan for plan in plans if plan.collection.id == name]
            if of_collection:
                described = sources[name].collection
                shown = described if name in holding else labelled(described)
                lines.append(await _land(storage, shown, of_collection, folder))
    return DemoReport((*lines, _WHERE))


async def remove_demo(storage: Storage) -> DemoReport:
    """Take the demo's scenes out of their collections; other scenes stay."""
    lines = []
    for name in dict.fromkeys(scene.collection_id for scene in demo_scenes()):
        commit = await commit_scenes(storage, name, remove=_synthetic_ids(await read_state(storage, name)))
        if commit:
            lines.append(f"{name}: {len(commit.removed)} synthetic scenes removed.")
    return DemoReport(tuple(lines) or ("There is no demo; nothing changed.",))


def demo_item_key(scene: DemoScene) -> str:
    """Return where the scene's item goes; known before it is drawn."""
    return f"{scene_folder(scene.collection_id, scene.id, _digest(scene))}item.json"


_WHERE = "Look at it: tilewatch serve, then http://127.0.0.1:8000"


async def _land(storage: Storage, collection: Collection, plans: Sequence[ScenePlan], folder: Path) -> str:
    size_bytes = 0
    for plan in plans:
        size_bytes += await upload_scene(storage, plan, folder / plan.id)
    await put_collection(storage, collection)
    await commit_scenes(storage, collection.id, add=[plan.record() for plan in plans])
    periods = sorted(plan.period for plan in plans)
    return (
        f"{collection.id}: {len(plans)} synthetic scenes, {periods[0].text} to {periods[-1].text}, "
        f"{size_bytes / 1e6:.1f} MB."
    )


def _convert_all(
    scenes: Sequence[DemoScene],
    sources: Mapping[str, CollectionDescription],
    folder: Path,
    progress: Callable[[int], None],
) -> list[ScenePlan]:
    jobs = [(scene, find_collection(sources, scene.collection_id), folder / scene.id) for scene in scenes]
    plans: list[ScenePlan] = []
    done = 0
    # spawned, since forking a process that runs threads and an event loop is not safe
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for plan in pool.map(_convert, *zip(*jobs, strict=True)):
            plans.append(plan)
            progress(STEPS * len(plans) // len(jobs) - done)
            done = STEPS * len(plans) // len(jobs)
    return plans


def _convert(scene: DemoScene, source: CollectionDescription, folder: Path) -> ScenePlan:
    drawn = folder / "drawn"
    drawn.mkdir(parents=True)
    plan = plan_scene(source, scene.draw(drawn), digest=_digest(scene))
    convert_scene(plan, folder)
    return plan


def _digest(scene: DemoScene) -> str:
    recipe = f"demo {EDITION} {CONVERTER} {scene.collection_id} {scene.id}"
    return hashlib.sha256(recipe.encode()).hexdigest()[:DIGEST_LENGTH]


def _synthetic_ids(state: LogState) -> list[str]:
    return [scene_id for scene_id, scene in state.scenes.items() if scene.synthetic]
