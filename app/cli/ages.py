"""Ages: durations as options of commands take them."""

import re
from datetime import timedelta
from typing import Any

import click

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Age(click.ParamType[timedelta]):
    """A duration: 12h, 30d, 8w."""

    name = "AGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """See `click.ParamType`."""
        match = re.fullmatch(r"(\d{1,5})([hdw])", str(value))
        if match is None:
            self.fail(
                f"'{value}' is not a valid duration; write hours, days or weeks: 12h, 30d, 8w.", param, ctx
            )
        return timedelta(**{UNITS[match[2]]: int(match[1])})
