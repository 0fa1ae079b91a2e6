"""`scripts/fuzz`: the whole interface asked what is never asked, for some minutes."""

import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import httpx

from app.keys import Scope, new_key
from scripts.campaigns.services import landed_demo, services, tilewatch
from scripts.fuzzing import described, geometries, texts
from scripts.fuzzing.known import HERE, ITEM, existing
from scripts.fuzzing.tally import Tally

PARTS = {"keyless": 0.25, "keys": 0.35, "geometries": 0.25, "texts": 0.15}
"""Parts of a run with their shares of its time: what the document describes, without and with keys, and odd
geometries and texts with a key that may write."""

REGIONS = '[{"name": "demo-fire", "bbox": [-99.1, 40.44, -98.9, 40.56]}]'


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("minutes", type=click.FloatRange(min=0.1), default=10.0)
@click.option("--seed", "number", type=int, help="From which everything is drawn; by default a new one.")
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="By default all.")
@click.option("--slack", default=1.0, show_default=True, help="What the bounds of time are multiplied by.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(tempfile.gettempdir()) / "tilewatch-fuzz",
    show_default=True,
    help="Where the demo is kept for the next run, and long bodies of failures.",
)
def main(minutes: float, *, number: int | None, parts: Sequence[str], slack: float, work: Path) -> None:
    """Ask a server of its own, over the demo, for MINUTES; exit with 1 if any answer was not as promised.

    Promised is: no 500, every answer as the OpenAPI document describes it, each within the bound of
    `scripts/fuzzing/bounds.py`, refusals with a reason.
    """
    number = random.SystemRandom().randrange(2**31) if number is None else number
    click.echo(f"seed {number}")
    tally = Tally(slack)
    with attacked(work) as (client, keys):
        shares = {name: PARTS[name] for name in parts or PARTS}
        for name, share in shares.items():
            until = time.monotonic() + 60 * minutes * share / sum(shares.values())
            ask(name, client, keys, tally, number=number, until=until)
            click.echo(f"{name}: {tally.requests:,} requests so far, {len(tally.shortest)} kinds of failures")
    show(tally, work / "failures")
    sys.exit(1 if tally.shortest else 0)


@contextmanager
def attacked(work: Path) -> Iterator[tuple[httpx.Client, Mapping[Scope, str]]]:
    """Provide a client of a server with the demo, an area, a region and keys of each scope."""
    store = landed_demo(work)
    with services() as used, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "regions.json").write_text(REGIONS)
        made = {scope: new_key(scope.name.lower(), scope) for scope in Scope}
        settings = {
            "TILEWATCH_API_KEYS": ",".join(entry.text for _, entry in made.values()),
            "TILEWATCH_ORDERS_AT_ONCE": "0",  # jobs are taken and never run: nothing is fetched
            "TILEWATCH_ORDERS_QUEUED": "100000",
            "TILEWATCH_JOBS_EVERY_S": "1",
            "TILEWATCH_REGIONS": str(folder / "regions.json"),
        }
        keys = {scope: key for scope, (key, _) in made.items()}
        with (
            tilewatch(store.as_uri(), folder, {**used.settings, **settings}) as served,
            httpx.Client(base_url=served.address, timeout=90) as client,
        ):
            prepare(client, keys[Scope.WRITE])
            yield client, keys
            served.child.check()


def prepare(client: httpx.Client, key: str) -> None:
    """Register an area, and wait until the scenes are indexed."""
    area = {"type": "Feature", "geometry": HERE, "properties": {"name": "here", "products": ["ndvi"]}}
    client.post("/areas", json=area, headers=bearer(key)).raise_for_status()
    deadline = time.monotonic() + 120
    while client.get(ITEM).status_code != httpx.codes.OK:
        if time.monotonic() > deadline:
            raise TimeoutError("the scenes are not indexed")
        time.sleep(0.5)


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


def ask(
    part: str,
    client: httpx.Client,
    keys: Mapping[Scope, str],
    tally: Tally,
    *,
    number: int,
    until: float,
) -> None:
    """Ask a part of the run's questions until a time."""
    document, known = client.get("/openapi.json").json(), existing(client)
    writing = bearer(keys[Scope.WRITE])
    if part == "geometries":
        geometries.fuzz(client, tally, headers=writing, number=number, until=until)
    elif part == "texts":
        texts.fuzz(client, document, known, tally, headers=writing, number=number, until=until)
    else:
        sent = itertools.cycle([bearer(keys[Scope.READ]), writing, writing] if part == "keys" else [{}])
        described.fuzz(
            client,
            described.Described.read(document),
            known,
            tally,
            headers=lambda: next(sent),
            number=number,
            until=until,
        )


def show(tally: Tally, folder: Path) -> None:
    """Print the table, and how each kind of failure is repeated."""
    for line in itertools.chain(tally.table(), [""], tally.repeats(folder)):
        click.echo(line)
    click.echo(f"\n{tally.requests:,} requests, {len(tally.shortest)} kinds of failures")


if __name__ == "__main__":
    main()
