"""Components: Redis, PostgreSQL, a worker and the leader are killed, or frozen and thawed."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from scripts.campaigns.load import Load, client_of, recorded
from scripts.campaigns.row import Row
from scripts.campaigns.services import Served, Services, send, tilewatch

BEFORE_S, FAULT_S, AFTER_S = 2.0, 8.0, 15.0
WORKERS, WORKERS_S = 2, 120


@dataclass(frozen=True, slots=True)
class Scene:
    """What the scenarios play on."""

    used: Services
    served: Served
    client: httpx.Client

    def leader(self) -> int:
        """Return the process id of the worker that leads the tasks; 0 if none does."""
        document = self.client.get("/health").json()
        found = [str(part.get("leader", "")) for part in _parts(document)]
        return next((int(text.partition("-")[0]) for text in found if text[:1].isdigit()), 0)

    def other(self) -> int:
        """Return the process id of a worker that does not lead."""
        leader = self.leader()
        return next(pid for pid in self.served.workers if pid != leader)

    def wait_for_workers(self) -> None:
        """Wait until every worker has answered, those that were started in place of others too."""
        deadline = time.monotonic() + WORKERS_S
        seen: set[int] = set()
        while len(self.served.workers) < WORKERS or not seen >= {*self.served.workers}:
            with httpx.Client(
                base_url=self.served.address, timeout=30
            ) as client:  # another connection each time
                seen.add(_worker(client))
            if time.monotonic() > deadline:
                raise TimeoutError(f"of the workers only {seen} answer after {WORKERS_S} s")


def _worker(client: httpx.Client) -> int:
    """Return the process id of the worker that answers; 0 while it cannot be told."""
    try:
        told = [str(part.get("this_worker", "")) for part in _parts(client.get("/jobs?limit=1").json())]
    except httpx.TransportError:
        return 0
    return next((int(text.partition("-")[0]) for text in told if text[:1].isdigit()), 0)


def _parts(document: object) -> Iterator[dict[str, object]]:
    """Yield every object within a document."""
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from _parts(value)
    elif isinstance(document, list):
        for value in document:
            yield from _parts(value)


def scenarios(used: Services, store: Path) -> Iterator[Row]:
    """Yield a row for each component and fault; two workers share Redis, PostgreSQL and a local folder."""
    # Tiles are taken from Redis: a worker's own memory has room for hardly any.
    settings = {**used.settings, "TILEWATCH_CACHE_BYTES": "200000"}
    with (
        tilewatch(store.as_uri(), used.folder, settings, workers=WORKERS) as served,
        client_of(served) as client,
    ):
        before = recorded(client)
        scene = Scene(used, served, client)
        for name, break_it, mend_it in _faults(scene):
            yield _played(name, scene, before, break_it, mend_it)
            scene.wait_for_workers()


Act = Callable[[], None]


def _faults(scene: Scene) -> Iterator[tuple[str, Act, Act]]:
    """Yield a name, what breaks something, and what mends it, one fault after the other."""
    used = scene.used
    yield "Redis killed, started again", used.redis.stop, used.redis.start
    yield "Redis frozen, thawed", used.redis.pause, used.redis.resume
    yield "PostgreSQL killed, started again", used.postgres.stop, used.postgres.start
    yield "PostgreSQL frozen, thawed", used.postgres.pause, used.postgres.resume
    for name, choose in (("a worker", scene.other), ("the leader", scene.leader)):
        pid = choose() or scene.other()
        yield f"{name} killed", partial(send, pid, signal.SIGKILL), _nothing
        pid = choose() or scene.other()
        yield (
            f"{name} frozen, thawed",
            partial(send, pid, signal.SIGSTOP),
            partial(send, pid, signal.SIGCONT),
        )


def _nothing() -> None:
    """Leave it to the server to recover."""


def _played(name: str, scene: Scene, before: dict[str, str], break_it: Act, mend_it: Act) -> Row:
    """Return the row of a fault under load."""
    with Load(scene.served, before) as load:
        time.sleep(BEFORE_S)
        break_it()
        is_instant = mend_it is _nothing
        time.sleep(0 if is_instant else FAULT_S)
        mend_it()
        ended = time.monotonic()
        time.sleep(AFTER_S)
    told = load.told
    areas = max(told.took_s.get("/areas?limit=5") or [0.0])
    remarks = "; ".join(filter(None, (told.kinds, f"slowest answer for areas {areas:.1f} s")))
    return Row(
        name, told.requests, told.wrong, len(told.failures), recovered_s=told.recovered_s(ended),
        memory_mb=load.peak_mb, remarks=remarks,
    )  # fmt: skip
