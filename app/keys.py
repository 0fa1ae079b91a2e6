"""API keys: their scopes, how they are stored, and how a key is recognised."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class KeyEntryError(ValueError):
    """An entry of `TILEWATCH_API_KEYS` that is not valid; the message shows no part of a digest."""


class KeyMissingError(Exception):
    """A key is required, or the one sent is not valid."""


class NotAllowedError(Exception):
    """The caller may not do that."""


class Scope(IntEnum):
    """What a key allows; each scope includes those before it."""

    READ = 1
    WRITE = 2
    ADMIN = 3

    @classmethod
    def named(cls, name: str) -> "Scope":
        """Return the scope with a name in lower case.

        Raises:
            KeyEntryError: If there is no such scope.
        """
        try:
            return cls[name.upper()]
        except KeyError:
            names = ", ".join(cls.names())
            raise KeyEntryError(f"{name!r} is not a valid scope; there are: {names}") from None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the scopes, lowest first."""
        return tuple(scope.name.lower() for scope in cls)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as it is stored: enough to recognise the key, but not to make it."""

    name: str
    scope: Scope
    digest: str
    """SHA-256 of the key, in hex. A key has 256 random bits, so no slow hash is needed."""

    @classmethod
    def parse(cls, text: str) -> "KeyEntry":
        """Read `name:scope:sha256hex`.

        Raises:
            KeyEntryError: If the text is not in that form.
        """
        name, _, rest = text.strip().partition(":")
        scope, _, digest = rest.partition(":")
        if not NAME.fullmatch(name) or not DIGEST.fullmatch(digest.lower()):
            raise KeyEntryError(
                f"the entry of key {name[:64]!r} is not valid; write name:scope:digest, with a digest of 64 "
                "hexadecimal digits, as `tilewatch keys new` prints it"
            )
        return cls(name, Scope.named(scope), digest.lower())

    @property
    def text(self) -> str:
        """The form `parse` reads."""
        return f"{self.name}:{self.scope.name.lower()}:{self.digest}"


def new_key(name: str, scope: Scope) -> tuple[str, KeyEntry]:
    """Return a new key, to give to its user, and the entry to store."""
    key = f"tw_{secrets.token_urlsafe(32)}"
    return key, KeyEntry.parse(f"{name}:{scope.name.lower()}:{_digest(key)}")


def recognise(key: str, entries: Iterable[KeyEntry]) -> KeyEntry | None:
    """Return the entry a key belongs to, in the same time for a wrong key as for a right one."""
    digest = _digest(key)
    found = None
    for entry in entries:
        if hmac.compare_digest(entry.digest, digest):
            found = entry
    return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
