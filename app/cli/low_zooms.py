"""Low zooms: making the overviews that a collection's mosaics lack, and telling what came of it."""

from collections.abc import Callable, Container, Iterable

from app.cli.reporting import Reporter
from ingest.overviews.building import OverviewOutcome, build_overviews
from mosaics.collection import read_collection
from mosaics.descriptions.collections import ClearRule
from mosaics.period import Period
from mosaics.storage import ObjectNotFoundError, Storage


async def bring_overviews(
    storage: Storage,
    collection_id: str,
    clear: ClearRule | None,
    told: Reporter,
    periods: Iterable[Period] | None = None,
    *,
    damaged: Container[str] = frozenset(),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> OverviewOutcome:
    """Make the overviews that a collection lacks, and say what came of it where there is something to say.

    Args:
        storage: Where the collection lies.
        collection_id: The collection.
        clear: Which of its pixels show the ground.
        told: Hears of it.
        periods: Of the mosaics; all where None.
        damaged: Keys of the items of overviews that are damaged, and made again.
        progress: Told the overviews done, and how many there are to be made of a mosaic.
    """
    try:
        document = await storage.get(f"collections/{collection_id}/collection.json")
    except ObjectNotFoundError:
        return OverviewOutcome()
    outcome = await build_overviews(
        storage,
        read_collection(document, collection_id),
        clear,
        periods=None if periods is None else sorted(set(periods)),
        damaged=damaged,
        progress=progress,
    )
    if outcome.mended:
        was = "overview was" if outcome.mended == 1 else "overviews were"
        told.say(f"{collection_id}: {outcome.mended} {was} damaged, and made again.")
    if outcome.made:
        noun = "overview" if outcome.made == 1 else "overviews"
        told.say(f"{collection_id}: {outcome.made} {noun} made for low zooms; {outcome.kept} were right.")
    for period, reason in outcome.unlike.items():
        told.warn(f"{collection_id} {period}: low zooms are drawn from scenes in places: {reason}.")
    if outcome.left_out:
        told.warn(f"{collection_id}: {len(outcome.left_out)} scenes cannot be read; the rest is shown.")
    return outcome
