"""What the tests of archives share: a server that plays one, and a client that does not wait long."""

from collections.abc import AsyncIterator, Iterator

import pytest

from ingest.archives.http import ArchiveClient, Patience
from tests.ingest.archives.server import ArchiveServer

QUICK = Patience(tries=4, first_wait_s=0.01, longest_wait_s=2.0, connect_s=2.0, silence_s=2.0, document_s=5.0)


@pytest.fixture
def archive() -> Iterator[ArchiveServer]:
    with ArchiveServer() as server:
        yield server


@pytest.fixture
def other_archive() -> Iterator[ArchiveServer]:
    """Another origin: the same machine at another port."""
    with ArchiveServer() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[ArchiveClient]:
    async with ArchiveClient(patience=QUICK, local_http=True) as opened:
        yield opened
