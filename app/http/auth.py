"""Authorization: who may write."""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request

from app.errors import RequestError
from app.keys import KeyEntry, KeyMissingError, NotAllowedError, Scope, recognise
from app.settings import Settings

PLAIN = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-encoding"),
        *("content-length", "content-type", "cookie", "dnt", "expect", "host", "idempotency-key", "if-match"),
        *("if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "origin"),
        *("pragma", "priority", "range", "referer", "save-data", "te", "transfer-encoding", "user-agent"),
        *("upgrade-insecure-requests",),
    }
)
"""Headers that a browser or curl sends to a server on its own machine; proxies add others."""

BROWSERS = ("sec-fetch-", "sec-ch-", "sec-gpc")
"""How further ones begin that only browsers may set (Fetch standard, "forbidden request-header")."""

AS_A_PROXY = (
    " This request says Connection: close, as a proxy on the same machine does and Python's urllib too; "
    "curl and httpx keep the connection."
)

SAME_SITE = frozenset({"same-origin", "none"})


def require(scope: Scope) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that admits requests whose key has a scope.

    Reading needs no key, but a key that is sent must be valid. Only if no keys are configured, and the
    deployment says so, may programs on this machine write without one.
    """

    async def permitted(request: Request) -> None:
        settings: Settings = request.app.state.settings
        key = sent_key(request)
        if key is None:
            if scope == Scope.READ:
                return
            if not settings.api_keys:
                refuse_strangers(request, keyless=settings.keyless_writes)
                return
            raise KeyMissingError("This needs a key: send Authorization: Bearer KEY, or X-API-Key: KEY.")
        entry = known_entry(key, settings)
        if entry.scope < scope:
            has, needs = entry.scope.name.lower(), scope.name.lower()
            raise NotAllowedError(f"The key {entry.name!r} has the scope {has}; this needs {needs}.")

    return permitted


def owner_of(request: Request) -> str | None:
    """Return the owner that a request is bound to; None sees and writes everything its scope allows.

    What has another owner, or none, is for a bound request as if it were not there. Where a key is bound to
    an owner, what can have owners is not shown without any key, or leaving it out would show everything.

    Raises:
        KeyMissingError: If a key is missing for that reason, or is not valid.
    """
    settings: Settings = request.app.state.settings
    key = sent_key(request)
    if key is not None:
        owner = known_entry(key, settings).owner
        request.state.is_bound = owner is not None
        return owner
    if has_owners(settings):
        raise KeyMissingError(
            "This needs a key, since what is here belongs to owners: send Authorization: Bearer KEY, or "
            "X-API-Key: KEY."
        )
    return None


def may_see(request: Request, owner_id: str | None) -> bool:
    """Return whether something of an owner may be named in an answer that is for everyone."""
    settings: Settings = request.app.state.settings
    if sent_key(request) is None:
        return owner_id is None or not has_owners(settings)
    return owner_of(request) in {None, owner_id}


def has_owners(settings: Settings) -> bool:
    """Return whether a key is bound to an owner."""
    return any(entry.owner is not None for entry in settings.api_keys)


def known_entry(key: str, settings: Settings) -> KeyEntry:
    """Return the entry of a key that was sent.

    Raises:
        KeyMissingError: If it is not a key of this service.
    """
    entry = recognise(key, settings.api_keys)
    if entry is None:
        raise KeyMissingError("The key sent is not valid for this service.")
    return entry


def refuse_strangers(request: Request, *, keyless: bool) -> None:
    """Admit a request to write without a key where that is allowed and it comes from this machine.

    Args:
        request: Of a server without keys.
        keyless: Whether its programs may write without one.

    Raises:
        NotAllowedError: If it is refused.
    """
    if not keyless:
        raise NotAllowedError(
            "Writing needs a key, and no keys are set (TILEWATCH_API_KEYS). TILEWATCH_KEYLESS_WRITES=true "
            "lets programs on the server's own machine write without one."
        )
    if not is_local(request):
        closes = request.headers.get("connection", "").lower() == "close"
        raise NotAllowedError(
            "Only programs on the server's own machine, which ask it directly, may write without a key; set "
            f"keys for others (TILEWATCH_API_KEYS).{AS_A_PROXY if closes else ''}"
        )


def sent_key(request: Request) -> str | None:
    """Return the key a request carries, or None.

    Raises:
        RequestError: If the Authorization header is not of the form `Bearer KEY`.
    """
    if own := request.headers.get("x-api-key"):
        return own.strip()
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise RequestError("the Authorization header is not valid; send it as: Bearer KEY")
    return key.strip()


def is_local(request: Request) -> bool:
    """Return whether a program on this machine asks directly: not through a proxy, nor a site's page.

    A proxy on this machine is known by what it adds, or by how it connects: the one of nginx's defaults
    speaks HTTP/1.0 and closes each connection. A page of another site, open in a browser on this machine, is
    recognised by its Origin, Referer or Sec-Fetch-Site, or by the name in Host.
    """
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if request.scope.get("http_version", "1.1") == "1.0":
        return False
    names = request.headers.keys()
    if not all(name in PLAIN or name.startswith(BROWSERS) for name in names):
        return False
    if request.headers.get("connection", "keep-alive").lower() != "keep-alive":
        return False
    return _is_asked_by_name(request) and _is_of_same_site(request)


def _is_asked_by_name(request: Request) -> bool:
    """Return whether the only Host names this machine, and no port but the one that the server listens on."""
    hosts = request.headers.getlist("host")
    host = _split(f"//{hosts[0]}") if len(hosts) == 1 else None
    server = request.scope.get("server")
    if host is None or server is None or not _is_loopback(host[0]):
        return False
    return host[1] in {None, server[1] or 80}


def _is_of_same_site(request: Request) -> bool:
    headers = request.headers
    host = _split(f"//{headers['host']}")
    named = [headers[name] for name in ("origin", "referer") if name in headers]
    if any(_split(address) != host for address in named):
        return False
    return headers.get("sec-fetch-site", "none") in SAME_SITE


def _split(address: str) -> tuple[str, int | None] | None:
    """Return the host and port of an address; None where it has none that is valid."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port) if host else None


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
