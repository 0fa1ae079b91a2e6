"""Zones of parcels: a parcel of which an analysis says that it is unusual, as a zone."""

import json

from app.analysis.analysis_store import KeptAnalysis
from app.areas.area_store import read_area
from app.database import Connection
from app.zones.zone import Severity, ZoneDescription
from app.zones.zone_store import create_zone
from mosaics.period import Period

SEVERITIES = {"drifting": Severity.LOW, "notable": Severity.MODERATE, "strong": Severity.HIGH}
"""Of the levels of which there are zones."""


async def zone_of_parcel(connection: Connection, kept: KeptAnalysis) -> int | None:
    """Keep the parcel of an analysis as a zone of an anomaly, once; return its id, or None if it is usual.

    Args:
        connection: To the database, in a transaction.
        kept: The analysis of a parcel.

    Raises:
        app.areas.area.UnknownAreaError: If the parcel is gone.
    """
    verdict = kept.result["verdict"]
    severity = SEVERITIES.get(verdict["level"])
    if severity is None or kept.area_id is None:
        return None
    area = await read_area(connection, kept.area_id)
    own = {
        "product": kept.result["product"],
        "period": kept.result["period"],
        "direction": verdict["direction"],
        "text": verdict["text"],
    }
    description = ZoneDescription(
        severity=severity,
        detected_at=Period.parse(kept.result["period"]).start,
        owner_id=area.description.owner_id,
        source_analysis=str(kept.id),
        properties=json.dumps(own, ensure_ascii=False),
    )
    key = f"analysis-{kept.id}-{kept.inputs[:16]}"
    return (await create_zone(connection, description, area.polygon, key=key)).id
