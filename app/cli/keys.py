"""`tilewatch keys`: keys that allow writing."""

import click

from app.cli.exit import refusing
from app.keys import KeyEntryError, Scope, new_key


@click.group()
def keys() -> None:
    """Keys that allow writing."""


@keys.command("new")
@click.argument("name")
@click.argument("scope", type=click.Choice(Scope.names()))
def new(name: str, scope: str) -> None:
    """Make a key for NAME that allows SCOPE.

    The key is shown once and kept nowhere. The service recognises it by the entry, which gives nothing away.
    """
    with refusing(KeyEntryError):
        key, entry = new_key(name, Scope.named(scope))
    click.echo(f"Key, for whoever will use it (Authorization: Bearer KEY):\n    {key}")
    click.echo(f"Entry, for TILEWATCH_API_KEYS (several are separated by commas):\n    {entry.text}")
