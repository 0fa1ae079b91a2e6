"""Files of areas as programs write them: without a coordinate system, with curves, with other text."""

import json
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest
import shapefile
import shapely
from rasterio.crs import CRS

from app.areas.area_files import AreaFile, AreaFileError, FeatureError, FileFeature, open_area_file
from tests.app.areas.conftest import GEOPACKAGE, SQUARE
from tests.app.areas.test_wkb import HALVES, coded, line

BOX = shapely.to_wkb(shapely.box(5, 51, 5.1, 51.1), byte_order=1)
LOCAL = (
    'LOCAL_CS["Undefined SRS",LOCAL_DATUM["unknown",32767],UNIT["unknown",0],AXIS["Easting",EAST],'
    'AXIS["Northing",NORTH]]'
)
SITE = 'ENGCRS["Site",EDATUM["Site"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'
DEGREES = ("EPSG", 4326, CRS.from_epsg(4326).to_wkt())


def geopackage(path: Path, rows: list[tuple[Any, Any]], *systems: tuple[Any, Any, Any]) -> Path:
    """A layer of rows of name and WKB, in the system of the first organization, code and definition."""
    database = sqlite3.connect(path)
    database.executescript(GEOPACKAGE + "create table p (fid integer primary key, name text, geom blob);")
    for row in systems:
        database.execute("insert into gpkg_spatial_ref_sys values ('x', 7, ?, ?, ?)", row)
    database.execute("insert into gpkg_geometry_columns values ('p', 'geom', 'MULTIPOLYGON', 7, 0, 0)")
    for name, wkb in rows:
        blob = struct.pack("<2sBBi", b"GP", 0, 1, 7) + wkb if isinstance(wkb, bytes) else wkb
        database.execute("insert into p (name, geom) values (cast(? as text), ?)", (name, blob))
    database.commit()
    database.close()
    return path


def names(file: AreaFile) -> list[Any]:
    """The names of features, and the reasons of those that are refused."""
    return [str(one) if isinstance(one, FeatureError) else one.properties["name"] for one in file.features]


@pytest.mark.parametrize(
    "system",
    [
        ("GDAL", 99999, LOCAL),
        ("NONE", -1, "undefined"),
        ("NONE", 0, "undefined"),
        ("NONE", 100000, SITE),
        ("NONE", 1, ""),
        (None, None, None),
        ("EPSG", 999999, ""),
        ("EPSG", "x", "undefined"),
        ("EPSG", None, None),
        ("EPSG", 2**40, "undefined"),
        None,
    ],
    ids=str,
)
def test_a_layer_that_states_no_system_needs_it_given(tmp_path: Path, system: Any) -> None:
    path = geopackage(tmp_path / "a.gpkg", [("a", BOX)], *([] if system is None else [system]))
    with pytest.raises(AreaFileError, match="does not state the coordinate system of layer 'p'; if you know"):
        open_area_file(path)
    assert names(open_area_file(path, crs=CRS.from_epsg(4326))) == ["a"]


def test_a_code_that_is_not_known_leaves_the_definition(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "a.gpkg", [("a", BOX)], ("EPSG", 999999, DEGREES[2]))
    assert names(open_area_file(path)) == ["a"]


def test_each_row_costs_only_itself(tmp_path: Path) -> None:
    circle = coded(12, [coded(10, [line([(5 + x, 51 + y) for x, y in HALVES], 8)])])
    rows = [
        ("plain", BOX),
        ("circle", circle),
        ("curve", coded(11, [])),
        ("text", "POLYGON((0 0,1 1,1 0,0 0))"),
        ("number", 7),
        ("none", None),
        ("cut", BOX[:40]),
        ("last", BOX),
    ]
    found = names(open_area_file(geopackage(tmp_path / "a.gpkg", rows, DEGREES)))
    assert found[:2] == ["plain", "circle"]
    assert found[2].startswith("it is a MULTICURVE, a line; an area is a polygon")
    assert found[3:] == [
        "its geometry is not in GeoPackage form",
        "its geometry is not in GeoPackage form",
        "it has no geometry",
        "its geometry is damaged",
        "last",
    ]


def test_a_place_beyond_the_projection_costs_only_itself(tmp_path: Path) -> None:
    near, far = (shapely.to_wkb(shapely.box(x, x - 1e6, x + 100, x - 1e6 + 100)) for x in (4e6, 1e9))
    path = geopackage(tmp_path / "a.gpkg", [("far", far), ("near", near)], ("EPSG", 3035, ""))
    assert names(open_area_file(path)) == [
        "it lies outside the domain of the layer's coordinate system",
        "near",
    ]


def written(path: Path, name: str, encoding: str, **members: Any) -> Path:
    """GeoJSON of one feature."""
    one = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": SQUARE},
        "properties": {"name": name},
    }
    document = {"type": "FeatureCollection", "features": [one]} | members
    path.write_bytes(json.dumps(document, ensure_ascii=False).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_geojson_in_other_text_is_read_and_told(tmp_path: Path, encoding: str) -> None:
    found = open_area_file(written(tmp_path / "a.geojson", "Möhre", encoding))
    assert names(found) == ["Möhre"]
    assert bool(found.notes) == (encoding in {"latin-1", "cp1252"})
    assert all("is not UTF-8; read as Windows-1252" in note for note in found.notes)


def test_a_geopackage_in_latin_1_is_read(tmp_path: Path) -> None:
    rows = [("Möhre".encode("latin-1"), BOX), ("Möhre".encode(), BOX)]
    assert names(open_area_file(geopackage(tmp_path / "a.gpkg", rows, DEGREES))) == ["Möhre", "Möhre"]


@pytest.mark.parametrize(
    ("cpg", "encoding", "expected"),
    [
        ("UTF-8", "latin-1", "Möhre"),
        ("ISO-8859-1", "latin-1", "Möhre"),
        ("1252", "cp1252", "Möhre"),
        ("nonsense", "latin-1", "Möhre"),
        ("UTF-8", "utf-8", "Möhre"),
        (None, "latin-1", "Möhre"),
        (None, "utf-8", "Möhre"),
    ],
)
def test_a_shapefile_is_read_in_the_text_it_has(
    tmp_path: Path, cpg: str | None, encoding: str, expected: str
) -> None:
    path = tmp_path / "a.shp"
    with shapefile.Writer(path, shapeType=shapefile.POLYGON, encoding=encoding) as writer:
        writer.field("name", "C", 20)
        writer.poly([SQUARE[0][::-1]])
        writer.record("Möhre")
    path.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt(version="WKT1_ESRI"))
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    assert names(open_area_file(path)) == [expected]


def test_a_crs_of_its_own_costs_only_the_feature(tmp_path: Path) -> None:
    """PostGIS writes it into geometries, `ST_AsGeoJSON(geom, 9, 2)`."""
    square = {"type": "Polygon", "coordinates": SQUARE}
    features = [
        {"type": "Feature", "geometry": square | crs, "properties": {"name": name}}
        for name, crs in [
            ("none", {}),
            ("degrees", {"crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}),
            ("metres", {"crs": {"type": "name", "properties": {"name": "EPSG:28992"}}}),
        ]
    ]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, "crs": None}))
    assert names(open_area_file(path)) == [
        "none",
        "degrees",
        "it is not in degrees (see its member crs); RFC 7946 requires degrees",
    ]


def test_degrees_of_another_datum_are_moved(tmp_path: Path) -> None:
    """NAD27 lies some 200 m from WGS 84 off Newfoundland, whichever way PROJ takes."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS27"}}
    features = list(open_area_file(written(tmp_path / "a.geojson", "a", "utf-8", crs=crs)).features)
    (found,) = (one for one in features if isinstance(one, FileFeature))
    assert shapely.get_coordinates(shapely.geometry.shape(dict(found.geometry)))[0] == pytest.approx(
        SQUARE[0][0], abs=0.01
    )
