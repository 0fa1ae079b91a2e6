"""Credentials: what lets the client in at some hosts, and is sent to no other, wherever an archive leads."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

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
