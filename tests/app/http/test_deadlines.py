"""Answers end in time, and with their callers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.deadlines import Deadlines, Kind, kind_of
from mosaics.lanes import CALLER

LIMITS_S = {Kind.ANSWER: 0.1, Kind.PICTURE: 0.2, Kind.SERIES: 0.3}
PICTURE = "/products/ndvi/bbox/1,2,3,4.png"
START = {"type": "http.response.start", "status": 200, "headers": []}


def scope_of(path: str, method: str = "GET") -> Scope:
    return {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}


async def asked(
    app: ASGIApp, path: str, received: Callable[[], Awaitable[Message]] | None = None, *, method: str = "GET"
) -> list[Message]:
    """What is sent to a caller who stays, or sends what `received` gives."""
    sent: list[Message] = []
    is_first = True

    async def receive() -> Message:
        nonlocal is_first
        if received is not None:
            return await received()
        if is_first:
            is_first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        middleware = Deadlines(app, limits_s=LIMITS_S, picture_pixels=100)
        await middleware(scope_of(path, method), receive, send)
    return sent


async def forever(_: Scope, __: Receive, ___: Send) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("path", ["/tiles/ndvi/1/2/3.png", PICTURE, "/products/ndvi/statistics"])
async def test_an_answer_that_does_not_begin_in_time_is_a_503(path: str) -> None:
    sent = await asked(forever, path)
    assert sent[0]["status"] == 503
    assert dict(sent[0]["headers"])[b"retry-after"] == b"5"
    assert b"in time" in sent[1]["body"]


async def test_an_answer_that_has_begun_may_take_longer() -> None:
    async def streamed(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        for _more in range(3):
            await asyncio.sleep(0.08)
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    sent = await asked(streamed, "/healthz")
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * 4]


async def test_the_time_that_a_body_takes_to_come_does_not_count() -> None:
    async def echo(_: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await send(START)
        await send({"type": "http.response.body", "body": message["body"], "more_body": False})

    async def slowly() -> Message:
        await asyncio.sleep(0.3)
        return {"type": "http.request", "body": b"late", "more_body": False}

    for path in ("/areas", "/products/ndvi/statistics"):
        sent = await asked(echo, path, slowly, method="POST")
        assert sent[1]["body"] == b"late"


async def test_what_a_picture_is_made_by_ends_with_its_caller() -> None:
    callers: list[Any] = []
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def work(_: Scope, __: Receive, ___: Send) -> None:
        callers.append(CALLER.get())
        await asyncio.sleep(60)

    async def leaving() -> Message:
        await asyncio.sleep(0.01)
        return next(messages, {"type": "http.disconnect"})

    assert await asked(work, PICTURE, leaving) == []
    assert (callers[0].pixels_left, callers[0].is_gone) == (100, True)
    assert CALLER.get() is None


async def test_an_error_of_the_application_s_own_is_its_own() -> None:
    async def failing(_: Scope, __: Receive, ___: Send) -> None:
        raise TimeoutError("of another kind")

    with pytest.raises(TimeoutError, match="another kind"):
        await asked(failing, "/healthz")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/products/ndvi/bbox/1,2,3,4/64x64.png", Kind.PICTURE),
        ("/products/ndvi/feature.png", Kind.PICTURE),
        ("/products/ndvi/statistics", Kind.SERIES),
        ("/areas/7/timeseries", Kind.SERIES),
        ("/products/ndvi/tiles/WebMercatorQuad/1/1/1.png", Kind.ANSWER),
        ("/areas", Kind.ANSWER),
    ],
)
def test_requests_have_their_class_by_their_path(path: str, kind: Kind) -> None:
    assert kind_of(path) is kind


async def test_a_cancellation_goes_through_while_an_answer_ends() -> None:
    ending = asyncio.Event()

    async def slow_to_end() -> Message:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        del message

    served = Deadlines(app, limits_s=dict.fromkeys(Kind, 5.0), picture_pixels=1)
    scope = {"type": "http", "method": "GET", "path": "/areas/1/timeseries", "headers": []}
    task = asyncio.create_task(served(scope, slow_to_end, send))
    await asyncio.wait_for(ending.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
