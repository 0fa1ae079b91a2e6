"""Feeds: whether what their archives publish arrives."""

from collections import Counter

from app.database import DatabaseUnavailableError
from app.feeds.service import FeedService
from app.feeds.standing import FeedStanding
from app.health.finding import Finding
from mosaics.catalogue import Catalogue

NAMED = 3
"""Feeds that a sentence names."""


async def check_feeds(feeds: FeedService, catalogue: Catalogue) -> Finding:
    """Check that no feed is late or failing; those that are paused, dark or discontinued are not at fault."""
    try:
        standings = await feeds.standings(catalogue)
    except DatabaseUnavailableError:
        return Finding(True, "The state of feeds is unknown while the database does not answer.")
    found = [each for standing in standings for each in standing.feeds]
    states = Counter(each.freshness.state.value for each in found if not each.feed.order.paused)
    facts = {"feeds": len(found), "states": dict(sorted(states.items()))}
    if not found:
        return Finding(True, "There are no feeds.", facts=facts)
    alarming = [each for each in found if each.is_alarming]
    if not alarming:
        return Finding(True, "What archives publish for feeds arrives.", facts=facts)
    told = "; ".join(map(_told, alarming[:NAMED]))
    more = f"; and {len(alarming) - NAMED} more, see /freshness" if len(alarming) > NAMED else ""
    return Finding(False, f"{len(alarming)} feeds are late or failing: {told}{more}", facts=facts)


def _told(standing: FeedStanding) -> str:
    feed = standing.feed
    named = f", {feed.order.name}" if feed.order.owner_id is None else ""  # anyone may read this
    return f"feed {feed.id}{named}: {standing.freshness.says}"
