"""Files of areas: reads the features of a GeoJSON file, GeoPackage or shapefile one by one."""

import json
import re
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

from app.areas.shapefiles import ShapefileError, open_shapefile
from mosaics.ellipsoid import WGS84
from mosaics.raster.coordinates import moved

LONLAT_NAME = re.compile(
    r"(urn:(x-)?ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?"
    r"(OGC[:/][\d.]*[:/]?CRS84|EPSG[:/][\d.]*[:/]?4326)",
    re.IGNORECASE,
)
"""Names allowed in the `crs` member of pre-RFC GeoJSON: degrees, which GeoJSON has longitude first whatever
the name; RFC 7946 itself allows degrees only."""

CURVES: Mapping[int, str] = {
    8: "CIRCULARSTRING", 9: "COMPOUNDCURVE", 10: "CURVEPOLYGON", 11: "MULTICURVE", 12: "MULTISURFACE",
    15: "POLYHEDRALSURFACE", 16: "TIN", 17: "TRIANGLE",
}  # fmt: skip
"""Kinds of geometry by their WKB code (OGC 06-103r4, table 7) that are not polygons of straight edges."""

SHAPEFILE = b"\x00\x00\x27\x0a"
"""Begins every .shp."""

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


def open_area_file(path: Path, layer: str | None = None, crs: CRS | None = None) -> AreaFile:
    """Open a GeoJSON file, a GeoPackage or a shapefile (zipped too); the first bytes tell which it is.

    Args:
        path: The file.
        layer: The layer of a GeoPackage or of a zip archive of shapefiles; required if it has several.
        crs: The coordinate system of a file that does not state one.

    Raises:
        AreaFileError: If the file is of another kind, or is damaged.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(16)
    except OSError as error:
        raise AreaFileError(f"{path} cannot be read: {error.strerror}") from error
    if begins == b"SQLite format 3\0":
        return _open_geopackage(path, layer, crs)
    if begins.startswith((SHAPEFILE, b"PK")):
        return _open_shapefile(path, layer, crs)
    if crs is not None:
        raise AreaFileError(f"{path} is GeoJSON, which is in degrees; leave the coordinate system out")
    return _open_geojson(path)


def _open_shapefile(path: Path, layer: str | None, given: CRS | None) -> AreaFile:
    try:
        opened = open_shapefile(path, layer)
    except ShapefileError as error:
        raise AreaFileError(str(error)) from error
    crs = _stated(opened.crs, given, f"{path} does not state its coordinate system (a .prj)")
    return AreaFile(opened.count, _shapefile_features(opened.rows, crs))


def _shapefile_features(
    rows: Iterator[tuple[BaseGeometry | str, dict[str, Any]]], crs: CRS
) -> Iterator[FileFeature | FeatureError]:
    try:
        for geometry, properties in rows:
            yield _shapefile_feature(geometry, properties, crs)
    except ShapefileError as error:
        raise AreaFileError(str(error)) from error


def _shapefile_feature(
    geometry: BaseGeometry | str, properties: Mapping[str, Any], crs: CRS
) -> FileFeature | FeatureError:
    if isinstance(geometry, str):
        return FeatureError(geometry)
    try:
        return FileFeature(mapping(_in_degrees(geometry, crs)), properties)
    except FeatureError as error:
        return error


def _stated(found: CRS | None, given: CRS | None, missing: str) -> CRS:
    """Return the coordinate system of a file, or the one given where the file states none."""
    if found is not None and (found.is_geographic or found.is_projected):
        if given is not None:
            raise AreaFileError(
                f"the file states its coordinate system ({found.to_string()[:60]}); leave it out"
            )
        return found
    if given is None:
        raise AreaFileError(f"{missing}; if you know it, give it: --crs EPSG:…")
    return given


def _in_degrees(geometry: BaseGeometry, crs: CRS) -> BaseGeometry:
    if crs == WGS84:
        return geometry
    there = shapely.transform(geometry, lambda xy: _to_degrees(xy, crs))
    if not np.isfinite(shapely.get_coordinates(there)).all():
        raise FeatureError("it lies outside the domain of the layer's coordinate system")
    return there


def _open_geojson(path: Path) -> AreaFile:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise AreaFileError(f"{path} is not GeoJSON, a GeoPackage or a shapefile: {error}") from error
    kind = document.get("type") if isinstance(document, dict) else None
    features = document.get("features") if kind == "FeatureCollection" else [document]
    if kind not in {"FeatureCollection", "Feature"} or not isinstance(features, list):
        raise AreaFileError(f"{path} is not a GeoJSON FeatureCollection")
    if document.get("crs") is not None and not _says_degrees(document["crs"]):
        raise AreaFileError(f"{path} is not in degrees (see its member crs); RFC 7946 requires degrees")
    return AreaFile(len(features), map(_geojson_feature, features))


def _says_degrees(crs: object) -> bool:
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return isinstance(name, str) and LONLAT_NAME.fullmatch(name.strip()) is not None


def _geojson_feature(feature: Any) -> FileFeature | FeatureError:
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        return FeatureError("it has no geometry")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        return FeatureError("its properties are not an object")
    return FileFeature(feature["geometry"], properties)


def _open_geopackage(path: Path, layer: str | None, given: CRS | None) -> AreaFile:
    try:
        with closing(_connect(path)) as database:
            table, column, crs = _geopackage_layer(path, database, layer, given)
            (count,) = database.execute(f"select count(*) from {_quoted(table)}").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise AreaFileError(f"{path} is not a GeoPackage with features: {error}") from error
    return AreaFile(count, _geopackage_features(path, table, column, crs))


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    database.text_factory = lambda text: text.decode("utf-8", "replace")
    return database


def _geopackage_layer(
    path: Path, database: sqlite3.Connection, layer: str | None, given: CRS | None
) -> tuple[str, str, CRS]:
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
        found = CRS.from_epsg(code) if organization.upper() == "EPSG" else CRS.from_wkt(definition)
    except CRSError:
        found = None
    missing = f"{path} does not state the coordinate system of layer {table!r}"
    return table, column, _stated(found, given, missing)


def _geopackage_features(
    path: Path, table: str, column: str, crs: CRS
) -> Iterator[FileFeature | FeatureError]:
    for row in _geopackage_rows(path, table, column):
        properties = {name: _plain(row[name]) for name in row.keys() if name != column}  # noqa: SIM118
        try:
            geometry = _geopackage_geometry(row[column], crs)
        except FeatureError as error:
            yield error
        else:
            yield FileFeature(mapping(geometry), properties)


def _geopackage_rows(path: Path, table: str, column: str) -> Iterator[sqlite3.Row]:
    try:
        with closing(_connect(path)) as database:
            rows = database.execute(f"select * from {_quoted(table)}")
            if column not in [described[0] for described in rows.description]:
                raise AreaFileError(f"{path} is damaged: layer {table!r} has no column {column!r}")
            yield from rows
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise AreaFileError(f"{path} is damaged: {error}") from error


def _geopackage_geometry(blob: bytes | None, crs: CRS) -> BaseGeometry:
    """Read a geometry from its GeoPackage form (OGC 12-128, 2.1.3) and return it in degrees."""
    if blob is None:
        raise FeatureError("it has no geometry")
    try:
        magic, _, flags, _ = struct.unpack_from("<2sBBi", blob)
        if magic != b"GP":
            raise FeatureError("its geometry is not in GeoPackage form")
        wkb = blob[8 + ENVELOPE_BYTES[flags >> 1 & 7] :]
        _refuse_curves(wkb)
        geometry = shapely.from_wkb(wkb, on_invalid="fix")  # rings that are not closed are
    except (struct.error, IndexError, shapely.GEOSException) as error:
        raise FeatureError("its geometry is damaged") from error
    if geometry is None:
        raise FeatureError("its geometry is damaged")
    return _in_degrees(shapely.force_2d(geometry), crs)


def _refuse_curves(wkb: bytes) -> None:
    (code,) = struct.unpack_from("<I" if wkb[0] == 1 else ">I", wkb, 1)
    if kind := CURVES.get((code & 0xFFFF) % 1000):
        raise FeatureError(
            f"it is a {kind}, whose edges may be arcs; make it a polygon of straight edges first: "
            "ogr2ogr -nlt CONVERT_TO_LINEAR OUTPUT.gpkg INPUT.gpkg"
        )


def _to_degrees(xy: Any, crs: CRS) -> Any:
    return np.column_stack(moved(crs, WGS84, xy[:, 0], xy[:, 1]))


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
