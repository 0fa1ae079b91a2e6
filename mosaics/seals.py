"""Seals: the last member of an object of ours tells whether all bytes before it are as they were written."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

MEMBER = "tilewatch:seal"
"""Its name; the value is 96 bits of the SHA-256 of the object without it, in hexadecimal digits."""

_SEAL = re.compile(rb',"tilewatch:seal":"([0-9a-f]{24})"}')

COPY = ".copy"
"""After the key of an item, that of a copy from which it is restored."""


class BrokenSealError(ValueError):
    """An object is not as it was written."""

    def __init__(self) -> None:
        super().__init__("it is not as it was written: it has another digest than its seal says")


def digest_of(data: bytes) -> str:
    """Return 96 bits of the SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:24]


def sealed(document: Mapping[str, Any]) -> bytes:
    """Return an object as JSON, with a seal as its last member.

    Raises:
        ValueError: If a number is not finite.
    """
    whole = {name: value for name, value in document.items() if name != MEMBER}
    data = json.dumps(whole, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return data[:-1] + f',"{MEMBER}":"{digest_of(data)}"}}'.encode()


def unsealed(data: bytes) -> Any:
    """Return what JSON holds, without its seal; earlier versions wrote none.

    Raises:
        BrokenSealError: If it has a seal that is not right.
        ValueError: If it is not JSON.
    """
    document = json.loads(data)
    if not isinstance(document, dict) or MEMBER not in document:
        return document
    seal = _SEAL.search(data, len(data) - 64)
    if seal is None or seal.end() != len(data) or digest_of(data[: seal.start()] + b"}") != seal[1].decode():
        raise BrokenSealError
    del document[MEMBER]
    return document
