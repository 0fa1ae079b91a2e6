"""How a command ends when it cannot do what was asked: with one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import click


class CommandError(click.ClickException):
    """Ends the command with one sentence."""

    exit_code = 2


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """End the command with the message of these errors, which are written for its user."""
    try:
        yield
    except errors as error:
        message = str(error)
        raise CommandError(message[:1].upper() + message[1:]) from error
