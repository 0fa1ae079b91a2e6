"""Public addresses: what of the internet may be asked where somebody else names the host."""

import asyncio
import ipaddress
import socket
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that stand for an IPv4 one in their last 32 bits (RFC 6052)."""


class ForbiddenAddressError(Exception):
    """A host leads to an address that is not public; the message names the host."""


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


async def public_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host, to connect to them and to no later answer of the name service.

    Raises:
        ForbiddenAddressError: If one of them is not public.
        OSError: If the host cannot be found.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(is_public(ipaddress.ip_address(address)) for address in addresses):
        raise ForbiddenAddressError(f"the archive names {host}, which is not a public address.")
    return addresses
