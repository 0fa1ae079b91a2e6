"""Authorization: who may write."""

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request

from app.errors import RequestError
from app.keys import KeyMissingError, NotAllowedError, Scope, recognise
from app.settings import Settings

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers a proxy adds: the caller behind it is not on this machine."""


def require(scope: Scope) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that admits requests whose key has a scope.

    Reading needs no key, but a key that is sent must be valid. If no keys are configured, only programs on
    this machine may do more than read.
    """

    async def permitted(request: Request) -> None:
        settings: Settings = request.app.state.settings
        key = sent_key(request)
        if key is None:
            if scope == Scope.READ:
                return
            if not settings.api_keys and is_local(request):
                return
            if not settings.api_keys:
                raise NotAllowedError(
                    "Only programs on the server's own machine may write, because no keys are set "
                    "(TILEWATCH_API_KEYS)."
                )
            raise KeyMissingError("This needs a key: send Authorization: Bearer KEY, or X-API-Key: KEY.")
        entry = recognise(key, settings.api_keys)
        if entry is None:
            raise KeyMissingError("The key sent is not valid for this service.")
        if entry.scope < scope:
            has, needs = entry.scope.name.lower(), scope.name.lower()
            raise NotAllowedError(f"The key {entry.name!r} has the scope {has}; this needs {needs}.")

    return permitted


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
    """Return whether the request comes from a program on this machine, not from another site's page.

    A proxy on this machine must say for whom it asks (uvicorn then takes the client's address from
    X-Forwarded-For); anything it forwards is not local. A page of another site, open in a browser on this
    machine, is recognised by its Origin or by the name in Host.
    """
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(name in request.headers for name in FORWARDING):
        return False
    host = urlsplit(f"//{request.headers.get('host', '')}")
    origin = request.headers.get("origin")
    if not _is_loopback(host.hostname or ""):
        return False
    return origin is None or urlsplit(origin).netloc == host.netloc


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
