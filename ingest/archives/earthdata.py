"""Earthdata: the credential of NASA's archives, a token that is given or asked for by name and password.

A token is sent to the hosts of `DATA_HOSTS` and to no other; the signed addresses they redirect to refuse it.
"""

import asyncio
import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from ingest.archives.credentials import Credential, FixedCredential, Origins
from ingest.archives.http import ArchiveAnswerError, ArchiveClient, ArchiveError, Request

LOGIN = "https://urs.earthdata.nasa.gov"
DATA_HOSTS = (
    "https://data.laadsdaac.earthdatacloud.nasa.gov",
    "https://ladsweb.modaps.eosdis.nasa.gov",
    "https://harmony.earthdata.nasa.gov",
)
DATA_ORIGINS = Origins(DATA_HOSTS)
ASKED_AGAIN_S = 60.0
"""A token that is refused within this time after it was asked for is not asked for again."""
TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
NEW_TOKEN = f"make a new one at {LOGIN} (Generate Token) and give it as EARTHDATA_TOKEN."


@dataclass(frozen=True, slots=True)
class EarthdataToken:
    """A token as somebody made it at Earthdata.

    Args:
        value: The token.
        origins: Where it may be sent.
        now: Seconds since 1970.
    """

    value: SecretStr
    origins: Origins = DATA_ORIGINS
    now: Callable[[], float] = time.time

    async def headers(self) -> Mapping[str, str]:
        """See `Credential.headers`.

        Raises:
            ArchiveError: If the token itself says that it has expired.
        """
        token = self.value.get_secret_value()
        expiry_s = expiry_of(token)
        if expiry_s is not None and expiry_s <= self.now():
            day = datetime.fromtimestamp(expiry_s, UTC)
            raise ArchiveError(f"the Earthdata token has expired on {day:%Y-%m-%d %H:%M}Z; {NEW_TOKEN}")
        return {"Authorization": f"Bearer {token}"}

    async def renew(self) -> bool:
        """See `Credential.renew`; it is the only one there is."""
        return False


class EarthdataLogin:
    """A token that is asked for by user name and password, and again before it expires or once it is refused.

    Earthdata finds the user's token, or creates one (`find_or_create_token`).

    Args:
        username: Of Earthdata.
        password: Of Earthdata.
        origins: Where the token may be sent; name and password are sent to `login` alone.
        login: Where tokens are asked for.
        make_client: Makes the client that asks, from its credentials.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        username: str,
        password: SecretStr,
        *,
        origins: Origins = DATA_ORIGINS,
        login: str = LOGIN,
        make_client: Callable[..., ArchiveClient] = ArchiveClient,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.origins = origins
        self._login = login
        basic = base64.b64encode(f"{username}:{password.get_secret_value()}".encode()).decode()
        self._own = FixedCredential(Origins((login,)), SecretStr(basic), scheme="Basic ")
        self._make_client = make_client
        self._now = now
        self._token: str | None = None
        self._expiry_s = self._asked_s = 0.0
        self._asking = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """See `Credential.headers`."""
        async with self._asking:
            stale = self._now() >= self._expiry_s and not self._was_just_asked
            if self._token is None or stale:
                self._token = await self._ask()
        return {"Authorization": f"Bearer {self._token}"}

    async def renew(self) -> bool:
        """See `Credential.renew`; once for a token that has been used for a while."""
        async with self._asking:
            if self._token is None or self._was_just_asked:
                return False
            before, self._token = self._token, None
            self._token = await self._ask()
            return self._token != before

    @property
    def _was_just_asked(self) -> bool:
        return self._now() - self._asked_s < ASKED_AGAIN_S

    async def _ask(self) -> str:
        """Ask for a token, and note until when it holds.

        Raises:
            ArchiveError: If name and password are refused, or there is no answer.
        """
        self._asked_s = self._now()
        request = Request(f"{self._login}/api/users/find_or_create_token", "POST")
        async with self._make_client(credentials=(self._own,)) as client:
            try:
                answer = await client.document(request)
            except ArchiveAnswerError as error:
                if error.status in {401, 403}:
                    raise ArchiveError(
                        "Earthdata does not accept EARTHDATA_USERNAME and EARTHDATA_PASSWORD; look whether "
                        f"they let you in at {self._login}."
                    ) from error
                raise
        token, self._expiry_s = _read_token(answer)
        return token


def earthdata_credentials(
    token: SecretStr | None,
    username: str | None,
    password: SecretStr | None,
    make_client: Callable[..., ArchiveClient] = ArchiveClient,
) -> tuple[Credential, ...]:
    """Return the credential that settings give: a token, else one asked for by name and password; or none."""
    if token is not None:
        return (EarthdataToken(token),)
    if username and password is not None:
        return (EarthdataLogin(username, password, make_client=make_client),)
    return ()


def expiry_of(token: str) -> float | None:
    """Return when a token says it expires (`exp` of a JSON Web Token), in seconds since 1970; else None."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        said = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (ValueError, binascii.Error, RecursionError):
        return None
    expiry = said.get("exp") if isinstance(said, dict) else None
    return float(expiry) if isinstance(expiry, int | float) and 0 < expiry < 2**40 else None


def _read_token(answer: Any) -> tuple[str, float]:
    """Return a token and when it expires: as it says itself, else at the beginning of the day given for it.

    Raises:
        ArchiveError: If the answer has no token.
    """
    said = answer if isinstance(answer, dict) else {}
    token = said.get("access_token")
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise ArchiveError("Earthdata does not answer with a token.")
    expiry_s = expiry_of(token)
    if expiry_s is None:
        try:
            day = datetime.strptime(str(said.get("expiration_date")), "%m/%d/%Y").replace(tzinfo=UTC)
            expiry_s = day.timestamp()
        except ValueError:
            expiry_s = float("inf")
    return token, expiry_s
