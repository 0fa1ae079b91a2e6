"""Addresses of a STAC item's files: what it writes becomes what can be asked for, or a reason why not."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

from ingest.archives.archive import GranuleRefusedError

Address: TypeAlias = Callable[[object], str]
"""Turns the `href` of an asset into the address of its file, or refuses it."""

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
MAX_CHARS = 8192
"""Longest address; presigned ones have some 1,500 characters."""


def as_written(href: object) -> str:
    """Return an address that is to be taken as it is, of a file that may be on this machine.

    Raises:
        GranuleRefusedError: If it is not a text, or an empty one.
    """
    if not isinstance(href, str):
        raise GranuleRefusedError(f"{_shown(href)} is not a valid address of a file; one is a text")
    if not href.strip():
        raise GranuleRefusedError("the address of a file is empty")
    return href


def in_archive(item: Mapping[str, Any]) -> Address:
    """Return what reads the addresses of an item of an archive: https and s3, or relative to the item.

    Args:
        item: Its link `self` says where it lies itself (STAC, Item fields).
    """
    base = self_link(item)

    def address(href: object) -> str:
        text = as_written(href)
        if BLANK.search(text) or len(text) > MAX_CHARS:
            raise GranuleRefusedError(f"{_shown(text)} is not a valid address of a file")
        if not SCHEME.match(text):
            text = _resolved(text, base)
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise GranuleRefusedError(f"{_shown(text)} is not a valid address of a file") from error
        if parts.scheme not in {"https", "http", "s3"} or not parts.netloc:  # http is the client's to refuse
            raise GranuleRefusedError(f"the file {_shown(text)} is at neither an https nor an s3 address")
        return text

    return address


def self_link(item: Mapping[str, Any]) -> str | None:
    """Return the address of an item, without credentials in it; None where it gives none.

    Raises:
        GranuleRefusedError: If its links are not a list of objects.
    """
    links = item.get("links") or []
    if not isinstance(links, list) or not all(isinstance(link, Mapping) for link in links):
        raise GranuleRefusedError("its links are not a list of objects")
    href = next((link.get("href") for link in links if link.get("rel") == "self"), None)
    return href if isinstance(href, str) and re.fullmatch(r"https?://[^@\s]+", href) else None


def _resolved(href: str, base: str | None) -> str:
    if href.startswith("/vsi"):
        raise GranuleRefusedError(f"the file {_shown(href)} is at an address of GDAL's, not of the web")
    if base is None:
        raise GranuleRefusedError(
            f"the file {_shown(href)} is at a relative address, and the item does not link itself"
        )
    try:
        return urljoin(base, href)
    except ValueError as error:
        raise GranuleRefusedError(f"{_shown(href)} is not a valid address of a file") from error


def _shown(href: object) -> str:
    """Return a value as a message shows it, without the query, which may hold a signature."""
    return repr(href.partition("?")[0] if isinstance(href, str) else href)[:200]
