"""GeoPackages (OGC 12-128): the features of a layer, and its coordinate system where it states one."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from rasterio.crs import CRS
from rasterio.errors import CRSError
from shapely.geometry.base import BaseGeometry

from app.areas.layers import LayerError, OpenedLayer, Row
from app.areas.texts import text_of
from app.areas.wkb import WkbError, read_polygons

ENVELOPE_BYTES = (0, 32, 48, 48, 64)
"""Length of the envelope in a GeoPackage geometry header, by envelope indicator (OGC 12-128, 2.1.3)."""

UNREADABLE = (sqlite3.Error, UnicodeDecodeError, OverflowError)

LAYERS = (
    "select g.table_name, g.column_name, s.organization, s.organization_coordsys_id, s.definition "
    "from gpkg_geometry_columns g left join gpkg_spatial_ref_sys s on s.srs_id = g.srs_id order by 1"
)


def open_geopackage(path: Path, layer: str | None = None) -> OpenedLayer:
    """Open a layer of a GeoPackage.

    Args:
        path: The file.
        layer: Name of the layer; required if there are several.

    Raises:
        LayerError: If it is not a GeoPackage with features, or is damaged.
    """
    try:
        with closing(_connect(path)) as database:
            row = _layer(path, database, layer)
            table, column = str(row["table_name"]), str(row["column_name"])
            (count,) = database.execute(f"select count(*) from {_quoted(table)}").fetchone()
    except UNREADABLE as error:
        raise LayerError(f"{path} is not a GeoPackage with features: {error}") from error
    return OpenedLayer(
        count, _crs(row), _features(path, table, column), f"the coordinate system of layer {table!r}"
    )


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    database.text_factory = text_of
    return database


def _layer(path: Path, database: sqlite3.Connection, layer: str | None) -> sqlite3.Row:
    rows: list[sqlite3.Row] = database.execute(LAYERS).fetchall()
    there_are = ", ".join(str(row["table_name"]) for row in rows)
    chosen = [row for row in rows if layer in {None, row["table_name"]}]
    if not chosen:
        raise LayerError(
            f"{path} has no layer {layer!r}; there are: {there_are}"
            if layer
            else f"{path} has no layer with features"
        )
    if len(chosen) > 1:
        raise LayerError(f"{path} has several layers; name one of: {there_are}")
    return chosen[0]


def _crs(row: sqlite3.Row) -> CRS | None:
    """Return the system of EPSG's code, or else of the definition; layers without one have many forms."""
    if str(row["organization"]).strip().upper() == "EPSG":
        with suppress(CRSError, TypeError, ValueError, OverflowError):  # else the definition may say more
            return CRS.from_epsg(int(row["organization_coordsys_id"]))
    try:
        return CRS.from_wkt(str(row["definition"]))
    except CRSError:
        return None


def _features(path: Path, table: str, column: str) -> Iterator[Row]:
    for row in _rows(path, table, column):
        properties = {name: _plain(row[name]) for name in row.keys() if name != column}  # noqa: SIM118
        try:
            yield _geometry(row[column]), properties
        except WkbError as error:
            yield str(error), properties


def _rows(path: Path, table: str, column: str) -> Iterator[sqlite3.Row]:
    try:
        with closing(_connect(path)) as database:
            rows = database.execute(f"select * from {_quoted(table)}")
            if column not in [described[0] for described in rows.description]:
                raise LayerError(f"{path} is damaged: layer {table!r} has no column {column!r}")
            yield from rows
    except UNREADABLE as error:
        raise LayerError(f"{path} is damaged: {error}") from error


def _geometry(blob: Any) -> BaseGeometry:
    """Read a geometry from its GeoPackage form (OGC 12-128, 2.1.3)."""
    if blob is None:
        raise WkbError("it has no geometry")
    if not isinstance(blob, bytes):
        raise WkbError("its geometry is not in GeoPackage form")
    try:
        magic, _, flags, _ = struct.unpack_from("<2sBBi", blob)
        begin = 8 + ENVELOPE_BYTES[flags >> 1 & 7]
    except (struct.error, IndexError) as error:
        raise WkbError("its geometry is damaged") from error
    if magic != b"GP":
        raise WkbError("its geometry is not in GeoPackage form")
    return read_polygons(blob[begin:])


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
