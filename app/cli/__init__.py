"""The command `tilewatch`: each subcommand is loaded when it is called."""

from importlib import import_module

import click

from app.cli.loading import loading

COMMANDS = {
    "serve": "app.cli.serve:serve",
    "demo": "app.cli.land:demo",
    "land": "app.cli.land:land",
    "ingest": "app.cli.ingest:ingest",
    "overviews": "app.cli.overviews:overviews",
    "sources": "app.cli.ingest:sources",
    "composite": "app.cli.composite:composite",
    "analyze": "app.cli.analyze:analyze",
    "collections": "app.cli.collections:collections",
    "products": "app.cli.products:products",
    "models": "app.cli.models:models",
    "log": "app.cli.land:log",
    "sweep": "app.cli.sweep:sweep",
    "audit": "app.cli.audit:audit",
    "repair": "app.cli.repair:repair",
    "verify": "app.cli.verify:verify",
    "migrate": "app.cli.migrate:migrate",
    "areas": "app.cli.areas:areas",
    "regions": "app.cli.regions:regions",
    "feeds": "app.cli.feeds:feeds",
    "keys": "app.cli.keys:keys",
}
"""Every subcommand and its location, in the order of the help."""


class LazyGroup(click.Group):
    """A group that imports a command only when it is named, so that no command pays for another."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command with a name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        with loading():
            command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table names commands only
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tilewatch")
def main() -> None:
    """Satellite archives in, live maps and charts out."""
