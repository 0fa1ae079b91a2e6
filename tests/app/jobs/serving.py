"""A server like `tilewatch serve`, whose orders may fetch from an archive on this machine."""

import sys

import uvicorn

from app.cli.loading import loading
from app.cli.serve import log_config

with loading():
    from app.main import create_app

if __name__ == "__main__":
    uvicorn.run(
        create_app(program=(sys.executable, "-m", "tests.app.jobs.command_line")),
        port=0,
        log_config=log_config(uvicorn.config.LOGGING_CONFIG),
    )
