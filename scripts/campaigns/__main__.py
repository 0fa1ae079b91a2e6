"""`scripts/campaign`: the attacks and failures of `docs/reliability.md`, played again, as a table."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from scripts.campaigns import components, connections, damage, heavy, landing, polling, stores
from scripts.campaigns.row import Row, markdown
from scripts.campaigns.services import Services, commit, landed_demo, services

PARTS: dict[str, Callable[[Services, Path], Iterator[Row]]] = {
    "components": components.scenarios,
    "stores": stores.scenarios,
    "landing": landing.scenarios,
    "polling": polling.scenarios,
    "damage": damage.scenarios,
    "connections": connections.scenarios,
    "heavy": heavy.scenarios,
    "keyless": heavy.keyless,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(tempfile.gettempdir()) / "tilewatch-fuzz",
    show_default=True,
    help="Where the demo is kept for the next run.",
)
def main(parts: Sequence[str], work: Path) -> None:
    """Play PARTS (all, if none is named) on servers of its own, and print a table in Markdown.

    It takes about fifteen minutes on two cores. Nothing is judged: what does not hold stands in the table.
    """
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    store = landed_demo(work)
    rows: list[Row] = []
    for part in parts or PARTS:
        with services() as used:
            for row in PARTS[part](used, store):
                click.echo(f"{row.scenario}: {', '.join(row.cells[1:])}", err=True)
                rows.append(row)
    click.echo(f"{began}, commit {commit()}, {os.cpu_count()} cores, load {os.getloadavg()[2]:.1f}\n")
    for line in markdown(rows):
        click.echo(line)


if __name__ == "__main__":
    main()
