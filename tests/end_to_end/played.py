"""A server whose jobs fetch from a played archive, and a reader of its page."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from mosaics.descriptions.sources import SHIPPED
from tests.conftest import CHECKOUT
from tests.end_to_end.reader import Reader, Server


@contextmanager
def served(
    tab: Page,
    folder: Path,
    database_url: str,
    source: str,
    addresses: Mapping[str, str],
    settings: Mapping[str, str],
) -> Iterator[Reader]:
    """Serve a store that feeds fill from one source, to a reader.

    Args:
        tab: Of the browser.
        folder: Takes store, downloads and the source's file.
        database_url: Of a database for areas, routes, feeds and jobs.
        source: A shipped one.
        addresses: Keys of its file that lead to the played archive.
        settings: More of the environment.
    """
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    played = "".join(f'{key} = "{address}"\n' for key, address in addresses.items())
    (sources / f"{source}.toml").write_text(played + (SHIPPED / f"{source}.toml").read_text())
    usual = {
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]),
        "TILEWATCH_DATABASE_URL": database_url,
        "TILEWATCH_SOURCES": str(sources),
        "TILEWATCH_DOWNLOADS": str(folder / "downloads"),
        "TILEWATCH_JOBS_EVERY_S": "1",
        "TILEWATCH_VERIFY_MB_PER_S": "0",
    }
    program = (sys.executable, "-m", "tests.end_to_end.serve_played")
    server = Server((folder / "store").as_uri(), folder, settings=usual | dict(settings), program=program)
    server.start()
    reader = Reader(tab, server)
    try:
        yield reader
    finally:
        reader.leave()
        server.stop()


def look_again(page: Page) -> None:
    """Let the page ask for news every three seconds, not each half minute."""
    page.evaluate("setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 3000)")
