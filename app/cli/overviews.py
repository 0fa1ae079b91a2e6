"""`tilewatch overviews`: pixels of mosaics at low zooms, made of what has landed; landing makes them too."""

import asyncio
import math

import click

from app.cli.descriptions import read_collections
from app.cli.exit import refusing
from app.cli.land import REFUSALS, storage_option
from app.cli.low_zooms import bring_overviews
from app.cli.reporting import json_option, reporting
from app.settings import Settings
from mosaics.collection import UnknownCollectionError
from mosaics.period import Period
from mosaics.storage import open_storage
from mosaics.verifying import Pace, overview_keys, verify_items


@click.command()
@click.argument("collections", nargs=-1, metavar="[COLLECTION]...")
@click.option("--period", "periods", multiple=True, help="Of the mosaics, such as 2024-06; else all.")
@json_option
@storage_option
def overviews(
    *, collections: tuple[str, ...], periods: tuple[str, ...], as_json: bool, storage: str | None
) -> None:
    """Make what low zooms are drawn from, where many scenes lie under a tile.

    Landing does it as well; this is for collections landed by an earlier version or with --no-overviews, and
    to go on where it was stopped. What is there is read: what is damaged is made again, and the rest left
    alone.
    """
    with reporting("Making overviews", as_json=as_json) as told, refusing(*REFUSALS):
        settings = Settings()
        described = read_collections(settings)
        chosen = [Period.parse(period) for period in periods]

        async def run() -> None:
            async with await open_storage(storage or settings.storage) as opened:
                existing = await opened.folders("collections/")
                for name in collections:
                    if name not in existing:
                        raise UnknownCollectionError(name, existing)
                made = {}
                for name in collections or existing:
                    clear = described[name].clear if name in described else None
                    keys = [key async for key in overview_keys(opened, name, chosen or None)]
                    found = await verify_items(opened, keys, Pace(math.inf))
                    for key, reason in found.damaged.items():
                        told.warn(f"{key}: {reason}.")
                    made[name] = await bring_overviews(
                        opened,
                        name,
                        clear,
                        told,
                        chosen or None,
                        damaged=found.bands.keys(),
                        progress=lambda done, total: told.progress(done, total, "steps"),
                    )
                told.result(
                    made=sum(outcome.made for outcome in made.values()),
                    kept=sum(outcome.kept for outcome in made.values()),
                    mended=sum(outcome.mended for outcome in made.values()),
                )

        asyncio.run(run())
