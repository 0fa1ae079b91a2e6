"""Three processes, leaders killed at random: each slot once, two regions a night, never two runs of one."""

import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from tests.app.tasks.test_servers import CHECKOUT
from tests.services.postgres import PostgresServer

LEADER = """
    select split_part(substr(application_name, 19), '-', 1) from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and application_name like 'tilewatch jobs of %'
        and pg_locks.database = (select oid from pg_database where datname = current_database())
"""


def slots_run(log: Path) -> int:
    return log.read_text().count("\n") if log.exists() else 0


def test_each_slot_once_whichever_process_is_killed(
    tmp_path: Path, database_url: str, postgres: PostgresServer, write_regions
):
    boxes = [{"name": f"r{n:02}", "bbox": [n, 40, n + 1, 41], "priority": 1 + n % 2} for n in range(14)]
    path, log = write_regions(*boxes), tmp_path / "slots.log"
    name = database_url.rpartition("/")[2]
    chance = random.Random(5)
    began = time.time()

    def start() -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "tests.app.regions.leading", database_url, path, str(began), log]
        return subprocess.Popen([str(word) for word in words], cwd=CHECKOUT)

    processes = [start() for _ in range(3)]
    killed = ran = 0
    try:
        while killed < 2 or slots_run(log) < ran + 2:  # and the last one leads in its turn
            assert time.time() - began < 60, "no three leaders in turn within a minute"
            time.sleep(chance.uniform(0.1, 0.8))
            leader = postgres.psql(name, LEADER)
            doomed = next((each for each in processes if leader == str(each.pid)), None)
            if killed < 2 and doomed is not None and slots_run(log) >= ran + 2:  # it has done something
                ran = slots_run(log)
                doomed.send_signal(signal.SIGKILL)
                doomed.wait()
                processes.remove(doomed)
                killed += 1
    finally:
        for each in processes:
            each.kill()
            each.wait()

    slots = postgres.psql(name, "select count(*), count(distinct slot) from job_slots where job = 'regions'")
    taken, different = map(int, slots.split("|"))
    assert taken == different
    # A leader may be killed between taking a slot and writing the line.
    assert taken - killed - 1 <= slots_run(log) <= taken
    holders = postgres.psql(name, "select count(distinct holder) from job_slots where job = 'regions'")
    assert holders == "3"
    a_night = "select max(n) from (select count(*) as n from region_runs group by night) as each"
    assert postgres.psql(name, a_night) == "2"
    listed = postgres.psql(
        name,
        "select region, extract(epoch from started_at), extract(epoch from coalesce(finished_at, now())) "
        "from region_runs order by region, started_at",
    )
    runs = [line.split("|") for line in listed.splitlines()]
    assert len(runs) > 4
    for (region, _, ended), (following, started, _) in pairwise(runs):
        assert region != following or float(ended) <= float(started)
    twice = "select count(*) from orders group by request->>'aoi', request->>'toi' having count(*) > 1"
    assert postgres.psql(name, twice) == ""
