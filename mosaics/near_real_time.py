"""Scenes in near real time, which stand in for those of the standard product until these are published.

A collection's file may say that another takes its place (`superseded_by`). Its scenes are then shown in that
one as well, under ids that tell what they are, and go as soon as the scene they stand in for is there.
"""

from collections.abc import Iterable, Sequence

from mosaics.document import SceneRecord

PREFIX = "near-real-time."
"""Begins the ids of scenes that stand in for others. Names of NASA's begin with capitals, which sort first:
where two scenes begin at the same moment, the standard one is shown."""

PROPERTY = "tilewatch:near_real_time"
"""Of the item of such a scene: the collection it is from."""

SHARED_TIME = 0.5
"""Share of the shorter of two scenes that they have in common where they are the same scan."""
COVERED = 0.9
"""Share of a scene that the one which takes its place has to cover: outlines follow the pixels that have a
value, which differ a little, and a part under another box is not the same."""


def stand_in_id(scene_id: str) -> str:
    """Return the id under which a scene stands in."""
    return f"{PREFIX}{scene_id}"


def is_replaced(record: SceneRecord, by: SceneRecord) -> bool:
    """Return whether a scene is what another is in near real time: of the same time and place."""
    shortest_s = min((one.end - one.start).total_seconds() for one in (record, by))
    common_s = (min(record.end, by.end) - max(record.start, by.start)).total_seconds()
    if common_s < SHARED_TIME * shortest_s or common_s < 0:
        return False
    outline = record.polygons()
    return bool(outline.intersection(by.polygons()).area >= COVERED * outline.area)


def awaiting(records: Iterable[SceneRecord], standard: Sequence[SceneRecord]) -> list[SceneRecord]:
    """Return the scenes in near real time of which there is no standard one yet."""
    return [record for record in records if not any(is_replaced(record, each) for each in standard)]
