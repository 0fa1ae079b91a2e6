"""Databases that are lent again are like new ones, and others are not lent again."""

import asyncpg
import pytest

from tests.services.postgres import RESTING, PostgresServer


@pytest.fixture
def server(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    """The server of the session, with none of its databases to lend again."""
    monkeypatch.setattr(postgres, "_returned", type(postgres._returned)())
    postgres.start()
    return postgres


def name_of(address: str) -> str:
    return address.rpartition("/")[2]


def used(server: PostgresServer, statement: str) -> str:
    """A database that was lent, changed and returned, and is the next that could be lent."""
    address = server.lend("tilewatch")
    server.psql(name_of(address), statement)
    server.take_back(address)
    server._returned.extend(["never"] * RESTING)
    return address


def test_a_returned_database_is_lent_again_without_its_rows(server):
    row = "(collection, number, commit_id, scenes, summaries) values ('a', 1, 'b', 0, '{}')"
    address = used(server, f"insert into followed_logs {row}")
    assert server.lend("tilewatch") == address
    assert server.psql(name_of(address), "select count(*) from followed_logs") == "0"
    version = "select version_num from alembic_version"
    assert server.psql(name_of(address), version) == server.psql("tilewatch", version)


@pytest.mark.parametrize(
    "change",
    [
        "create table more (id integer)",
        "drop table job_slots",
        "alter table areas add column more integer",
        "delete from alembic_version",
    ],
)
def test_a_database_of_another_schema_is_not_lent_again(server, change):
    assert server.lend("tilewatch") != used(server, change)


async def test_a_database_that_is_still_used_is_not_lent_again(server):
    address = used(server, "select 1")
    connection = await asyncpg.connect(address)
    assert server.lend("tilewatch") != address
    await connection.close()


def test_a_database_rests_before_it_is_lent_again(server):
    address = server.lend("tilewatch")
    server.take_back(address)
    assert server.lend("tilewatch") != address
