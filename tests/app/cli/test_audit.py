"""Files of archives that are kept as they came: listed, pruned by age, and not to be had from the server."""

import asyncio
import hashlib
import json
import os
import time
from datetime import timedelta

import httpx
import pytest
from click.testing import CliRunner

from app.cli import main
from app.main import create_app
from app.settings import Settings
from ingest.audit import keep_files
from mosaics.storage import open_storage

DAY_S = timedelta(days=1).total_seconds()


@pytest.fixture
def kept(tmp_path):
    """A store with a file of today and two of a hundred days ago, one of them of another collection."""
    asyncio.run(keep(tmp_path))
    for path in (tmp_path / "store/audit").rglob("scan.nc"):
        if path.read_bytes() != b"new":
            then = time.time() - 100 * DAY_S
            os.utime(path, (then, then))
    return tmp_path / "store"


async def keep(folder):
    async with await open_storage((folder / "store").as_uri()) as storage:
        for collection, content in (("tempo-no2", b"new"), ("tempo-no2", b"old"), ("tempo-hcho", b"other")):
            path = folder / "scan.nc"
            path.write_bytes(content)
            for _ in range(2):  # the second time nothing is to be done
                await keep_files(storage, collection, "scan", [path])


def run(kept, *words, status=0):
    done = CliRunner().invoke(main, ["audit", *words, "--storage", kept.as_uri()])
    assert done.exit_code == status, done.output
    return done.output


def test_files_are_listed_and_removed_by_age(kept):
    lines = run(kept, "list").splitlines()
    assert len(lines) == 3
    digest = hashlib.sha256(b"new").hexdigest()
    listed = [
        json.loads(line) for line in run(kept, "list", "--json", "--collection", "tempo-no2").splitlines()
    ]
    assert {each["sha256"] for each in listed} == {digest, hashlib.sha256(b"old").hexdigest()}
    assert f"audit/tempo-no2/scan/{digest}/scan.nc" in {each["key"] for each in listed}
    said = run(kept, "prune", "--older-than", "90d", "--dry-run")
    assert said.endswith("2 files (8 bytes) would be removed.\n")
    assert len(run(kept, "list").splitlines()) == 3
    hcho = ("--collection", "tempo-hcho")
    assert run(kept, "prune", "--older-than", "90d", *hcho) == "1 file (5 bytes) removed.\n"
    assert run(kept, "prune", "--older-than", "90d") == "1 file (3 bytes) removed.\n"
    assert [json.loads(line)["sha256"] for line in run(kept, "list", "--json").splitlines()] == [digest]
    assert "is not a valid duration" in run(kept, "prune", "--older-than", "90", status=2)


async def test_the_server_does_not_give_them(kept):
    app = create_app(Settings(storage=kept.as_uri()))
    digest = hashlib.sha256(b"new").hexdigest()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tilewatch.test") as client,
    ):
        for address in (
            f"/audit/tempo-no2/scan/{digest}/scan.nc",
            f"/stac/collections/tempo-no2/items/scan/files/{digest}/scan.nc",
            f"/stac/collections/audit/items/scan/files/{digest}/scan.nc",
            f"/stac/../audit/tempo-no2/scan/{digest}/scan.nc",
        ):
            answer = await client.get(address)
            assert answer.status_code in {404, 503}, address  # 503: items are asked of a database
            assert answer.content != b"new"
