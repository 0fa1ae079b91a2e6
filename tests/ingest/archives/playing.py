"""An archive of synthetic scenes: its server searched and fetched from by the real source."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ingest.archives.archive import Access, Wanted
from ingest.archives.discovery import discover
from ingest.archives.http import ArchiveClient
from ingest.archives.opening import open_archive
from ingest.downloads import Downloads
from ingest.ingesting import IngestOutcome, ingest_scenes
from ingest.landing import Landing
from ingest.options import IngestOptions
from ingest.pending import PendingScenes, survey_scenes
from mosaics.bbox import Bbox
from mosaics.descriptions.collections import load_collections
from mosaics.descriptions.sources import load_sources
from mosaics.log import read_state
from mosaics.period import Interval, parse_instant
from mosaics.storage import Storage
from tests.ingest.archives.scenes import BANDS, SIDE_PX, sentinel_item
from tests.ingest.archives.server import Answer, ArchiveServer, Asked, file, page
from tests.rasters import write_cog

EARTH_SEARCH = "earth-search-sentinel-2-l2a"
RED, NIR = 1718, 3338
"""Medians of a real scene of a baseline after 04.00 (rexionmars/TERRA#42): NDVI 0.5301, not 0.3204."""


def scene_files(folder: Path, *, red: int = RED, nir: int = NIR, scl: int = 4) -> dict[str, bytes]:
    """The bytes of a scene's COGs, a few of their pixels missing, by band."""
    contents = {}
    for band, number in (("red", red), ("nir", nir), ("scl", scl)):
        side = SIDE_PX // 2 if band == "scl" else SIDE_PX
        values = np.full((side, side), number, dtype="uint8" if band == "scl" else "uint16")
        values[:10, :10] = 0
        resampling = "MODE" if band == "scl" else "AVERAGE"
        path = write_cog(
            folder / f"{band}.tif",
            values,
            pixel_size=SIDE_PX * 10 / side,
            nodata=0,
            resampling=resampling,
        )
        contents[band] = path.read_bytes()
    return contents


def play(
    server: ArchiveServer, items: list[dict[str, Any]], contents: dict[str, bytes], **given: Any
) -> None:
    """Lets a server answer searches by `items` and serve the files of each; `given` as for `file`."""

    def search(asked: Asked) -> Answer:
        interval = Interval.parse(asked.body["datetime"])
        moments = [parse_instant(item["properties"]["datetime"]) for item in items]
        return page([item for item, at in zip(items, moments, strict=True) if interval.overlaps(at, at)])

    server.routes["/v1/search"] = search
    for item in items:
        for band, name in BANDS.items():
            server.routes[f"/{item['id']}/{name}.tif"] = file(contents[band], **given)


AS_IT_IS = IngestOptions()


class Quiet:
    """A watch that remembers what it is told."""

    def __init__(self) -> None:
        self.fetched_bytes = 0
        self.said: list[str] = []

    def fetched(self, size_bytes: int) -> None:
        self.fetched_bytes += size_bytes

    def landed(self, landing: Landing) -> None:
        self.said.append(f"landed {landing.plan.id}")

    def failed(self, scene_id: str, reason: str) -> None:
        self.said.append(f"failed {scene_id}: {reason}")


async def ingest(
    url: str,
    client: ArchiveClient,
    storage: Storage,
    downloads: Path,
    *,
    source_id: str = EARTH_SEARCH,
    interval: str = "2024-06/2024-06",
    options: IngestOptions = AS_IT_IS,
    watch: Quiet | None = None,
    **wanted: Any,
) -> tuple[PendingScenes, IngestOutcome]:
    """Searches, surveys and lands, as the command does; what the search refused is among the survey's."""
    described = load_sources()[source_id].model_copy(update={"api": f"{url}/v1"})
    source = open_archive(described, Access(client))
    asked = {"bbox": Bbox(5.0, 51.0, 5.5, 51.5), "bands": ("red", "nir", "scl"), **wanted}
    discovery = await discover(source, Wanted(interval=Interval.parse(interval), **asked))
    folder = Downloads(downloads)
    state = await read_state(storage, source.collection_id)
    collection = load_collections()[source.collection_id]
    survey = await survey_scenes(
        storage, source, collection, discovery.granules, options, state=state, downloads=folder
    )
    outcome = await ingest_scenes(
        storage,
        source,
        collection,
        survey,
        options,
        downloads=folder,
        watch=watch or Quiet(),
    )
    return replace(survey, refused={**discovery.refused, **survey.refused}), outcome


def days(server: ArchiveServer, count: int) -> list[dict[str, Any]]:
    """Items of the first days of June, the latest first."""
    return [
        sentinel_item(server.url, f"S2A_31UFT_202406{day:02}_0_L2A", day=f"2024-06-{day:02}")
        for day in range(count, 0, -1)
    ]
