"""A PostgreSQL server with PostGIS, the one of scripts/postgres, with nothing forced to disk."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from tests.services.child import Child, MissingProgramError, ServerEndedError
from tests.services.ports import free_port, wait_until_listening

LAUNCHER = Path(__file__).parents[2] / "scripts" / "postgres"
OPTIONS = ("fsync=off", "full_page_writes=off", "max_connections=60")


class PostgresServer:
    """One cluster on one port; it can be stopped and started again, or paused, to act out an outage.

    Attributes:
        folder: Where it lies, and what it says; the user postgres has to reach it when root runs the tests.
        port: Where it listens; the same after a restart.
    """

    def __init__(self, folder: Path) -> None:
        if subprocess.run([LAUNCHER, "--check"], check=False).returncode != 0:
            raise MissingProgramError(
                "PostgreSQL with PostGIS not installed: run scripts/setup test, or apt-get install "
                "postgresql-postgis"
            )
        self.folder = folder
        self.port = free_port()
        self._child: Child | None = None

    def url(self, database: str) -> str:
        """Address of a database, with the password."""
        password = (self.folder / "private" / "password").read_text().strip()
        return f"postgresql://tilewatch:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers; nothing happens when it runs."""
        if self._child is not None:
            return
        options = [argument for option in OPTIONS for argument in ("-c", option)]
        child = Child.start(
            [str(LAUNCHER), str(self.folder / "private"), str(self.port), *options],
            self.folder,
            name="postgres",
        )
        try:
            wait_until_listening(self.port, timeout_s=60, check=child.check)
            self._wait_until_recovered(timeout_s=30)
        except (TimeoutError, ServerEndedError):
            child.kill()
            raise
        self._child = child

    def stop(self) -> None:
        """End the server as a crash does: open connections break and new ones are refused."""
        if self._child is not None:
            self._child.process.send_signal(signal.SIGQUIT)
            self._child.process.wait(timeout=30)
            self._child = None

    def pause(self) -> None:
        """Let the server hang until `resume`: what runs and what connects gets no answer."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and to the processes it serves its clients with."""
        if self._child is not None:
            pid = self._child.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            os.kill(pid, number)
            for child in map(int, children):
                with suppress(ProcessLookupError):  # it may have ended with its connection
                    os.kill(child, number)

    def clone(self, template: str) -> str:
        """The address of a new database that is a copy of one without connections."""
        database = f"test_{uuid4().hex}"
        self.psql("postgres", f"create database {database} template {template}")
        return self.url(database)

    def psql(self, database: str, statement: str) -> str:
        """What a statement answers, as `psql` of PostgreSQL prints it, fields separated by `|`."""
        command = ["psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qAtc", statement, self.url(database)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise ServerEndedError(f"{statement}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _wait_until_recovered(self, *, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.psql("postgres", "select 1")
            except ServerEndedError as not_yet:
                if time.monotonic() > deadline:
                    raise TimeoutError(str(not_yet)) from not_yet
                time.sleep(0.05)
            else:
                return
