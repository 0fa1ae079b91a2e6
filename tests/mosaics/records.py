"""Scene records for the tests, with everything but what a test is about filled in."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import shapely
import shapely.geometry

from mosaics.collection import Band, Collection
from mosaics.document import SceneRecord
from mosaics.period import Cadence, Period

JUNE = Period.parse("2024-06")
JULY = Period.parse("2024-07")

HARVEST = Collection(
    id="harvest",
    title="Harvest",
    description="A collection of the tests.",
    cadence=Cadence.MONTH,
    license="CC0-1.0",
    attribution="Nobody",
    bands=(Band(name="red", title="Red", dtype="uint16", scale=0.0001, nodata=0),),
)


def geojson(geometry: Any) -> dict[str, Any]:
    """Polygons as the GeoJSON a `SceneRecord` takes."""
    document: dict[str, Any] = json.loads(json.dumps(shapely.geometry.mapping(geometry)))
    return document


def scene(scene_id: str, footprint: Any = None, **fields: Any) -> SceneRecord:
    """A scene of June 2024 over a degree of the Gulf of Guinea, save what is given."""
    record = SceneRecord(
        id=scene_id,
        item_key=f"collections/harvest/scenes/{scene_id}/d1/item.json",
        start=datetime(2024, 6, 15, 10, tzinfo=UTC),
        end=datetime(2024, 6, 15, 10, tzinfo=UTC),
        period=JUNE,
        cloud_cover_percent=10.0,
        footprint=geojson(shapely.box(0, 0, 1, 1) if footprint is None else footprint),
        synthetic=False,
        resolution_m=10.0,
    )
    return replace(record, **fields)
