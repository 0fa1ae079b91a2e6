"""Damage: bits flipped in landed files; the last commit, a mosaic, a collection.json lost or changed."""

import asyncio
import logging
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from scripts.campaigns import flips
from scripts.campaigns.load import TILES, Told, check_once, client_of, recorded
from scripts.campaigns.row import Row
from scripts.campaigns.services import Services, resident_mb, run, tilewatch

COLLECTION = "sentinel-2-l2a"
ROUNDS = 3
TRIALS = 100
REPAIRED_S = 60
SCENES = 24
"""Of the collection in the demo."""
SETTINGS = {"TILEWATCH_CACHE_BYTES": "0"}


def scenarios(used: Services, store: Path) -> Iterator[Row]:
    """Yield the rows of flipped bits, and of each object that is lost or changed."""
    with tilewatch(store.as_uri(), used.folder, SETTINGS) as served, client_of(served) as client:
        before = recorded(client, TILES)
    yield _flipped(used, store, before)
    yield _flipped_singly(store)
    for what, find in OBJECTS.items():
        yield _damaged(used, store, before, what, find)


def _flipped(used: Services, store: Path, before: dict[str, str]) -> Row:
    """Flip a bit in every landed file, ask for all tiles, and begin again with other bits."""
    chance = random.Random(14)  # noqa: S311 - bits, not keys
    requests = wrong = skipped = failed = bits = 0
    peak_mb = 0.0
    for number in range(ROUNDS):
        copy = _copied(used, store, f"flipped-{number}")
        for path in sorted(copy.rglob("*.tif")):
            path.write_bytes(with_flipped_bit(path.read_bytes(), chance))
            bits += 1
        with tilewatch(copy.as_uri(), used.folder, SETTINGS) as served, client_of(served) as client:
            told = check_once(client, before)
            peak_mb = max(peak_mb, resident_mb(served.family()))
        requests, wrong, skipped = requests + told.requests, wrong + told.wrong, skipped + told.skipped
        failed += len(told.failures)
        shutil.rmtree(copy)
    remarks = f"{bits} files with a flipped bit; {skipped} tiles said that a scene is missing"
    return Row(
        "a bit flipped in every file", requests, wrong, failed, lost=0, memory_mb=peak_mb, remarks=remarks
    )


def _flipped_singly(store: Path) -> Row:
    """Flip one bit at a time at random places, and read the file along its own pixels and warped."""
    logging.disable(logging.CRITICAL)  # each damaged file is an error
    outcomes = asyncio.run(flips.run(store, TRIALS, seed=1))
    logging.disable(logging.NOTSET)
    remarks = f"{outcomes['told']} told, {outcomes['unchanged']} where no pixel depends on it; no server"
    return Row(f"a bit flipped at {TRIALS} places, each read", TRIALS, outcomes["wrong"], 0, remarks=remarks)


def with_flipped_bit(content: bytes, chance: random.Random) -> bytes:
    """Return bytes with one of their bits changed."""
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _copied(used: Services, store: Path, name: str) -> Path:
    copy = used.folder / name
    shutil.copytree(store, copy)
    return copy


def _last_commit(store: Path) -> Path:
    commits = (store / "collections" / COLLECTION / "log").glob("*.json")
    return max(path for path in commits if path.stem.isdigit())


def _mosaic(store: Path) -> Path:
    files = (store / "collections" / COLLECTION / "mosaics").rglob("*")
    return max(
        (path for path in files if path.is_file()), key=lambda path: ("2024-06" in str(path), str(path))
    )


def _description(store: Path) -> Path:
    return store / "collections" / COLLECTION / "collection.json"


OBJECTS: dict[str, Callable[[Path], Path]] = {
    "the last commit": _last_commit,
    "a mosaic": _mosaic,
    "collection.json": _description,
}
DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda _: None,
    "null": lambda _: b"null",
    "half": lambda content: content[: len(content) // 2],
    "a bit": lambda content: content[:200] + bytes([content[200] ^ 4]) + content[201:],
}


def _damaged(
    used: Services, store: Path, before: dict[str, str], what: str, find: Callable[[Path], Path]
) -> Row:
    """Damage an object in each way, serve what is left, and repair it meanwhile."""
    requests = wrong = failed = lost = elsewhere = 0
    noticed, slowest_s = [], 0.0
    others = {path: value for path, value in before.items() if "nightlights" in path or "no2" in path}
    for how, change in DAMAGES.items():
        copy = _copied(used, store, "damaged")
        _change(find(copy), change)
        with tilewatch(copy.as_uri(), used.folder, SETTINGS) as served, client_of(served) as client:
            told = check_once(client, before)
            elsewhere += len(check_once(client, others).failures)
            noticed += [how] if COLLECTION in client.get("/health").text else []
            began = time.monotonic()
            run("repair", "--storage", copy.as_uri(), folder=used.folder)
            again = _until_right(client, before)
            slowest_s = max(slowest_s, time.monotonic() - began)
            lost += SCENES - _scenes(client)
        requests += told.requests + again.requests
        wrong += told.wrong + again.wrong
        failed += len(told.failures) + len(again.failures)
        shutil.rmtree(copy)
    remarks = (
        f"{', '.join(DAMAGES)}; named in /health: {', '.join(noticed) or 'never'}; {elsewhere} failures "
        "of other collections; recovery is tilewatch repair until all tiles are right, at its slowest"
    )
    return Row(f"{what} damaged", requests, wrong, failed, lost=lost, recovered_s=slowest_s, remarks=remarks)


def _until_right(client: httpx.Client, before: dict[str, str]) -> Told:
    """Ask for all tiles again and again until they are as before; return what came of the last time."""
    deadline = time.monotonic() + REPAIRED_S
    while True:
        told = check_once(client, before)
        is_right = not (told.wrong or told.skipped or told.failures)
        if is_right or time.monotonic() > deadline:
            return told


def _scenes(client: httpx.Client) -> int:
    """Return how many scenes the periods of the collection have."""
    times = client.get("/products/ndvi/times?bbox=-180,-90,180,90&limit=100").json().get("times", [])
    return sum(period["scenes"] for period in times)


def _change(path: Path, change: Callable[[bytes], bytes | None]) -> None:
    changed = change(path.read_bytes())
    if changed is None:
        path.unlink()
    else:
        path.write_bytes(changed)
