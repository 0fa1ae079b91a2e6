"""GeoJSON tables: a FeatureCollection whose properties are what a CSV table has as columns."""

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.tables.rows import Record
from ingest.tables.table import Refused, TableError


def read_features(document: Mapping[str, Any]) -> tuple[tuple[str, ...], Iterator[Record | Refused]]:
    """Return the names of all properties, and a row for each feature; their geometries are not used.

    Raises:
        TableError: If it is not a FeatureCollection.
    """
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise TableError("it is not a GeoJSON FeatureCollection.")
    named = dict.fromkeys(
        name
        for feature in features
        if isinstance(feature, dict) and isinstance(feature.get("properties"), dict)
        for name in feature["properties"]
    )
    return tuple(named), (_record(number, feature) for number, feature in enumerate(features))


def _record(number: int, feature: object) -> Record | Refused:
    where = f"feature {number}"
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        return Refused(where, "it has no properties.")
    cells = {str(name).strip().casefold(): _text(value) for name, value in properties.items()}
    return Record(where, {name: text for name, text in cells.items() if text})


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return "" if value is None else str(value).strip()
