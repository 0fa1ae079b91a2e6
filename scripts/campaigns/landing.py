"""Landing: `tilewatch land` is killed at twenty instants, and called again."""

import asyncio
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from mosaics.log import read_commits
from mosaics.storage import open_storage
from scripts.campaigns.load import client_of
from scripts.campaigns.row import Row
from scripts.campaigns.services import PROGRAM, Services, environment, run, tilewatch
from tests.services.child import Child

KILLS = 20
COLLECTION = "sentinel-2-l2a"
BANDS = ("red", "nir", "scl")
WHEN = "2024-09-15T10:00:00Z"


def scenarios(used: Services, store: Path) -> Iterator[Row]:
    """Yield the row of landings that are killed once each before they are made to their end."""
    copy = used.folder / "landing"
    shutil.copytree(store, copy)
    scenes = copy / "collections" / COLLECTION / "scenes"
    source = next((scenes / "synthetic-s2-east-2024-06").iterdir())
    files = used.folder / "files"
    files.mkdir()
    for band in BANDS:
        shutil.copy(source / f"{band}.tif", files / f"{band}.tif")
    began = time.monotonic()
    run(*_arguments("first", files, copy), folder=used.folder).check_returncode()
    whole_s = time.monotonic() - began
    chance = random.Random(12)  # noqa: S311 - instants, not keys
    kills = half = 0
    for number in range(KILLS):
        after_s = whole_s * (number + chance.random()) / KILLS
        kills += _killed(used, f"kill-{number}", files, copy, after_s)
        half += _half_seen(copy, f"kill-{number}")
    again = run("land", COLLECTION, _table(files), "--storage", copy.as_uri(), folder=used.folder)
    yield _counted(used, copy, kills=kills, half=half, refused=again.returncode)


def _table(files: Path) -> str:
    """Write the scenes that were killed as a table that lands them all."""
    lines = ["id,datetime,baseline," + ",".join(BANDS)]
    lines += [f"kill-{n},{WHEN},05.10,red.tif,nir.tif,scl.tif" for n in range(KILLS)]
    table = files / "scenes.csv"
    table.write_text("\n".join(lines) + "\n")
    return str(table)


def _arguments(name: str, files: Path, store: Path) -> list[str]:
    assets = [part for band in BANDS for part in ("--asset", f"{band}={files}/{band}.tif")]
    when = ("--datetime", WHEN, "--baseline", "05.10")
    return ["land", COLLECTION, "--id", name, *when, *assets, "--storage", store.as_uri()]


def _killed(used: Services, name: str, files: Path, store: Path, after_s: float) -> bool:
    """Land a scene and kill it after some seconds; return whether it was still landing."""
    command = [PROGRAM, *_arguments(name, files, store)]
    child = Child.start(command, used.folder, name="land", env=environment({}))
    time.sleep(after_s)
    was_landing = child.process.poll() is None
    child.kill()
    return was_landing


def _half_seen(store: Path, name: str) -> bool:
    """Return whether a reader sees a scene of which something is missing."""

    async def added() -> list[str]:
        async with await open_storage(store.as_uri()) as storage:
            commits = [commit async for commit in read_commits(storage, COLLECTION)]
        return [record.id for commit in commits for record in commit.added]

    return name in asyncio.run(added()) and not _is_whole(store, name)


def _is_whole(store: Path, name: str) -> bool:
    """Return whether every file of a scene is there."""
    folders = list((store / "collections" / COLLECTION / "scenes" / name).glob("*/item.json"))
    return len(folders) == 1 and all((folders[0].parent / f"{band}.tif").is_file() for band in BANDS)


def _counted(used: Services, store: Path, *, kills: int, half: int, refused: int) -> Row:
    """Count at a server what has landed: every scene once, each with a point that has a value."""
    names = ["first", *(f"kill-{n}" for n in range(KILLS))]
    lost = 0
    with (
        tilewatch(store.as_uri(), used.folder, {**used.settings, "TILEWATCH_JOBS_EVERY_S": "1"}) as served,
        client_of(served) as client,
    ):
        address = f"/stac/search?collections={COLLECTION}&datetime=2024-09-01T00:00:00Z/..&limit=100"
        deadline = time.monotonic() + 60
        while True:
            found = [item["id"] for item in client.get(address).json().get("features", [])]
            if sorted(found) == sorted(names) or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        lost = len(set(names) - set(found)) + len(found) - len(set(found))
        tile = client.get("/tiles/ndvi/12/921/1543.png?datetime=2024-09")
        checked = run("verify", COLLECTION, "--storage", store.as_uri(), folder=used.folder)
    remarks = (
        f"{kills} of {KILLS} killed while landing; half a scene seen after {half}; landing them again exits "
        f"{refused}; tile of all {tile.status_code}; tilewatch verify exits {checked.returncode}"
    )
    return Row(
        f"tilewatch land killed at {KILLS} instants",
        KILLS,
        0,
        int(refused != 0),
        lost=lost + half,
        remarks=remarks,
    )
