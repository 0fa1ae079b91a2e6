"""`python -m app.cli.supervised …`: the command line as a server runs it; it ends with that server."""

import os
import signal
import threading
from contextlib import suppress
from typing import Any

NICENESS = 10
"""Maps come first: commands only use processor time that is left over."""


def run(**given: Any) -> None:
    """Run the command line until its work is done or stdin ends; `given` as for `click.Command.main`."""
    os.nice(NICENESS)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    from app.cli import main

    main(prog_name="tilewatch", **given)


def _end_with_stdin() -> None:
    """Wait for the end of stdin, which comes when its holder ends, then end every process of this group.

    This uses a pipe instead of the kernel's PR_SET_PDEATHSIG, which is set too late if the server dies in
    between, is sent when the thread that started this process ends, and does not reach its children.
    """
    with suppress(OSError):
        while os.read(0, 4096):
            continue
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run()
