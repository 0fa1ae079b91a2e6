"""Zones of a scene in the database: with their analysis, and on request as zones of their own."""

import json

from app.analysis.analysis_store import Asked, keep_scene_analysis
from app.analysis.scene_service import SceneFindings
from app.database import Connection
from app.statistics.geometry import GeometryError, read_polygon
from app.zones.zone import Severity, ZoneDescription
from app.zones.zone_store import create_zone
from mosaics.period import Period

MAX_KEPT = 1_000
"""Zones that are kept of one analysis."""


async def keep_findings(
    connection: Connection,
    owner_id: str | None,
    asked: Asked,
    inputs: str,
    found: SceneFindings,
    *,
    with_zones: bool,
) -> tuple[int, int]:
    """Keep the analysis of a scene, and its largest zones as zones of anomalies if that is wished.

    Args:
        connection: To the database, in a transaction.
        owner_id: Whose they are.
        asked: Product and period.
        inputs: The hash of all that determines the zones.
        found: The zones.
        with_zones: Whether they are kept as zones of their own.

    Returns:
        The id of the analysis, and the number of zones kept.
    """
    kept = await keep_scene_analysis(connection, owner_id, asked, inputs, found.to_json())
    count = 0
    for feature in found.zones[:MAX_KEPT] if with_zones else ():
        numbers = feature["properties"]
        own = {"product": asked.product, "period": asked.period} | numbers
        description = ZoneDescription(
            severity=Severity.MODERATE if numbers["persistence"] > 1 else Severity.LOW,
            detected_at=Period.parse(asked.period).start,
            owner_id=owner_id,
            source_analysis=str(kept),
            properties=json.dumps(own),
        )
        try:
            polygon = read_polygon(feature["geometry"])
        except GeometryError:  # what degrees round away: a zone narrower than a micrometre
            continue
        await create_zone(connection, description, polygon, key=f"analysis-{inputs[:16]}-{feature['id']}")
        count += 1
    return kept, count
