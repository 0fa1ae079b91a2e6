"""Orders run in this process by a program that misbehaves: what is kept of it, and how it ends."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest

from app.database import Database
from app.jobs import runner as runner_module
from app.jobs.job import Job
from app.jobs.job_store import cancel_job, create_job, read_job_row
from app.jobs.request import understand
from app.jobs.runner import MAX_ATTEMPTS, JobRunner
from app.jobs.subprocess import CommandLine
from app.settings import Settings
from mosaics.descriptions.folders import DescriptionFolders
from tests.app.conftest import eventually
from tests.app.jobs.conftest import is_alive
from tests.services.postgres import PostgresServer

ASKED = {"aoi": [5.0, 51.0, 5.3, 51.3], "toi": "2024-06", "bands": ["red"], "source": "local"}

Run = Callable[[str], AbstractAsyncContextManager[JobRunner]]

LANDED = '{"event": "landed", "collection": "c", "scene": "s", "period": "2024-06", "commit": 7}'

FAILING = f"""
import sys
print("a line of a library, with a path")
print('{{"event": "log", "text": "a line\\\\u0000\\\\ud800"}}')
print("x" * 3_000_000)
print('{{"event": "progress", "done": 1, "total": 4, "unit": "steps"}}')
print('{{"event": "progress", "done": "one"}}', "[1]", '{{"event": "unheard of"}}', sep="\\n")
print('{LANDED}')
print('{{"event": "result", "landed": 1}}')
print("the reason", file=sys.stderr)
sys.exit(3)
"""

REFUSED = """
import sys
print('{"event": "refused", "text": "S3 at http://store.internal does not answer", "private": true}')
sys.exit(2)
"""

PARTIAL = f"""
import sys
if sys.argv[1] == "composite":
    print('{{"event": "result", "scenes": ["made"], "left_out": {{"old": "nir cannot be read"}}}}')
    sys.exit(0)
print('{LANDED}')
print('{{"event": "result", "status": "partial", "landed": 1, "failures": {{"bad": "a dead link"}}}}')
print('{{"event": "refused", "text": "Partial: 1 landed, 1 scene was not landed: bad: a dead link."}}')
sys.exit(2)
"""

STAYING = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print('{LANDED}', flush=True)
print(f'{{{{"event": "log", "text": "{{child.pid}}"}}}}', flush=True)
time.sleep(60)
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, max_connections=4)
    yield database
    await database.close()


@pytest.fixture
def run(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs orders by a program, with hearts that beat ten times as fast."""
    for name, value in {"LOOK_S": 0.1, "BEAT_S": 0.1, "ANSWER_S": 0.3, "SILENCE_S": 0.7}.items():
        monkeypatch.setattr(runner_module, name, value)

    @asynccontextmanager
    async def run(program: str) -> AsyncIterator[JobRunner]:
        command_line = CommandLine.of(settings, (sys.executable, "-c", program))
        runner = JobRunner(database, command_line, DescriptionFolders(), holder="me", at_once=1)
        runner.start()
        try:
            yield runner
        finally:
            await runner.close()

    return run


async def job(database: Database) -> int:
    request = understand("ingest", ASKED).model_dump_json()
    async with database.transaction() as connection:
        return (await create_job(connection, "ingest", request, None, max_queued=9)).id


async def state(database: Database, job_id: int) -> Job:
    async with database.connection() as connection:
        return await read_job_row(connection, job_id)


async def test_a_command_that_fails_is_told_and_what_it_did_is_kept(database: Database, run: Run) -> None:
    id_ = await job(database)
    async with run(FAILING):

        async def has_failed() -> bool:
            return (await state(database, id_)).status == "failed"

        await eventually(has_failed)
    failed = await state(database, id_)
    assert failed.error == "ingest ended with status 3; the server's log has the reason."
    assert failed.log == ("a line?",)
    assert failed.progress is not None
    assert (failed.progress.done, failed.progress.total, failed.progress.unit) == (1, 4, "steps")
    assert [(scene.scene, scene.commit) for scene in failed.landed] == [("s", 7)]
    assert failed.result == {"ingest": {"landed": 1}}


async def test_scenes_that_are_refused_do_not_end_the_job(database: Database, run: Run) -> None:
    asked = {name: value for name, value in ASKED.items() if name != "source"}
    request = understand("composite", {**asked, "ingest": "earth-search-sentinel-2-l2a"}).model_dump_json()
    async with database.transaction() as connection:
        id_ = (await create_job(connection, "composite", request, None, max_queued=9)).id
    async with run(PARTIAL):

        async def has_ended() -> bool:
            return (await state(database, id_)).has_ended

        await eventually(has_ended)
    ended = await state(database, id_)
    assert (ended.status, ended.error, ended.is_partial) == ("done", None, True)
    assert ended.refused == {"bad": "a dead link", "old": "nir cannot be read"}
    assert set(ended.result) == {"ingest", "composite"}


async def test_what_is_wrong_with_the_deployment_is_for_its_log_alone(
    database: Database, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    id_ = await job(database)
    async with run(REFUSED):
        await eventually(lambda: has_log(database, id_))

        async def has_failed() -> bool:
            return (await state(database, id_)).status == "failed"

        await eventually(has_failed)
    failed = await state(database, id_)
    assert failed.error == "The server has a problem with its storage or disk; its log has the reason."
    assert failed.log == (failed.error,)
    assert "store.internal" in caplog.text


async def test_a_server_that_stops_ends_the_whole_group_and_hands_the_order_back(
    database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.subprocess.ENDING_S", 0.3)  # it does not heed SIGTERM
    id_ = await job(database)
    async with run(STAYING):
        await eventually(lambda: has_log(database, id_))
    stopped = await state(database, id_)
    assert (stopped.status, stopped.attempts) == ("queued", 0)
    assert [scene.scene for scene in stopped.landed] == ["s"]
    assert not is_alive(int(stopped.log[0]))


async def test_an_order_is_given_up_while_the_database_is_away(
    database: Database, run: Run, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.subprocess.ENDING_S", 0.3)
    id_ = await job(database)
    async with run(STAYING):
        await eventually(lambda: has_log(database, id_))
        pid = int((await state(database, id_)).log[0])
        postgres.stop()

        async def has_ended() -> bool:
            return not is_alive(pid)

        try:
            await eventually(has_ended, within_s=10)
        finally:
            postgres.start()
        assert (await state(database, id_)).status == "running"  # until its silence is found out


async def test_an_order_that_ends_its_servers_is_not_begun_for_ever(
    database: Database, run: Run, database_url: str
) -> None:
    lost, cancelled = await job(database), await job(database)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "update orders set status = 'running', holder = 'gone', seen_at = now() - interval '1 minute', "
        "attempts = $1",
        MAX_ATTEMPTS,
    )
    await cancel_job(connection, cancelled)
    await connection.close()
    async with run(STAYING):

        async def have_ended() -> bool:
            return all([(await state(database, each)).has_ended for each in (lost, cancelled)])

        await eventually(have_ended)
    assert (
        await state(database, lost)
    ).error == "The job was started 5 times, and the process running it was lost each time."
    assert (await state(database, cancelled)).status == "cancelled"


async def has_log(database: Database, id_: int) -> bool:
    return bool((await state(database, id_)).log)
