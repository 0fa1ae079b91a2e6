"""HTTP to archives: the one place that talks to them, patient with faults and wary of where they point."""

import asyncio
import email.utils
import json
import logging
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar

import httpx

from ingest.archives.credentials import Credential, credential_for
from mosaics.guarded_network import GuardedTransport
from mosaics.public_addresses import ForbiddenAddressError

T = TypeVar("T")

logging.getLogger("httpx").setLevel(logging.WARNING)  # else it logs whole addresses, signatures among them

MAX_DOCUMENT_BYTES = 64 * 2**20
"""Of an answer that is read whole, unpacked; a page of 100 Sentinel-2 items has about 3 MB."""
MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that another try may turn into a good one."""


REFUSING = frozenset({400, 401, 403, 404, 409, 422})
"""Answers whose text may say why, or what somebody has to do first, such as to agree to a licence."""
REASON_BYTES = 4096
REASON_S = 5.0
"""How much of such a text is read, and for how long."""

FLAGGING = 3
"""So many requests in a row that failed for all tries, after which a host is tried once for each request."""
GIVEN_UP = 12
"""So many of them, after which a client does not ask the host any more."""


class ArchiveError(Exception):
    """An archive does not give what was asked; the message says what it did instead."""


class ArchiveUnavailableError(ArchiveError):
    """An archive is down, overloaded or out of reach, and stayed so for all tries."""


class ArchiveAnswerError(ArchiveError):
    """An archive answers with an error.

    Attributes:
        said: The beginning of what it says of a refusal, which no message shows; empty for other errors.
    """

    def __init__(self, url: str, status: int, headers: Mapping[str, str], said: str = "") -> None:
        super().__init__(f"the archive answers {status} at {shown(url)}")
        self.status = status
        self.headers = headers
        self.said = said


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an archive is waited for."""

    tries: int = 6
    first_wait_s: float = 1.0
    """Before the second try; doubles with each, less a random part so that clients do not come in step."""
    longest_wait_s: float = 120.0
    """Where an archive asks for a longer one (Retry-After), it is taken for unavailable."""
    connect_s: float = 10.0
    silence_s: float = 30.0
    """Without a byte, a connection is given up."""
    document_s: float = 120.0
    """For the whole of one document, however slowly it drips."""
    crawl_s: float = 120.0
    """A file of which less than `pace.CRAWL_BYTES` come in this time counts as one of which nothing comes."""

    def wait_s(self, failures: int, asked_s: float | None) -> float:
        """Return how long to wait after so many failures in a row."""
        most_s = min(self.first_wait_s * 2.0 ** (failures - 1), self.longest_wait_s)
        return max(most_s * random.uniform(0.5, 1.0), asked_s or 0.0)  # noqa: S311 - jitter


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON document as an archive answers with it."""

    content: Any
    headers: Mapping[str, str]
    """Names in any case."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an archive is asked."""

    url: str
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    """Sent as JSON."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class ArchiveClient:
    """A client for archives; an async context manager.

    Only https is spoken, to public addresses only, after redirects too. Proxies of the environment are not
    used, since behind one it is the proxy that would choose the address.

    Args:
        credentials: Each is sent to its own origins and to no other.
        patience: How long to wait and how often to try.
        local_http: Whether http to 127.0.0.1 is allowed as well, for archives on this very machine.
        max_document_bytes: Of one document.
    """

    def __init__(
        self,
        *,
        credentials: Iterable[Credential] = (),
        patience: Patience = Patience(),
        local_http: bool = False,
        max_document_bytes: int = MAX_DOCUMENT_BYTES,
    ) -> None:
        self.patience = patience
        self._credentials = tuple(credentials)
        self._local_http = local_http
        self._max_document_bytes = max_document_bytes
        self._failed: Counter[str] = Counter()
        """Requests in a row that failed for all tries, by host."""
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(local=local_http),
            timeout=httpx.Timeout(patience.silence_s, connect=patience.connect_s, pool=None),
            headers={"User-Agent": f"tilewatch/{version('tilewatch')}", "Accept-Encoding": "gzip"},
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def document(self, request: Request, *, final: frozenset[int] = frozenset()) -> Any:
        """Return the JSON an archive answers with.

        Args:
            request: What is asked.
            final: Statuses that are not tried again.

        Raises:
            ArchiveAnswerError: If the answer is an error.
            ArchiveError: If it is too large or not JSON, or the archive cannot be asked.
        """
        return (await self.answer(request, final=final)).content

    async def answer(self, request: Request, *, final: frozenset[int] = frozenset()) -> Document:
        """Return the JSON an archive answers with, and the headers; see `document`."""

        async def read() -> Document:
            async with asyncio.timeout(self.patience.document_s), self.once(request) as response:
                content = bytearray()
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > self._max_document_bytes:
                        raise ArchiveError(
                            f"the archive answers more than {self._max_document_bytes} bytes "
                            f"at {shown(request.url)}."
                        )
            try:
                found = json.loads(content, parse_constant=lambda _: None)  # NaN, which some write
                return Document(found, response.headers)
            except (ValueError, RecursionError) as error:  # it may be a page of a proxy, or of maintenance
                raise httpx.DecodingError(
                    f"the archive answers something that is not JSON at {shown(request.url)}"
                ) from error

        return await self.patiently(read, url=request.url, final=final)

    async def size_bytes(self, url: str) -> int | None:
        """Return how large a file is; None where the archive does not tell.

        Raises:
            ArchiveError: If the archive does not have the file, or cannot be asked.
        """

        async def ask() -> int | None:
            # the first byte: a signed address holds for GET alone
            headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
            async with self.once(Request(url, headers=headers)) as response:
                if response.status_code == 206:
                    length = response.headers.get("content-range", "").rpartition("/")[2]
                else:
                    length = response.headers.get("content-length", "")
                return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None

        return await self.patiently(ask, url=url)

    async def patiently(
        self, attempt: Callable[[], Awaitable[T]], *, url: str, final: frozenset[int] = frozenset()
    ) -> T:
        """Try until it works, as far as patience goes, which is less with a host that has failed before.

        Raises:
            ArchiveAnswerError: If the answer is an error that will stay, or one in `final`.
            ArchiveUnavailableError: If all tries failed.
            ArchiveError: If `attempt` raises it.
        """
        host = _host(url)
        if self._failed[host] >= GIVEN_UP:
            raise ArchiveUnavailableError(
                f"{host} has failed {GIVEN_UP} times in a row and is not asked again in this run"
            )
        tries = 1 if self._failed[host] >= FLAGGING else self.patience.tries
        try:
            result = await self._tried(attempt, url, final, tries)
        except ArchiveUnavailableError:
            self._failed[host] += 1
            raise
        except ArchiveAnswerError:
            self._failed[host] = 0
            raise
        self._failed[host] = 0
        return result

    async def _tried(
        self, attempt: Callable[[], Awaitable[T]], url: str, final: frozenset[int], tries: int
    ) -> T:
        failures = 0
        while True:
            asked_s = None
            try:
                return await attempt()
            except ForbiddenAddressError as error:
                raise ArchiveError(str(error)) from error
            except ArchiveAnswerError as error:
                if error.status not in PASSING or error.status in final:
                    raise
                problem: Exception = error
                asked_s = _asked_wait_s(error.headers)
            except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
                problem = error
            failures += 1
            if failures >= tries:
                said = str(problem) or type(problem).__name__
                where = "" if shown(url) in said else f" at {shown(url)}"
                raise ArchiveUnavailableError(
                    f"the archive failed {failures} times, at last so: {said}{where}"
                ) from problem
            if asked_s is not None and asked_s > self.patience.longest_wait_s:
                raise ArchiveUnavailableError(
                    f"the archive asks to be left alone for {asked_s:.0f} s at {shown(url)}."
                ) from problem
            await asyncio.sleep(self.patience.wait_s(failures, asked_s))

    @asynccontextmanager
    async def once(self, request: Request, *, follow: bool = True) -> AsyncIterator[httpx.Response]:
        """Try once: yield the answer, its body still to be read, redirects followed.

        Args:
            request: What is asked.
            follow: Whether redirects are; else they are yielded, where they are what is asked for.

        Raises:
            ArchiveAnswerError: If the status is one of an error.
            ArchiveError: If an address may not be asked.
            httpx.TransportError: If the connection fails.
        """
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._admitted(request)
            try:
                location = response.headers.get("location")
                if response.status_code in REDIRECTS and location and follow:
                    request = _redirected(request, response)
                    continue
                if response.status_code >= 300 and not (response.status_code in REDIRECTS and location):
                    said = await _reason(response)
                    raise ArchiveAnswerError(request.url, response.status_code, response.headers, said)
                yield response
                return
            finally:
                await response.aclose()
        raise ArchiveError(f"the archive redirects more than {MAX_REDIRECTS} times at {shown(request.url)}.")

    async def _admitted(self, request: Request) -> httpx.Response:
        """Send a request with the credential for where it goes, which is renewed once where it is refused."""
        url = self._checked(request.url)
        credential = credential_for(_origin(url), self._credentials)
        own = {} if credential is None else await credential.headers()
        response = await self._send(request, url, own)
        if response.status_code != 401 or credential is None:
            return response
        if await credential.renew() or await credential.headers() != own:  # another request has renewed it
            await response.aclose()
            return await self._send(request, url, await credential.headers())
        return response

    async def _send(self, request: Request, url: httpx.URL, own: Mapping[str, str]) -> httpx.Response:
        built = self._client.build_request(
            request.method, url, json=request.body, headers={**request.headers, **own}
        )
        return await self._client.send(built, stream=True)

    def _checked(self, address: str) -> httpx.URL:
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, TypeError) as error:
            raise ArchiveError("the archive names an address that is not valid.") from error
        if url.userinfo:
            raise ArchiveError(f"the archive names an address on {url.host} with credentials in it.")
        local = self._local_http and url.scheme == "http" and url.host == "127.0.0.1"
        if not (url.scheme == "https" and url.host) and not local:
            raise ArchiveError(f"the archive names {shown(address)}, which is not an https address.")
        return url


def shown(url: str) -> str:
    """Return an address as anybody may read it: without its query, which may hold a signature."""
    return url.partition("?")[0].partition("#")[0][:200]


async def _reason(response: httpx.Response) -> str:
    """Return the beginning of the text of a refusal; empty for other answers, and where it does not come."""
    if response.status_code not in REFUSING:
        return ""
    content = bytearray()
    with suppress(httpx.TransportError, httpx.DecodingError, TimeoutError):
        async with asyncio.timeout(REASON_S):
            async for piece in response.aiter_bytes(REASON_BYTES):
                content += piece
                if len(content) >= REASON_BYTES:
                    break
    return bytes(content[:REASON_BYTES]).decode("utf-8", "replace")


def _host(address: str) -> str:
    try:
        return httpx.URL(address).host
    except (httpx.InvalidURL, TypeError):  # refused where it is asked
        return ""


def _origin(url: httpx.URL) -> str:
    port = f":{url.port}" if url.port is not None else ""
    return f"{url.scheme}://{url.host}{port}"


def _redirected(request: Request, response: httpx.Response) -> Request:
    target = str(response.url.join(response.headers["location"]))
    if response.status_code == 303:
        return replace(request, url=target, method="GET", body=None)
    return replace(request, url=target)


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After, which is seconds or a date."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,18}", text):
        return float(text)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
