"""Metrics of feeds in Prometheus form: when what was newest, and a state for each feed and collection."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from app.feeds.freshness import State
from app.feeds.standing import CollectionStanding

MOMENTS = {
    "newest_acquired": ("newest_acquisition", "Beginning of the newest granule that has landed"),
    "newest_revision": ("newest_revision", "When the archive last changed a granule that it gave"),
    "succeeded_at": ("last_success", "When the archive last answered"),
    "failed_at": ("last_failure", "When the archive could last not be asked"),
}
"""Names of metrics, and what they say, by field of `app.feeds.feed.Done`."""


def freshness_metrics(standings: Sequence[CollectionStanding]) -> Iterable[Metric]:
    """Yield the newest moments of feeds and collections in Unix seconds, and their states as 1 among 0."""
    for name, (metric, says) in MOMENTS.items():
        gauge = GaugeMetricFamily(
            f"tilewatch_feed_{metric}_timestamp_seconds", f"{says}.", labels=["feed", "collection"]
        )
        for labels, moment in _moments(standings, name):
            gauge.add_metric(labels, moment.timestamp())
        yield gauge
    newest = GaugeMetricFamily(
        "tilewatch_collection_newest_period_timestamp_seconds",
        "Beginning of the latest period that has landed.",
        labels=["collection"],
    )
    states = GaugeMetricFamily(
        "tilewatch_collection_state", "1 for how fresh a collection is.", labels=["collection", "state"]
    )
    of_feeds = GaugeMetricFamily(
        "tilewatch_feed_state", "1 for how fresh a feed is.", labels=["feed", "collection", "state"]
    )
    for standing in standings:
        name = standing.collection.id
        if standing.newest is not None:
            newest.add_metric([name], standing.newest.start.timestamp())
        for state in State:
            states.add_metric([name, state], standing.freshness.state is state)
            for each in standing.feeds:
                labels = [str(each.feed.id), name, state]
                of_feeds.add_metric(labels, each.freshness.state is state)
    yield from (newest, states, of_feeds)


def _moments(standings: Sequence[CollectionStanding], name: str) -> Iterator[tuple[list[str], datetime]]:
    for standing in standings:
        for each in standing.feeds:
            moment: datetime | None = getattr(each.feed.done, name)
            if moment is not None:
                yield [str(each.feed.id), standing.collection.id], moment
