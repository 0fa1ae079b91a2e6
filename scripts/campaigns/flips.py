"""Flipped bits: one at a time at random places of landed files, which must be told or change nothing.

    .venv/bin/python -m scripts.campaigns.flips FOLDER --trials 300

FOLDER is a store on this machine, such as `tilewatch demo --storage FOLDER` makes; it stays as it is. Each
band is read along its own pixels and warped at three sizes, so that all its levels are read.
"""

import argparse
import asyncio
import logging
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import rasterio
from rasterio.warp import transform_bounds

from mosaics.raster.grid import Grid
from mosaics.raster.handles import WEB_MERCATOR
from mosaics.raster.reading import AssetReadError, read_band
from mosaics.scene import Asset, read_item
from mosaics.seals import unsealed
from mosaics.storage import Storage, open_storage

SIDES_PX = (1024, 300, 100)
"""Of the warped pictures of a whole file."""

Seen: TypeAlias = bytes | None
"""The values and which are valid; None if the file could not be read."""


def grids_of(path: str) -> tuple[Grid, ...]:
    """Return the file's own pixels, and pictures of all of it in Web Mercator."""
    with rasterio.open(path) as dataset:
        bounds, crs = tuple(dataset.bounds), dataset.crs
        own = Grid(crs, bounds, dataset.width, dataset.height)
    moved = transform_bounds(crs, WEB_MERCATOR, *bounds)
    return own, *(Grid(WEB_MERCATOR, moved, side, side) for side in SIDES_PX)


def look(asset: Asset, grids: Sequence[Grid]) -> list[Seen]:
    """Read a band along its own pixels and warped."""
    return [_seen(asset, grid) for grid in grids]


def _seen(asset: Asset, grid: Grid) -> Seen:
    try:
        pixels = read_band(asset, grid)
    except AssetReadError:
        return None
    return pixels.valid.tobytes() + np.where(pixels.valid, pixels.stored, 0).tobytes()


def trial(storage: Storage, items: Sequence[Path], root: Path, chance: random.Random) -> tuple[str, str]:
    """Flip a bit in a copy of a random file; return what came of it (told, unchanged, wrong), and where."""
    path = chance.choice(items)
    item = read_item(unsealed(path.read_bytes()), str(path.relative_to(root)), storage)
    asset = item.assets[chance.choice(sorted(item.assets))]
    grids, file = grids_of(asset.path), Path(asset.path)
    right, content = look(asset, grids), bytearray(file.read_bytes())
    place, bit = chance.randrange(len(content)), chance.randrange(8)
    content[place] ^= 1 << bit
    with tempfile.TemporaryDirectory(prefix="tilewatch-flips-") as folder:
        damaged = Path(folder, file.name)
        damaged.write_bytes(content)
        now = look(replace(asset, path=str(damaged)), grids)
    where = f"bit {bit} of byte {place} of {file.relative_to(root)}"
    if any(seen is not None and seen != before for seen, before in zip(now, right, strict=True)):
        return "wrong", where
    return ("told" if None in now else "unchanged"), where


async def run(folder: Path, trials: int, seed: int) -> Counter[str]:
    """Run trials over a store, print which came out wrong, and return how many of each outcome there were."""
    chance, outcomes = random.Random(seed), Counter[str]()  # noqa: S311 - repeatable, not secret
    async with await open_storage(folder.as_uri()) as storage:
        items = await asyncio.to_thread(lambda: sorted(folder.rglob("item.json")))
        for _ in range(trials):
            outcome, where = await asyncio.to_thread(trial, storage, items, folder, chance)
            outcomes[outcome] += 1
            if outcome == "wrong":
                print(f"wrong: {where}", flush=True)
    return outcomes


def main() -> None:
    """Read the command line, run, and print the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # each damaged file is an error
    outcomes = asyncio.run(run(asked.folder.absolute(), asked.trials, asked.seed))
    print(f"seed {asked.seed}: {', '.join(f'{count} {name}' for name, count in sorted(outcomes.items()))}")


if __name__ == "__main__":
    main()
