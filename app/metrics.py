"""Metrics in Prometheus format: one registry per application, and what feeds it."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from app.feeds.metrics import freshness_metrics
from app.health.monitor import Report
from app.jobs.job import STATUSES
from app.state import AppState
from mosaics.hosts import HOSTS
from mosaics.raster.blocks import BLOCKS
from mosaics.raster.heads import HEADS
from mosaics.raster.pixel_maps import MAPS
from mosaics.raster.store_errors import decoded_bytes

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds: a tile from memory takes well under a millisecond, a computed one some tens."""

ADHOC = "ad-hoc"
UNKNOWN = "unknown"
"""Labels for anything but a product's tile, so that no caller can invent labels."""


@dataclass(slots=True)
class Durations:
    """Durations of one kind of request."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    """One count per bucket, not cumulative; the last is for everything slower."""
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one request."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return the requests up to the end of each bucket, as Prometheus counts them."""
        total, buckets = 0, []
        for end, count in zip([*map(str, BUCKETS_S), "+Inf"], self.counts, strict=True):
            total += count
            buckets.append((end, float(total)))
        return buckets


class Metrics:
    """The metrics registry of one application.

    Args:
        state: Returns the worker's state, or None before it is open.
    """

    def __init__(self, state: Callable[[], AppState | None]) -> None:
        self.tiles: dict[tuple[str, str, int], Durations] = {}
        """By product, cache tier and status."""
        self.skipped_scenes = 0
        """Scenes left out of tiles because one of their files could not be read."""
        self._state = state
        self._products: frozenset[str] = frozenset()
        self.registry = CollectorRegistry()
        self.registry.register(_TileCollector(self))
        self.registry.register(_StateCollector(state))

    def note_tile(self, path: str, tier: str, status: int, seconds: float) -> None:
        """Count one answer to a tile request."""
        kind = (self._product_of(path), tier, status)
        durations = self.tiles.get(kind)
        if durations is None:
            durations = self.tiles[kind] = Durations()
        durations.add(seconds)

    def text(self) -> bytes:
        """Return all metrics in the exposition format."""
        return generate_latest(self.registry)

    def _product_of(self, path: str) -> str:
        first, _, rest = path.removeprefix("/").partition("/")
        if first == "collections":
            return ADHOC
        if not self._products and (state := self._state()) is not None:
            self._products = frozenset(product.id for product in state.registry.all())
        name = rest.partition("/")[0]
        return name if name in self._products else UNKNOWN


class _TileCollector(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self) -> Iterable[Metric]:
        seconds = HistogramMetricFamily(
            "tilewatch_tile_seconds", "Time to answer a tile.", labels=["product", "cache", "status"]
        )
        for kind, durations in sorted(self.metrics.tiles.items(), key=lambda item: item[0]):
            seconds.add_metric([str(label) for label in kind], durations.cumulative(), durations.sum_s)
        yield seconds
        skipped = self.metrics.skipped_scenes
        yield _counter(
            "tilewatch_scenes_skipped", "Scenes left out of tiles because they could not be read.", skipped
        )


class _StateCollector(Collector):
    def __init__(self, state: Callable[[], AppState | None]) -> None:
        self.state = state

    def collect(self) -> Iterable[Metric]:
        state = self.state()
        if state is None:
            return
        yield _gauge("tilewatch_cache_bytes", "Memory of the tiles kept in this process.", state.process.size)
        yield _gauge("tilewatch_cache_tiles", "Tiles kept in this process.", state.process.count)
        yield _gauge(
            "tilewatch_catalogue_generation",
            "Grows with every change of the catalogue.",
            state.catalogue.generation,
        )
        if (report := state.health.latest) is not None:
            health = GaugeMetricFamily(
                "tilewatch_health", "1 while a part works, 0 while it does not.", labels=["part"]
            )
            for part, finding in report.findings.items():
                health.add_metric([part], float(finding.ok))
            yield health
            yield from _facts(report)
        yield _gauge(
            "tilewatch_renderings_waiting",
            "Renderings that run or wait for a thread.",
            state.renderer.waiting,
        )
        yield _gauge(
            "tilewatch_storage_avoided",
            "1 while storage is not waited for, since it has not answered.",
            state.storage.is_avoided,
        )
        yield from _hosts(state)
        yield from _memory(state)
        if state.freshness.age_s is not None:
            yield _gauge(
                "tilewatch_catalogue_age_seconds",
                "Seconds since storage last answered.",
                state.freshness.age_s,
            )
        yield _counter("tilewatch_tiles_computed", "Tiles rendered.", state.service.computed)
        if state.database is not None:
            now = state.database.connections
            yield _gauge("tilewatch_database_connections", "Connections to the database.", now.open)
            yield _gauge("tilewatch_database_connections_idle", "Connections that are not in use.", now.idle)
            yield _gauge(
                "tilewatch_database_connections_limit", "Most connections a worker opens.", now.limit
            )
            yield _gauge(
                "tilewatch_database_avoided",
                "1 while the database is not waited for, since it has not answered.",
                state.database.is_avoided,
            )
            yield _counter(
                "tilewatch_database_outages",
                "Uses of the database that got no answer.",
                state.database.outages,
            )
        yield from freshness_metrics(state.feeds.latest)
        yield from _jobs(state)
        yield from _fetching(state)
        if state.redis is not None:
            yield _gauge(
                "tilewatch_redis_up",
                "1 while Redis is in use, 0 while it is avoided after errors.",
                not state.redis.open,
            )
            yield _counter("tilewatch_redis_hits", "Tiles found in Redis.", state.redis.hits)
            yield _counter("tilewatch_redis_misses", "Tiles not found in Redis.", state.redis.misses)
            yield _counter("tilewatch_redis_errors", "Requests to Redis that failed.", state.redis.errors)
            yield _counter(
                "tilewatch_redis_corrupt", "Values that differed from what was written.", state.redis.corrupt
            )
            yield _counter("tilewatch_redis_dropped", "Tiles not written to Redis.", state.redis.dropped)


def _fetching(state: AppState) -> Iterable[Metric]:
    """Yield what was asked of the bucket for reading files."""
    fetching = state.renderer.fetching
    yield _counter("tilewatch_store_requests", "Parts of files requested from the bucket.", fetching.requests)
    yield _counter(
        "tilewatch_store_bytes", "Bytes of files fetched from the bucket.", fetching.received_bytes
    )


def _memory(state: AppState) -> Iterable[Metric]:
    """Yield what each cache takes, where that can be told, and what it may take."""
    held = {
        "tiles": state.process.size,
        "gdal": decoded_bytes(),
        "blocks": BLOCKS.held_bytes,
        "maps": MAPS.held_bytes,
        "heads": HEADS.held_bytes,
        "fetched": state.renderer.fetching.kept.held_bytes,
        "statistics": state.kept_statistics.size,
        "answers": state.kept_answers.size,
        "legends": state.legends.size,
        **state.catalogue.held_bytes,
    }
    taken = GaugeMetricFamily("tilewatch_memory_bytes", "Memory that a cache takes.", labels=["cache"])
    limit = GaugeMetricFamily(
        "tilewatch_memory_limit_bytes", "Memory that a cache may take.", labels=["cache"]
    )
    for name, size in held.items():
        taken.add_metric([name], size)
    for name, size in state.budget.limits.items():
        limit.add_metric([name], size)
    yield taken
    yield limit


def _hosts(state: AppState) -> Iterable[Metric]:
    """Yield what runs and waits for files of each host, and which hosts are left alone."""
    waiting = GaugeMetricFamily(
        "tilewatch_host_renderings",
        "Renderings that run or wait for a thread, by the host of their files (none: this machine).",
        labels=["host"],
    )
    for host, count in state.renderer.waiting_by_host.items():
        waiting.add_metric([host], count)
    yield waiting
    avoided = GaugeMetricFamily(
        "tilewatch_host_avoided",
        "1 while files of a host are not read, since it does not answer in time.",
        labels=["host"],
    )
    for host, is_avoided in HOSTS.avoided().items():
        avoided.add_metric([host], is_avoided)
    yield avoided


def _jobs(state: AppState) -> Iterable[Metric]:
    """Yield who leads, the outcomes of this worker's task runs, and the jobs of all workers."""
    if state.scheduler is not None:
        yield _gauge("tilewatch_leads_jobs", "1 while this worker leads.", state.scheduler.is_leading)
        runs = CounterMetricFamily(
            "tilewatch_job_runs", "Task runs this worker has finished.", labels=["job", "outcome"]
        )
        for (task, outcome), count in sorted(state.scheduler.runs.items()):
            runs.add_metric([task, outcome], count)
        yield runs
    if state.jobs.runner is not None and state.jobs.runner.counts is not None:
        jobs = GaugeMetricFamily(
            "tilewatch_orders", "Ingestions and composites, as last counted.", labels=["status"]
        )
        for status in STATUSES:
            jobs.add_metric([status], state.jobs.runner.counts.by_status.get(status, 0))
        yield jobs


def _facts(report: Report) -> Iterable[Metric]:
    """Yield the numbers behind the last report: free disk space, damaged files, ages of regions."""
    free_bytes = report.findings["storage"].facts.get("free_bytes")
    if free_bytes is not None:
        yield _gauge("tilewatch_storage_free_bytes", "Free space on the storage's disk.", free_bytes)
    verification = report.findings["verification"].facts
    for name, says in (
        ("damaged", "Scenes and overviews with files that the verification found damaged."),
        ("due", "Scenes and overviews whose files are due to be verified."),
    ):
        if name in verification:
            yield _gauge(f"tilewatch_verification_{name}", says, verification[name])
    age = GaugeMetricFamily(
        "tilewatch_region_age_days", "Days since the refresh that is shown started.", labels=["region"]
    )
    failures = GaugeMetricFamily(
        "tilewatch_region_failures", "Consecutive refreshes that brought nothing.", labels=["region"]
    )
    for name, facts in report.findings["regions"].facts.get("regions", {}).items():
        if facts["age_days"] is not None:
            age.add_metric([name], facts["age_days"])
        failures.add_metric([name], facts["failures_in_a_row"])
    yield age
    yield failures


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(name, says, value=value)
