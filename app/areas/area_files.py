"""Files of areas: reads the features of a GeoJSON file, GeoPackage or shapefile one by one."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from rasterio.crs import CRS
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from app.areas.crs_members import CrsMemberError, stated_crs
from app.areas.edges import NowhereError, in_degrees
from app.areas.geopackages import open_geopackage
from app.areas.layers import LayerError, OpenedLayer
from app.areas.shapefiles import open_shapefile
from app.areas.texts import text_of
from app.statistics.geometry import GeometryError, Polygonal, spelled_out
from mosaics.ellipsoid import WGS84

SHAPEFILE = b"\x00\x00\x27\x0a"
"""Begins every .shp."""

WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00", b"\xef\xbb\xbf")
"""Begin text in UTF-16, UTF-32, and UTF-8 with its mark; `json` tells them apart."""


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
    notes: tuple[str, ...] = ()
    """What was decided in reading it, for people."""


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
    try:
        if begins == b"SQLite format 3\0":
            return _projected(path, open_geopackage(path, layer), crs)
        if begins.startswith((SHAPEFILE, b"PK")):
            return _projected(path, open_shapefile(path, layer), crs)
    except LayerError as error:
        raise AreaFileError(str(error)) from error
    if crs is not None:
        raise AreaFileError(f"{path} is GeoJSON, which is in degrees; leave the coordinate system out")
    return _open_geojson(path)


def _projected(path: Path, opened: OpenedLayer, given: CRS | None) -> AreaFile:
    crs = _stated(opened.crs, given, f"{path} does not state {opened.stating}")

    def features() -> Iterator[FileFeature | FeatureError]:
        try:
            for geometry, properties in opened.rows:
                yield _feature(geometry, properties, crs)
        except LayerError as error:
            raise AreaFileError(str(error)) from error

    return AreaFile(opened.count, features())


def _feature(
    geometry: BaseGeometry | str, properties: Mapping[str, Any], crs: CRS
) -> FileFeature | FeatureError:
    if not isinstance(geometry, shapely.Polygon | shapely.MultiPolygon):
        return FeatureError(str(geometry))
    try:
        return FileFeature(mapping(in_degrees(geometry, crs)), properties)
    except (NowhereError, shapely.GEOSException) as error:
        return FeatureError(str(error))


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


def _open_geojson(path: Path) -> AreaFile:
    document, notes = _json(path)
    kind = document.get("type") if isinstance(document, dict) else None
    features = document.get("features") if kind == "FeatureCollection" else [document]
    if kind not in {"FeatureCollection", "Feature"} or not isinstance(features, list):
        raise AreaFileError(f"{path} is not a GeoJSON FeatureCollection")
    try:
        crs = stated_crs(document.get("crs"))
    except CrsMemberError as error:
        raise AreaFileError(f"{path} {error}") from error
    return AreaFile(len(features), (_geojson_feature(feature, crs) for feature in features), notes)


def _json(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return a document, and a note if its text is not the UTF-8 that RFC 8259 requires."""
    content = path.read_bytes()
    notes: tuple[str, ...] = ()
    try:
        if not content.startswith(WIDE) and b"\0" not in content[:4]:
            try:
                content.decode()
            except UnicodeDecodeError:
                content, notes = text_of(content).encode(), (f"{path} is not UTF-8; read as Windows-1252",)
        return json.loads(content), notes
    except (ValueError, RecursionError) as error:
        raise AreaFileError(f"{path} is not GeoJSON, a GeoPackage or a shapefile: {error}") from error


def _geojson_feature(feature: Any, crs: CRS) -> FileFeature | FeatureError:
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        return FeatureError("it has no geometry")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        return FeatureError("its properties are not an object")
    geometry = feature["geometry"]
    try:
        own = next((each["crs"] for each in (geometry, feature) if each.get("crs") is not None), None)
        crs = crs if own is None else stated_crs(own)
    except CrsMemberError as error:
        return FeatureError(f"it {error}")
    if crs == WGS84:
        return FileFeature(geometry, properties)
    try:
        polygon: Polygonal = spelled_out(geometry)
    except GeometryError as error:
        return FeatureError(str(error))
    return _feature(polygon, properties, crs)
