"""Surveying: what an ingestion has to do, found out before the first file is fetched."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from ingest.archives.http import ArchiveAnswerError
from ingest.archives.source import ArchiveScene, SceneRefusedError, Source, WantedError
from ingest.clipping import estimated_bytes
from ingest.collections import SourceCollection
from ingest.downloads import Downloads
from ingest.encoding import PerBand
from ingest.landing import is_landed
from ingest.planning import CONVERTER, DIGEST_LENGTH, scene_folder
from ingest.probing import bands_to_probe
from mosaics.log import LogState

ASKED_AT_ONCE = 8


class Mode(StrEnum):
    """What becomes of an archive's files."""

    COPY = "copy"
    """They are landed as COGs."""
    REFERENCE = "reference"
    """They are read where they lie; only the item and the mosaic are landed."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How scenes are landed; with the scene it determines what is."""

    mode: Mode = Mode.COPY
    clip: tuple[float, float, float, float] | None = None
    """West, south, east, north: only the pixels under this box are landed."""
    scales: PerBand = field(default_factory=PerBand)
    """Of the user, in place of what archive and pixels say."""
    offsets: PerBand = field(default_factory=PerBand)

    def __post_init__(self) -> None:
        if self.clip is not None and self.mode is Mode.REFERENCE:
            raise WantedError("a file that is read where it lies cannot be clipped; copy, or do not clip.")

    def scene_id(self, scene_id: str) -> str:
        """Under which id a scene is landed: parts of it under one of their own."""
        if self.clip is None:
            return scene_id
        return f"{scene_id}-{_digest(list(self.clip))[:8]}"

    def digest(self, scene: ArchiveScene, collection_id: str) -> str:
        """Stands for all that determines what is landed of a scene."""
        return _digest(
            {
                "converter": CONVERTER,
                "collection": collection_id,
                "id": scene.id,
                "time": [scene.start.isoformat(), scene.end.isoformat()],
                "cloud_cover_percent": scene.cloud_cover_percent,
                "version": scene.version,
                "files": {
                    band: [file.href, file.size_bytes, file.checksum]
                    for band, file in sorted(scene.files.items())
                },
                "mode": self.mode,
                "clip": self.clip,
                "given": [
                    [numbers.for_all, dict(sorted(numbers.for_band.items()))]
                    for numbers in (self.scales, self.offsets)
                ],
            }
        )


@dataclass(frozen=True, slots=True)
class Pending:
    """A scene that is to be landed."""

    scene: ArchiveScene
    digest: str
    size_bytes: int
    """Of what is wanted of its files, as far as the archive tells."""
    fetched_bytes: int
    """Of them, what lies here already."""

    @property
    def missing_bytes(self) -> int:
        """What has still to come."""
        return max(0, self.size_bytes - self.fetched_bytes)


@dataclass(frozen=True, slots=True)
class Survey:
    """What an ingestion has to do."""

    pending: tuple[Pending, ...]
    landed: tuple[str, ...]
    """Ids of scenes that are there already, exactly so."""
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Why, by scene id, some cannot be fetched."""
    unsized: int = 0
    """Files whose size their archive does not tell."""

    @property
    def to_fetch_bytes(self) -> int:
        """What has to come over the network, as far as the archive tells."""
        return sum(pending.missing_bytes for pending in self.pending)


async def survey_scenes(
    source: Source,
    collection: SourceCollection,
    scenes: tuple[ArchiveScene, ...],
    manner: Manner,
    *,
    state: LogState,
    downloads: Downloads,
) -> Survey:
    """Asks the archive how large the files are of scenes that have not landed.

    How much lies under a box is estimated. What still lies in the downloads of scenes that have landed is
    cleared away.

    Raises:
        ArchiveError: Where the archive cannot be asked.
    """
    at_once = asyncio.Semaphore(ASKED_AT_ONCE)
    pending: list[Pending] = []
    landed: list[str] = []
    refused: dict[str, str] = {}
    unsized = 0

    async def size_of(scene: ArchiveScene, band: str, whole: Sequence[str]) -> int | None:
        async with at_once:
            size_bytes = await source.size_bytes(scene.files[band])
        if size_bytes is None or manner.clip is None or band in whole:
            return size_bytes
        return estimated_bytes(size_bytes, source.grid(scene, band), manner.clip)

    for scene in scenes:
        digest = manner.digest(scene, source.collection_id)
        scene_id = manner.scene_id(scene.id)
        folder = downloads.of_scene(source.collection_id, scene_id, digest)
        if is_landed(state, scene_id, f"{scene_folder(source.collection_id, scene_id, digest)}item.json"):
            landed.append(scene.id)
            downloads.discard(folder)  # where a run was killed between the commit and this
            continue
        sizes: list[int | None] = []
        if manner.mode is Mode.COPY:
            try:
                order = source.convert(scene, {band: folder / f"{band}.tif" for band in scene.files})
                probed = bands_to_probe(collection, replace(order, offsets=manner.offsets))
                sizes = await asyncio.gather(*(size_of(scene, band, probed) for band in scene.files))
            except (ArchiveAnswerError, SceneRefusedError) as error:
                refused[scene.id] = str(error)
                continue
        unsized += sizes.count(None)
        pending.append(Pending(scene, digest, sum(size or 0 for size in sizes), downloads.size_bytes(folder)))
    return Survey(tuple(pending), tuple(landed), refused, unsized)


def _digest(determining: Any) -> str:
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:DIGEST_LENGTH]
