"""Regions: whether their refreshes succeed, and a sample tile of each."""

from collections.abc import Sequence

from app.database import DatabaseUnavailableError
from app.health.finding import Finding
from app.health.sampling import Sample
from app.regions.service import RegionService
from app.regions.status import RegionStatus

FAILURES = 2
"""Consecutive failures. One may be an archive's bad night, and the rotation retries by itself."""


async def check_regions(regions: RegionService) -> Finding:
    """Check that every region is described correctly, refreshed, and as fresh as the rotation promises."""
    if not regions.is_configured:
        return Finding(True, "No regions are configured.")
    try:
        listing, statuses = await regions.statuses()
    except DatabaseUnavailableError:
        return Finding(False, "The state of the regions is unknown while the database does not answer.")
    faults = {status.region.name: fault for status in statuses if (fault := _fault(status))}
    facts = {
        "regions": {
            status.region.name: {
                "ok": status.region.name not in faults,
                "last_status": status.last_status,
                "age_days": status.age_days,
                "failures_in_a_row": status.failures,
            }
            for status in statuses
        }
    }
    wrong = [problem.text for problem in listing.problems] + [f"{n}: {fault}" for n, fault in faults.items()]
    if wrong:
        return Finding(False, f"{'; '.join(wrong)}.", facts=facts)
    waiting = [status.region.name for status in statuses if status.age_days is None]
    said = "All regions are as fresh as the rotation promises."
    if waiting:
        said = f"No region is late; not refreshed yet: {', '.join(waiting)}."
    return Finding(True, " ".join([said, *filter(None, map(_noted, statuses))]), facts=facts)


def _noted(status: RegionStatus) -> str | None:
    """Return what should be known of a region that is not at fault; None if nothing is."""
    if status.changed:
        return (
            f"{status.region.name}: {' and '.join(status.changed)} changed in the file, so it is due at once."
        )
    if status.partial is not None:
        return f"{status.region.name} is partial: {status.partial.scenes_refused} scenes were refused."
    return None


async def region_samples(regions: RegionService) -> Sequence[Sample]:
    """Return the tile in the middle of every region that has been refreshed."""
    if not regions.is_configured:
        return ()
    try:
        _, statuses = await regions.statuses()
    except DatabaseUnavailableError:
        return ()
    return [sample for status in statuses if (sample := _sample(status))]


def _sample(status: RegionStatus) -> Sample | None:
    region, pre, post = status.region, status.pre, status.post
    if pre is None or post is None:
        return None
    west, south, east, north = region.bbox.parts[0]
    place = (west + east) / 2, (south + north) / 2
    query = f"pre={pre.text}&post={post.text}"
    return Sample(region.name, region.product, *place, zoom=region.zoom_max, query=query)


def _fault(status: RegionStatus) -> str | None:
    """Return what is wrong with a region; None if nothing is."""
    if status.failures >= FAILURES:
        return f"failed {status.failures} times in a row, most recently: {status.error}"
    if status.is_late:
        return f"is {status.age_days} days old; the rotation promises at most {status.bound_days}"
    return None
