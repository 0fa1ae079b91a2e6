"""Keys that allow writing: their scopes, how they are kept, and how one is recognised."""

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
    """An entry of `TILEWATCH_API_KEYS` that cannot be read; the message shows no part of a digest."""


class KeyMissingError(Exception):
    """A key is needed, or the one sent is none of ours."""


class NotAllowedError(Exception):
    """Whoever asks may not do that."""


class Scope(IntEnum):
    """What a key allows; each one allows what those before it do."""

    READ = 1
    WRITE = 2
    ADMIN = 3

    @classmethod
    def named(cls, name: str) -> "Scope":
        """The scope of a lower-case name."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise KeyEntryError(f"no scope {name!r}; there are: {', '.join(cls.names())}") from None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names, least first."""
        return tuple(scope.name.lower() for scope in cls)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as it is kept: enough to recognise it, nothing to make it from."""

    name: str
    scope: Scope
    digest: str
    """SHA-256 of the key, in hex. A key has 256 random bits, so that no slow hash is needed."""

    @classmethod
    def parse(cls, text: str) -> "KeyEntry":
        """Read `name:scope:sha256hex`."""
        name, _, rest = text.strip().partition(":")
        scope, _, digest = rest.partition(":")
        if not NAME.fullmatch(name) or not DIGEST.fullmatch(digest.lower()):
            raise KeyEntryError(
                f"the entry of key {name[:64]!r} is not name:scope:digest, the digest 64 hexadecimal digits; "
                "`tilewatch keys new` makes one"
            )
        return cls(name, Scope.named(scope), digest.lower())

    @property
    def text(self) -> str:
        """The form `parse` reads."""
        return f"{self.name}:{self.scope.name.lower()}:{self.digest}"


def new_key(name: str, scope: Scope) -> tuple[str, KeyEntry]:
    """A fresh key, to be given to whoever will use it, and the entry to be kept."""
    key = f"tw_{secrets.token_urlsafe(32)}"
    return key, KeyEntry.parse(f"{name}:{scope.name.lower()}:{_digest(key)}")


def recognise(key: str, entries: Iterable[KeyEntry]) -> KeyEntry | None:
    """The entry a key belongs to; takes as long for a wrong key as for a right one."""
    digest = _digest(key)
    found = None
    for entry in entries:
        if hmac.compare_digest(entry.digest, digest):
            found = entry
    return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
