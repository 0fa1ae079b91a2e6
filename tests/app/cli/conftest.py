"""What the commands are tried on: an archive on this machine, regions files, storage."""

import functools

import pytest
from click.testing import CliRunner

from app.cli import main
from ingest.archives.http import ArchiveClient
from mosaics.descriptions.sources import SHIPPED
from tests.app.regions.conftest import registry, write_regions
from tests.ingest.archives.conftest import QUICK, archive, client, other_archive
from tests.ingest.archives.playing import EARTH_SEARCH, days, play, scene_files
from tests.ingest.conftest import collections, make_order, storage

__all__ = [
    "archive",
    "client",
    "collections",
    "make_order",
    "other_archive",
    "registry",
    "storage",
    "write_regions",
]


@pytest.fixture
def run(archive, tmp_path, monkeypatch):
    """The command with a source of its own, `local`, which is the archive of the test."""
    (tmp_path / "sources").mkdir()
    shipped = (SHIPPED / f"{EARTH_SEARCH}.toml").read_text()
    own = shipped.replace("https://earth-search.aws.element84.com", archive.url)
    (tmp_path / "sources" / "local.toml").write_text(own)
    monkeypatch.setenv("TILEWATCH_STORAGE", (tmp_path / "store").as_uri())
    monkeypatch.setenv("TILEWATCH_SOURCES", str(tmp_path / "sources"))
    monkeypatch.setenv("TILEWATCH_DOWNLOADS", str(tmp_path / "downloads"))
    monkeypatch.delenv("TILEWATCH_COLLECTIONS", raising=False)
    monkeypatch.chdir(tmp_path)

    client = functools.partial(ArchiveClient, patience=QUICK, local_http=True)
    return lambda *words: CliRunner().invoke(main, list(words), catch_exceptions=False, obj=client)


@pytest.fixture
def scenes(archive, tmp_path):
    (tmp_path / "files").mkdir()
    contents = scene_files(tmp_path / "files")
    play(archive, days(archive, 2), contents)
    return sum(map(len, contents.values()))
