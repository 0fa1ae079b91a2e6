"""The network as archives may use it: public addresses only, checked where the connection is made."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import TypeAlias

import httpcore
import httpx

LOCALHOST = "127.0.0.1"
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that stand for an IPv4 one in their last 32 bits (RFC 6052)."""


class ForbiddenAddressError(Exception):
    """A host leads to an address that is not public; the message names the host."""


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Connects to the addresses it has checked, so that no later look-up can lead elsewhere.

    Args:
        local: Whether 127.0.0.1, so written, is allowed as well.
    """

    def __init__(self, *, local: bool = False) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
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
            if not all(is_public(ipaddress.ip_address(address)) for address in addresses):
                raise ForbiddenAddressError(f"the archive names {host}, which is not a public address.")
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """See `httpcore.AsyncNetworkBackend`."""
        await self._network.sleep(seconds)


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the public internet, seen through those that stand for another."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


async def _resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(f"the host {host} cannot be found: {error.strerror or error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
