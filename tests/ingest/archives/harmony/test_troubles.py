"""Troubles on the way of an order: each twice, with a restart between, and gone on with once it is over."""

from contextlib import suppress

import pytest

from ingest.archives.harmony.jobs import JobFailedError
from ingest.archives.http import ArchiveError, ArchiveUnavailableError
from tests.ingest.archives.server import Answer, document

LOST = {"code": "harmony.ServerError", "description": "Error: something went wrong"}


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (document(LOST, 500), ArchiveUnavailableError, "500"),
        (Answer(502), ArchiveUnavailableError, "502"),
        (Answer(503), ArchiveUnavailableError, "503"),
        (Answer(401, b"Unauthorized"), ArchiveError, "EARTHDATA_TOKEN"),
        (Answer(403, b"Forbidden"), ArchiveError, "403"),
        (Answer(200, b"<html>"), ArchiveError, "(?i)json|does not answer with a job"),
        (document({"message": "no status"}), ArchiveError, "does not answer with a job"),
        (document({"status": "resting", "message": ""}), ArchiveError, "not a state that is known"),
    ],
    ids=["500", "502", "503", "401", "403", "a page", "no status", "unknown status"],
)
async def test_a_job_that_cannot_be_asked_about_is_not_ordered_again(harmony, order, answer, kind, said):
    harmony.is_stuck = True
    with suppress(TimeoutError):
        await order(ended_after_s=0.3)
    (number,) = harmony.jobs
    address = f"/jobs/{number}"
    as_it_is, harmony.server.routes[address] = harmony.server.routes[address], lambda _: answer
    for _ in range(2):
        with pytest.raises(kind, match=said):
            await order()
    harmony.server.routes[address], harmony.is_stuck = as_it_is, False
    assert len(await order()) == 1
    assert len(harmony.orders()) == 1


async def test_who_is_told_to_wait_while_waiting_waits(harmony, order):
    harmony.is_stuck = True
    with suppress(TimeoutError):
        await order(ended_after_s=0.3)
    (number,) = harmony.jobs
    address = f"/jobs/{number}"
    as_it_is, harmony.is_stuck = harmony.server.routes[address], False
    harmony.server.asked.clear()
    answers = [Answer(429, b"", {"retry-after": "1"})] * 2
    harmony.server.routes[address] = lambda asked: answers.pop() if answers else as_it_is(asked)
    assert len(await order()) == 1
    first, second, third = harmony.server.of(address)[:3]
    assert min(second.at - first.at, third.at - second.at) >= 1
    assert harmony.orders() == []


@pytest.mark.parametrize("ending", ["failed", "canceled", "complete_with_errors"])
async def test_a_job_that_ends_without_files_is_ordered_again_by_each_run(harmony, order, ending):
    harmony.states, harmony.has_data = ["running", ending], False
    for runs in (1, 2):
        with pytest.raises(JobFailedError):
            await order()
        assert len(harmony.orders()) == runs
    harmony.states, harmony.has_data = ["successful"], True
    assert len(await order()) == 1
    assert len(harmony.orders()) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Answer(503), ArchiveUnavailableError, "503"),
        (Answer(401, b"Unauthorized"), ArchiveError, "EARTHDATA_TOKEN"),
        (document({"services": []}), ArchiveError, "there are no services for it"),
        (document({"conceptId": "C1"}), ArchiveError, "does not answer with services"),
    ],
    ids=["503", "401", "none", "no list"],
)
async def test_nothing_is_ordered_while_it_is_not_known_what_can_be(harmony, order, answer, kind, said):
    as_it_is, harmony.server.routes["/capabilities"] = (
        harmony.server.routes["/capabilities"],
        lambda _: answer,
    )
    for _ in range(2):
        with pytest.raises(kind, match=said):
            await order()
    assert harmony.orders() == []
    harmony.server.routes["/capabilities"] = as_it_is
    assert len(await order()) == 1


async def test_a_part_that_does_not_come_is_asked_for_again_without_a_new_order(
    harmony, archive_of, order, tmp_path
):
    (file,) = (await order()).values()
    path = next(path for path in harmony.store.routes)
    as_it_is, harmony.store.routes[path] = harmony.store.routes[path], lambda _: Answer(500)
    for _ in range(2):
        with pytest.raises(ArchiveUnavailableError):
            await archive_of().fetch(file, tmp_path / "part.nc", lambda _: None)
        (file,) = (await order()).values()
    harmony.store.routes[path] = as_it_is
    await archive_of().fetch(file, tmp_path / "part.nc", lambda _: None)
    assert len(harmony.orders()) == 1
