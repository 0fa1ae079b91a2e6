"""`tilewatch serve`: runs the application under uvicorn."""

import copy
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.loading import loading

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE_S = 10
"""How long requests in progress may take to finish when the server is stopped."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, envvar="PORT", help="Port to listen on; 0 takes a free one."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Number of serving processes."
)
@click.option(
    "--storage", help="Folder, file:// or s3:// address of landed scenes; default: TILEWATCH_STORAGE."
)
@click.option(
    "--access-log/--no-access-log", default=False, show_default=True, help="Log one line per request."
)
def serve(host: str, port: int, workers: int, storage: str | None, *, access_log: bool) -> None:
    """Serve maps of the scenes that have landed."""
    import uvicorn

    from app.cli.connections import GuardedProtocol, connection_limit
    from app.settings import Settings

    if storage is not None:
        os.environ["TILEWATCH_STORAGE"] = as_address(storage)
    uvicorn.run(
        "app.cli.serve:application",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=access_log,
        http=GuardedProtocol,
        ws="none",
        limit_concurrency=connection_limit(Settings().max_connections) + 1,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        log_config=log_config(uvicorn.config.LOGGING_CONFIG),
    )


def application() -> "FastAPI":
    """Create the application in a serving process; no later look for garbage goes through what it imports."""
    with loading():
        from app.main import create_app

        created = create_app()
    gc.freeze()
    return created


def as_address(storage: str) -> str:
    """Return a storage address in the form of the settings: a plain folder becomes a file address."""
    return storage if "://" in storage else Path(storage).resolve().as_uri()


def log_config(of_uvicorn: dict[str, Any]) -> dict[str, Any]:
    """Return uvicorn's logging configuration, with our packages added to it."""
    config = copy.deepcopy(of_uvicorn)
    config["filters"] = {"repeats": {"()": "app.cli.repeats.RepeatLimit"}}
    config["handlers"]["default"]["filters"] = ["repeats"]
    for package in ("app", "mosaics", "rasterio"):
        config["loggers"][package] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return config
