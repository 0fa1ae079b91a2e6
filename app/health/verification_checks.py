"""Verification: whether files that were read in the background are as they were written."""

from datetime import timedelta

from app.database import Database, DatabaseUnavailableError
from app.health.finding import Finding
from app.tasks.verified_items import DamagedItem, counts, damaged_items

NAMED = 3
"""Damaged items that are named."""


async def check_verification(database: Database | None, verified_for: timedelta | None) -> Finding:
    """Check that no landed file that was verified is damaged.

    Args:
        database: Where it stands what was found; None if there is none. Another check reports it unavailable.
        verified_for: How long a file that was verified is not read again; None if none is verified.
    """
    if database is None or verified_for is None:
        why = "there is no database" if database is None else "TILEWATCH_VERIFY_MB_PER_S is 0"
        return Finding(True, f"Files are not verified in the background: {why}.")
    try:
        async with database.connection(wait_s=1.0) as connection:
            stand = await counts(connection, verified_for)
            found = await damaged_items(connection, NAMED) if stand.damaged else []
    except DatabaseUnavailableError:
        return Finding(True, "What was verified is unknown while the database does not answer.")
    facts = {"items": stand.items, "due": stand.due, "damaged": stand.damaged}
    if not stand.damaged:
        return Finding(True, f"Of {stand.items} scenes and overviews, {stand.due} are due.", facts=facts)
    told = "; ".join(map(_told, found))
    return Finding(False, f"Files of {stand.damaged} scenes or overviews are damaged: {told}.", facts=facts)


def _told(item: DamagedItem) -> str:
    key, reason = next(iter(item.files.items()))
    more = f" and {len(item.files) - 1} more" if len(item.files) > 1 else ""
    mending = "" if item.not_mended is None else f"; not mended: {item.not_mended}"
    return f"{key} ({reason}){more}{mending}"
