"""Shared access: tokens by which containers of Azure are read, as the Planetary Computer gives them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from mosaics.period import PeriodError, parse_instant

MARGIN = timedelta(seconds=60)
"""A token that ends sooner is renewed first (planetary-computer-sdk, sas.py)."""


class TokenError(ValueError):
    """What answers in place of a token; the message names the address."""


@dataclass(frozen=True, slots=True)
class _Token:
    query: str
    """What is appended to addresses."""
    ends: datetime


class ContainerTokens:
    """Tokens of containers, each asked for when it is first needed and before it ends.

    Args:
        ask: Returns the JSON document at an address; its errors are passed on.
        address: Where tokens are asked for; account and container are appended.
        now: Tells the time.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Any]],
        address: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ask = ask
        self._address = address.rstrip("/")
        self._now = now
        self._tokens: dict[str, _Token] = {}
        self._asking = asyncio.Lock()

    async def signed(self, url: str, container: str, *, renew: bool = False) -> str:
        """Return an address with the token of its container.

        Args:
            url: Of a file in the container.
            container: Account and container, with a slash between them.
            renew: Whether the token that there is was refused.

        Raises:
            TokenError: If no token is answered.
        """
        async with self._asking:
            token = self._tokens.get(container)
            if renew or token is None or token.ends - self._now() < MARGIN:
                token = self._tokens[container] = await self._token(container)
        return f"{url}{'&' if urlsplit(url).query else '?'}{token.query}"

    async def _token(self, container: str) -> _Token:
        address = f"{self._address}/{quote(container)}"
        answer = await self._ask(address)
        try:
            return _Token(str(answer["token"]).lstrip("?"), parse_instant(answer["msft:expiry"]))
        except (KeyError, TypeError, PeriodError) as error:
            raise TokenError(address) from error
