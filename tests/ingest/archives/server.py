"""An archive to test against: an HTTP server on this machine that answers, and misbehaves, as it is told."""

import asyncio
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

REASONS = {206: "Partial Content", 302: "Found", 307: "Temporary Redirect", 416: "Range Not Satisfiable"}


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes
    at: float = field(default_factory=time.time)
    """When it came."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def is_probe(self) -> bool:
        """Whether only the size is asked."""
        return self.headers.get("range") == "bytes=0-0"


@dataclass(frozen=True)
class Answer:
    """What is answered, truly or not."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """What Content-Length says; None for the truth, -1 for nothing at all."""
    dropped_after: int | None = None
    """Bytes after which the connection is cut."""
    pause_s: float = 0.0
    """Between pieces of 16 kB."""


def page(items: list[dict[str, Any]], *links: dict[str, Any]) -> Answer:
    return document({"type": "FeatureCollection", "features": items, "links": list(links)})


def document(content: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"content-type": "application/json", **headers})


Handler = Callable[[Asked], Answer]


def file(content: bytes, **given: Any) -> Handler:
    """A file as a store serves it: with a tag, in parts where parts are asked."""
    tag = f'"{hashlib.sha1(content).hexdigest()}"'

    def answer(asked: Asked) -> Answer:
        headers = {"etag": tag, "accept-ranges": "bytes", **given.get("headers", {})}
        rest = {name: value for name, value in given.items() if name != "headers"}
        ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", ""))
        if not ranged or asked.headers.get("if-range", headers["etag"]) != headers["etag"]:
            return Answer(200, content, headers, **rest)
        first, last = int(ranged[1]), min(int(ranged[2] or len(content)), len(content) - 1)
        if first > last:
            return Answer(416, b"", {"content-range": f"bytes */{len(content)}"})
        headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
        return Answer(206, content[first : last + 1], headers, **rest)

    return answer


class ArchiveServer:
    """Serves on 127.0.0.1 from a thread of its own; routes may be changed while it runs."""

    def __init__(self) -> None:
        self.routes: dict[str, Handler] = {}
        self.asked: list[Asked] = []
        self.cut_after: int | None = None
        """Bytes after which every connection is cut; None where answers say it themselves."""
        self.statistics = self.most_at_once = 0
        """Answers being sent now, and the most that ever were at the same time."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def of(self, path: str) -> list[Asked]:
        """The requests for a path, in their order."""
        return [asked for asked in self.asked if asked.path == path]

    async def _stop(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)  # transports let go of their sockets

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                handler = self.routes.get(asked.path, lambda _: Answer(404))
                self.statistics += 1
                self.most_at_once = max(self.most_at_once, self.statistics)
                try:
                    answer = handler(asked)
                    if self.cut_after is not None:
                        answer = replace(answer, dropped_after=self.cut_after)
                    goes_on = await _write(writer, asked, answer)
                finally:
                    self.statistics -= 1
                if not goes_on:
                    break
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()  # whoever asked is gone, or the server stops


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    line = (await reader.readline()).decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while (text := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(line[0], line[1], headers, content)


async def _write(writer: asyncio.StreamWriter, asked: Asked, answer: Answer) -> bool:
    """Whether the connection can be used again."""
    length = len(answer.content) if answer.length is None else answer.length
    headers = dict(answer.headers)
    if length >= 0:
        headers["content-length"] = str(length)
    else:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'X')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    content = b"" if asked.method == "HEAD" else answer.content[: answer.dropped_after]
    for start in range(0, len(content), 16384):
        writer.write(content[start : start + 16384])
        await writer.drain()
        if answer.pause_s:
            await asyncio.sleep(answer.pause_s)
    await writer.drain()
    return answer.dropped_after is None and length == len(answer.content)
