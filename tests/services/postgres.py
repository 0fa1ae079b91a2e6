"""A PostgreSQL server with PostGIS, the one of scripts/postgres, with nothing forced to disk."""

import os
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from tests.services.child import Child, MissingProgramError, ServerEndedError
from tests.services.ports import free_port, wait_until_listening

LAUNCHER = Path(__file__).parents[2] / "scripts" / "postgres"
OPTIONS = ("fsync=off", "full_page_writes=off", "max_connections=60")

RESTING = 2
"""Databases that are not lent yet, since a process that was killed may still be about to end."""

EMPTIED = """
do $$
declare one record;
begin
    if exists (
        select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
            and backend_type = 'client backend'  -- and not the server's own cleaner
    ) then
        raise exception 'somebody is still connected';
    end if;
    set local session_replication_role = replica;
    for one in select oid::regclass as name from pg_class
               where relkind = 'r' and relnamespace = 'public'::regnamespace
               and relname not in ('spatial_ref_sys', 'alembic_version') loop
        execute format('delete from %s', one.name);
    end loop;
    for one in select oid::regclass as name from pg_class
               where relkind = 'S' and relnamespace = 'public'::regnamespace loop
        execute format('alter sequence %s restart', one.name);
    end loop;
end $$;
"""
"""Leaves the tables of a database without rows and its sequences at their start."""

SCHEMA = """
select md5(string_agg(told, ',' order by told)) from (
    select c.relname || c.relkind::text || coalesce(a.attname || a.atttypid || a.attnotnull, '') as told
    from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    where c.relnamespace = 'public'::regnamespace
    union all select conname || contype::text from pg_constraint where connamespace = 'public'::regnamespace
    union all select setconfig::text from pg_db_role_setting
    union all select v::text from alembic_version v
) as everything
"""
"""What a test may have changed of a database beside its rows."""


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
        self._returned: deque[str] = deque()
        self._schemas: dict[str, str] = {}
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

    def lend(self, template: str) -> str:
        """The address of a database that is like a copy of one: one that was returned, as long as it can be.

        A copy is several hundred files to write and to remove.
        """
        if template not in self._schemas:
            self._schemas[template] = self.psql(template, SCHEMA)
        while len(self._returned) > RESTING:
            database = self._returned.popleft()
            with suppress(ServerEndedError):
                if self.psql(database, EMPTIED + SCHEMA) == self._schemas[template]:
                    return self.url(database)
        return self.clone(template)

    def take_back(self, address: str) -> None:
        """Let a database that was lent be lent again, after it has rested for a while."""
        self._returned.append(address.rpartition("/")[2])

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
