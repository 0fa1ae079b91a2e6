"""A database that goes away and comes back, under load: maps unharmed, areas told to wait, nothing leaked."""

import asyncio

import httpx
import pytest

from app.database import Database, DatabaseUnavailableError
from app.settings import Settings
from tests.app.areas.conftest import LOCAL, feature
from tests.app.conftest import eventually, serving
from tests.app.landed import lonlat
from tests.services.postgres import PostgresServer

TILE = "/tiles/ndvi/14/8430/5463.png"
OTHER_TILE = "/tiles/true-color/14/8430/5463.png"
LIMIT = 3

WEST, NORTH = lonlat(70, 90)
EAST, SOUTH = lonlat(110, 200)
SCENE = {
    "type": "Feature",
    "properties": {},
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[WEST, SOUTH], [EAST, SOUTH], [EAST, NORTH], [WEST, NORTH], [WEST, SOUTH]]],
    },
}
"""A field within the scene that has landed."""


class Load:
    """Clients that ask again and again, and what they were answered."""

    def __init__(self, client: httpx.AsyncClient, path: str, clients: int) -> None:
        self.answers: list[httpx.Response] = []
        self._client = client
        self._path = path
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(clients)]

    async def _ask(self) -> None:
        while True:
            self.answers.append(await self._client.get(self._path))
            await asyncio.sleep(0.01)

    async def end(self) -> list[int]:
        """Stop, and give the statuses answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return [answer.status_code for answer in self.answers]


async def database_state(client: httpx.AsyncClient) -> dict[str, object]:
    answer = await client.get("/readyz")
    assert answer.status_code == 200, answer.text
    state: dict[str, object] = answer.json()["database"]
    return state


async def answers_statistics(client: httpx.AsyncClient) -> bool:
    answer = await client.post("/products/ndvi/statistics", json=SCENE)
    return answer.status_code == 200 and answer.json()["properties"]["series"][0]["mean"] is not None


async def refused_statistics(client: httpx.AsyncClient) -> httpx.Response:
    """Statistics asked for until they are refused: a database that is only slow is done without."""
    answers: list[httpx.Response] = []

    async def is_refused() -> bool:
        answers.append(await client.post("/products/ndvi/statistics", json=SCENE))
        return answers[-1].status_code != 200

    await eventually(is_refused)
    return answers[-1]


async def test_an_outage_under_load_harms_no_map_and_ends_by_itself(
    local_settings: Settings, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = local_settings.model_copy(update={"database_connections": LIMIT})
    database = str(settings.database_url).rpartition("/")[2]
    async with serving(settings) as client:
        client.base_url = httpx.URL(LOCAL)
        kept = (await client.post("/areas", json=feature())).json()
        areas, tiles = Load(client, "/areas", 10), Load(client, TILE, 2)
        await eventually(lambda: asyncio.sleep(0, len(areas.answers) > 20))
        postgres.stop()
        down = len(areas.answers)
        await eventually(lambda: asyncio.sleep(0, len(areas.answers) > down + 30))
        refused = areas.answers[-1]
        computed = await client.get(OTHER_TILE)
        asked = [await refused_statistics(client) for _ in range(2)]
        while_down = await database_state(client)
        write = await client.post("/areas", json=feature())
        postgres.start()
        up = len(areas.answers)
        await eventually(lambda: asyncio.sleep(0, len(areas.answers) > up + 30))
        recovered = areas.answers[-1]
        await eventually(lambda: answers_statistics(client))
        assert set(await areas.end()) == {200, 503}
        assert set(await tiles.end()) == {200}
        state = await database_state(client)
        open_now = postgres.psql(
            "postgres", f"select count(*) from pg_stat_activity where datname = '{database}'"
        )
        metrics = (await client.get("/metrics")).text
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "maps are still served" in refused.json()["detail"]
    assert str(postgres.port) not in refused.text
    assert (write.status_code, computed.status_code) == (503, 200)
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in asked] == [(503, "5")] * 2
    assert while_down == {
        "configured": True,
        "reachable": False,
        "connections": {"open": 0, "idle": 0, "limit": 3},
    }
    assert recovered.json()["features"] == [kept]
    assert state["reachable"] is True
    connections = state["connections"]
    assert isinstance(connections, dict)
    assert 1 <= connections["open"] == connections["idle"] <= LIMIT
    assert int(open_now) == connections["open"]
    assert f"tilewatch_database_connections {float(connections['open'])}" in metrics
    assert caplog.text.count("the database cannot be used") == 1
    assert caplog.text.count("the database answers again") == 1
    closed = f"select count(*) from pg_stat_activity where datname = '{database}'"
    assert postgres.psql("postgres", closed) == "0"


async def test_a_worker_starts_without_its_database(
    local_settings: Settings, postgres: PostgresServer
) -> None:
    postgres.stop()
    async with serving(local_settings) as client:
        client.base_url = httpx.URL(LOCAL)
        assert (await client.get(TILE)).status_code == 200
        assert (await client.get("/areas")).status_code == 503
        postgres.start()
        assert (await client.get("/areas")).status_code == 200


async def test_a_database_that_hangs_costs_a_bounded_wait(
    database_url: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.STATEMENT_S", 0.3)
    database = Database(database_url, max_connections=2)

    async def ask() -> object:
        try:
            async with database.connection(wait_s=0.3) as connection:
                return await connection.fetchval("select 1")
        except DatabaseUnavailableError:
            return None

    assert await ask() == 1
    postgres.pause()
    try:
        async with asyncio.timeout(10):
            assert await asyncio.gather(*(ask() for _ in range(6))) == [None] * 6
            assert await database.is_reachable() is False
    finally:
        postgres.resume()
    await eventually(lambda: _is(ask, 1))
    assert await asyncio.gather(*(ask() for _ in range(6))) == [1] * 6
    now = database.connections
    assert now.open == now.idle <= 2
    await database.close()


async def _is(ask, wanted: object) -> bool:
    return bool(await ask() == wanted)


async def test_without_a_database_areas_say_what_is_missing(
    local_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(local_settings.model_copy(update={"database_url": None})) as client:
        answers = [await client.get("/areas"), await client.get("/areas/1")]
        ready = await client.get("/readyz")
        tile = await client.get(TILE)
    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "TILEWATCH_DATABASE_URL" in answer.json()["detail"]
    assert (ready.status_code, ready.json()["database"]) == (200, {"configured": False})
    assert tile.status_code == 200


async def test_a_database_without_tables_says_how_it_gets_them(
    local_settings: Settings, postgres: PostgresServer
) -> None:
    bare = local_settings.model_copy(update={"database_url": postgres.clone("template0")})
    async with serving(bare) as client:
        answer = await client.get("/areas")
    assert (answer.status_code, "tilewatch migrate" in answer.json()["detail"]) == (503, True)


async def test_more_requests_than_connections_take_turns(local_settings: Settings) -> None:
    async with serving(local_settings.model_copy(update={"database_connections": 1})) as client:
        answers = await asyncio.gather(*(client.get("/areas") for _ in range(40)))
        assert {answer.status_code for answer in answers} == {200}
        assert (await database_state(client))["connections"] == {"open": 1, "idle": 1, "limit": 1}


async def test_two_clients_at_once_lose_nothing(local_settings: Settings) -> None:
    async with serving(local_settings) as first, serving(local_settings) as second:
        first.base_url = second.base_url = httpx.URL(LOCAL)
        area = (await first.post("/areas", json=feature())).json()["id"]
        patches = [
            client.patch(f"/areas/{area}", json={"properties": {f"{name}{number}": number}})
            for number in range(10)
            for name, client in (("first", first), ("second", second))
        ]
        created = [client.post("/areas", json=feature()) for client in (first, second) for _ in range(10)]
        answers = await asyncio.gather(*patches, *created)
        assert {answer.status_code for answer in answers} == {200, 201}
        own = (await second.get(f"/areas/{area}")).json()["properties"]
        listed = (await first.get("/areas")).json()["numberReturned"]
    assert {name for name in own if name.startswith(("first", "second"))} == {
        f"{name}{number}" for name in ("first", "second") for number in range(10)
    }
    assert listed == 21
