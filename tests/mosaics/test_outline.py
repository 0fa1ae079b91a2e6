"""Outlines: what servers know of collections without their scenes is what the scenes say."""

import gzip
import json
import random

import pytest

from mosaics.checkpoints import CHECKPOINT_EVERY, LARGE_COMMIT
from mosaics.commits import Commit, LogError
from mosaics.index_files import INDEXED_FROM
from mosaics.log import commit_scenes, follow_outline, read_state
from mosaics.near_real_time import PREFIX
from mosaics.outline import Outline
from mosaics.period import Period
from mosaics.seals import sealed
from tests.mosaics.records import scene
from tests.mosaics.test_log import Counting

LOG = "collections/harvest/log/"
MONTHS = [Period.parse(f"2024-0{month}") for month in range(1, 6)]


def odd(name, month):
    """A scene that may be made up, or stand in for another."""
    return scene(name, period=MONTHS[month], start=(at := MONTHS[month].start), end=at, synthetic="m" in name)


async def change(storage, order, names):
    """Add some scenes and remove some, as may be."""
    there = (await read_state(storage, "harvest")).scenes
    some = order.sample(names, 3)
    add = [odd(name, order.randrange(5)) for name in some if name not in there]
    remove = [name for name in some if name in there]
    await commit_scenes(storage, "harvest", add=add, remove=remove)


NAMES = [f"{kind}{n}" for kind in ("a", "m", PREFIX, f"{PREFIX}m") for n in range(4)]


async def test_outlines_follow_what_scenes_say(folder):
    order, followed = random.Random(7), Outline()
    for _ in range(CHECKPOINT_EVERY + 8):
        await change(folder, order, NAMES)
        followed, trouble = await follow_outline(folder, "harvest", followed, checked=False)
        assert (followed, trouble) == (Outline.of(await read_state(folder, "harvest"), INDEXED_FROM), None)
    assert followed.synthetic
    assert followed.early
    assert followed.synthetic != followed.early
    counting = Counting(folder)
    assert (await follow_outline(counting, "harvest", checked=False))[0] == followed
    assert counting.asked[:3] == [
        f"list {LOG}outlines/",
        f"list {LOG}checkpoints/",
        f"get {LOG}outlines/00000032.json.gz",
    ]
    assert Outline.from_json(followed.to_json()) == followed


def of_old(data):
    """A commit as versions before outlines wrote it, but for the digest of the one before."""
    document = json.loads(data)
    return sealed({name: value for name, value in document.items() if name != "told"} | {"before": None})


@pytest.mark.parametrize("with_outline", [True, False])
async def test_logs_of_earlier_versions_are_followed_by_their_scenes(folder, with_outline):
    order = random.Random(8)
    for _ in range(CHECKPOINT_EVERY + 3):
        await change(folder, order, NAMES)
    for number in (2, CHECKPOINT_EVERY + 2):
        key = f"{LOG}{number:08d}.json"
        for each in (key, f"{LOG}{number + 1:08d}.json"):
            await folder.put(each, of_old(await folder.get(each)), "application/json")
    if not with_outline:
        await folder.delete(f"{LOG}outlines/00000032.json.gz")
    found, trouble = await follow_outline(folder, "harvest", checked=True)
    assert (found, trouble) == (Outline.of(await read_state(folder, "harvest"), INDEXED_FROM), None)
    assert Commit.from_json(await folder.get(f"{LOG}00000002.json")).told is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"number": 32}', None, "cut off"])
async def test_a_damaged_outline_is_passed_over(folder, damage):
    order = random.Random(9)
    for _ in range(CHECKPOINT_EVERY + 1):
        await change(folder, order, NAMES)
    key = f"{LOG}outlines/00000032.json.gz"
    data = await folder.get(key)
    if damage is None:  # another key, under a seal that is no longer right
        changed = gzip.compress(gzip.decompress(data).replace(b"2024-03/", b"2024-04/", 1))
    else:
        changed = data[:-20] if damage == "cut off" else gzip.compress(damage)
    with pytest.raises(LogError, match="it is not an outline"):
        Outline.from_json(changed)
    await folder.put(key, changed, "application/json")
    expected = Outline.of(await read_state(folder, "harvest"), INDEXED_FROM)
    assert await follow_outline(folder, "harvest", checked=True) == (expected, None)


async def test_a_large_commit_is_not_read_by_servers_that_start(folder):
    month = [scene(f"s{n}") for n in range(LARGE_COMMIT)]
    await commit_scenes(folder, "harvest", add=[odd("a", 0)])
    await commit_scenes(folder, "harvest", add=month)
    counting = Counting(folder)
    outline, _ = await follow_outline(counting, "harvest", checked=False)
    assert (outline.number, outline.small) == (2, frozenset(MONTHS[:1]))
    assert [one for one in counting.asked if one.startswith("get")] == [
        f"get {LOG}outlines/00000002.json.gz",
        f"get {LOG}00000003.json",
    ]
