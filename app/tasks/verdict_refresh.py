"""VerdictRefresh: keeps the verdicts on parcels current, after their series."""

from app.analysis.parcel_service import ParcelAnalyses
from app.areas.area import PARCEL
from app.areas.area_store import products_of_kind
from app.database import Database
from app.products.registry import Registry
from app.tasks.task import StillLeading


class VerdictRefresh:
    """Analyses again, with the usual options, the parcels whose kept series have got newer entries.

    Args:
        database: Where parcels are registered.
        registry: The products.
        analyses: Makes and keeps verdicts.
    """

    def __init__(self, database: Database, registry: Registry, analyses: ParcelAnalyses) -> None:
        self._database = database
        self._registry = registry
        self._analyses = analyses

    async def refresh(self, still_leading: StillLeading) -> int:
        """Bring the verdicts up to date; return how many were made.

        Raises:
            app.tasks.leader_election.LeadershipLostError: If this process no longer leads.
            app.database.DatabaseUnavailableError: If the database does not answer.
        """
        async with self._database.connection() as connection:
            kept = await products_of_kind(connection, PARCEL)
        count = 0
        for product in self._registry.all():
            if product.id in kept:
                await still_leading()
                count += (await self._analyses.refresh(product)).parcels
        return count
