"""The network as what others name may use it: public addresses only, checked where the connection is made."""

import functools
import ssl
from collections.abc import Iterable

import httpcore
import httpx

from mosaics.public_addresses import public_addresses

LOCALHOST = "127.0.0.1"


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    """Return the certificates that are trusted, read once: that takes 30 ms."""
    return httpx.create_ssl_context()


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Connects to the addresses it has checked, so that no later look-up can lead elsewhere.

    Args:
        local: Whether 127.0.0.1, so written, is allowed as well.
    """

    def __init__(self, *, local: bool = False) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_ssl_context(),
            max_connections=32,
            max_keepalive_connections=8,
            keepalive_expiry=15,
            network_backend=GuardedNetwork(local=local),
        )


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses; a host that has any other is refused."""

    def __init__(self, *, local: bool) -> None:
        self._local = local
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See `httpcore.AsyncNetworkBackend`; `ForbiddenAddressError` where the host is not public."""
        if self._local and host == LOCALHOST:
            addresses = [host]
        else:
            addresses = await _resolve(host, port)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """See `httpcore.AsyncNetworkBackend`."""
        await self._network.sleep(seconds)


async def _resolve(host: str, port: int) -> list[str]:
    try:
        return await public_addresses(host, port)
    except OSError as error:
        raise httpcore.ConnectError(f"the host {host} cannot be found: {error.strerror or error}") from error
