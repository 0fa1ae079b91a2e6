"""Records of scenes in documents: what they refuse, and which is the best."""

import json
from datetime import UTC, datetime

import pytest
import shapely

from mosaics.document import SceneRecord
from mosaics.scene import SceneError
from tests.mosaics.records import JUNE, scene


def test_a_record_comes_back_from_json_as_it_was():
    record = scene("a", cloud_cover_percent=None, synthetic=True)
    assert SceneRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.to_json()["period"] == JUNE.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start": datetime(2024, 6, 16, tzinfo=UTC)}, "not a UTC time span"),
        ({"start": datetime(2024, 6, 1)}, "not a UTC time span"),  # noqa: DTZ001
        ({"cloud_cover_percent": 101.0}, "101.0 % of clouds"),
        ({"resolution_m": 0.0}, "pixels of 0.0 m"),
        ({"footprint": shapely.Point(0, 0)}, "Point as its footprint"),
    ],
)
def test_a_wrong_record_never_exists(fields, message):
    with pytest.raises(SceneError, match=message):
        scene("a", **fields)


@pytest.mark.parametrize(
    ("footprint", "message"),
    [
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
        (shapely.box(179, 0, 181, 1), "split there"),
        (shapely.box(0, 80, 1, 91), "split there"),
        (shapely.Polygon(), "not a valid area"),
    ],
)
def test_a_footprint_that_is_no_area_on_earth_is_refused(footprint, message):
    with pytest.raises(SceneError, match=message):
        scene("a", footprint).polygons()


def test_best_is_clearest_then_latest_then_by_id():
    scenes = [
        scene("unknown", cloud_cover_percent=None),
        scene("cloudy", cloud_cover_percent=100.0),
        scene("b"),
        scene("a"),
        scene("later", end=datetime(2024, 6, 20, tzinfo=UTC), start=datetime(2024, 6, 20, tzinfo=UTC)),
        scene("clear", cloud_cover_percent=0.0),
    ]
    best = sorted(scenes, key=lambda record: record.best_first)
    assert [record.id for record in best] == ["clear", "later", "a", "b", "cloudy", "unknown"]
