"""Black Marble from the played archive to the application: ingested by the command, then served."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.archives.cmr.playing import TOKEN, Laads
from tests.ingest.archives.commands import run_played
from tests.ingest.archives.server import ArchiveServer


@pytest.fixture(scope="module")
def archives() -> Iterator[tuple[ArchiveServer, ArchiveServer]]:
    """A repository with its archive, and a store elsewhere, which have been asked nothing yet."""
    with ArchiveServer() as server, ArchiveServer() as store:
        yield server, store


def ingest(laads: Laads, folder: Path, *words: str) -> dict[str, Any]:
    """Runs `tilewatch ingest` with the shipped source; see `run`."""
    return run(laads, folder, "ingest", laads.source_id, *words)


def run(laads: Laads, folder: Path, *words: str) -> dict[str, Any]:
    """Runs a command that knows the shipped source as one at the played archive.

    Returns:
        The result, as the last line of `--json` has it.
    """
    url = laads.server.url
    result: dict[str, Any] = run_played(folder, laads.source_id, url, TOKEN, *words, api=f"{url}/search")
    return result
