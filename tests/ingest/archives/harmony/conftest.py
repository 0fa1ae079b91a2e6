"""An archive of TEMPO scans over a played Harmony, and one run of ordering a part of a scan."""

import asyncio

import pytest

from ingest.archives.archive import Access
from ingest.archives.harmony.archive import HarmonyArchive
from ingest.downloads import NotesFile
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.harmony.playing import Harmony, client_of
from tests.ingest.archives.harmony.scans import (
    BOX,
    COLLECTION,
    CONTENT,
    GRANULE,
    NAME,
    QUICKLY,
    VARIABLES,
    found_in,
    source_of,
)
from tests.ingest.archives.server import ArchiveServer


@pytest.fixture(scope="module")
def servers():
    with ArchiveServer() as server, ArchiveServer() as store:
        yield server, store


@pytest.fixture
def harmony(servers):
    for server in servers:
        server.routes.clear()
        server.asked.clear()
    server, store = servers
    played = Harmony(server, store, COLLECTION, VARIABLES)
    played.publish(NAME, CONTENT, granule_id=GRANULE)
    return played


@pytest.fixture
async def client(harmony):
    async with client_of(harmony, patience=QUICK) as opened:
        yield opened


@pytest.fixture
def notes(tmp_path):
    return NotesFile(tmp_path)


@pytest.fixture
def archive_of(harmony, client):
    """Opens the archive, as every run does."""

    def opened(polling=QUICKLY):
        return HarmonyArchive(source_of(harmony), Access(client), polling=polling)

    return opened


@pytest.fixture
def order(archive_of, notes):
    """Finds the granule and has its part made, as one run does; after `ended_after_s` the run is killed."""

    async def run(*, polling=QUICKLY, ended_after_s=None, under=BOX):
        archive = archive_of(polling)
        granule = await found_in(archive)
        async with asyncio.timeout(ended_after_s):
            return await archive.prepare(granule, under=under, notes=notes)

    return run
