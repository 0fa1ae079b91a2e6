"""Footprints: the same ground, whichever way an archive writes what crosses the antimeridian."""

import pytest
import shapely
from shapely.geometry import box, mapping

from ingest.archives.archive import GranuleRefusedError
from ingest.archives.stac.footprints import read_footprint

FIJI = shapely.MultiPolygon([box(179, -17, 180, -16), box(-180, -17, -179.5, -16)])
"""A box from 179 to 180.5 degrees, split (RFC 7946, section 3.1.9)."""


def ring(*corners):
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


@pytest.mark.parametrize(
    "geometry",
    [
        mapping(FIJI),
        mapping(box(179, -17, 180.5, -16)),
        mapping(box(-181, -17, -179.5, -16)),
        ring((179, -17), (-179.5, -17), (-179.5, -16), (179, -16)),
        ring((-179.5, -16), (179, -16), (179, -17), (-179.5, -17)),
        {"type": "MultiPolygon", "coordinates": [mapping(box(179, -17, 180.5, -16))["coordinates"]]},
    ],
)
def test_a_box_across_the_antimeridian(geometry):
    found = read_footprint(geometry)
    assert found.equals(FIJI)
    assert found.bounds == (-180, -17, 180, -16)


def test_a_hole_stays_in_its_outline():
    outline = [(179, -17), (-179, -17), (-179, -15), (179, -15), (179, -17)]
    hole = [(-179.8, -16.5), (-179.2, -16.5), (-179.2, -15.5), (-179.8, -15.5), (-179.8, -16.5)]
    found = read_footprint({"type": "Polygon", "coordinates": [outline, hole]})
    assert found.area == pytest.approx(2 * 2 - 0.6 * 1)
    assert not found.intersects(shapely.Point(-179.5, -16))
    assert found.intersects(shapely.Point(179.5, -16))


@pytest.mark.parametrize(("latitude", "pole"), [(85, 90), (-85, -90)])
def test_a_ring_around_a_pole_has_the_pole_inside(latitude, pole):
    found = read_footprint(ring(*((lon, latitude) for lon in (-150, -50, 50, 150))))
    assert found.area == pytest.approx(360 * 5)
    assert found.intersects(shapely.Point(0, pole))
    assert found.intersects(shapely.Point(175, (latitude + pole) / 2))


@pytest.mark.parametrize("bounds", [(-180, -90, 180, 90), (-179.95, -60, 179.95, 60), (5, 51, 6, 52)])
def test_a_world_and_a_usual_box_stay_as_they_are(bounds):
    assert read_footprint(mapping(box(*bounds))).equals(box(*bounds))


@pytest.mark.parametrize(
    "geometry",
    [
        *(None, 3, "text", [], {}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": []}),
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[[0, None], [1, 1], [1, 0], [0, None]]]},
        {"type": "Nothing", "coordinates": []},
        {"type": "GeometryCollection", "geometries": [3]},
        mapping(box(655360, 5600000, 658360, 5686280)),
        mapping(box(51, 100, 52, 110)),
    ],
)
def test_what_is_not_a_footprint_in_degrees_is_refused(geometry):
    with pytest.raises(GranuleRefusedError, match=r"nothing usable of where it lies|not in degrees"):
        read_footprint(geometry)


def test_a_bowtie_is_the_ground_of_both_halves():
    found = read_footprint(ring((0, 0), (2, 2), (2, 0), (0, 2)))
    assert found.is_valid
    assert found.area == pytest.approx(2)
