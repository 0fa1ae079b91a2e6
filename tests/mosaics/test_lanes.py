"""Files of a host are read on threads of its own, and work ends when nobody waits for it."""

import asyncio
import threading
import time

import pytest

from mosaics.lanes import CALLER, Caller, LaneFullError, Lanes, PixelBudgetError, TurnOverError
from tests.app.conftest import eventually


@pytest.fixture
def lanes():
    lanes = Lanes("", 1, lambda: None)
    yield lanes
    lanes.close()


async def test_a_host_that_lets_its_reads_wait_holds_its_own_threads_alone(lanes):
    released = threading.Event()

    def hangs(turn):
        turn.go_on("archive.example")
        released.wait(20)
        return threading.current_thread().name

    hanging = [asyncio.create_task(lanes.run(hangs)) for _ in range(3)]
    await eventually(lambda: asyncio.sleep(0, lanes.waiting["archive.example"] == 3))
    assert await lanes.run(lambda _: threading.current_thread().name) == "render_0"
    released.set()
    assert set(await asyncio.gather(*hanging)) == {"render-archive.example_0"}
    assert lanes.waiting.total() == 0


async def test_more_than_can_wait_is_refused(lanes):
    released = threading.Event()
    waiting = [asyncio.create_task(lanes.run(lambda _: released.wait(20))) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(LaneFullError):
        await lanes.run(lambda _: None)
    released.set()
    await asyncio.gather(*waiting)


async def test_work_that_nobody_waits_for_ends_where_it_asks(lanes):
    steps = []

    def work(turn):
        while True:
            turn.go_on()
            steps.append(1)
            time.sleep(0.01)

    under_way = asyncio.create_task(lanes.run(work))
    await eventually(lambda: asyncio.sleep(0, len(steps) > 2))
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    assert await lanes.run(lambda _: "the thread is free") == "the thread is free"


async def test_a_caller_who_has_gone_gets_no_turn(lanes):
    caller = Caller()
    token = CALLER.set(caller)
    try:
        assert await lanes.run(lambda _: 1) == 1
        caller.is_gone = True
        with pytest.raises(TurnOverError):
            await lanes.run(lambda _: 1)
    finally:
        CALLER.reset(token)


def test_pixels_are_counted_until_there_are_none_left():
    caller = Caller(100, 100)
    caller.spend(60)
    caller.spend(40)
    with pytest.raises(PixelBudgetError, match="more than 100 pixels"):
        caller.spend(1)
