"""The command line against an archive that is played, and where the pixels of a tile lie."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from morecantile import Tile, TileMatrixSet
from numpy.typing import NDArray

from app.cli import main
from ingest.archives.http import ArchiveClient
from mosaics.descriptions.sources import SHIPPED
from tests.ingest.archives.conftest import QUICK

RADIUS_M = 6378137
"""Of the sphere of Web Mercator."""


def run_played(folder: Path, source_id: str, url: str, token: str, *words: str, **addresses: str) -> Any:
    """Run a command with a shipped source whose archive is played.

    Args:
        folder: Takes store, downloads and the source file.
        source_id: The source.
        url: Of the server that plays it.
        token: What it wants.
        words: The command, without `--json`.
        addresses: Keys of the source file that lead to the server.

    Returns:
        The result, as the last line of `--json` has it.
    """
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    played = "".join(f'{key} = "{address}"\n' for key, address in addresses.items())
    (sources / f"{source_id}.toml").write_text(played + (SHIPPED / f"{source_id}.toml").read_text())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TILEWATCH_STORAGE", (folder / "store").as_uri())
        environment.setenv("TILEWATCH_SOURCES", str(sources))
        environment.setenv("TILEWATCH_DOWNLOADS", str(folder / "downloads"))
        environment.setenv("TILEWATCH_ARCHIVE_TOKENS", f"{url}={token}")
        environment.delenv("TILEWATCH_COLLECTIONS", raising=False)
        environment.chdir(folder)
        client = functools.partial(ArchiveClient, patience=QUICK, local_http=True)
        done = CliRunner().invoke(main, [*words, "--json"], catch_exceptions=False, obj=client)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.strip().splitlines()[-1])


def lonlats_of(
    matrices: TileMatrixSet, tile: Tile, side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitudes of the columns and latitudes of the rows of a tile of Web Mercator, in degrees."""
    bounds = matrices.xy_bounds(tile)
    steps = (np.arange(side) + 0.5) / side
    lons = np.degrees((bounds.left + steps * (bounds.right - bounds.left)) / RADIUS_M)
    ys = (bounds.top - steps * (bounds.top - bounds.bottom)) / RADIUS_M
    return lons, np.degrees(2 * np.arctan(np.exp(ys)) - np.pi / 2)
