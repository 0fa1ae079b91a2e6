"""`tilewatch serve`: the application under uvicorn."""

import copy
import os
from pathlib import Path
from typing import Any

import click

GRACE_S = 10
"""Requests in flight have this long to finish when the server is told to stop."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, envvar="PORT", help="Port to listen on; 0 takes a free one."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Processes that serve."
)
@click.option(
    "--storage", help="Folder, file:// or s3:// address of the landed scenes; else TILEWATCH_STORAGE."
)
@click.option("--access-log/--no-access-log", default=False, show_default=True, help="One line a request.")
def serve(host: str, port: int, workers: int, storage: str | None, *, access_log: bool) -> None:
    """Serve maps of what has landed."""
    import uvicorn

    if storage is not None:
        os.environ["TILEWATCH_STORAGE"] = as_address(storage)
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=access_log,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        log_config=log_config(uvicorn.config.LOGGING_CONFIG),
    )


def as_address(storage: str) -> str:
    """A storage address as settings take it: a plain folder becomes a file address."""
    return storage if "://" in storage else Path(storage).resolve().as_uri()


def log_config(of_uvicorn: dict[str, Any]) -> dict[str, Any]:
    """Uvicorn's own logging, with our packages writing to the same place."""
    config = copy.deepcopy(of_uvicorn)
    for package in ("app", "mosaics"):
        config["loggers"][package] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return config
