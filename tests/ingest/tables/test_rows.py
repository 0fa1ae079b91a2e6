"""Tables of scenes: what rows say, where each stands, and what is wrong with one."""

import contextlib
import json
import random
import re

import pytest

from ingest.landing_many import FAULTS_OF_AN_ENTRY
from ingest.landing_request import LandingError
from ingest.raster import RasterRefusedError
from ingest.tables.opening import open_table
from ingest.tables.rows import RowReader, Usual
from ingest.tables.table import TableError
from mosaics.descriptions.collections import load_collections
from tests.contracts.test_wrong_files import spoiled
from tests.rasters import ramp, write_geotiff

SENTINEL = load_collections()["sentinel-2-l2a"].collection


@pytest.fixture
def table(tmp_path):
    def opened(content, *, usual=None, names=None, name="scenes.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_table(path, RowReader(SENTINEL, tmp_path, usual or Usual(), names or {}))

    return opened


def said(table):
    return {refused.where: refused.reason for refused in table.refused}


def test_a_row_names_its_bands_time_and_options(table, tmp_path):
    found = table(
        "ID,datetime,red,nir,cloud_cover,scale,offset,nodata\n"
        "a,2024-06-15T10:50:29Z,B04.tif,stack.tif:3,3.5,red=0.1 nir=0.2,-0.1,0\n"
    )
    request = found.entries[0].request()
    assert (found.entries[0].where, request.id, request.cloud_cover_percent) == ("row 1 (line 2)", "a", 3.5)
    assert {asset.band: (asset.path, asset.index) for asset in request.assets} == {
        "red": (tmp_path / "B04.tif", 1),
        "nir": (tmp_path / "stack.tif", 3),
    }
    assert [request.scales.of(band) for band in ("red", "nir")] == [0.1, 0.2]
    assert (request.offsets.for_all, request.nodata.for_all) == (-0.1, 0)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_spreadsheets_are_read(table, separator, encoding):
    rows = [
        ["id", "datetime", "file"],
        ["a", "2024-06", "été.tif"],
        ["", "", ""],
        ["b", "2024-07", '"a,b;\t|c.tif"'],
    ]
    found = table(
        "\r\n".join(separator.join(row) for row in rows).encode(encoding), usual=Usual(bands=("red",))
    )
    assert [entry.where for entry in found.entries] == ["row 1 (line 2)", "row 2 (line 4)"]
    for entry, name in zip(found.entries, ("été.tif", "a,b;\t|c.tif"), strict=True):
        with pytest.raises(RasterRefusedError, match=f"there is no file {re.escape(name)}"):
            entry.request()


def test_rows_of_one_band_each_are_joined_by_id(table):
    found = table(
        "id,datetime,band,file\na,2024-06,B04,1.tif\nb,2024-06,nir,2.tif\na,2024-06,nir,3.tif\nb,,B05,4.tif\n",
        names={"b04": "red"},
    )
    assert [(entry.id, entry.where) for entry in found.entries] == [("a", "row 1 (line 2) and 1 more")]
    assert [(asset.band, asset.path.name) for asset in found.entries[0].request().assets] == [
        ("red", "1.tif"),
        ("nir", "3.tif"),
    ]
    assert "no band 'B05'" in said(found)["row 2 (line 3) and 1 more"]


def test_what_is_wrong_with_a_row_is_told_with_its_line_and_costs_only_it(table):
    found = table(
        'id,datetime,file,note\n1,2024-06,1.tif,"two\nlines"\n2,2024-13,2.tif,\n3,,3.tif,\n4,2024-06,,\n'
        "5,2024-06,5.tif\n-6,2024-06,6.tif,\n7,2024-06,https://x.org/7.tif,\n8,2024-06,8.tif,\n8,2024-07,9.tif,\n"
    )
    assert [entry.id for entry in found.entries] == ["1", "7"]
    words = {
        "row 2 (line 4)": "datetime: '2024-13' does not exist",
        "row 3 (line 5)": "it has no time; a column datetime",
        "row 4 (line 6)": "it names no file",
        "row 5 (line 7)": "it has 3 cells, and the header 4",
        "row 6 (line 8)": "'-6' is not a valid id",
        "row 8 (line 10)": "the id '8' stands in row 8 (line 10) and row 9 (line 11)",
        "row 9 (line 11)": "the id '8' stands in",
    }
    assert said(found).keys() == words.keys()
    assert all(text in said(found)[where] for where, text in words.items())
    assert found.notes == ("columns that say nothing to landing: note.",)
    with pytest.raises(LandingError, match=r"https://x.org/7.tif is an address; landing reads files"):
        found.entries[1].request()


def test_options_of_the_command_hold_where_a_row_says_nothing(table):
    usual = Usual(when="2024-06", baseline="05.10", scales=("0.5",), cloud_cover="7.0")
    found = table("red,datetime,scale\na.tif,,\nb.tif,2024-07-02,0.25\n", usual=usual)
    first, second = (entry.request() for entry in found.entries)
    assert (first.start.month, first.scales.for_all, first.baseline) == (6, 0.5, "05.10")
    assert (second.start.day, second.scales.for_all, second.cloud_cover_percent) == (2, 0.25, 7.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "id,datetime\na,2024\n",
            "no column names a file; there should be one named file, or one for each band",
        ),
        ("", "no column names a file"),
        ("file,File\na,b\n", "it has several columns named 'file'"),
        (b"file,id\n\xff\xfa,1\n", "it is not UTF-8 \\(line 2\\)"),
        (b"\x89PNG\r\n\0\0", "it is not a GeoTIFF, and not a table either"),
        (b"\x89HDF\r\n\x1a\n\0\0", "not a table either. It is HDF5: what GDAL makes of NASA"),
        ('file,id\n"a', "not CSV|no column"),
        ("{", "it is not valid JSON"),
        ("[1]", "it is not a GeoJSON FeatureCollection, a STAC Item"),
        ('{"type": "Feature"}', "it is not a GeoJSON FeatureCollection"),
    ],
)
def test_what_is_not_a_table_says_what_one_is(table, content, words):
    if content == 'file,id\n"a':
        assert "it is not CSV" in said(table(content))["row 1 (line 2)"]
        return
    with pytest.raises(TableError, match=words):
        table(content)


def test_properties_of_features_are_columns(table):
    feature = {
        "type": "Feature",
        "geometry": None,
        "properties": {"location": "x.tif", "datetime": "2024-06"},
    }
    found = table(json.dumps({"type": "FeatureCollection", "features": [feature, 3]}), name="index.geojson")
    assert [(entry.where, entry.id) for entry in found.entries] == [("feature 0", "x")]
    assert said(found) == {"feature 1": "it has no properties."}


def item(item_id, assets, **properties):
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "geometry": {"type": "Point", "coordinates": [5, 51]},
        "properties": {"datetime": "2024-06-15T10:50:29Z", **properties},
        "assets": {name: {"href": href, **facts} for name, (href, facts) in assets.items()},
    }


def test_items_of_a_file_are_read_as_the_archive_reads_them(table, tmp_path):
    write_geotiff(tmp_path / "B04.tif", ramp(4, 4))
    several = {"eo:bands": [{"name": "x"}, {"name": "B8", "common_name": "nir"}]}
    scaled = {"raster:bands": [{"scale": 0.5, "offset": 1, "nodata": 0}]}
    items = [
        item(
            "a",
            {"B04": ("./B04.tif", {}), "image": ((tmp_path / "i.tif").as_uri(), several)},
            **{"eo:cloud_cover": 4},
        ),
        item("b", {"red": ("B04.tif", scaled)}),
        item("c", {"visual": ("v.tif", {})}),
        item("d", {"red": ("B04.tif", {"raster:bands": [{"scale": 1, "offset": 0}]})}),
        {"type": "Feature", "id": "e", "geometry": None, "properties": {}},
    ]
    found = table(json.dumps({"type": "FeatureCollection", "features": items}), names={"b04": "red"})
    a, b, d = (entry.request() for entry in found.entries)
    assert {asset.band: (asset.path, asset.index) for asset in a.assets} == {
        "red": (tmp_path / "B04.tif", 1),
        "nir": (tmp_path / "i.tif", 2),
    }
    assert (a.cloud_cover_percent, dict(a.declared)) == (4, {})
    assert (dict(b.declared), dict(d.declared)) == ({"red": (0.5, 1.0)}, {})
    assert "there are: visual. --band red=B04" in said(found)["item 2, c"]
    assert "it is not a STAC Item" in said(found)["item 4, e"]


@pytest.mark.parametrize("without", ["null", "absent"])
def test_an_item_without_a_geometry_is_a_scene_whose_files_say_where_it_lies(table, tmp_path, without):
    write_geotiff(tmp_path / "B04.tif", ramp(4, 4))
    placeless = {**item("a", {"red": ("B04.tif", {})}), "geometry": None}
    if without == "absent":
        del placeless["geometry"]
    found = table(json.dumps({"type": "FeatureCollection", "features": [placeless]}))
    assert [entry.request().id for entry in found.entries] == ["a"]
    assert said(found) == {}


def test_an_item_alone_is_a_table_of_one(table):
    found = table(json.dumps(item("a", {"red": ("https://x.org/B04.tif", {})})), name="a.json")
    assert [entry.label for entry in found.entries] == ["item 0, a"]
    with pytest.raises(LandingError, match="is an address"):
        found.entries[0].request()


def test_whatever_stands_in_a_table_is_a_scene_or_told_in_words(table):
    assets = {"red": ("r.tif", {"raster:bands": [{"scale": 0.1}], "proj:shape": [1, 2], "proj:epsg": 4326})}
    flags = {"eo:cloud_cover": 3, "s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": True}
    row = {"id": "x", "datetime": "2024-06", "red": "a.tif", "nodata": 0, "offset": "red=3", "cloud_cover": 3}
    feature = {"type": "Feature", "geometry": None, "properties": row}
    choose = random.Random(3)
    for features in [[item("a", assets, **flags)], [feature]] * 150:
        document = spoiled({"type": "FeatureCollection", "features": features}, choose)
        with contextlib.suppress(TableError, *FAULTS_OF_AN_ENTRY):
            for entry in table(json.dumps(document)).entries:
                entry.request()
