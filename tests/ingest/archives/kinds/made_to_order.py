"""A small archive that exists for the tests only, made by following "Adding an archive" in CONTRIBUTING.md.

Its files are made on demand: a job is ordered, polled, and leaves one file with both bands, which the archive
redirects to a store elsewhere. Every request to it wants a token.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, urlencode

from shapely.geometry import mapping, shape

from ingest.archives.archive import (
    Access,
    Archive,
    BandLayer,
    Granule,
    GranuleRefusedError,
    LeftOut,
    Notes,
    Progress,
    RemoteFile,
    Wanted,
)
from ingest.archives.fetching import Expected, fetch_file
from ingest.archives.http import Request
from ingest.archives.opening import OPENERS, Opener
from ingest.formats import FORMATS, Format
from ingest.landing_request import Provenance
from ingest.raster import Layer
from mosaics.bbox import Bbox
from mosaics.descriptions.sources import SourceDescription
from mosaics.period import Interval, parse_instant
from tests.ingest.archives.kinds.case import GROUND, NUMBERS, ArchiveCase, Scene, guarded
from tests.ingest.archives.kinds.packed import unpack_packed, write_packed
from tests.ingest.archives.server import Answer, Asked, document, file
from tests.rasters import MOL, write_geotiff

POLL_S = 0.02


class MadeToOrderSource(SourceDescription):
    """Step 1: the model of the kind."""

    kind: Literal["made-to-order"] = "made-to-order"
    api: str
    file_format: str
    layers: Mapping[str, Layer]
    """Where in the file that a job makes each of our bands is."""

    @property
    def bands(self) -> tuple[str, ...]:
        return tuple(self.layers)


FORMATS_HERE: Mapping[str, Format] = {**FORMATS, "packed": unpack_packed}


class MadeToOrderArchive(Archive):
    """Step 2: the archive."""

    prepared_at_once = 4

    def __init__(self, description: MadeToOrderSource, access: Access) -> None:
        super().__init__(description, unpack=FORMATS_HERE[description.file_format])
        self._description = description
        self._client = access.client

    async def search(self, wanted: Wanted) -> AsyncIterator[Granule | LeftOut]:
        asked = urlencode({"box": format(wanted.bbox, ".12g"), "time": wanted.interval.text})
        answer = await self._client.document(Request(f"{self._description.api}/scenes?{asked}"))
        for found in answer["scenes"]:
            try:
                yield self._granule(found, wanted.bands or self.band_names)
            except (KeyError, TypeError, ValueError) as error:
                yield LeftOut(str(found.get("name")), f"it is not a valid scene: {error!r}")

    def _granule(self, found: Mapping[str, Any], bands: tuple[str, ...]) -> Granule:
        start = parse_instant(found["taken"])
        name = "made.tif" if self._description.file_format == "geotiff" else "made.npz"
        return Granule(
            id=found["name"],
            start=start,
            end=start,
            footprint=shape(found["ground"]),
            files={name: RemoteFile(f"{self._description.api}/scenes/{found['name']}")},
            layers={
                band: BandLayer(name, layer, declared=(0.0001, -0.1) if isinstance(layer, int) else None)
                for band, layer in self._description.layers.items()
            },
            bands=bands,
            cloud_cover_percent=found["clouds"],
            tile="31UFT",
            platform="played",
            version=(found["version"],),
            provenance=Provenance({"played:version": found["version"]}),
        )

    async def prepare(
        self, granule: Granule, *, under: Bbox | None, notes: Notes
    ) -> Mapping[str, RemoteFile]:
        job = notes.read().get("job")
        if job is None:
            order = {"scene": granule.id, "bands": list(granule.bands), "box": under and under.degrees}
            job = (await self._client.document(Request(f"{self._description.api}/jobs", "POST", order)))[
                "job"
            ]
            notes.write({"job": job})
        while (state := await self._client.document(Request(job)))["state"] == "working":  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        if state["state"] != "done":
            raise GranuleRefusedError(f"the archive has not made it: {state['reason']}")
        return {name: RemoteFile(state["file"], state["bytes"]) for name in granule.wanted_files}

    async def size_bytes(self, file: RemoteFile) -> int | None:
        return file.size_bytes  # which nothing tells before the file is made

    async def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        async def address(refused: bool) -> str:
            return file.href

        await fetch_file(self._client, address, Expected(file.size_bytes), target, progress)


@dataclass
class Job:
    """Work of the played archive."""

    scene: Scene
    content: bytes
    polls_left: int = 2


@dataclass
class Jobs:
    """All of them; while `is_stuck` none gets on."""

    of: dict[str, Job] = field(default_factory=dict)
    is_stuck: bool = False
    numbers: Any = field(default_factory=lambda: itertools.count(1))


class MadeToOrderCase(ArchiveCase):
    """Step 4: the case of the contract. For a kind that is shipped, step 3 is a line in each registry."""

    openers: ClassVar[Mapping[str, Opener]] = {**OPENERS, "made-to-order": MadeToOrderArchive}
    file_format = "geotiff"
    layers: ClassVar[Mapping[str, Layer]] = {"red": 1, "nir": 2}

    @property
    def description(self) -> SourceDescription:
        return MadeToOrderSource(
            id="played",
            title="Played",
            collection="sentinel-2-l2a",
            api=f"{self.server.url}/api",
            file_format=self.file_format,
            layers=self.layers,
        )

    def play(self, *scenes: Scene) -> None:
        self._scenes = scenes
        self.jobs = Jobs()
        self.server.routes["/api/scenes"] = guarded(self._search)
        self.server.routes["/api/jobs"] = guarded(self._order)

    @property
    def file_paths(self) -> list[str]:
        return [f"/made-{number}" for number in self.jobs.of]

    def orders(self) -> list[Asked]:
        return self.server.of("/api/jobs")

    def content(self, scene: Scene) -> bytes:
        """A file of a scene."""
        return write_geotiff(self.folder / f"{scene.id}.tif", scene.pixels(), nodata=0).read_bytes()

    def _search(self, asked: Asked) -> Answer:
        interval = Interval.parse(parse_qs(asked.query)["time"][0])
        found = [
            {
                "name": scene.id,
                "taken": f"2024-06-{scene.day:02}T10:50:29Z",
                "ground": mapping(GROUND),
                "clouds": scene.cloud_cover,
                "version": scene.version,
            }
            for scene in self._scenes
        ]
        moments = [parse_instant(str(scene["taken"])) for scene in found]
        hits = [scene for scene, at in zip(found, moments, strict=True) if interval.overlaps(at, at)]
        return document({"scenes": hits})

    def _order(self, asked: Asked) -> Answer:
        scene = next(scene for scene in self._scenes if scene.id == asked.body["scene"])
        number = str(next(self.jobs.numbers))
        self.jobs.of[number] = Job(scene, self.content(scene))
        self.server.routes[f"/api/jobs/{number}"] = guarded(lambda _: self._state(number))
        self.server.routes[f"/made-{number}"] = guarded(
            lambda _: Answer(303, b"", {"location": f"{self.store.url}/made-{number}?signature=1"})
        )
        self.store.routes.setdefault(f"/made-{number}", file(self.jobs.of[number].content))
        return document({"job": f"{self.server.url}/api/jobs/{number}"}, 202)

    def _state(self, number: str) -> Answer:
        job = self.jobs.of[number]
        if job.polls_left or self.jobs.is_stuck:
            job.polls_left = max(0, job.polls_left - 1)
            return document({"state": "working"})
        if job.scene.is_lost:
            return document({"state": "failed", "reason": "it is lost"})
        made = {"file": f"{self.server.url}/made-{number}", "bytes": len(job.content)}
        return document({"state": "done", **made})


class PackedCase(MadeToOrderCase):
    """The same archive, its files in a format that GDAL does not read."""

    file_format = "packed"
    layers: ClassVar[Mapping[str, Layer]] = {"red": "low", "nir": "high"}

    def content(self, scene: Scene) -> bytes:
        planes = dict(zip(map(str, self.layers.values()), scene.pixels(), strict=True))
        assert len(planes) == len(NUMBERS)
        return write_packed(self.folder / f"{scene.id}.npz", planes, MOL).read_bytes()
