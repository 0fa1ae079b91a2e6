"""Keeping series current: the mosaics that the kept series have seen."""

from app.database import Connection

SEEN = "select period, mosaic from followed_mosaics where collection = $1"

SEE = """
    insert into followed_mosaics (collection, period, mosaic) values ($1, $2, $3)
    on conflict (collection, period) do update set mosaic = excluded.mosaic
"""

UNSEE = "delete from followed_mosaics where collection = $1 and period = $2"


async def mosaics_seen(connection: Connection, collection: str) -> dict[str, str]:
    """Return the mosaic of each period that the kept series have seen, by period text."""
    return {r["period"]: r["mosaic"] for r in await connection.fetch(SEEN, collection)}


async def note_mosaic(connection: Connection, collection: str, period: str, mosaic: str | None) -> None:
    """Note that the kept series have seen a period's mosaic, or, if None, that it no longer has one."""
    if mosaic is None:
        await connection.execute(UNSEE, collection, period)
    else:
        await connection.execute(SEE, collection, period, mosaic)
