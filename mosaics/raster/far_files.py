"""Far files: parts of files that lie at https addresses, fetched beside the threads that read them.

They are read as through GDAL's gate: from public addresses alone, without credentials, and redirects lead to
such addresses only. A part says which version of the file it is of, so that parts of two are never joined.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import JSONDecodeError
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import httpx
from rasterio.errors import RasterioIOError

from mosaics.guarded_network import LOCALHOST, GuardedTransport
from mosaics.hosts import HOSTS, SLOW_S, host_of
from mosaics.public_addresses import ForbiddenAddressError
from mosaics.raster.fetched import GoneError, Outcome, Piece, VersionedBytes
from mosaics.shared_access import ContainerTokens, TokenError

TOKENS = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
"""Where the Planetary Computer gives tokens, by account and container."""

TIMEOUT = httpx.Timeout(3, connect=2, pool=10)
WHOLE_S = 10.0
"""How long each wait for bytes, and a whole answer, may take: as long as GDAL gives it."""

AT_ONCE = 16
"""Requests to one host under way."""

MOST_REDIRECTS = 5
PAUSE_S = 0.2
PASSING = frozenset({429, 500, 502, 503, 504})
"""Answers after which a host is asked once more."""

_PATH = re.compile(
    r"/vsicurl(?:/(?P<url>https?://.+)|\?pc_url_signing=yes&pc_collection=(?P<container>[\w.-]+/[\w.-]+)&url=(?P<quoted>.+))"
)
_RANGE = re.compile(r"bytes (?P<start>\d+)-(?P<end>\d+)/(?P<total>\d+)")


class FarError(RasterioIOError):  # type: ignore[misc]
    """A part of a far file cannot be had; the message says why."""


class ChangedFileError(FarError):
    """A file is another one than that of which the head was read."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a far file lies."""

    url: str
    container: str | None = None
    """Account and container of the Planetary Computer whose token it takes."""

    @classmethod
    def of(cls, path: str) -> "Address | None":
        """Return the address of a `/vsicurl` path; None where GDAL has to read it, or refuse it."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        url = found["url"] or unquote(found["quoted"])
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        is_local = parts.scheme == "http" and parts.netloc == f"{LOCALHOST}:{port}"
        is_public = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
        return cls(url, found["container"]) if is_local or is_public else None

    @property
    def is_local(self) -> bool:
        """Whether it is a server on this very machine, which no other address may lead to."""
        return self.url.startswith("http://")


Transports: TypeAlias = Mapping[bool, httpx.AsyncBaseTransport]


@dataclass(slots=True, eq=False)
class FarFiles:
    """Fetches parts of far files. Belongs to an event loop.

    Args:
        tokens: Where tokens of containers are asked for.
        transports: What requests go through: those to this machine (True), and others.
        now: Tells the time.
    """

    tokens: str = TOKENS
    transports: Transports | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _clients: dict[bool, httpx.AsyncClient] = field(default_factory=dict)
    _at_once: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _tokens: ContainerTokens = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = ContainerTokens(self._document, self.tokens, now=self.now)

    async def part(self, piece: Piece) -> Outcome:
        """Return a part of a file, shorter where the file ends before; or the error that says why not.

        The first part of a file is empty where its server gives no parts, or not as they are asked for.
        """
        address = Address.of(piece.path)
        if address is None:
            return FarError("it is not a file at an https address")
        host = host_of(piece.path)
        turns = self._at_once.setdefault(host, asyncio.Semaphore(AT_ONCE))
        has_to_wait = turns.locked()
        async with turns:
            if has_to_wait and HOSTS.is_avoided(host):
                return FarError(f"{host} does not answer")
            return await self._noted(address, piece, host)

    async def _noted(self, address: Address, piece: Piece, host: str) -> Outcome:
        """Ask for a part, and note how its host answers."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(WHOLE_S):
                found = await self._asked(address, piece)
        except ForbiddenAddressError as error:
            return FarError(str(error))
        except (
            TimeoutError,
            httpx.HTTPError,
            httpx.InvalidURL,
            OSError,
            TokenError,
            JSONDecodeError,
        ) as error:
            if time.monotonic() - began >= SLOW_S:
                HOSTS.failed(host)
            return FarError(f"{host} does not answer ({type(error).__name__})")
        HOSTS.answered(host)
        return found

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _asked(self, address: Address, piece: Piece) -> Outcome:
        """Ask, once more where the host cannot answer now, or the signature does not hold."""
        is_renewed = False
        for last in (False, True):
            url = address.url
            if address.container is not None:
                url = await self._tokens.signed(url, address.container, renew=is_renewed)
            try:
                status, headers, body = await self._got(url, piece, local=address.is_local)
            except (httpx.HTTPError, TimeoutError):
                if last:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            if last or not (status in PASSING or (status == 403 and address.container)):
                break
            is_renewed = status == 403
            await asyncio.sleep(0 if is_renewed else PAUSE_S)
        return _outcome(piece, status, headers, body)

    async def _got(self, url: str, piece: Piece, *, local: bool) -> tuple[int, httpx.Headers, bytes]:
        """Return status, header fields and as much of the body as was asked for, through redirects."""
        last = piece.start + piece.length - 1
        asked = {"Range": f"bytes={piece.start}-{last}", "Accept-Encoding": "identity"}
        request = self._client(local=local).build_request("GET", url, headers=asked)
        for _ in range(MOST_REDIRECTS + 1):
            _require_allowed(request.url, url, local=local)
            response = await self._client(local=local).send(request, stream=True)
            try:
                if response.next_request is None:
                    return response.status_code, response.headers, await _body(response, piece.length)
                request = response.next_request
            finally:
                await response.aclose()
        raise httpx.TooManyRedirects("it leads on and on", request=request)

    def _client(self, *, local: bool) -> httpx.AsyncClient:
        if local not in self._clients:
            given = None if self.transports is None else self.transports[local]
            self._clients[local] = httpx.AsyncClient(
                transport=given or GuardedTransport(local=local), timeout=TIMEOUT, trust_env=False
            )
        return self._clients[local]

    async def _document(self, address: str) -> Any:
        local = address.startswith(f"http://{LOCALHOST}:")
        return (await self._client(local=local).get(address)).raise_for_status().json()


def _require_allowed(asked: httpx.URL, first: str, *, local: bool) -> None:
    """Refuse where a redirect leads that is not https, or away from a server on this machine.

    Raises:
        ForbiddenAddressError: If it is refused.
    """
    if local and (asked.scheme, asked.netloc.decode()) == urlsplit(first)[:2]:
        return
    if local or asked.scheme != "https" or asked.userinfo:
        raise ForbiddenAddressError(f"{urlsplit(first).netloc} leads to {asked.host}, which is not followed")


async def _body(response: httpx.Response, most: int) -> bytes:
    """Return a body's bytes as they were sent, no more of them than one beyond what was asked for."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return b""
    found = bytearray()
    async for some in response.aiter_raw():
        found += some
        if len(found) > most:
            break
    return bytes(found)


def _outcome(piece: Piece, status: int, headers: httpx.Headers, body: bytes) -> Outcome:
    """Return the part that an answer holds, or what it says instead."""
    name = piece.path.partition("?")[0].rpartition("/")[2]
    if status in {404, 410}:
        return GoneError(f"{name} is not there any more")
    if status != httpx.codes.PARTIAL_CONTENT:
        gives_none = status in {200, 416} and piece.start == 0
        return VersionedBytes(b"") if gives_none else FarError(f"{name} is answered with the status {status}")
    told = _RANGE.fullmatch(headers.get("content-range", ""))
    end = piece.start + piece.length
    if told is None or (int(told["start"]), int(told["end"]) + 1) != (
        piece.start,
        min(end, int(told["total"])),
    ):
        return VersionedBytes(b"") if piece.start == 0 else FarError(f"{name} is answered with another part")
    version = f"{headers.get('etag') or headers.get('last-modified') or ''}/{told['total']}"
    if piece.version and version != piece.version:
        return ChangedFileError(f"{name} has changed while it was read")
    if len(body) != min(end, int(told["total"])) - piece.start:
        return FarError(f"{name} is answered in part only")
    return VersionedBytes(body, version)
