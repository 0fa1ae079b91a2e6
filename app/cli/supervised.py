"""`python -m app.cli.supervised …`: the command line as a server runs it; it ends when that does."""

import os
import signal
import threading
from contextlib import suppress
from typing import Any

NICENESS = 10
"""Maps come first: what runs here takes the processor's time that nobody else wants."""


def run(**given: Any) -> None:
    """Run the command line until its work is done or stdin ends; `given` as for `click.Command.main`."""
    os.nice(NICENESS)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    from app.cli import main

    main(prog_name="tilewatch", **given)


def _end_with_stdin() -> None:
    """Wait for the end of stdin, which its holder's death brings, and end every process of this group.

    A pipe, and not the kernel's PR_SET_PDEATHSIG: that is set too late where the server dies meanwhile, is
    sent when the thread ends that started this, and does not reach what this has started.
    """
    with suppress(OSError):
        while os.read(0, 4096):
            continue
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run()
