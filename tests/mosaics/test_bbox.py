"""Boxes: what is one, what it covers, and how it is written and read."""

import json
import math
import pickle

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pyproj import Geod

from mosaics.bbox import Bbox, BboxError
from mosaics.ellipsoid import polygon_area_m2

FIJI = Bbox(177.0, -19.0, -179.0, -16.0)


class Holder(BaseModel):
    bbox: Bbox


def test_a_text_is_read_and_written_to_the_digits_asked():
    box = Bbox.parse("5.123456789012,51.1, 5.3,51.3")
    assert box.degrees == (5.123456789012, 51.1, 5.3, 51.3)
    assert f"{box:.10g}" == "5.123456789,51.1,5.3,51.3"
    assert Bbox.parse(f"{box:.17g}") == box


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("5.0,51.1,5.3", "'5.0,51.1,5.3'"),
        ("west", "'west'"),
        ("", "''"),
        ("5,51,5.3,51.3,52", "'5,51,5.3,51.3,52'"),
        ("5,51.3,5.3,51.1", "5,51.3,5.3,51.1"),  # south above north
        ("5,51.1,5.3,51.1", "5,51.1,5.3,51.1"),  # no height
        ("5,51.1,5,51.3", "5,51.1,5,51.3"),  # no width
        ("180,51.1,-180,51.3", "180,51.1,-180,51.3"),  # no width either: both are the antimeridian
        ("181,51.1,182,51.3", "181,51.1,182,51.3"),
        ("5,51.1,5.3,90.5", "5,51.1,5.3,90.5"),
        ("nan,51.1,5.3,51.3", "nan,51.1,5.3,51.3"),
        ("-inf,51.1,5.3,51.3", "-inf,51.1,5.3,51.3"),
    ],
)
def test_what_is_not_a_box_is_refused_with_what_would_be(text, shown):
    with pytest.raises(BboxError) as refused:
        Bbox.parse(text)
    assert str(refused.value) == (
        f"{shown} is not a valid box; give west,south,east,north in degrees (-180 to 180, -90 to 90), south "
        "below north and west apart from east, such as 5.0,51.1,5.3,51.3"
    )


def test_a_long_text_is_shown_in_part():
    with pytest.raises(BboxError) as refused:
        Bbox.parse("1" * 10_000)
    assert len(str(refused.value)) < 300


def test_across_the_antimeridian_it_has_two_parts():
    assert FIJI.crosses_antimeridian
    assert FIJI.parts == ((177.0, -19.0, 180.0, -16.0), (-180.0, -19.0, -179.0, -16.0))
    assert shapely.get_num_geometries(FIJI.geometry) == 2
    assert shapely.area(FIJI.geometry) == pytest.approx(4 * 3)
    here = Bbox(5.0, 51.1, 5.3, 51.3)
    assert (here.crosses_antimeridian, here.parts) == (False, ((5.0, 51.1, 5.3, 51.3),))
    assert shapely.equals(here.geometry, shapely.box(5.0, 51.1, 5.3, 51.3))


def test_points_on_edges_and_across_the_antimeridian_are_inside():
    sierra = Bbox(-120.5, 38.5, -119.5, 39.5)
    assert sierra.contains(-120.5, 39.5)
    assert not sierra.contains(-120.6, 39.0)
    assert FIJI.contains(178.0, -18.0)
    assert FIJI.contains(-179.5, -18.0)
    assert not FIJI.contains(0.0, -18.0)


def test_areas_are_those_of_the_ellipsoid():
    # WGS 84 has 510 065 621.7 km2.
    assert Bbox(-180, -90, 180, 90).area_km2 == pytest.approx(510_065_621.7, rel=1e-9)
    outline = shapely.segmentize(shapely.box(170, 0, 180, 30), 0.01)
    geodesic_km2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(outline)[0]) / 1e6
    assert Bbox(170, 0, -10, 30).area_km2 == pytest.approx(18 * geodesic_km2, rel=1e-8)
    # An eighth of the Earth: from the equator to the pole over 90 degrees.
    assert Bbox(0, 0, 90, 90).area_km2 == pytest.approx(63_758_202.7, rel=1e-6)
    assert Bbox(170, 0, -100, 90).area_km2 == pytest.approx(63_758_202.7, rel=1e-6)


@given(
    west=st.floats(-180, 180), east=st.floats(-180, 180), south=st.floats(-90, 89), height=st.floats(0.01, 1)
)
def test_the_area_is_that_of_the_geometry(west, east, south, height):
    if abs(west - east) < 0.01 or abs(west - east) > 359.99:
        return
    box = Bbox(west, south, east, min(south + height, 90.0))
    assert box.area_km2 == pytest.approx(polygon_area_m2(box.geometry) / 1e6, rel=1e-9)


def test_in_a_model_it_is_four_numbers():
    held = Holder.model_validate({"bbox": [5, 51.1, 5.3, 51.3]})
    assert held.bbox == Bbox(5.0, 51.1, 5.3, 51.3)
    assert held.model_dump() == {"bbox": (5.0, 51.1, 5.3, 51.3)}
    assert json.loads(held.model_dump_json()) == {"bbox": [5.0, 51.1, 5.3, 51.3]}
    assert Holder(bbox=FIJI).bbox == FIJI
    for wrong, said in (
        ([5, 51.1, 5.3], "Field required"),
        ("5,51.1,5.3,51.3", "valid tuple"),
        ([5, 51.1, 5.3, math.nan], "is not a valid box"),
    ):
        with pytest.raises(ValidationError, match=said):
            Holder.model_validate({"bbox": wrong})


def test_it_travels_to_workers():
    assert pickle.loads(pickle.dumps(FIJI)) == FIJI
