"""Black Marble from the played archive to the application: ingested by the command, then served."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import main
from ingest.archives.http import ArchiveClient
from mosaics.descriptions.sources import SHIPPED
from tests.ingest.archives.cmr.playing import TOKEN, Laads
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.server import ArchiveServer


@pytest.fixture(scope="session")
def archives() -> Iterator[tuple[ArchiveServer, ArchiveServer]]:
    """A repository with its archive, and a store elsewhere."""
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
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    shipped = (SHIPPED / f"{laads.source_id}.toml").read_text()
    (sources / f"{laads.source_id}.toml").write_text(f'api = "{laads.server.url}/search"\n{shipped}')
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TILEWATCH_STORAGE", (folder / "store").as_uri())
        environment.setenv("TILEWATCH_SOURCES", str(sources))
        environment.setenv("TILEWATCH_DOWNLOADS", str(folder / "downloads"))
        environment.setenv("TILEWATCH_ARCHIVE_TOKENS", f"{laads.server.url}={TOKEN}")
        environment.delenv("TILEWATCH_COLLECTIONS", raising=False)
        environment.chdir(folder)
        client = functools.partial(ArchiveClient, patience=QUICK, local_http=True)
        done = CliRunner().invoke(main, [*words, "--json"], catch_exceptions=False, obj=client)
    assert done.exit_code == 0, done.output
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
