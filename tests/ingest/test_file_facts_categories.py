"""A file's colour table and names become the legend of its collection."""

import json

import numpy as np
import pytest
import rasterio

from ingest.landing import land_scene
from ingest.planning import plan_scene
from mosaics.collection import Category, Collection
from mosaics.descriptions.collections import CollectionDescription
from mosaics.storage import open_storage
from tests.rasters import write_geotiff

PAM = """<PAMDataset><PAMRasterBand band="1">{}</PAMRasterBand></PAMDataset>"""
TABLE = PAM.format("""<GDALRasterAttributeTable tableType="thematic">
<FieldDefn index="0"><Name>Value</Name><Type>0</Type><Usage>5</Usage></FieldDefn>
<FieldDefn index="1"><Name>Count</Name><Type>0</Type><Usage>1</Usage></FieldDefn>
<FieldDefn index="2"><Name>Land_Cover</Name><Type>2</Type><Usage>0</Usage></FieldDefn>
<FieldDefn index="3"><Name>NLCD Class</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
<FieldDefn index="4"><Name>R</Name><Type>0</Type><Usage>6</Usage></FieldDefn>
<FieldDefn index="5"><Name>G</Name><Type>0</Type><Usage>7</Usage></FieldDefn>
<FieldDefn index="6"><Name>B</Name><Type>0</Type><Usage>8</Usage></FieldDefn>
<Row index="0"><F>11</F><F>5</F><F>x</F><F>Open Water</F><F>70</F><F>107</F><F>159</F></Row>
<Row index="1"><F>21</F><F>7</F><F>x</F><F>Developed</F><F>222</F><F>197</F><F>197</F></Row>
</GDALRasterAttributeTable>""")
NAMES = PAM.format(
    "<CategoryNames><Category>Sea</Category><Category/><Category>Land</Category></CategoryNames>"
)

NLCD = CollectionDescription(
    Collection.model_validate(
        {
            "id": "nlcd",
            "title": "NLCD",
            "description": "d",
            "cadence": "year",
            "license": "other",
            "attribution": "a",
            "bands": [
                {"name": "class", "title": "Class", "dtype": "uint8", "nodata": 250, "categorical": True}
            ],
        }
    )
)


@pytest.fixture
def planned(tmp_path, make_order):
    def plan(values, colormap=None, beside=None, scene_id="s"):
        path = write_geotiff(tmp_path / f"{scene_id}.tif", np.array([values], "uint8"))
        if colormap:
            with rasterio.open(path, "r+") as file:
                file.write_colormap(1, colormap)
        if beside:
            path.with_name(f"{path.name}.aux.xml").write_text(beside)
        return plan_scene(NLCD, make_order(scene_id, files={"class": path}))

    return plan


def test_an_attribute_table_names_and_colours_its_values(planned):
    found = planned([11, 21, 30], beside=TABLE).bands["class"].categories
    assert found == {
        11: Category(name="Open Water", color="#466b9f"),
        21: Category(name="Developed", color="#dec5c5"),
    }


def test_category_names_are_those_of_0_1_2(planned):
    assert planned([0, 2], beside=NAMES).bands["class"].categories == {
        0: Category(name="Sea"),
        2: Category(name="Land"),
    }


def test_of_a_colour_table_what_is_in_use_is_a_class(planned):
    # GDAL fills the table up with black; 5 occurs, and so is black by intent. 250 marks what is missing.
    table = {10: (0, 100, 0, 255), 20: (255, 187, 34, 255), 5: (0, 0, 0, 255), 250: (9, 9, 9, 255)}
    assert planned([5, 10, 250], colormap=table).bands["class"].categories == {
        5: Category(color="#000000"),
        10: Category(color="#006400"),
        20: Category(color="#ffbb22"),
    }


@pytest.mark.parametrize("beside", ["<not xml", "<PAMDataset/>", PAM.format("<CategoryNames/>")])
def test_what_says_nothing_changes_nothing(planned, beside):
    assert planned([11], beside=beside).bands["class"].categories == {}


async def test_landed_classes_stay_with_the_collection(planned, tmp_path):
    async with await open_storage(str(tmp_path / "store")) as storage:
        await land_scene(storage, planned([11, 21], beside=TABLE))
        await land_scene(storage, planned([10], colormap={10: (0, 100, 0, 255)}, scene_id="t"))
        document = json.loads(await storage.get("collections/nlcd/collection.json"))
    (band,) = Collection.from_stac(document).bands
    assert {code: category.color for code, category in band.categories.items()} == {
        10: "#006400",
        11: "#466b9f",
        21: "#dec5c5",
    }
