"""A server process that never outlives the one that started it."""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class MissingProgramError(Exception):
    """A server of Debian's packages is not installed; the message says what to install."""


class ServerEndedError(Exception):
    """A server ended instead of serving; the message carries the end of its log."""


def require_programs(names: Sequence[str], packages: str) -> None:
    """Refuse with the packages to install when a program is not on the path."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise MissingProgramError(
            f"{', '.join(missing)} not installed: run scripts/setup test, or apt-get install {packages}"
        )


@dataclass(frozen=True, slots=True)
class Child:
    """A running server and the file its output goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls, command: Sequence[str], folder: Path, *, name: str, env: Mapping[str, str] | None = None
    ) -> "Child":
        """Start a command in a folder; the kernel kills it when its starter dies, however that happens."""
        log = folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return cls(process=process, log=log)

    def check(self) -> None:
        """Raise `ServerEndedError` when the server has ended."""
        status = self.process.poll()
        if status is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise ServerEndedError(f"{self.log.stem} ended with status {status}: {tail}")

    def pause(self) -> None:
        """Let the server hang: connections stay open and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server at once and wait until it is gone."""
        self.process.kill()
        self.process.wait()
