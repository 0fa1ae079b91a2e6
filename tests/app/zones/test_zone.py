"""Descriptions of zones: which hold together, and what is said of those that do not."""

from typing import Any

import pytest

from app.zones.circle import Circle
from app.zones.zone import ZoneDescription, ZoneError, ZoneKind

WHOLE = {
    "kind": "disease",
    "severity": "low",
    "called": "black pod",
    "called_by": "model",
    "caller": "pods",
    "model_version": "1.0",
    "detected_at": "2024-07-03T10:30:00Z",
    "state": "confirmed",
    "owner_id": "farm",
    "source_analysis": "abc",
    "center": [5.0, 51.0],
    "radius_m": 500.0,
    "note": {"seen": "from the road"},
}


def test_a_description_is_told_as_it_was_read() -> None:
    assert ZoneDescription.read(WHOLE).document() == WHOLE
    assert ZoneDescription.read({"area_ha": 3, "areas": [1], "note": None}) == ZoneDescription()


def test_a_patch_changes_what_it_names() -> None:
    whole = ZoneDescription.read(WHOLE)
    changed = whole.changed({"radius_m": 800, "note": None, "kind": None, "state": "over"})
    assert changed.circle == Circle(5.0, 51.0, 800.0)
    assert (changed.kind, changed.state, changed.properties) == (ZoneKind.ANOMALY, "over", "{}")
    assert changed.called == "black pod"


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"kind": "blight"}, "properties.kind must be one of anomaly, disease, other"),
        ({"kind": "disease"}, "an index of vegetation shows that something is unusual"),
        ({"called": "frost"}, "called_by, person or model"),
        ({"called_by": "person"}, "or neither of them"),
        ({"called": "x", "called_by": "model"}, 'model_version must be set where called_by is "model"'),
        ({"called": "x", "called_by": "person", "model_version": "1"}, "and only there"),
        ({"caller": "Ann"}, "called_by, which is missing"),
        ({"called": ["x"]}, "properties.called must be a string"),
        ({"detected_at": "yesterday"}, "properties.detected_at must be an RFC 3339 instant"),
        ({"center": [5, 51]}, "needs properties.radius_m"),
        ({"radius_m": 5}, r"needs properties.center, \[longitude, latitude\]"),
        ({"center": [5, None], "radius_m": 5}, "needs properties.center"),
        ({"center": [500, 5], "radius_m": 5}, "center 500, 5 is not a longitude and latitude"),
        ({"center": [5, 5], "radius_m": True}, "needs properties.radius_m"),
    ],
)
def test_what_does_not_hold_together_is_refused(properties: dict[str, Any], says: str) -> None:
    with pytest.raises(ZoneError, match=says):
        ZoneDescription.read(properties)
