"""Credentials: what lets the client in at some hosts, and is sent to no other, wherever an archive leads.

This is the one place that says where tokens are sent, and for which hosts addresses are signed. What an
archive or a redirect names is compared with it; a redirect carries nothing along but what stands in it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Origins:
    """Where a credential may be sent.

    Args:
        patterns: `https://host`, with a port where it is not the usual one; `*` stands for one part of the
            name.
    """

    patterns: tuple[str, ...]

    def __contains__(self, origin: str) -> bool:
        return any(
            re.fullmatch(re.escape(pattern).replace(r"\*", "[^./:]+"), origin) for pattern in self.patterns
        )


@dataclass(frozen=True, slots=True)
class SignedHosts:
    """Hosts of a cloud that a signature or a token is made for.

    Attributes:
        pattern: Matches the host; its group `name` is what the signature is for (bucket, account), and
            `region`, where it has one, where that lies.
        names: What is signed for; None for every name, where the signature is of use for this name alone.
        scheme: Of their addresses; another one than https is for servers on this machine.
    """

    pattern: re.Pattern[str]
    names: frozenset[str] | None = None
    scheme: str = "https"

    def of(self, url: str) -> Mapping[str, str] | None:
        """Return the groups of the pattern; None where nothing may be signed or asked for.

        Only addresses of the scheme, without user name and port, count: others may lead to another program.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        found = self.pattern.fullmatch(parts.netloc) if parts.scheme == self.scheme else None
        if found is None or (self.names is not None and found["name"] not in self.names):
            return None
        return found.groupdict()


BILLED_BUCKETS = frozenset(
    {"usgs-landsat", "sentinel-s1-l1c", "sentinel-s2-l1c", "sentinel-s2-l2a", "naip-analytic", "naip-source"}
)
"""Buckets that bill their readers (Registry of Open Data on AWS); an item's word for others is not enough."""

S3_HOST = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])\.s3\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com"
)
BLOB_HOST = re.compile(r"(?P<name>[a-z0-9]{3,24})\.blob\.core\.windows\.net")


class Credential(Protocol):
    """Something that is sent along with requests to some origins."""

    @property
    def origins(self) -> Origins:
        """Where it may be sent."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """Return what is sent now.

        Raises:
            ArchiveError: If it cannot be had.
        """
        ...

    async def renew(self) -> bool:
        """Replace what the archive has just refused; return whether there is something else to be tried."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCredential:
    """A credential that stays as it was given: a bearer token, or the key of an API in its own header."""

    origins: Origins
    value: SecretStr
    header: str = "Authorization"
    scheme: str = "Bearer "

    async def headers(self) -> Mapping[str, str]:
        """See `Credential.headers`."""
        return {self.header: f"{self.scheme}{self.value.get_secret_value()}"}

    async def renew(self) -> bool:
        """See `Credential.renew`."""
        return False


def bearer_tokens(tokens: Mapping[str, SecretStr]) -> tuple[FixedCredential, ...]:
    """Return the credentials that settings give by origin."""
    return tuple(FixedCredential(Origins((origin,)), value) for origin, value in tokens.items())


def credential_for(origin: str, credentials: Iterable[Credential]) -> Credential | None:
    """Return the first credential that may be sent to an origin; None where there is not one."""
    return next((credential for credential in credentials if origin in credential.origins), None)
