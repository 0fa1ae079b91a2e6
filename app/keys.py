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
OWNER = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
"""Ids of owners: what keys, areas and what belongs to them name."""


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
    owner: str | None = None
    """The only owner whose areas, routes, feeds and jobs it sees and writes; None is bound to none."""

    @classmethod
    def parse(cls, text: str) -> "KeyEntry":
        """Read `name:scope:sha256hex` or `name:scope:sha256hex:owner`.

        Raises:
            KeyEntryError: If the text is not in that form.
        """
        name, _, rest = text.strip().partition(":")
        scope, _, rest = rest.partition(":")
        digest, is_bound, owner = rest.partition(":")
        if not NAME.fullmatch(name) or not DIGEST.fullmatch(digest.lower()):
            raise KeyEntryError(
                f"the entry of key {name[:64]!r} is not valid; write name:scope:digest, with a digest of 64 "
                "hexadecimal digits, as `tilewatch keys new` prints it"
            )
        found = cls(name, Scope.named(scope), digest.lower(), read_owner(owner) if is_bound else None)
        if found.owner is not None and found.scope == Scope.ADMIN:
            raise KeyEntryError(
                f"the key {name!r} has the scope admin, which is of the whole service, and an owner; "
                "a key with an owner has the scope read or write"
            )
        return found

    @property
    def text(self) -> str:
        """The form `parse` reads."""
        bound = "" if self.owner is None else f":{self.owner}"
        return f"{self.name}:{self.scope.name.lower()}:{self.digest}{bound}"


def read_owner(text: str) -> str:
    """Return the id of an owner.

    Raises:
        KeyEntryError: If it is not valid.
    """
    if not OWNER.fullmatch(text):
        raise KeyEntryError(
            f"{text[:64]!r} is not a valid owner; one has 1 to 64 letters, digits and . _ @ + -"
        )
    return text


def new_key(name: str, scope: Scope, owner: str | None = None) -> tuple[str, KeyEntry]:
    """Return a new key, to give to its user, and the entry to store."""
    key = f"tw_{secrets.token_urlsafe(32)}"
    bound = "" if owner is None else f":{owner}"
    return key, KeyEntry.parse(f"{name}:{scope.name.lower()}:{_digest(key)}{bound}")


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
