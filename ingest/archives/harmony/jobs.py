"""Jobs of Harmony: ordered once, waited for in whatever state they are, their files found page by page."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from ingest.archives.archive import EmptyGranuleError
from ingest.archives.cmr.archive import REMEDY
from ingest.archives.http import (
    ArchiveAnswerError,
    ArchiveClient,
    ArchiveError,
    ArchiveUnavailableError,
    Request,
    shown,
)
from mosaics.period import PeriodError, parse_instant

WAITING = frozenset({"accepted", "running", "running_with_errors", "previewing", "paused"})
NUDGES: Mapping[str, str] = {"paused": "resume", "previewing": "skip-preview"}
"""What is asked of a job that does not go on by itself, by its state."""
DONE = frozenset({"successful", "complete_with_errors"})
ENDED = frozenset({"failed", "canceled"})
JOB_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
UNTOLD = frozenset({408, 500, 502, 503, 504})
"""Answers to an order that do not tell whether it was taken."""
EMPTY = "no matching granules"
LOGINS = frozenset({"urs.earthdata.nasa.gov", "uat.urs.earthdata.nasa.gov"})
"""Where Harmony sends who has no token."""
MAX_PAGES = 100
MAX_ORDER_BYTES = 2**20


class JobGoneError(Exception):
    """A job, or what it made, is not there any more."""


class JobFailedError(ArchiveError):
    """A job ended without what was ordered; the message says why."""


@dataclass(frozen=True, slots=True)
class Polling:
    """How a job is waited for."""

    first_s: float = 3.0
    """Before it is asked for the second time; half as long again with each."""
    longest_s: float = 10.0
    deadline_s: float = 3600.0
    """After which it is given up; a later run goes on with it."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a job has made."""

    links: tuple[str, ...]
    """Addresses of its files."""
    errors: tuple[str, ...]
    """What it says of what it could not make."""


async def place_order(client: ArchiveClient, root: str, url: str) -> str:
    """Order, and return the address of the job.

    An order is repeated only where Harmony says that it did not take it (429) or was not reached: a second
    job would do the same work again.

    Raises:
        EmptyGranuleError: If Harmony finds no granule for it.
        ArchiveError: If Harmony refuses it, or does not tell whether it took it.
    """

    async def order() -> str:
        try:
            async with client.once(Request(url), follow=False) as response:
                return await _job_address(response, root)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise
        except httpx.TransportError as error:
            raise ArchiveUnavailableError(
                f"Harmony does not tell whether it took the order at {shown(url)}"
            ) from error

    try:
        return await client.patiently(order, url=url, final=UNTOLD)
    except ArchiveAnswerError as error:
        said = _description(error)
        if error.status == 400 and EMPTY in said.lower():
            raise EmptyGranuleError(f"Harmony has no data of it under the box: {said}") from error
        if error.status in UNTOLD:
            raise ArchiveUnavailableError(f"{error}, not telling whether it took the order") from error
        if said:
            raise ArchiveError(f"Harmony refuses the order ({error.status}): {said}") from error
        raise


async def wait_for(client: ArchiveClient, job: str, polling: Polling) -> Made:
    """Wait for a job, and return what it has made.

    A job that pauses is resumed, and one that makes a preview is told to skip it.

    Args:
        client: Asks.
        job: Its address.
        polling: How long it is waited for.

    Raises:
        EmptyGranuleError: If it has ended well and made nothing.
        JobFailedError: If it has failed or was canceled.
        JobGoneError: If Harmony does not know it any more, or not its files.
        ArchiveUnavailableError: If it does not end in time.
        ArchiveError: If Harmony does not answer as for a job.
    """
    deadline, wait_s = time.monotonic() + polling.deadline_s, polling.first_s
    while (said := await _read(client, f"{job}?linktype=https"))["status"] in WAITING:
        if time.monotonic() + wait_s > deadline:
            raise ArchiveUnavailableError(
                f"Harmony has not ended the job within {polling.deadline_s:.0f} s, it is {said['status']} at "
                f"{shown(job)}; run again to go on waiting"
            )
        if (nudge := NUDGES.get(said["status"])) is not None:
            await _nudge(client, f"{job}/{nudge}")
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 1.5, polling.longest_s)
    return await _made(client, job, said)


async def _made(client: ArchiveClient, job: str, said: Mapping[str, Any]) -> Made:
    status, message = said["status"], str(said.get("message", ""))[:300]
    errors = tuple(_messages(said))
    if status in ENDED:
        why = "; ".join(dict.fromkeys([message, *errors]))
        raise JobFailedError(f"Harmony's job {'was canceled' if status == 'canceled' else 'failed'}: {why}")
    if status not in DONE:
        raise ArchiveError(
            f"Harmony's job is {status[:40]!r}, which is not a state that is known: {shown(job)}"
        )
    if _is_expired(said):
        raise JobGoneError(job)
    links = await _data_links(client, job, said)
    if not links and errors:
        raise JobFailedError(f"Harmony's job made nothing: {'; '.join(errors)}")
    if not links:
        raise EmptyGranuleError(f"Harmony has no data of it under the box: {message}")
    return Made(links, errors)


async def _data_links(client: ArchiveClient, job: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of a job's files, of all its pages."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        links = [link for link in said.get("links") or () if isinstance(link, dict)]
        found |= dict.fromkeys(
            str(link["href"]) for link in links if link.get("rel") == "data" and "href" in link
        )
        following = next((str(link.get("href")) for link in links if link.get("rel") == "next"), None)
        if following is None or following in seen:
            break
        if _place(following) != _place(job):
            raise ArchiveError(f"Harmony's job leads to {shown(following)}, which is not a page of it")
        seen.add(following)
        said = await _read(client, following)
    return tuple(found)


async def _read(client: ArchiveClient, url: str) -> Mapping[str, Any]:
    try:
        content = await client.document(Request(url))
    except ArchiveAnswerError as error:
        if error.status == 404:
            raise JobGoneError(url) from error
        raise
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        raise ArchiveError(f"Harmony does not answer with a job at {shown(url)}")
    return content


async def _nudge(client: ArchiveClient, url: str) -> None:
    try:
        await client.document(Request(url))
    except ArchiveAnswerError as error:
        if error.status != 409:  # it is in another state by now
            raise


async def _job_address(response: httpx.Response, root: str) -> str:
    """Return the address of the job that an order was redirected to, or answered with."""
    location = response.headers.get("location")
    if location is not None:
        target = urlsplit(str(response.url.join(location)))
        if target.hostname in LOGINS:
            raise ArchiveError(f"Harmony wants an Earthdata token that holds. {REMEDY}")
        path = target.path
        job_id = path.removeprefix("/jobs/") if path.startswith("/jobs/") else ""
    else:
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > MAX_ORDER_BYTES:
                break
        job_id = _job_id(bytes(content))
    if not JOB_ID.fullmatch(job_id):
        raise ArchiveError(f"Harmony does not answer with a job at {shown(str(response.url))}")
    return f"{root}/jobs/{job_id}"


def _job_id(content: bytes) -> str:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    return str(said.get("jobID", "")) if isinstance(said, dict) else ""


def _messages(said: Mapping[str, Any]) -> list[str]:
    errors = said.get("errors")
    listed = errors if isinstance(errors, list) else []
    found = [str(each["message"])[:200] for each in listed if isinstance(each, dict) and "message" in each]
    return list(dict.fromkeys(found))[:5]


def _description(error: ArchiveAnswerError) -> str:
    """Return what an error of Harmony's says, on one line; empty for others."""
    try:
        said = json.loads(error.said)
    except (ValueError, RecursionError):
        return ""
    text = said.get("description") if isinstance(said, dict) else None
    return " ".join(str(text or "").split()).removeprefix("Error: ")[:300]


def _is_expired(said: Mapping[str, Any]) -> bool:
    try:
        return parse_instant(str(said["dataExpiration"])) <= datetime.now(UTC)
    except (KeyError, PeriodError):
        return False


def _place(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path
