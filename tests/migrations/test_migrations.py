"""The schema: made once however many make it, on a server nothing of ours was on."""

import subprocess
import sys

import pytest

import migrations
from tests.services.postgres import PostgresServer

TABLES = " ".join(
    [
        *(
            "analyses",
            "area_latest",
            "area_statistics",
            "areas",
            "damaged_mosaics",
            "feed_pieces",
            "feed_polls",
            "feeds",
            "filled_exposures",
            "filled_series",
            "followed_logs",
            "followed_mosaics",
        ),
        *(
            "job_slots",
            "orders",
            "region_runs",
            "route_exposures",
            "routes",
            "scenes",
            "statistics_cache",
            "verified_items",
            "zone_areas",
            "zones",
        ),
    ]
)
MADE = (
    "select string_agg(table_name, ' ' order by table_name) from information_schema.tables "
    "where table_schema = 'public' and table_type = 'BASE TABLE' "
    "and table_name not in ('alembic_version', 'spatial_ref_sys')"
)


def name_of(address: str) -> str:
    return address.rpartition("/")[2]


@pytest.fixture
def bare(postgres: PostgresServer) -> str:
    """The address of a database with nothing in it, not even PostGIS."""
    postgres.start()
    return postgres.clone("template0")


def test_five_processes_at_once_make_the_schema_once(postgres: PostgresServer, bare: str):
    program = "import sys, migrations; migrations.upgrade(sys.argv[1])"
    started = [
        subprocess.Popen([sys.executable, "-c", program, bare], stderr=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert postgres.psql(name_of(bare), MADE) == TABLES
    assert postgres.psql(name_of(bare), "select count(*) from alembic_version") == "1"


def test_the_newest_schema_is_left_as_it_is(postgres: PostgresServer, database_url: str):
    database = name_of(database_url)
    postgres.psql(
        database, "insert into job_slots (job, slot, holder, status) values ('a', '2024-01-01', 'me', 'done')"
    )
    migrations.upgrade(database_url)
    assert postgres.psql(database, "select job, holder from job_slots") == "a|me"
    assert postgres.psql(database, MADE) == TABLES


def test_a_migration_that_fails_leaves_nothing(postgres: PostgresServer, bare: str):
    database = name_of(bare)
    postgres.psql(database, "create table job_slots (already integer)")
    with pytest.raises(migrations.MigrationError, match='relation "job_slots" already exists'):
        migrations.upgrade(bare)
    assert postgres.psql(database, MADE) == "job_slots"


def test_an_area_counts_its_vertices(postgres: PostgresServer, database_url: str):
    square = "st_multi(st_makeenvelope(0, 0, 1, 1, 4326))"
    inserted = f"insert into areas (name, geom) values ('square', {square}) returning vertices"
    assert postgres.psql(name_of(database_url), inserted) == "5"
