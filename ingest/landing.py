"""Landing: a scene's rasters become COGs and a STAC item in storage, and one commit makes them seen.

Objects are written in the order COGs, item, collection, mosaic, log; the log entry is what readers follow, so
that until it stands nothing is seen, and a landing killed on the way is completed by the next one.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ingest.block_checks import require_whole
from ingest.cog import write_cog
from ingest.integrity import integrity_of
from ingest.item import COG, GEOJSON, labelled, scene_item
from ingest.planning import ScenePlan, key_as_landed
from ingest.raster import DamagedRasterError
from mosaics.collection import Collection
from mosaics.commits import DAMAGED, LogState
from mosaics.log import commit_scenes, read_state
from mosaics.seals import COPY, sealed, unsealed
from mosaics.storage import ObjectExistsError, ObjectNotFoundError, Storage
from mosaics.verifying import is_stored

REUSED_UP_TO = timedelta(hours=12)
"""Objects of a landing that died are reused while they are younger; older ones a sweep may be taking away."""
SPACE_PER_BYTE = 2.5
"""Disk taken by a raster of one byte while it is converted: plain copy, overviews (a third), COG."""
TAKEN_BYTES = 2**24
"""Of a COG that is taken over, in memory at a time."""
PREFIX = "tilewatch-landing-"
LOCK = ".alive"
STARTING_S = 600
"""A folder younger than this may belong to a landing that has not locked it yet."""

Progress = Callable[[int], None]


class DiskFullError(RuntimeError):
    """There is not enough room on disk; the message says where and how much is needed."""


@dataclass(frozen=True, slots=True)
class Landing:
    """What came of landing one scene."""

    plan: ScenePlan
    commit: int | None
    """Number of the commit; None where the scene had been landed before and nothing changed."""
    size_bytes: int
    """Of the scene's COGs in storage; 0 where nothing changed."""


async def land_scene(
    storage: Storage,
    plan: ScenePlan,
    progress: Progress = lambda _: None,
    *,
    replaces: Sequence[str] = (),
    over: Mapping[str, str | None] = MappingProxyType({}),
) -> Landing:
    """Land one scene by one commit; land nothing where storage has that very scene already.

    Args:
        storage: Where it goes.
        plan: What is landed.
        progress: Told the steps done; `steps(plan)` in all.
        replaces: Ids of scenes that go in the same commit, where storage has them.
        over: As for `mosaics.log.commit_scenes`.

    Raises:
        OvertakenError: If another version of the scene landed than `over` says; nothing is seen then.
        RasterRefusedError: If a file turns out to be damaged; nothing is landed then.
        DiskFullError: If the disk is too small to convert.
        StorageError: If storage does not take it.
    """
    state = await read_state(storage, plan.collection.id)
    gone = [scene_id for scene_id in replaces if scene_id in state.scenes]
    if is_landed(state, plan.id, plan.item_key) and not gone:
        return Landing(plan, None, 0)
    size_bytes = await stage_scene(storage, plan, progress)
    await put_collection(storage, described(plan, state, gone))
    commit = await commit_scenes(storage, plan.collection.id, add=[plan.record()], remove=gone, over=over)
    progress(1)
    return Landing(plan, commit.number if commit else None, size_bytes)


async def stage_scene(storage: Storage, plan: ScenePlan, progress: Progress = lambda _: None) -> int:
    """Write the COGs and the item of a scene, which no reader sees before a commit names them.

    Args:
        storage: Where they go.
        plan: What is landed.
        progress: Told the pixels converted.

    Returns:
        Bytes of the scene's COGs in storage.

    Raises:
        RasterRefusedError: If a file turns out to be damaged.
        DiskFullError: If the disk is too small to convert.
        StorageError: If storage does not take it.
    """
    with workspace() as folder:
        missing = await missing_bands(storage, plan)
        require_space(folder, needed_bytes(plan, missing))
        await take_over(storage, plan, folder, missing)
        await asyncio.to_thread(convert_scene, plan, folder, missing, progress)
        return await upload_scene(storage, plan, folder)


def described(plan: ScenePlan, state: LogState, gone: Sequence[str]) -> Collection:
    """Return the collection as it is stored: a synthetic one credits no archive until a real scene lands."""
    left = (scene for scene_id, scene in state.scenes.items() if scene_id not in {plan.id, *gone})
    is_synthetic = plan.synthetic and all(scene.synthetic for scene in left)
    collection = labelled(plan.collection) if is_synthetic else plan.collection
    return collection.with_landed({name: band.categories for name, band in plan.bands.items()})


def is_landed(state: LogState, scene_id: str, item_key: str) -> bool:
    """Return whether readers see this very version of the scene."""
    stored = state.scenes.get(scene_id)
    return stored is not None and key_as_landed(stored.item_key) == item_key


def steps(plan: ScenePlan) -> int:
    """Return how far `progress` of `land_scene` counts."""
    return 1 + sum(
        2 * plan.bands[name].raster.height_width[0] * plan.bands[name].raster.height_width[1]
        for name in plan.copied
    )


def needed_bytes(plan: ScenePlan, bands: Iterable[str]) -> int:
    """Return the disk space that converting takes: all COGs, and the largest band while it is converted."""
    sizes = [plan.bands[name].raster.size_bytes for name in bands]
    return int(sum(sizes) * 4 / 3 + max(sizes, default=0) * (SPACE_PER_BYTE - 4 / 3))


async def missing_bands(storage: Storage, plan: ScenePlan) -> frozenset[str]:
    """Return the bands that no landing of the same scene, killed or still running, has written already."""
    written_since = datetime.now(UTC) - REUSED_UP_TO
    missing = set(plan.copied)
    for name in plan.copied:
        with suppress(ObjectNotFoundError):
            if (await storage.head(plan.cog_key(name))).modified > written_since:
                missing.discard(name)
    return frozenset(missing)


async def take_over(storage: Storage, plan: ScenePlan, folder: Path, bands: Iterable[str]) -> None:
    """Write the COGs that another version of the scene has into a folder, as `{band}.tif`."""
    for name in bands:
        key = plan.bands[name].stored_key
        if key is None:
            continue
        await copy_file(storage, key, folder / f"{name}.tif")


async def copy_file(storage: Storage, key: str, target: Path) -> None:
    """Write an object to a file, piece by piece.

    Raises:
        ObjectNotFoundError: If there is no object.
    """
    size_bytes = (await storage.head(key)).size
    with target.open("wb") as file:
        for begin in range(0, size_bytes, TAKEN_BYTES):
            part = await storage.get_range(key, begin, TAKEN_BYTES)
            await asyncio.to_thread(file.write, part)


def convert_scene(
    plan: ScenePlan, folder: Path, bands: Iterable[str] | None = None, progress: Progress = lambda _: None
) -> None:
    """Write the COGs of a scene into a folder, as `{band}.tif`, but for those that are taken over.

    Raises:
        RasterRefusedError: If a file turns out to be damaged.
    """
    wanted = set(plan.copied if bands is None else bands)
    for name in plan.copied:
        band = plan.bands[name]
        if name in wanted and band.stored_key is None:
            write_cog(
                band.raster,
                folder / f"{name}.tif",
                encoding=band.encoding,
                description=name,
                progress=progress,
            )
        else:
            progress(2 * band.raster.height_width[0] * band.raster.height_width[1])


async def upload_scene(storage: Storage, plan: ScenePlan, folder: Path) -> int:
    """Write the COGs of a folder and the item; what is there under the same digest is the same.

    Returns:
        Bytes of the scene's COGs in storage.
    """
    facts = {}
    for name in plan.copied:
        file, key = folder / f"{name}.tif", plan.cog_key(name)
        if file.is_file():
            await put_same(storage, key, file, COG)  # the item describes these very bytes
        else:
            await _take_written(storage, key, file)
        facts[name] = await asyncio.to_thread(integrity_of, file)
    await put_item(storage, plan.item_key, scene_item(plan, facts))
    infos = [await storage.head(plan.cog_key(name)) for name in plan.copied]
    return sum(info.size for info in infos)


async def put_item(storage: Storage, item_key: str, document: Mapping[str, Any]) -> None:
    """Write an item, and beside it the copy from which it is restored."""
    item = sealed(document)
    await put_same(storage, f"{item_key}{COPY}", item, GEOJSON)
    await put_same(storage, item_key, item, GEOJSON)


async def _take_written(storage: Storage, key: str, file: Path) -> None:
    """Take what a landing that was killed has written, so that the item can describe it.

    Raises:
        DamagedRasterError: If it is damaged; it is gone then, and made by the next landing.
    """
    await copy_file(storage, key, file)
    try:
        await asyncio.to_thread(require_whole, file)
    except DamagedRasterError:
        await storage.delete(key)
        raise


async def put_collection(storage: Storage, collection: Collection) -> None:
    """Write collection.json where it is new or says something else; what files say of numbers stays.

    One that is damaged is written again.
    """
    key = f"collections/{collection.id}/collection.json"
    document = collection.to_stac()
    with suppress(ObjectNotFoundError, *DAMAGED):
        stored = unsealed(await storage.get(key))
        earlier = {band.name: band.landed for band in Collection.from_stac(stored).bands}
        now = {band.name: band.landed for band in collection.bands}
        document = collection.with_landed(earlier).with_landed(now).to_stac()
        if stored == document:
            return
    await storage.put(key, sealed(document), "application/json")


async def put_same(storage: Storage, key: str, content: Path | bytes, media_type: str) -> None:
    """Write what its key stands for; what is there already, and is the same, stays.

    It is written again where it has lain unseen so long that a sweep may be about to take it away, and where
    something else is there, such as what has been damaged.
    """
    try:
        if isinstance(content, Path):
            await storage.put_new_file(key, content, media_type)
        else:
            await storage.put_new(key, content, media_type)
    except ObjectExistsError:
        is_same = await is_stored(storage, key, content)
        if is_same and (await storage.head(key)).modified > datetime.now(UTC) - REUSED_UP_TO:
            return
        whole = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        await storage.put(key, whole, media_type)


@contextmanager
def workspace() -> Iterator[Path]:
    """Make a folder beside other temporary files (TMPDIR), and remove it afterwards."""
    _clear_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def require_space(
    folder: Path,
    needed_bytes: int,
    *,
    work: str = "converting",
    remedy: str = "set TMPDIR to a folder on a larger disk",
) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        folder: Lies on the disk.
        needed_bytes: How much the work takes.
        work: What it is, for people.
        remedy: What helps, beside making room.

    Raises:
        DiskFullError: If less is free than needed.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DiskFullError(
            f"{work} needs {needed_bytes / 1e9:.1f} GB for a while, and {folder.parent} has "
            f"{free_bytes / 1e9:.1f} GB free. Make room, or {remedy}."
        )


def _clear_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            about = folder.lstat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < STARTING_S:
                continue
            with (folder / LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
