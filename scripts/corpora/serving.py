"""Serving: the checkout's own server and database, over a store, ready once it knows all there is."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path

import httpx

from scripts.corpora.checkout import Checkout
from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening
from tests.services.postgres import PostgresServer

START_S = 180
FOLLOWED_S = 600
"""Time for the jobs to bring series and scenes into the database; a busy machine takes its time."""

BEGUN = 4
"""Id of the last ingestion that is ordered by itself: both windows of the two regions a night takes."""

HOST = "localhost"
"""Name without a port that requests give, so that links in answers are the same whatever the port is."""

REGIONS = """[
  {"name": "demo-fire", "bbox": [-99.1, 40.44, -98.9, 40.56], "priority": 1, "fire_mask": "fire-zones"},
  {"name": "potters", "bbox": [-121.52, 39.53, -121.46, 39.58], "update_interval_days": 5},
  {"name": "incident", "bbox": [-119.8, 35.74, -119.77, 35.8], "priority": 3, "zoom_max": 14},
  {"name": "broken", "bbox": [10, 20, 30]}
]
"""


@contextmanager
def serving(checkout: Checkout, store: Path) -> Iterator[httpx.Client]:
    """A client of the checkout's server over a store, with an empty database of its own.

    Orders wait in the queue and are never run, so that nothing is fetched and the store stays as it is.
    """
    with tempfile.TemporaryDirectory(prefix="tilewatch-corpus-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as a user of its own where root asks
        regions = folder / "regions.json"
        regions.write_text(REGIONS)
        database = PostgresServer(folder)
        database.start()
        try:
            url = database.url("tilewatch")
            migrated = checkout.run("migrate", "--wait", "30", "--database-url", url)
            migrated.check_returncode()
            settings = {
                "TILEWATCH_DATABASE_URL": url,
                "TILEWATCH_JOBS_EVERY_S": "1",
                "TILEWATCH_KEYLESS_WRITES": "true",
                "TILEWATCH_ORDERS_AT_ONCE": "0",
                "TILEWATCH_REGIONS": str(regions),
                "TILEWATCH_REGIONS_HOUR": "0",
                "TILEWATCH_RENDER_THREADS": "2",
            }
            with _server(checkout, store, folder, settings) as client:
                yield client
        finally:
            database.stop()


@contextmanager
def _server(
    checkout: Checkout, store: Path, folder: Path, settings: Mapping[str, str]
) -> Iterator[httpx.Client]:
    port = free_port()
    command = [checkout.program, "serve", "--port", str(port), "--storage", str(store)]
    child = Child.start(command, folder, name="tilewatch", env=checkout.environment(**settings))
    try:
        wait_until_listening(port, timeout_s=START_S, check=child.check)
        headers = {"Host": HOST, "Accept-Encoding": "identity"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=120) as client:
            wait_until("the server is ready", lambda: client.get("/readyz").status_code == 200)
            yield client
            child.check()
    finally:
        child.process.terminate()
        child.process.wait()


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    """Ask again until something holds; `TimeoutError` with its name where it never does."""
    deadline = time.monotonic() + FOLLOWED_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {FOLLOWED_S} s, and not yet: {what}")
        time.sleep(0.5)


def wait_until_followed(client: httpx.Client, store: Path, areas: Sequence[tuple[int, str]]) -> None:
    """Wait until the jobs have indexed every scene, kept every series and begun the night's regions.

    Args:
        client: Of the server.
        store: Over which it serves.
        areas: Ids of areas, and a product that is kept for each.
    """
    scenes = len(list(store.glob("collections/*/scenes/*")))
    found = "/stac/search?limit=500"
    wait_until("scenes are indexed", lambda: len(client.get(found).json()["features"]) == scenes)
    for area, product in areas:
        address = f"/areas/{area}/timeseries?product={product}"
        wait_until(f"{product} of area {area} is kept", partial(_is_kept, client, address))
    wait_until("regions are begun", lambda: client.get(f"/jobs/{BEGUN}").status_code == HTTPStatus.OK)


def _is_kept(client: httpx.Client, address: str) -> bool:
    series = client.get(address).json()
    return bool(series["series"]) and series["computed"] == 0 and series["pending"] == 0
