"""A server whose jobs may fetch from an archive on this machine; else it is that of `tilewatch serve`."""

import sys

import uvicorn

from app.main import create_app

COMMAND_LINE = (sys.executable, "-m", "tests.app.jobs.command_line")

if __name__ == "__main__":
    uvicorn.run(
        create_app(program=COMMAND_LINE), host="127.0.0.1", port=int(sys.argv[-1]), log_level="warning"
    )
