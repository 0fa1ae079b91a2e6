"""Lanes: threads that read files, apart for each host, so that one that lets them wait holds no others."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from mosaics.hosts import HOSTS, STORE, HostAwayError

WAITING_PER_THREAD = 64
"""Turns that may wait for a thread before further ones are refused; at 10-50 ms each the last of them waits
about as long as a person does."""

MOST = 8
"""Lanes there are at most; the hosts after that share the last one."""

LAST = "others"

T = TypeVar("T")


class LaneFullError(Exception):
    """More turns wait than can be had in good time."""


class TurnOverError(Exception):
    """Work has ended early, since its caller waits no more."""


class ElsewhereError(Exception):
    """Files lie at a host, and are to be read in its own lane.

    Attributes:
        host: Where they lie.
    """

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class PixelBudgetError(ValueError):
    """An answer would have to read more pixels than it may; the message says how many that is."""


@dataclass(slots=True)
class Caller:
    """Who waits for an answer, and what it may still cost; one for all turns that the answer takes."""

    pixels_left: float = float("inf")
    """Of files, that may still be read."""
    pixels: float = float("inf")
    """That could be read in all."""
    is_gone: bool = False
    """Whether the caller waits no more."""

    def spend(self, pixels: int) -> None:
        """Take pixels that are about to be read from those that may be.

        Raises:
            PixelBudgetError: If there are not as many left.
        """
        self.pixels_left -= pixels
        if self.pixels_left < 0:
            raise PixelBudgetError(
                f"the answer needs more than {self.pixels:,.0f} pixels of the files it is made from; ask for "
                "a smaller box, or for fewer scenes by a shorter time"
            )


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""That of the request that is answered; None for one that is not watched."""

_of_thread = threading.local()


@dataclass(slots=True)
class LaneTurn:
    """A piece of work on a thread."""

    caller: Caller | None
    lane: str
    may_leave: bool
    """Whether files of another host are read in that host's lane."""
    attempts: object = None
    """What earlier attempts at the work have at hand for it (`mosaics.raster.fetched`)."""
    is_over: bool = False
    """Whether its caller waits no more."""

    def go_on(self, host: str = "") -> None:
        """Go on, with files at a host.

        Raises:
            TurnOverError: If the caller waits no more.
            ElsewhereError: If the work is to begin again, in the host's lane.
        """
        if self.is_over or (self.caller is not None and self.caller.is_gone):
            raise TurnOverError
        if host and self.may_leave and host != self.lane:
            raise ElsewhereError(host)


def turn_of_thread() -> LaneTurn | None:
    """Return what this thread is at; None outside of lanes."""
    turn: LaneTurn | None = getattr(_of_thread, "turn", None)
    return turn


def leave_for(host: str) -> None:
    """Go on with files at a host, for which this thread is about to wait; errors as `LaneTurn.go_on`."""
    if host and (turn := turn_of_thread()) is not None:
        turn.go_on(host)


def caller_of_thread() -> Caller | None:
    """Return for whom this thread reads; None where the cost is not watched."""
    turn = turn_of_thread()
    return None if turn is None else turn.caller


def spend_pixels(pixels: int) -> None:
    """Take pixels that are about to be read from those that the caller of this thread may have read.

    Raises:
        PixelBudgetError: If there are not as many left.
    """
    if (caller := caller_of_thread()) is not None:
        caller.spend(pixels)


class Lanes:
    """Runs work on threads.

    Args:
        home: The host that files mostly lie at; empty for this machine.
        threads: Threads of each lane.
        begin: What each thread does first.
    """

    def __init__(self, home: str, threads: int, begin: Callable[[], None]) -> None:
        self._home = home
        self._threads = threads
        self._begin = begin
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self.waiting: Counter[str] = Counter()
        """Turns that run or wait for a thread, by lane."""

    async def run(self, work: Callable[[LaneTurn], T], attempts: object = None) -> T:
        """Do work on a thread of the home's lane, or in that of the host where it finds its files.

        Args:
            work: What is done.
            attempts: What earlier attempts at it have at hand.

        Raises:
            LaneFullError: If too many turns wait.
            TurnOverError: If the caller has gone.
            HostAwayError: If the bucket at home does not answer.
        """
        if self._home == STORE and HOSTS.is_avoided(STORE):
            raise HostAwayError("the bucket does not answer in time")
        try:
            return await self._run_in(self._home, work, attempts, may_leave=True)
        except ElsewhereError as error:
            return await self._run_in(error.host, work, attempts, may_leave=False)

    async def _run_in(
        self, host: str, work: Callable[[LaneTurn], T], attempts: object, *, may_leave: bool
    ) -> T:
        lane = host if host in self._pools or len(self._pools) < MOST - 1 else LAST
        if self.waiting[lane] >= self._threads * WAITING_PER_THREAD:
            raise LaneFullError(f"{self.waiting[lane]} turns are waiting")
        turn = LaneTurn(CALLER.get(), host, may_leave, attempts)
        turn.go_on()
        self.waiting[lane] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool(lane), _taken, turn, work)
        finally:
            turn.is_over = True
            self.waiting[lane] -= 1

    def close(self) -> None:
        """Stop the threads, after what they are at."""
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def _pool(self, lane: str) -> ThreadPoolExecutor:
        if lane not in self._pools:
            self._pools[lane] = ThreadPoolExecutor(
                self._threads, f"render-{lane}" if lane else "render", initializer=self._begin
            )
        return self._pools[lane]


def _taken(turn: LaneTurn, work: Callable[[LaneTurn], T]) -> T:
    _of_thread.turn = turn
    try:
        turn.go_on()
        return work(turn)
    finally:
        _of_thread.turn = None
