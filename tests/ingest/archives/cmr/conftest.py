"""What the tests of NASA's archive share: it played, searched and landed from as the command does it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ingest.archives.archive import Access, Wanted
from ingest.archives.credentials import Credential, bearer_tokens
from ingest.archives.discovery import Discovery, discover
from ingest.archives.http import ArchiveClient
from ingest.archives.opening import open_archive
from ingest.downloads import Downloads
from ingest.ingesting import IngestOutcome, ingest_scenes
from ingest.options import IngestOptions
from ingest.pending import PendingScenes, survey_scenes
from mosaics.bbox import Bbox
from mosaics.descriptions.collections import load_collections
from mosaics.log import read_state
from mosaics.period import Interval
from mosaics.storage import open_storage
from tests.ingest.archives.cmr.playing import TOKEN, Laads
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.playing import Quiet

SUDAN = Bbox(32.4, 15.4, 32.7, 15.8)
JANUARY = Interval.parse("2024-01/2024-01")

Bring = Callable[..., Awaitable[tuple[Discovery, PendingScenes, IngestOutcome]]]


@pytest.fixture
def laads(archive, other_archive) -> Laads:
    return Laads(archive, other_archive)


@pytest.fixture
def bring(laads: Laads, tmp_path: Path) -> Bring:
    """Searches, surveys and lands in the store of the test."""

    async def run(
        *,
        bands: tuple[str, ...] = ("radiance",),
        credentials: tuple[Credential, ...] | None = None,
        **asked: Any,
    ) -> tuple[Discovery, PendingScenes, IngestOutcome]:
        source = laads.source
        collection, downloads = load_collections()[source.collection], Downloads(tmp_path / "downloads")
        wanted = Wanted(**{"bbox": SUDAN, "interval": JANUARY, "bands": bands, **asked})
        given = bearer_tokens({laads.server.url: SecretStr(TOKEN)}) if credentials is None else credentials
        patience = replace(QUICK, tries=2)
        async with (
            ArchiveClient(patience=patience, credentials=given, local_http=True) as client,
            await open_storage((tmp_path / "store").as_uri()) as storage,
        ):
            opened = open_archive(source, Access(client))
            found = await discover(opened, wanted)
            state = await read_state(storage, source.collection)
            survey = await survey_scenes(
                storage,
                opened,
                collection,
                found.granules,
                IngestOptions(),
                state=state,
                downloads=downloads,
            )
            outcome = await ingest_scenes(
                storage, opened, collection, survey, IngestOptions(), downloads=downloads, watch=Quiet()
            )
        return found, survey, outcome

    return run
