"""Near real time: what has landed stands in for the standard product, or takes the place of what did."""

from collections.abc import Mapping

from app.cli.low_zooms import bring_overviews
from app.cli.reporting import Reporter
from ingest.standing_in import bring_stand_ins
from mosaics.descriptions.collections import CollectionDescription
from mosaics.storage import Storage


async def bring_near_real_time(
    storage: Storage,
    landed_in: str,
    collections: Mapping[str, CollectionDescription],
    told: Reporter,
) -> None:
    """Bring what stands in up to date, where a collection is or has one in near real time, and say so.

    Args:
        storage: Where the collections lie.
        landed_in: The collection in which something has landed.
        collections: All there are.
        told: Hears of it.
    """
    for early in collections.values():
        standard = collections.get(early.superseded_by or "")
        if standard is None or landed_in not in {early.collection.id, standard.collection.id}:
            continue
        outcome = await bring_stand_ins(storage, early.collection, standard.collection)
        name = standard.collection.id
        if outcome.shown:
            told.say(f"{name}: {outcome.shown} in near real time shown until the standard product is there.")
        if outcome.gone:
            told.say(f"{name}: {outcome.gone} in near real time gone; the standard product is there.")
        if outcome.periods:
            await bring_overviews(storage, name, standard.clear, told, outcome.periods)
