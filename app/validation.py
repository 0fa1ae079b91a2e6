"""Validation: what pydantic finds wrong, as a place and a reason for people."""

from pydantic import ValidationError


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Return the first thing that is wrong: where, with dots between names (empty: as a whole), and why."""
    first = error.errors(include_url=False)[0]
    return ".".join(map(str, first["loc"])), str(first["msg"]).removeprefix("Value error, ")
