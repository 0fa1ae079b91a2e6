"""How a command ends when it cannot do what was asked: with one sentence."""

import re
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
        raise CommandError(_as_sentence(str(error))) from error


def _as_sentence(message: str) -> str:
    """Return a message with a capital letter first, but for the name of a file, which stays as it is."""
    first = message.partition(" ")[0]
    return message if re.search(r"[./_]\w", first) else message[:1].upper() + message[1:]
