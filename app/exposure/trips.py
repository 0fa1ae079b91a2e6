"""Trips: the one entry of a route with a departure, kept or computed."""

import json

from app.areas.timeseries import TimeSeries, kept_entry
from app.database import Database
from app.exposure.kept_routes import RouteSeries
from app.exposure.route import Route
from app.products.product import Product
from mosaics.catalogue import Catalogue
from mosaics.period import Period


async def read_trip(
    database: Database, catalogue: Catalogue, kind: RouteSeries, route: Route, product: Product
) -> TimeSeries:
    """Return the entry of a trip as a series of one; it is kept under the period in which the trip begins.

    Args:
        database: Where entries are kept.
        catalogue: What exists now; the product's collection is among it.
        kind: Computes it where what is kept tells of other scenes.
        route: With a departure.
        product: What is asked.

    Raises:
        app.database.DatabaseUnavailableError: If the database does not answer.
        app.statistics.summary.StatisticsRequestError, mosaics.storage.StorageError,
        app.rendering.renderer.RenderingOverloadError: If it cannot be computed.
    """
    departure = route.description.timing.departure
    assert departure is not None  # noqa: S101 - it is a trip
    period = Period.containing(departure, catalogue.collection(product.collection).cadence)
    resolved = await kind.resolve(product, route, period.text)
    async with database.connection() as connection:
        kept = await kind.tables.read(connection, route.id, product.id, period.start, period.end)
    current = [row for row in kept if row.inputs == resolved.inputs]
    if current:
        entry = kept_entry(current[0], product)
    else:
        facts, _ = await kind.facts(resolved, period.text)
        entry = json.dumps({"kept": False} | facts)
    return TimeSeries(route.description.name, (entry,), computed=0 if current else 1, pending=0)
