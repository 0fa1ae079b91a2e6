"""Files of areas: reads the features of a GeoJSON file or GeoPackage one by one."""

import json
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from rasterio.crs import CRS
from rasterio.errors import CRSError
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from mosaics.raster.coordinates import moved

WGS84 = CRS.from_epsg(4326)

LONLAT_NAMES = ("urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "EPSG:4326")
"""Values allowed for the `crs` member of pre-RFC GeoJSON; RFC 7946 itself allows degrees only."""

ENVELOPE_BYTES = (0, 32, 48, 48, 64)
"""Length of the envelope in a GeoPackage geometry header, by envelope indicator (OGC 12-128, 2.1.3)."""


class AreaFileError(ValueError):
    """A file that cannot be read; the message says why."""


class FeatureError(ValueError):
    """A feature in a file that cannot be read."""


@dataclass(frozen=True, slots=True)
class FileFeature:
    """A feature in a file."""

    geometry: Mapping[str, Any]
    """GeoJSON, in degrees."""
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AreaFile:
    """A file of features."""

    count: int
    features: Iterator[FileFeature | FeatureError]
    """With an error in place of each feature that cannot be read."""


def open_area_file(path: Path, layer: str | None = None) -> AreaFile:
    """Open a GeoJSON file or a GeoPackage; the first bytes tell which it is.

    Args:
        path: The file.
        layer: The layer of a GeoPackage; required if it has several.

    Raises:
        AreaFileError: If the file is neither of the two, or is damaged.
    """
    try:
        with path.open("rb") as file:
            is_sqlite = file.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise AreaFileError(f"{path} cannot be read: {error.strerror}") from error
    return _open_geopackage(path, layer) if is_sqlite else _open_geojson(path)


def _open_geojson(path: Path) -> AreaFile:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise AreaFileError(f"{path} is neither a GeoPackage nor JSON: {error}") from error
    kind = document.get("type") if isinstance(document, dict) else None
    features = document.get("features") if kind == "FeatureCollection" else [document]
    if kind not in {"FeatureCollection", "Feature"} or not isinstance(features, list):
        raise AreaFileError(f"{path} is not a GeoJSON FeatureCollection")
    if (crs := document.get("crs")) and crs.get("properties", {}).get("name") not in LONLAT_NAMES:
        raise AreaFileError(f"{path} is not in degrees (see its member crs); RFC 7946 requires degrees")
    return AreaFile(len(features), map(_geojson_feature, features))


def _geojson_feature(feature: Any) -> FileFeature | FeatureError:
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        return FeatureError("it has no geometry")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        return FeatureError("its properties are not an object")
    return FileFeature(feature["geometry"], properties)


def _open_geopackage(path: Path, layer: str | None) -> AreaFile:
    try:
        with closing(_connect(path)) as database:
            table, column, crs = _geopackage_layer(path, database, layer)
            (count,) = database.execute(f"select count(*) from {_quoted(table)}").fetchone()
    except sqlite3.Error as error:
        raise AreaFileError(f"{path} is not a GeoPackage with features: {error}") from error
    return AreaFile(count, _geopackage_features(path, table, column, crs))


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return database


def _geopackage_layer(path: Path, database: sqlite3.Connection, layer: str | None) -> tuple[str, str, CRS]:
    rows = database.execute(
        "select g.table_name, g.column_name, s.organization, s.organization_coordsys_id, s.definition "
        "from gpkg_geometry_columns g join gpkg_spatial_ref_sys s on s.srs_id = g.srs_id order by 1"
    ).fetchall()
    there_are = ", ".join(row["table_name"] for row in rows)
    chosen = [row for row in rows if layer in {None, row["table_name"]}]
    if not chosen:
        raise AreaFileError(f"{path} has no layer {layer!r}; there are: {there_are}" if layer else
                            f"{path} has no layer with features")  # fmt: skip
    if len(chosen) > 1:
        raise AreaFileError(f"{path} has several layers; name one of: {there_are}")
    table, column, organization, code, definition = chosen[0]
    try:
        crs = CRS.from_epsg(code) if organization.upper() == "EPSG" else CRS.from_wkt(definition)
    except CRSError as error:
        raise AreaFileError(f"{path} does not state the coordinate system of layer {table!r}") from error
    return table, column, crs


def _geopackage_features(
    path: Path, table: str, column: str, crs: CRS
) -> Iterator[FileFeature | FeatureError]:
    with closing(_connect(path)) as database:
        for row in database.execute(f"select * from {_quoted(table)}"):
            properties = {name: _plain(row[name]) for name in row.keys() if name != column}  # noqa: SIM118
            try:
                geometry = _geopackage_geometry(row[column], crs)
            except FeatureError as error:
                yield error
            else:
                yield FileFeature(mapping(geometry), properties)


def _geopackage_geometry(blob: bytes | None, crs: CRS) -> BaseGeometry:
    """Read a geometry from its GeoPackage form (OGC 12-128, 2.1.3) and return it in degrees."""
    if blob is None:
        raise FeatureError("it has no geometry")
    try:
        magic, _, flags, _ = struct.unpack_from("<2sBBi", blob)
        if magic != b"GP":
            raise FeatureError("its geometry is not in GeoPackage form")
        geometry = shapely.force_2d(shapely.from_wkb(blob[8 + ENVELOPE_BYTES[flags >> 1 & 7] :]))
        if crs == WGS84:
            return geometry
        there = shapely.transform(geometry, lambda xy: _to_degrees(xy, crs))
    except (struct.error, IndexError, shapely.GEOSException) as error:
        raise FeatureError("its geometry is damaged") from error
    if not np.isfinite(shapely.get_coordinates(there)).all():
        raise FeatureError("it lies outside the domain of the layer's coordinate system")
    return there


def _to_degrees(xy: Any, crs: CRS) -> Any:
    return np.column_stack(moved(crs, WGS84, xy[:, 0], xy[:, 1]))


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
