"""The gate: a proxy through which GDAL reaches hosts that items name, open to public ones over https alone.

GDAL follows redirects to any host and scheme, and to what a name leads to at that moment; up to 3.10 no
option of it says otherwise. What it reads through `/vsicurl` therefore goes through this proxy, which looks
up the host of every connection itself. TLS is between GDAL and the host; the gate hands on bytes.

It is a process of its own (`mosaics.raster.remote` starts it), since rasterio holds Python's lock during some
of GDAL's requests: a proxy in the same process could not answer them.
"""

import asyncio
import base64
import hmac
import logging
import re
import sys
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from mosaics.public_addresses import ForbiddenAddressError, public_addresses

log = logging.getLogger(__name__)

LOCALHOST = "127.0.0.1"
PATIENCE_S = 10.0
"""How long the head of a request, or a connection, may take."""
PIECE_BYTES = 1 << 16
PUBLIC = "public"
"""User name of what may reach public hosts over https; other names are a port of this very machine."""

_CONNECT = re.compile(r"CONNECT (?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@]+):(?P<port>\d{1,5}) HTTP/1\.[01]")
_LOCAL = re.compile(r"(?P<method>GET|HEAD) http://127\.0\.0\.1:(?P<port>\d{1,5})(?P<path>/\S*) HTTP/1\.[01]")


class _RefusedError(Exception):
    """A connection is not made; the message says why."""


class Gate:
    """A proxy on this machine for those who know its secret.

    Args:
        secret: Sent along with each request, beside a user name that says where it may lead.
        find: Returns the addresses of a host that may be connected to, as `public_addresses` does.
    """

    def __init__(
        self, secret: str, find: Callable[[str, int], Awaitable[list[str]]] = public_addresses
    ) -> None:
        self._secret = secret
        self._find = find

    async def listen(self) -> int:
        """Begin to serve; return the port."""
        server = await asyncio.start_server(self._serve, LOCALHOST, 0)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = await _head(reader)
                user = self._user(head[1:])
                tunnel = _CONNECT.fullmatch(head[0])
                if tunnel is not None and user == PUBLIC:
                    there, back = await self._connected(tunnel["host"].strip("[]"), int(tunnel["port"]))
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    asked = _local_request(head, user)
                    there, back = await asyncio.open_connection(LOCALHOST, int(user))
                    back.write(asked)
            onward = _hand_on(reader, back) if tunnel else _hand_on_requests(reader, back, user)
            await _exchange((onward, back), (_hand_on(there, writer), writer))
        except asyncio.CancelledError:
            return  # the gate ends
        except _RefusedError as refusal:
            log.warning("a file is not read: %s", refusal)
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        finally:
            writer.close()

    async def _connected(self, host: str, port: int) -> tuple[Reader, Writer]:
        try:
            addresses = await self._find(host, port)
        except ForbiddenAddressError as error:
            raise _RefusedError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await asyncio.open_connection(address, port)
            except OSError:
                continue
        return await asyncio.open_connection(addresses[-1], port)

    def _user(self, lines: list[str]) -> str:
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() == "proxy-authorization":
                text = base64.b64decode(value.strip().partition(" ")[2]).decode("latin-1")
                user, _, secret = text.partition(":")
                if hmac.compare_digest(secret.encode(), self._secret.encode()):
                    return user
        raise _RefusedError("another program asks for it")


async def _head(reader: Reader) -> list[str]:
    """Return the lines of a request, without the empty ones that end it."""
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]


def _local_request(head: Sequence[str], user: str) -> bytes:
    """Return a request to a proxy as the server on this machine takes it.

    Raises:
        _RefusedError: If it is for anything but the port that `user` may ask.
    """
    plain = _LOCAL.fullmatch(head[0])
    if plain is None or plain["port"] != user:
        raise _RefusedError(f"{_shown(head[0])} is not an address that a file may lead to; https is")
    kept = [line for line in head[1:] if not line.lower().startswith("proxy-")]
    return "\r\n".join([f"{plain['method']} {plain['path']} HTTP/1.1", *kept, "", ""]).encode("latin-1")


async def _exchange(*ways: tuple[Coroutine[Any, Any, None], Writer]) -> None:
    """Hand on bytes on all ways, each with what it writes to, until one of them ends."""
    tasks = [asyncio.create_task(way) for way, _ in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, (_, target) in zip(tasks, ways, strict=True):
            task.cancel()
            target.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hand_on_requests(source: Reader, target: Writer, user: str) -> None:
    while True:
        target.write(_local_request(await _head(source), user))
        await target.drain()


async def _hand_on(source: Reader, target: Writer) -> None:
    while piece := await source.read(PIECE_BYTES):
        target.write(piece)
        await target.drain()


def _shown(line: str) -> str:
    """Return the address a request names, without its query, which may hold a signature."""
    return line.partition(" ")[2].partition(" ")[0].partition("?")[0][:200]


async def serve(gate: Gate) -> None:
    """Print the port, and serve until the program that has started this one ends or closes our input."""
    print(await gate.listen(), flush=True)  # noqa: T201 - what the other program waits for
    reader = Reader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()


def main() -> None:
    """Serve, with the secret that the first line of the input is."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    asyncio.run(serve(Gate(sys.stdin.readline().strip())))


if __name__ == "__main__":
    main()
