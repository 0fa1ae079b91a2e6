"""Connections that send nothing, half or no end are closed, and never keep others out."""

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from app.cli import connections, repeats
from app.cli.connections import GuardedProtocol, connection_limit
from app.cli.repeats import RepeatLimit

REFUSAL = b"HTTP/1.1 431"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once; `/slow` when the caller has gone."""
    while scope["path"] == "/slow" and (await receive())["type"] != "http.disconnect":
        continue
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


Connect = Callable[[bytes], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@asynccontextmanager
async def listening(limit: int = 100) -> AsyncIterator[Connect]:
    """A server, and a way to open a connection to it and send something."""
    config, state = Config(answering, limit_concurrency=limit + 1, ws="none", log_config=None), ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: GuardedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    opened: list[asyncio.StreamWriter] = []

    async def connect(sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        writer.write(sent)
        return reader, writer

    try:
        yield connect
    finally:
        for writer in opened:
            writer.transport.abort()
        server.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", b""),
        (b"GET / HTT", b"HTTP/1.1 408"),
        (b"GET / HTTP/1.1\r\nhost: a\r\n", b"HTTP/1.1 408"),
        (GET + b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200"),  # the second request is half sent
    ],
)
async def test_half_of_a_request_is_closed(
    sent: bytes, answered: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    async with listening() as connect, asyncio.timeout(5):
        reader, _ = await connect(sent)
        assert (await reader.read()).startswith(answered)


async def test_headers_without_end_are_refused() -> None:
    async with listening() as connect, asyncio.timeout(10):
        reader, writer = await connect(b"GET / HTTP/1.1\r\n")
        with suppress(ConnectionError):
            for _ in range(100_000):
                writer.write(b"x: " + b"y" * 4000 + b"\r\n")
                await writer.drain()
            pytest.fail("it took 400 MB of headers")
        assert reader.at_eof() or reader.exception() is not None or (await reader.read()).startswith(REFUSAL)


async def test_a_body_that_nobody_reads_ends_the_connection() -> None:
    async with listening() as connect, asyncio.timeout(5):
        reader, _ = await connect(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")


POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"


@pytest.mark.parametrize("size", [1, 900_000])
async def test_a_body_that_comes_after_its_answer_leaves_the_connection_open(size: int) -> None:
    async with listening() as connect, asyncio.timeout(10):
        reader, writer = await connect(POST % size)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(b"x" * size)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(GET)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(POST % size + b"x" * size + GET)  # all at once
        for _ in range(2):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_body_without_end_whose_answer_was_given_ends_the_connection() -> None:
    async with listening() as connect, asyncio.timeout(10):
        reader, writer = await connect(POST % 10**9)
        with suppress(ConnectionError):
            for _ in range(100_000):
                writer.write(b"x" * 4000)
                await writer.drain()
            pytest.fail("it took 400 MB of a body")
        assert reader.at_eof() or reader.exception() is not None or await reader.read()


async def test_a_connection_goes_on_after_an_answer() -> None:
    async with listening() as connect, asyncio.timeout(5):
        reader, writer = await connect(GET)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(GET)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_silent_connections_make_room_for_new_ones() -> None:
    async with listening(limit=3) as connect, asyncio.timeout(5):
        silent = [await connect(b"") for _ in range(6)]
        reader, _ = await connect(GET)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        with suppress(ConnectionError):  # the first to come is the first to go
            assert await silent[0][0].read() == b""


async def test_connections_beyond_those_that_work_are_refused() -> None:
    async with listening(limit=2) as connect, asyncio.timeout(5):
        for _ in range(2):
            await connect(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        await asyncio.sleep(0.1)
        reader, _ = await connect(b"")
        assert b"retry-after" in await reader.read()


def test_half_of_the_descriptors_are_kept_for_work() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert connection_limit(10) == 10
    assert connection_limit(10**9) <= hard // 2 or hard == resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_lines_of_one_kind_are_bounded() -> None:
    now = 0.0
    limit = RepeatLimit(lambda: now)

    def line(number: int, place: int = 1) -> logging.LogRecord:
        return logging.LogRecord("a", logging.ERROR, "a.py", place, "pixel %d", (number,), None)

    written = [limit.filter(line(number)) for number in range(1000)]
    assert sum(written) == repeats.LINES
    assert limit.filter(line(0, place=2))
    now = repeats.WINDOW_S
    last = line(1000)
    assert limit.filter(last)
    assert last.getMessage() == "pixel 1000 (980 more like it were left out before)"
