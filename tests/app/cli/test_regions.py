"""`tilewatch regions`: whether a file is right, and the plan of the coming nights."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from click.testing import CliRunner

from app.cli import main

BOX = [-120.5, 38.5, -119.5, 39.5]


@pytest.fixture
def run(settings):
    return lambda *words: CliRunner().invoke(main, ["regions", *map(str, words)], catch_exceptions=False)


def test_a_file_that_is_right_is_told_region_by_region(run, write_regions, monkeypatch):
    path = write_regions({"name": "sierra", "bbox": BOX, "zoom_min": 0, "zoom_max": 2})
    monkeypatch.setenv("TILEWATCH_REGIONS", str(path))
    done = run("check")
    assert done.exit_code == 0
    # The area is that of PROJ's geodesics along the densified box: 9,616.75 km2.
    assert done.stdout == (
        "1 region, no problems.\n"
        "    sierra  every 7 nights, priority 2, 9,617 km2, 3 tiles, dnbr from earth-search-sentinel-2-l2a\n"
    )


def test_a_file_that_is_wrong_is_told_line_by_line(run, write_regions):
    path = write_regions(
        text='[{"name": "a", "bbox": [0, 38, 1, 39]},\n{"name": "b"},\n{"name": "c",\n"bbox": 3}]'
    )
    done = run("check", "--file", path)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == ["line 2, region 'b'", "line 4, region 'c'"]
    assert lines[2] == "Error: 2 problems; 1 region would still be refreshed."
    for command in ("check", "plan"):
        broken = run(command, "--file", write_regions(text="[{]"))
        assert (broken.exit_code, broken.stdout) == (2, "")
        assert broken.stderr.splitlines()[-1].startswith("Error: No region can be read from the file;")
    assert run("plan").stderr == "Error: No regions file is given; set TILEWATCH_REGIONS or give --file.\n"


def test_a_plan_from_the_beginning_warns_of_what_cannot_be_kept(run, write_regions):
    path = write_regions(*({"name": f"r{n}", "bbox": BOX, "update_interval_days": 1} for n in range(5)))
    done = run("plan", "--file", path, "--nights", 3)
    assert done.exit_code == 0
    nights = done.stdout.split("UTC\n")[1:]
    assert [night.count(": never refreshed") for night in nights] == [2, 2, 1]
    assert (
        "r0: 2 nights since the last attempt, interval 1: overdue ratio 2.00, priority 2, score 1.00"
        in nights[2]
    )
    assert "No database is given, so the plan starts from scratch. A service that" in done.stderr
    assert "The intervals of 5 regions need 5.00 refreshes a night, but at most 2 are made." in done.stderr
    assert "r4 (priority 2) will wait 3 nights instead of 1, and at most 3." in done.stderr


def test_a_plan_begins_with_what_the_database_knows(run, write_regions, database_url):
    path = write_regions({"name": "a", "bbox": BOX}, {"name": "b", "bbox": BOX})
    night = datetime.now(UTC).date() - timedelta(days=20)

    async def put() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "insert into region_runs (region, night, cause, asked, pre_start, pre_end, post_start, post_end, "
            "status, finished_at) values ('b', $1, 'rotation', '{}', $1, $1, $1, $1, 'failed', now())",
            night,
        )
        await connection.close()

    asyncio.run(put())
    done = run("plan", "--file", path, "--nights", 1, "--database-url", database_url)
    lines = done.stdout.splitlines()
    assert lines[1] == "    a: never refreshed"
    assert "since the last attempt, 1 failed in a row, retry after 1: overdue ratio 2" in lines[2]
    # Of two regions and two a night, none ever waits for the other.
    assert lines[3] == (
        "Every interval can be kept. Most nights between two refreshes, if nothing fails: a 7, b 7."
    )
