"""Bodies wait neither for ever nor in any number."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from app.http import body_limits
from app.http.body_limits import BodyLimits

KILOBYTE = 1024


def scope(path: str = "/stac/search", **headers: str) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }


def coming(*pieces: bytes) -> Receive:
    """The messages of a body, of which `.` is the last; without it nothing more comes."""
    left = [*pieces]

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": True if left else piece != b"."}

    return receive


async def unsent(message: Message) -> None:
    raise AssertionError(message)


async def test_a_body_arrives_whole():
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "http.request", "body": b"ab.", "more_body": False}

    await BodyLimits(app, bytes_in_flight=KILOBYTE)(scope(), coming(b"a", b"b", b"."), unsent)


@pytest.mark.parametrize(
    ("announced", "path", "status"),
    [("2097153", "/stac/search", 413), ("16777217", "/areas", 413), ("9" * 5000, "/areas", 413)],
)
async def test_a_body_that_is_announced_as_too_large_is_not_read(announced: str, path: str, status: int):
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()

    with pytest.raises(HTTPException) as refused:
        await BodyLimits(app, bytes_in_flight=KILOBYTE)(
            scope(path, content_length=announced), coming(), unsent
        )
    assert refused.value.status_code == status


async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_limits, "PATIENCE_S", 0.05)

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()

    with pytest.raises(HTTPException) as refused:
        await BodyLimits(app, bytes_in_flight=KILOBYTE)(scope(), coming(b"a", b"b"), unsent)
    assert refused.value.status_code == 408


async def test_all_bodies_together_have_a_limit_until_their_requests_end():
    working, free = asyncio.Event(), asyncio.Event()

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        working.set()
        await free.wait()

    limits = BodyLimits(app, bytes_in_flight=KILOBYTE)
    first = asyncio.create_task(limits(scope(), coming(b"a" * 1000, b"."), unsent))
    await working.wait()
    with pytest.raises(HTTPException) as refused:
        await limits(scope(), coming(b"b" * 100, b"."), unsent)
    assert refused.value.status_code == 503
    assert refused.value.headers is not None
    assert "Retry-After" in refused.value.headers
    free.set()
    await first
    await limits(scope(), coming(b"b" * 100, b"."), unsent)
