"""`tilewatch keys`: makes keys that allow writing."""

import click

from app.cli.exit import refusing
from app.keys import KeyEntryError, Scope, new_key


@click.group()
def keys() -> None:
    """Manage keys that allow writing."""


@keys.command("new")
@click.argument("name")
@click.argument("scope", type=click.Choice(Scope.names()))
@click.option("--owner", help="Bind the key to an owner: it sees and writes what belongs to this one only.")
def new(name: str, scope: str, owner: str | None) -> None:
    """Make a key for NAME that allows SCOPE.

    The key is shown once and not stored. The service recognises it by the entry, which does not reveal the
    key.
    """
    with refusing(KeyEntryError):
        key, entry = new_key(name, Scope.named(scope), owner)
    click.echo(f"Key, for its user (Authorization: Bearer KEY):\n    {key}")
    click.echo(f"Entry, for TILEWATCH_API_KEYS (separate several by commas):\n    {entry.text}")
