"""A line to a store that holds back each request: what a bucket in the same region, or a distant one, costs.

It is a process of its own, so that it takes no time from the client that measures.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from tests.services.child import Child
from tests.services.ports import free_port, wait_until_listening

PIECE_BYTES = 1 << 18
ASKING = (b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE ")


@dataclass(slots=True)
class Line:
    """A running line; each call of `told` also sets its delay."""

    port: int
    control: int

    @property
    def endpoint(self) -> str:
        """Its address, with its scheme."""
        return f"http://127.0.0.1:{self.port}"

    async def told(self, delay_ms: float) -> tuple[int, int]:
        """Return how many requests and bytes it has carried so far."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control)
        writer.write(f"{delay_ms}\n".encode())
        counted = json.loads(await reader.readline())
        writer.close()
        return counted["requests"], counted["bytes"]


@contextmanager
def delay_line(target: str, folder: Path) -> Iterator[Line]:
    """Provide a line to a server."""
    port, control = free_port(), free_port()
    parts = urlsplit(target)
    command = [sys.executable, "-m", __name__, str(port), str(control), str(parts.hostname), str(parts.port)]
    child = Child.start(command, folder, name="line")
    try:
        wait_until_listening(control, timeout_s=30, check=child.check)
        yield Line(port, control)
    finally:
        child.process.terminate()
        child.process.wait()


@dataclass(slots=True)
class _Carrier:
    """Carries bytes to the target and back."""

    target: tuple[str, int]
    delay_s: float = 0.0
    requests: int = 0
    bytes: int = 0
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, onward = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        ways = [asyncio.create_task(self._back(there, writer)), asyncio.create_task(self._on(reader, onward))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        writer.close()
        onward.close()

    async def _on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(PIECE_BYTES):
            if piece.startswith(ASKING):
                self.requests += 1
                await asyncio.sleep(self.delay_s)
            target.write(piece)

    async def _back(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(PIECE_BYTES):
            self.bytes += len(piece)
            target.write(piece)
            await target.drain()

    async def tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line := await reader.readline():
            self.delay_s = float(line) / 1000
            writer.write(json.dumps({"requests": self.requests, "bytes": self.bytes}).encode() + b"\n")
        writer.close()


async def _carry(port: int, control: int, target: tuple[str, int]) -> None:
    carrier = _Carrier(target)
    served = await asyncio.start_server(carrier.serve, "127.0.0.1", port, backlog=512)
    await asyncio.start_server(carrier.tell, "127.0.0.1", control)
    await served.serve_forever()


if __name__ == "__main__":
    own, told, host, theirs = sys.argv[1:]
    uvloop.run(_carry(int(own), int(told), (host, int(theirs))))
