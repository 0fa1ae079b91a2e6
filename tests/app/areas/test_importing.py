"""`tilewatch areas`: many areas at once, all of them or none."""

import contextlib
import datetime as dt
import json
import math
import random
import re
import sqlite3
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapefile
import shapely
from click.testing import CliRunner, Result
from rasterio.crs import CRS
from rasterio.warp import transform_geom
from shapely.geometry import mapping

from app.areas.area_files import AreaFileError, FeatureError, FileFeature, open_area_file
from app.cli import main
from tests.app.areas.conftest import GEOPACKAGE, SQUARE, feature, square_at
from tests.services.postgres import PostgresServer

BOW_TIE = [[[5.0, 51.0], [5.2, 51.1], [5.2, 51.0], [5.0, 51.1], [5.0, 51.0]]]


class Command:
    """The command on a database."""

    def __init__(self, database_url: str, postgres: PostgresServer) -> None:
        self.database_url = database_url
        self._postgres = postgres

    def run(self, *arguments: str, sent: str | None = None) -> Result:
        return CliRunner().invoke(
            main, ["areas", *arguments, "--database-url", self.database_url], input=sent
        )

    def sql(self, statement: str) -> str:
        return self._postgres.psql(self.database_url.rpartition("/")[2], statement)


@pytest.fixture
def command(database_url: str, postgres: PostgresServer, folder: Path, monkeypatch) -> Command:
    monkeypatch.chdir(folder)
    return Command(database_url, postgres)


def write_geojson(path: Path, features: list[dict[str, Any]], **members: Any) -> str:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features} | members))
    return str(path)


def geopackage_blob(geometry: shapely.Geometry, srs: int, envelope: bool) -> bytes:
    """The binary form of OGC 12-128, 2.1.3, with or without an envelope."""
    west, south, east, north = shapely.bounds(geometry)
    header = struct.pack("<2sBBi", b"GP", 0, 0b011 if envelope else 0b001, srs)
    box = struct.pack("<4d", west, east, south, north) if envelope else b""
    return header + box + shapely.to_wkb(geometry)


def write_geopackage(path: Path, layers: dict[str, tuple[int, list[tuple[Any, ...]]]]) -> str:
    """A GeoPackage of layers: EPSG code, and rows of name, crop and blob."""
    database = sqlite3.connect(path)
    database.executescript(GEOPACKAGE)
    for name, (code, rows) in layers.items():
        database.execute(
            "insert into gpkg_spatial_ref_sys values (?, ?, 'EPSG', ?, ?)",
            (name, code, code, CRS.from_epsg(code).to_wkt()),
        )
        database.execute(
            "insert into gpkg_geometry_columns values (?, 'shape', 'POLYGON', ?, 0, 0)", (name, code)
        )
        database.execute(
            f'create table "{name}" (fid integer primary key, "Field Name" text, crop text, shape blob)'
        )
        database.executemany(f'insert into "{name}" ("Field Name", crop, shape) values (?, ?, ?)', rows)
    database.commit()
    database.close()
    return str(path)


def has_corners(found: shapely.Geometry, shape: shapely.Geometry) -> bool:
    """Whether every corner of a shape is one, within a millimetre."""
    corners = shapely.MultiPoint(shapely.get_coordinates(found))
    return bool((shapely.distance(shapely.points(shapely.get_coordinates(shape)), corners) < 1e-8).all())


def test_geojson_becomes_areas(command: Command, folder: Path) -> None:
    west = feature(square_at(5, 51), name="West", crop="wheat", feed="hay")
    west["properties"]["kind"] = "field"
    path = write_geojson(
        folder / "fields.geojson", [west, feature([square_at(6, 51)], "MultiPolygon", name="East")]
    )
    done = command.run("import", path, "--products", "ndvi, no2")
    assert (done.exit_code, done.output) == (0, "Imported 2 areas.\n")
    rows = command.sql(
        "select name, kind, products, properties, st_astext(geom) from areas order by id"
    ).split("\n")
    assert rows[0].startswith('West|field|{ndvi,no2}|{"crop": "wheat"}|MULTIPOLYGON(((5 51,5 51.1,')
    assert rows[1].startswith("East||{ndvi,no2}|{}|MULTIPOLYGON(((6 51,")


def test_a_refused_feature_lets_none_in(command: Command, folder: Path) -> None:
    features = [
        feature(),
        feature(BOW_TIE),
        {"type": "Feature", "geometry": None, "properties": {"name": "nowhere"}},
        feature([5, 51], "Point"),
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": SQUARE}, "properties": {}},
    ]
    path = write_geojson(folder / "fields.geojson", features)
    refused = command.run("import", path)
    assert refused.exit_code == 2
    assert "Feature 1: the Polygon is not valid: Self-intersection[5.1 51.05]" in refused.output
    assert "Feature 2: it has no geometry" in refused.output
    assert "Feature 3: statistics need a Polygon" in refused.output
    assert "Feature 4: it has no property 'name' to take the name from" in refused.output
    assert "4 of 5 features are not valid areas, so none was imported" in refused.output
    assert command.sql("select count(*) from areas") == "0"
    done = command.run("import", path, "--skip-refused")
    assert (done.exit_code, done.output.endswith("Imported 1 area.\n")) == (0, True)
    assert command.sql("select name from areas") == "Square"


def test_a_geopackage_in_metres_becomes_areas_in_degrees(command: Command, folder: Path) -> None:
    west, east = (shapely.Polygon(square_at(lon, 51)[0]) for lon in (5.0, 6.0))
    utm = [
        shapely.geometry.shape(transform_geom("EPSG:4326", "EPSG:32631", shape.__geo_interface__))
        for shape in (west, east)
    ]
    rows = [
        (name, crop, geopackage_blob(shape, 32631, envelope=crop is None))
        for (name, crop), shape in zip([("West", "wheat"), ("East", None)], utm, strict=True)
    ]
    path = write_geopackage(folder / "fields.gpkg", {"my fields": (32631, rows)})
    done = command.run("import", path, "--name-field", "Field Name", "--kind", "parcel")
    assert (done.exit_code, done.output) == (0, "Imported 2 areas.\n")
    assert command.sql("select name, kind, properties from areas order by id") == (
        'West|parcel|{"fid": 1, "crop": "wheat"}\nEast|parcel|{"fid": 2}'
    )
    wkb = command.sql("select encode(st_asbinary(geom), 'hex') from areas order by id").split("\n")
    for text, shape in zip(wkb, (west, east), strict=True):
        (part,) = shapely.get_parts(shapely.from_wkb(bytes.fromhex(text)))
        assert has_corners(part, shape)
        assert shapely.hausdorff_distance(part, shape) < 2e-5  # edges of 11 km are straight in metres


def test_a_geopackage_of_several_layers_needs_one_named(command: Command, folder: Path) -> None:
    blob = geopackage_blob(shapely.Polygon(SQUARE[0]), 4326, envelope=True)
    layers: dict[str, tuple[int, list[tuple[Any, ...]]]] = {
        "fields": (4326, [("a", None, blob)]),
        "roads": (3857, [("b", None, None), ("c", None, b"GPx")]),
    }
    path = write_geopackage(folder / "all.gpkg", layers)
    refused = command.run("import", path)
    assert (refused.exit_code, "name one of: fields, roads" in refused.output) == (2, True)
    assert "there are: fields, roads" in command.run("import", path, "--layer", "rivers").output
    broken = command.run("import", path, "--layer", "roads")
    assert "Feature 0: it has no geometry" in broken.output
    assert "Feature 1: its geometry is damaged" in broken.output
    done = command.run("import", path, "--layer", "fields", "--name-field", "Field Name")
    assert done.output == "Imported 1 area.\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not GeoJSON, a GeoPackage or a shapefile"),
        (b"[]", "not a GeoJSON FeatureCollection"),
        (b'{"type":"Topology"}', "not a GeoJSON FeatureCollection"),
        (b"\xff\xfe", "is not GeoJSON, a GeoPackage or a shapefile"),
        (b"SQLite format 3\0 and then nothing", "not a GeoPackage"),
        (
            b'{"type":"FeatureCollection","features":[],"crs":{"properties":{"name":"EPSG:28992"}}}',
            "not in degrees",
        ),
    ],
)
def test_other_files_are_refused_in_words(
    command: Command, folder: Path, content: bytes, reason: str
) -> None:
    (folder / "file").write_bytes(content)
    refused = command.run("import", str(folder / "file"))
    assert (refused.exit_code, reason in refused.output) == (2, True), refused.output


def test_an_unknown_product_is_refused_before_anything_is_read(command: Command, folder: Path) -> None:
    path = write_geojson(folder / "fields.geojson", [feature()])
    refused = command.run("import", path, "--products", "ndvx")
    assert (
        refused.exit_code,
        "No product 'ndvx'" in refused.output or "no product 'ndvx'" in refused.output,
    ) == (2, True)
    assert command.sql("select count(*) from areas") == "0"


def test_ten_thousand_features_are_imported(command: Command, folder: Path) -> None:
    features = [
        feature(
            square_at(5 + column / 1000, 51 + row / 1000, 0.0009), name=f"Field {row}.{column}", crop="wheat"
        )
        for row in range(100)
        for column in range(100)
    ]
    path = write_geojson(folder / "fields.geojson", features)
    done = command.run("import", path, "--kind", "parcel", "--products", "ndvi")
    assert done.output == "Imported 10000 areas.\n"
    assert (
        command.sql("select count(*), count(distinct name) from areas where kind = 'parcel'") == "10000|10000"
    )
    listed = command.run("list", "--kind", "parcel").output.splitlines()
    # 0.0009 degrees are 63.18 m along the parallel of 51 degrees, and 100.13 m along the meridian.
    assert (len(listed), listed[0]) == (10000, "1  Field 0.0  (parcel)  0.006326 km2  keeps ndvi")


def test_areas_are_deleted_all_or_none(command: Command, folder: Path) -> None:
    path = write_geojson(folder / "fields.geojson", [feature(name=str(number)) for number in range(4)])
    command.run("import", path)
    unknown = command.run("delete", "1", "99", "--yes")
    assert (unknown.exit_code, "o area 99" in unknown.output) == (2, True)
    assert command.run("delete", "2", sent="n\n").exit_code == 1
    assert command.sql("select count(*) from areas") == "4"
    assert command.run("delete", "1", "2", sent="y\n").output.endswith("Deleted 2 areas.\n")
    assert command.sql("select string_agg(name, ' ') from areas") == "2 3"
    assert command.run("delete", "--yes").exit_code == 2


def test_the_command_says_when_there_is_no_database(command: Command, postgres: PostgresServer) -> None:
    refused = CliRunner().invoke(main, ["areas", "list"], env={"TILEWATCH_DATABASE_URL": ""})
    assert (refused.exit_code, "set TILEWATCH_DATABASE_URL" in refused.output) == (2, True)
    postgres.stop()
    away = command.run("list")
    postgres.start()
    assert (away.exit_code, "does not answer" in away.output) == (2, True)
    bare = Command(postgres.clone("template0"), postgres)
    assert "tilewatch migrate" in bare.run("list").output


def test_migrating_by_command_waits_for_the_database(postgres: PostgresServer) -> None:
    address = postgres.clone("template0")
    postgres.stop()
    refused = CliRunner().invoke(main, ["migrate", "--database-url", address, "--wait", "0.3"])
    assert (refused.exit_code, "does not answer" in refused.output) == (2, True)
    postgres.start()
    done = CliRunner().invoke(main, ["migrate", "--database-url", address])
    assert (done.exit_code, done.output) == (0, "")
    assert Command(address, postgres).sql("select count(*) from areas") == "0"


def test_repairs_are_told_with_what_they_change(command: Command, folder: Path) -> None:
    path = write_geojson(folder / "fields.geojson", [feature(name="a"), feature(BOW_TIE, name="b")])
    refused = command.run("import", path)
    assert (
        "Self-intersection[5.1 51.05]; --repair makes it valid and says what that changed" in refused.output
    )
    done = command.run("import", path, "--repair")
    assert (done.exit_code, done.stdout) == (0, "Imported 2 areas, 1 of them repaired.\n")
    assert "Feature 1: repaired (Self-intersection[5.1 51.05]): " in done.stderr
    # Two triangles, half of a box of 0.2 by 0.1 degrees, by the radii of curvature at 51.05 degrees north.
    square_sine = 1 - 0.00669438 * math.sin(math.radians(51.05)) ** 2
    parallel_km = 6378.137 / math.sqrt(square_sine) * math.cos(math.radians(51.05)) * math.radians(0.2)
    meridian_km = 6378.137 * (1 - 0.00669438) / square_sine**1.5 * math.radians(0.1)
    changed = re.search(r": 0 km2 in 1 part became ([\d.]+) km2 in 2 parts\n", done.stderr)
    assert changed is not None
    assert float(changed[1]) == pytest.approx(parallel_km * meridian_km / 2, rel=2e-6)
    assert command.sql("select count(*) from areas where st_isvalid(geom)") == "2"


def write_shapefile(
    path: Path, shapes: list[Any], names: list[str], *, crs: str | None, encoding: str
) -> None:
    with shapefile.Writer(path, shapeType=shapefile.POLYGON, encoding=encoding) as writer:
        writer.field("parcel", "C", 20)
        writer.field("sown", "D")
        for shape, name in zip(shapes, names, strict=True):
            writer.null() if shape is None else writer.poly(shape)
            writer.record(name, dt.date(2024, 4, 1))
    path.with_suffix(".cpg").write_text({"utf-8": "UTF-8", "cp1252": "1252"}[encoding])
    if crs is not None:
        path.with_suffix(".prj").write_text(CRS.from_string(crs).to_wkt(version="WKT1_ESRI"))


def clockwise(ring: list[list[float]]) -> list[list[float]]:
    return ring[::-1] if shapely.LinearRing(ring).is_ccw else ring


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_shapefile_becomes_areas(command: Command, folder: Path, encoding: str, zipped: bool) -> None:
    """In metres of Lambert's projection, with a hole, and with a German name in either encoding."""
    shape = shapely.Polygon(square_at(5, 51)[0], [square_at(5.02, 51.02, 0.03)[0]])
    outline, hole = transform_geom("EPSG:4326", "EPSG:3034", mapping(shape))["coordinates"]
    path = folder / "Felder.shp"
    write_shapefile(
        path, [[clockwise(outline), clockwise(hole)[::-1]]], ["Möhre"], crs="EPSG:3034", encoding=encoding
    )
    if zipped:
        with zipfile.ZipFile(folder / "felder.zip", "w") as archive:
            for file in folder.glob("Felder.*"):
                archive.write(file, f"daten/{file.name}")
        path = folder / "felder.zip"
    else:
        path = path.rename(folder / "FELDER.SHP")
    done = command.run("import", str(path), "--name-field", "parcel")
    assert (done.exit_code, done.output) == (0, "Imported 1 area.\n")
    assert command.sql("select name, properties from areas") == 'Möhre|{"sown": "2024-04-01"}'
    (wkb,) = command.sql("select encode(st_asbinary(geom), 'hex') from areas").split("\n")
    found = shapely.from_wkb(bytes.fromhex(wkb))
    assert has_corners(found, shape)
    assert shapely.hausdorff_distance(found, shape) < 2e-5


def test_a_shapefile_that_does_not_state_its_system_needs_it_given(command: Command, folder: Path) -> None:
    path = folder / "fields.shp"
    write_shapefile(path, [[clockwise(SQUARE[0])], None], ["a", "b"], crs=None, encoding="utf-8")
    refused = command.run("import", str(path), "--name-field", "parcel")
    assert (
        "does not state its coordinate system (a .prj); if you know it, give it: --crs EPSG:"
        in refused.output
    )
    done = command.run("import", str(path), "--name-field", "parcel", "--crs", "EPSG:4326", "--skip-refused")
    assert (done.exit_code, done.stdout) == (0, "Imported 1 area.\n")
    assert "Feature 1: it has no geometry" in done.stderr
    assert "is not a valid coordinate system" in command.run("import", str(path), "--crs", "x").output


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.with_suffix(".dbf").unlink(), "the .dbf beside fields.shp is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:150]), "fields.shp is damaged"),
        (lambda path: path.with_suffix(".dbf").write_bytes(b"\x03" * 20), "fields.shp is damaged"),
        (lambda path: write_zip(path, "readme.txt"), "has no shapefile"),
        (lambda path: write_zip(path, "a.shp", "b.shp"), "has several layers; name one of: a, b"),
    ],
)
def test_a_shapefile_that_cannot_be_read_says_why(
    command: Command, folder: Path, spoil: Any, said: str
) -> None:
    path = folder / "fields.shp"
    write_shapefile(path, [[clockwise(SQUARE[0])]], ["a"], crs="EPSG:4326", encoding="utf-8")
    spoil(path)
    refused = command.run("import", str(path))
    assert (refused.exit_code, said in refused.output.casefold()) == (2, True), refused.output


def write_zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")


def test_damage_anywhere_is_told_in_words(tmp_path: Path) -> None:
    """A byte changed, or the end cut off, in each file of a shapefile and in a GeoPackage."""
    shapes = [[clockwise(square_at(lon, 51)[0])] for lon in (5, 6)]
    write_shapefile(tmp_path / "a.shp", shapes, ["a", "b"], crs="EPSG:4326", encoding="utf-8")
    blob = geopackage_blob(shapely.Polygon(SQUARE[0]), 4326, envelope=True)
    write_geopackage(tmp_path / "a.gpkg", {"a": (4326, [("a", None, blob)])})
    choose = random.Random(5)
    whole = {path: path.read_bytes() for path in sorted(tmp_path.iterdir()) if path.suffix != ".shx"}
    for _ in range(300):
        path = choose.choice(list(whole))
        content = bytearray(whole[path])
        at = choose.randrange(len(content))
        content[at] = choose.choice([0, 255, content[at] ^ 1])
        path.write_bytes(content if choose.random() < 0.8 else content[:at])
        with contextlib.suppress(AreaFileError):
            opened = open_area_file(path if path.suffix == ".gpkg" else tmp_path / "a.shp")
            assert all(isinstance(one, FileFeature | FeatureError) for one in opened.features)
        path.write_bytes(whole[path])
