"""The shared tier: tiles in Redis, which may be slow, full, wrong or away without failing a request."""

import asyncio
import logging
import struct
from collections.abc import Coroutine, Iterable, Sequence

from isal import isal_zlib
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from mosaics.breaker import Breaker

log = logging.getLogger(__name__)

PREFIX = "tilewatch:1:"
"""Prefix of every key; the number is the format of the values and changes with it."""

MAGIC = b"TLW1"
HEADER = struct.Struct(">4sII")
"""Precedes every body: the magic, the body's length in bytes, and the CRC-32 of key and body."""

MAX_BODY_BYTES = 1 << 20
"""Largest body sent to Redis. A picture takes tens of kB; three float planes of 512 px are left out."""

KEYS_PER_READ = 16
"""Keys per MGET: about 320 kB of tiles, which decode well within the time-out."""

READS_IN_FLIGHT = 4
"""MGETs in flight, each on its own connection; further keys wait for one to return."""

BODIES_PER_WRITE = 16
"""Bodies per pipeline."""

MAX_UNWRITTEN = 256
MAX_UNWRITTEN_BYTES = 16 << 20
"""Bodies, and their bytes, that may wait to be sent; more are dropped, since tiles can be computed again."""


class RedisTier:
    """Reader and writer of tiles in Redis; whatever happens there, a caller gets a tile or None.

    Reads within one turn of the event loop go out as one MGET. Writes are sent in the background. After
    consecutive failures Redis is not used, and a PING in the background finds out when it is back. Used
    from one event loop only.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 0.2, ttl_s: int = 7 * 86_400, breaker: Breaker | None = None
    ) -> None:
        """Create the tier; it connects on first use.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            timeout_s: Longest wait for a connection and for an answer.
            ttl_s: Seconds a tile is kept after it was written. Every key expires, since a key that no list of
                scenes forms any more is never requested again.
            breaker: When to avoid Redis.
        """
        self._client = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            max_connections=READS_IN_FLIGHT + 4,
        )
        self._ttl_s = ttl_s
        self._breaker = breaker or Breaker()
        self._wanted: dict[str, list[asyncio.Future[bytes | None]]] = {}
        self._unwritten: dict[str, bytes] = {}
        self._unwritten_bytes = 0
        self._reads = 0
        self._flush_is_due = False
        self._writing = False
        self._refuses = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.hits = 0
        self.misses = 0
        self.errors = 0
        """Requests to Redis that failed."""
        self.corrupt = 0
        """Values that differed from what was written; they count as misses too."""
        self.dropped = 0
        """Tiles not written, because too many waited or Redis was unavailable."""

    @property
    def open(self) -> bool:
        """Whether Redis is being avoided after failures."""
        return self._breaker.open

    async def get(self, key: str) -> bytes | None:
        """Return a tile's bytes; None if Redis does not have it or does not answer."""
        if self._breaker.open:
            self._try_again()
            return None
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        waiting = self._wanted.get(key)
        if waiting is not None:
            waiting.append(future)
        else:
            self._wanted[key] = [future]
            if not self._flush_is_due and self._reads < READS_IN_FLIGHT:
                self._flush_is_due = True
                asyncio.get_running_loop().call_soon(self._flush)
        return await future

    def put(self, key: str, body: bytes) -> None:
        """Send a tile's bytes to Redis in the background."""
        if len(body) > MAX_BODY_BYTES:
            return
        full = len(self._unwritten) >= MAX_UNWRITTEN or self._unwritten_bytes >= MAX_UNWRITTEN_BYTES
        if full or self._breaker.open:
            self.dropped += 1
            return
        if key not in self._unwritten:
            self._unwritten[key] = body
            self._unwritten_bytes += len(body)
        if not self._writing:
            self._writing = True
            self._start(self._write())

    async def ping(self) -> bool:
        """Return whether Redis answers now, and tell the breaker."""
        try:
            await self._client.ping()
        except (RedisError, OSError) as error:
            self._failed(error)
            return False
        self._succeeded()
        return True

    async def close(self) -> None:
        """Write what still waits, then disconnect."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._client.aclose()

    def _flush(self) -> None:
        self._flush_is_due = False
        while self._wanted and self._reads < READS_IN_FLIGHT:
            keys = list(self._wanted)[:KEYS_PER_READ]
            batch = {key: self._wanted.pop(key) for key in keys}
            self._reads += 1
            self._start(self._read(batch))

    async def _read(self, batch: dict[str, list[asyncio.Future[bytes | None]]]) -> None:
        values: Sequence[bytes | str | None] = [None] * len(batch)
        try:
            values = await self._client.mget([PREFIX + key for key in batch])
        except (RedisError, OSError) as error:
            self._failed(error)
        else:
            self._succeeded()
        finally:
            self._reads -= 1
            for (key, waiting), value in zip(batch.items(), values, strict=True):
                self._answer(waiting, self._unpacked(key, value) if isinstance(value, bytes) else None)
            self._flush()

    def _answer(self, waiting: Iterable[asyncio.Future[bytes | None]], body: bytes | None) -> None:
        for future in waiting:
            if body is None:
                self.misses += 1
            else:
                self.hits += 1
            if not future.done():
                future.set_result(body)

    def _unpacked(self, key: str, value: bytes) -> bytes | None:
        body = unpacked(key, value)
        if body is None:
            self.corrupt += 1
        return body

    async def _write(self) -> None:
        try:
            while self._unwritten:
                keys = list(self._unwritten)[:BODIES_PER_WRITE]
                batch = {key: self._unwritten.pop(key) for key in keys}
                self._unwritten_bytes -= sum(map(len, batch.values()))
                await self._send(batch)
        finally:
            self._writing = False

    async def _send(self, batch: dict[str, bytes]) -> None:
        if self._breaker.open:
            self.dropped += len(batch)
            return
        pipeline = self._client.pipeline(transaction=False)
        for key, body in batch.items():
            pipeline.set(PREFIX + key, packed(key, body), ex=self._ttl_s)
        try:
            outcomes = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            self.dropped += len(batch)
            self._failed(error)
            return
        refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if refused:
            self.errors += 1
            self.dropped += len(refused)
            if not self._refuses:
                log.warning("Redis refuses tiles: %s", refused[0])
        self._refuses = bool(refused)

    def _try_again(self) -> None:
        if self._breaker.take_trial():
            self._start(self._probe())

    async def _probe(self) -> None:
        await self.ping()

    def _succeeded(self) -> None:
        if self._breaker.open:
            log.info("Redis answers again")
        self._breaker.succeeded()

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        was_open = self._breaker.open
        self._breaker.failed()
        if self._breaker.open:
            if not was_open:
                log.warning("Redis is not used for now: %s", error)
            for waiting in self._wanted.values():
                self._answer(waiting, None)
            self._wanted.clear()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def packed(key: str, body: bytes) -> bytes:
    """Return the value stored for a tile: the header, then its bytes."""
    return HEADER.pack(MAGIC, len(body), _checksum(key, body)) + body


def unpacked(key: str, value: bytes) -> bytes | None:
    """Return a tile's bytes; None if the value is not the one written under this key."""
    if len(value) < HEADER.size:
        return None
    magic, length, checksum = HEADER.unpack_from(value)
    body = value[HEADER.size :]
    if magic != MAGIC or length != len(body) or checksum != _checksum(key, body):
        return None
    return body


def _checksum(key: str, body: bytes) -> int:
    return isal_zlib.crc32(body, isal_zlib.crc32(key.encode()))
