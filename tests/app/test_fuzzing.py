"""A short seed of `scripts/fuzz`: what OpenAPI describes, and odd geometries, asked in the process."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from scripts.fuzzing.described import QUIETLY, Described, cases, hold_against, name_of, request_of
from scripts.fuzzing.geometries import ENTRIES, Entry, wrong_with
from scripts.fuzzing.shapes import geometries
from scripts.fuzzing.tally import Tally
from tests.app.conftest import indexed
from tests.services.postgres import PostgresServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("ignore::UserWarning")]

SEED = 20261128
EXAMPLES = 2
SLACK = 10.0
"""A machine that runs tests does three things at once; the bounds themselves are for `scripts/fuzz`."""

KNOWN: dict[str, list[Any]] = {
    "product": ["ndvi", "true-color"],
    "collection": ["sentinel-2-l2a"],
    "collection_id": ["sentinel-2-l2a"],
    "tms": ["WebMercatorQuad"],
    "tileMatrixSetId": ["WebMercatorQuad"],
    "item_id": ["S2A_MOL_20240610"],
    "area": [1],
    "route": [1],
    "job": [1],
    "feed": [1],
    "format": ["png", "npy"],
    "lon": [5.24],
    "lat": [51.29],
    "width": [20],
    "height": [20],
}
"""Values that exist in the two months."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    two_months: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application for all of it, in which jobs are taken and none is run."""
    async with indexed(two_months, postgres, tmp_path_factory.mktemp("nowhere"), orders_at_once=0) as client:
        yield client


async def test_every_operation_answers_as_the_document_says(client: httpx.AsyncClient) -> None:
    described = Described.read((await client.get("/openapi.json")).json())
    tally = Tally(SLACK)
    for operation in described.operations:
        for case in drawn(cases(operation, KNOWN)):
            request = request_of(client, case, {})
            if request is not None:
                answer = await client.send(request)
                tally.note(name_of(operation), answer)
                hold_against(tally, described, case, answer)
    assert tally.requests > len(described.operations)
    assert told(tally) == []


async def test_odd_geometries_have_an_answer_at_every_entry(client: httpx.AsyncClient) -> None:
    tally = Tally(SLACK)
    for geometry in drawn(geometries, 2 * EXAMPLES):
        for entry in ENTRIES:
            await ask(client, tally, entry, geometry)
    assert told(tally) == []


async def ask(client: httpx.AsyncClient, tally: Tally, entry: Entry, geometry: Any) -> None:
    request = entry.request(client, geometry, {})
    if request is not None:
        answer = await client.send(request)
        tally.note(entry.name, answer)
        assert wrong_with(answer) is None, (request, answer.text)


def drawn(strategy: st.SearchStrategy[Any], count: int = EXAMPLES) -> Iterator[Any]:
    """The same examples in each run."""
    found: list[Any] = []

    @seed(SEED)
    @settings(QUIETLY, max_examples=count)
    @given(strategy)
    def keep(example: Any) -> None:
        found.append(example)

    keep()
    yield from found


def told(tally: Tally) -> list[str]:
    return [f"{name}: {kind}: {failure.said}" for (name, kind), failure in tally.shortest.items()]
