"""Sending: a request at a time, turn after turn until the time is over."""

import time
from collections.abc import Iterator

import httpx

from scripts.fuzzing.tally import Failure, Tally


def turns(until: float) -> Iterator[int]:
    """Yield the numbers of turns, from 0, until a moment of the monotonic clock."""
    turn = 0
    while time.monotonic() < until:
        yield turn
        turn += 1


def sent(client: httpx.Client, tally: Tally, name: str, request: httpx.Request) -> httpx.Response | None:
    """Send a request and note its answer, or that there is none; return the answer.

    None also for what the client cannot send.
    """
    try:
        answer = client.send(request)
    except (httpx.LocalProtocolError, httpx.InvalidURL):
        return None
    except httpx.TransportError as error:
        tally.fail(name, Failure(f"no answer: {type(error).__name__}", str(error), request))
        return None
    tally.note(name, answer)
    return answer
