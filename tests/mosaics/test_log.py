"""The log of commits: what it records, how it is read, and what a damaged or lost part does."""

import dataclasses
import gzip
import json
import logging

import pytest
import shapely

from mosaics.checkpoints import CHECKPOINT_EVERY
from mosaics.commits import Commit, LogError, LogState, StoredScene
from mosaics.document import MosaicDocument
from mosaics.log import commit_scenes, follow_log, read_commits, read_state
from mosaics.scene import SceneError
from mosaics.seals import sealed
from mosaics.storage import ObjectExistsError, ObjectNotFoundError, StorageUnavailableError
from tests.mosaics.records import JULY, JUNE, scene


async def scenes_of(storage, state, period=JUNE):
    return [record.id for record in MosaicDocument(await storage.get(state.mosaics[period])).scenes()]


class Counting:
    """A storage that counts what is asked of it, and can fail in a place."""

    def __init__(self, storage):
        self.storage = storage
        self.asked: list[str] = []
        self.before_put: list[Exception] = []
        self.after_put: list[Exception] = []

    def __getattr__(self, name):
        return getattr(self.storage, name)

    async def get(self, key):
        self.asked.append(f"get {key}")
        return await self.storage.get(key)

    def list(self, prefix, *, after=""):
        self.asked.append(f"list {prefix}{after and f' after {after}'}")
        return self.storage.list(prefix, after=after)

    async def put_new(self, key, data, media_type):
        at_log = "/log/0" in key
        if at_log and self.before_put:
            raise self.before_put.pop()
        await self.storage.put_new(key, data, media_type)
        if at_log and self.after_put:
            raise self.after_put.pop()


async def test_a_commit_says_what_was_added_and_which_mosaic_serves_it(storage):
    commit = await commit_scenes(storage, "harvest", add=[scene("a"), scene("b", cloud_cover_percent=1.0)])
    assert commit is not None
    assert (commit.number, [r.id for r in commit.added], commit.removed) == (1, ["a", "b"], ())
    assert [read async for read in read_commits(storage, "harvest")] == [commit]
    state = await read_state(storage, "harvest")
    assert state.number == 1
    assert state.mosaics == {JUNE: commit.mosaics["2024-06"]}
    assert await scenes_of(storage, state) == ["b", "a"]
    assert state.scenes["a"].item_key == "collections/harvest/scenes/a/d1/item.json"


async def test_an_empty_collection_has_no_commits(storage):
    assert await read_state(storage, "nothing") == LogState()
    assert [commit async for commit in read_commits(storage, "nothing")] == []


async def test_doing_the_same_again_changes_nothing(storage):
    await commit_scenes(storage, "harvest", add=[scene("a")])
    before = [info async for info in storage.list("")]
    assert await commit_scenes(storage, "harvest", add=[scene("a")], remove=["never"]) is None
    assert await commit_scenes(storage, "harvest") is None
    assert [info async for info in storage.list("")] == before


async def test_only_the_mosaics_of_touched_periods_are_written_anew(storage):
    await commit_scenes(storage, "harvest", add=[scene("june"), scene("july", period=JULY)])
    first = await read_state(storage, "harvest")
    await commit_scenes(storage, "harvest", add=[scene("more", period=JULY)])
    second = await read_state(storage, "harvest", first)
    assert second.mosaics[JUNE] == first.mosaics[JUNE]
    assert second.mosaics[JULY] != first.mosaics[JULY]
    assert await scenes_of(storage, second, JULY) == ["july", "more"]
    assert await scenes_of(storage, first, JULY) == ["july"]


async def test_a_scene_with_other_content_replaces_the_one_of_its_id(storage):
    await commit_scenes(storage, "harvest", add=[scene("a"), scene("b")])
    again = scene("a", shapely.box(5, 5, 6, 6), item_key="collections/harvest/scenes/a/d2/item.json")
    commit = await commit_scenes(storage, "harvest", add=[again, scene("b")])
    assert commit is not None
    assert ([r.id for r in commit.added], commit.removed) == (["a"], ())
    state = await read_state(storage, "harvest")
    document = MosaicDocument(await storage.get(state.mosaics[JUNE]))
    assert {r.id: r.item_key for r in document.scenes()} == {
        "a": "collections/harvest/scenes/a/d2/item.json",
        "b": "collections/harvest/scenes/b/d1/item.json",
    }


async def test_a_scene_that_moves_to_another_period_leaves_the_old_one(storage):
    await commit_scenes(storage, "harvest", add=[scene("a"), scene("b")])
    await commit_scenes(storage, "harvest", add=[scene("a", period=JULY, item_key="moved/item.json")])
    state = await read_state(storage, "harvest")
    assert await scenes_of(storage, state, JUNE) == ["b"]
    assert await scenes_of(storage, state, JULY) == ["a"]


async def test_a_period_left_empty_disappears(storage):
    await commit_scenes(storage, "harvest", add=[scene("a"), scene("b", period=JULY)])
    commit = await commit_scenes(storage, "harvest", remove=["a", "never"])
    assert commit is not None
    assert (commit.removed, commit.mosaics) == (("a",), {"2024-06": None})
    state = await read_state(storage, "harvest")
    assert set(state.mosaics) == {JULY}
    assert set(state.scenes) == {"b"}
    await commit_scenes(storage, "harvest", add=[scene("a")])
    assert await scenes_of(storage, await read_state(storage, "harvest")) == ["a"]


@pytest.mark.parametrize(("add", "remove"), [(["a", "a"], []), (["a"], ["a"]), ([], ["a", "a"])])
async def test_a_scene_given_twice_is_refused(folder, add, remove):
    with pytest.raises(SceneError, match="more than once: a"):
        await commit_scenes(folder, "harvest", add=[scene(i) for i in add], remove=remove)


async def test_an_invalid_footprint_leaves_no_trace(folder):
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(SceneError):
        await commit_scenes(folder, "harvest", add=[scene("a", bow_tie)])
    assert [info async for info in folder.list("")] == []


async def test_when_nothing_is_new_one_small_get_says_so(folder):
    await commit_scenes(folder, "harvest", add=[scene("a")])
    known = await read_state(folder, "harvest")
    counting = Counting(folder)
    assert await read_state(counting, "harvest", known) is known
    assert counting.asked == ["get collections/harvest/log/00000002.json"]


async def commit_many(storage, count):
    for number in range(count):
        await commit_scenes(
            storage, "harvest", add=[scene(f"s{number}", period=JULY if number % 2 else JUNE)]
        )


async def test_a_reader_begins_at_the_newest_checkpoint(folder):
    await commit_many(folder, 2 * CHECKPOINT_EVERY + 2)
    counting = Counting(folder)
    state = await read_state(counting, "harvest")
    assert state.number == 66
    assert len(state.scenes) == 66
    assert counting.asked == [
        "list collections/harvest/log/checkpoints/",
        "get collections/harvest/log/checkpoints/00000064.json.gz",
        *(f"get collections/harvest/log/000000{number}.json" for number in (65, 66, 67)),
        "list collections/harvest/log/0 after collections/harvest/log/00000066.json",
    ]


async def test_a_damaged_or_missing_checkpoint_is_passed_over(folder, caplog):
    await commit_many(folder, 2 * CHECKPOINT_EVERY + 1)
    whole = await read_state(folder, "harvest")
    newest, older = (f"collections/harvest/log/checkpoints/000000{number}.json.gz" for number in (64, 32))
    data = await folder.get(newest)
    for damaged in (
        data[:-20],
        b"",
        b"not gzip",
        gzip.compress(b"{}"),
        gzip.compress(b"[1]"),
        data[:50] + data[60:],
    ):
        await folder.put(newest, damaged, "application/gzip")
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert await read_state(folder, "harvest") == whole
        assert newest in caplog.text
    await folder.delete(newest)
    assert await read_state(folder, "harvest") == whole
    await folder.delete(older)
    assert await read_state(folder, "harvest") == whole


async def test_a_checkpoint_is_the_state_and_equal_states_give_equal_bytes(folder):
    await commit_many(folder, CHECKPOINT_EVERY)
    state = await read_state(folder, "harvest")
    from_commits = LogState().after([commit async for commit in read_commits(folder, "harvest")])
    assert state == from_commits
    backwards = dataclasses.replace(state, scenes=dict(reversed(list(state.scenes.items()))))
    assert backwards.to_checkpoint() == state.to_checkpoint()
    stored = await folder.get("collections/harvest/log/checkpoints/00000032.json.gz")
    assert stored == state.to_checkpoint()


async def test_a_damaged_commit_is_named(folder):
    await commit_many(folder, 2)
    await folder.put("collections/harvest/log/00000002.json", b'{"number": 2}', "application/json")
    with pytest.raises(LogError, match="commit 2 of collection 'harvest'"):
        await read_state(folder, "harvest")


async def test_a_commit_whose_answer_got_lost_is_recognised_as_our_own(folder):
    """S3's client sends a request again when the answer is lost, and is told that the object exists."""
    counting = Counting(folder)
    counting.after_put = [ObjectExistsError("lost")]
    commit = await commit_scenes(counting, "harvest", add=[scene("a")])
    assert commit is not None
    assert [read async for read in read_commits(folder, "harvest")] == [commit]


async def test_a_writer_whose_storage_fails_finishes_when_asked_again(folder):
    counting = Counting(folder)
    counting.before_put = [StorageUnavailableError("down")]
    with pytest.raises(StorageUnavailableError):
        await commit_scenes(counting, "harvest", add=[scene("a")])
    assert (await read_state(folder, "harvest")).number == 0
    counting.after_put = [StorageUnavailableError("down")]
    with pytest.raises(StorageUnavailableError):
        await commit_scenes(counting, "harvest", add=[scene("a")])
    assert await commit_scenes(counting, "harvest", add=[scene("a")]) is None
    assert (await read_state(folder, "harvest")).number == 1


async def test_the_loser_of_a_race_takes_over_what_the_winner_did(folder):
    counting = Counting(folder)

    async def rival_first(key, data, media_type):
        if "/log/0" in key and not rivals:
            rivals.append(
                await commit_scenes(folder, "harvest", add=[scene("rival"), scene("a")], remove=["old"])
            )
        await folder.put_new(key, data, media_type)

    rivals: list[Commit | None] = []
    await commit_scenes(folder, "harvest", add=[scene("old"), scene("kept")])
    counting.put_new = rival_first  # type: ignore[method-assign]
    commit = await commit_scenes(counting, "harvest", add=[scene("a"), scene("b")], remove=["old"])
    assert commit is not None
    assert (commit.number, [r.id for r in commit.added], commit.removed) == (3, ["b"], ())
    state = await read_state(folder, "harvest")
    assert await scenes_of(folder, state) == ["a", "b", "kept", "rival"] == sorted(state.scenes)


async def test_a_commit_is_json_anyone_can_read(folder):
    await commit_scenes(folder, "harvest", add=[scene("a")])
    document = json.loads(await folder.get("collections/harvest/log/00000001.json"))
    told = {"number", "id", "time", "added", "removed", "mosaics", "before", "told"}
    assert set(document) == told | {"tilewatch:seal"}
    assert document["told"] == {"synthetic": [], "early": [], "small": ["2024-06"]}
    assert document["added"][0]["period"] == "2024-06"
    with pytest.raises(ObjectNotFoundError):
        await folder.get("collections/harvest/log/00000002.json")


LOG = "collections/harvest/log/"


async def write_over(folder, number, **fields):
    key = f"{LOG}{number:08d}.json"
    await folder.put(key, sealed(json.loads(await folder.get(key)) | fields), "application/json")


@pytest.mark.parametrize("lost", [1, 2, 4])
async def test_a_missing_commit_is_not_the_end_of_the_log(folder, lost):
    await commit_many(folder, 5)
    await folder.delete(f"{LOG}{lost:08d}.json")
    with pytest.raises(LogError, match=f"commit {lost} .* is missing, and there is commit 5"):
        await read_state(folder, "harvest")
    state, trouble = await follow_log(folder, "harvest", checked=True)
    assert (state.number, sorted(state.scenes)) == (lost - 1, [f"s{number}" for number in range(lost - 1)])
    assert trouble is not None
    # A writer that filled the gap would have its scene in the state and in no mosaic.
    with pytest.raises(LogError, match="tilewatch repair harvest"):
        await commit_scenes(folder, "harvest", add=[scene("new")])


@pytest.mark.parametrize(("there", "lost"), [(5, [5]), (5, [4, 5]), (1, [1]), (34, [34]), (34, [33, 34])])
async def test_the_last_commit_is_missed_though_it_had_not_been_read(folder, there, lost):
    await commit_many(folder, there)
    for number in lost:
        await folder.delete(f"{LOG}{number:08d}.json")
    state, trouble = await follow_log(folder, "harvest", checked=True)
    assert state.number == lost[0] - 1
    assert str(trouble) == f"commit {there} of collection 'harvest' is missing, the last that was written"
    with pytest.raises(LogError, match="tilewatch repair harvest"):
        await commit_scenes(folder, "harvest", add=[scene("new")])
    # One who had read as far as the log goes now is told at the next look.
    assert (await follow_log(folder, "harvest", state, checked=False))[1] is None
    assert (await follow_log(folder, "harvest", state, checked=True))[1] is not None


async def test_a_last_commit_that_its_checkpoint_says_is_not_missed(folder):
    await commit_many(folder, CHECKPOINT_EVERY)
    whole = await read_state(folder, "harvest")
    await folder.delete(f"{LOG}{CHECKPOINT_EVERY:08d}.json")
    assert await read_state(folder, "harvest") == whole


async def test_a_log_without_marks_is_as_good(folder):
    await commit_many(folder, 3)
    whole = await read_state(folder, "harvest")
    for number in (1, 2, 3):
        await folder.delete(f"{LOG}{number:08d}.done")
    assert await read_state(folder, "harvest") == whole
    assert await commit_scenes(folder, "harvest", add=[scene("new")]) is not None


async def test_a_reader_notices_that_the_commit_it_knows_is_gone(folder):
    await commit_many(folder, 3)
    known = await read_state(folder, "harvest")
    await folder.delete(f"{LOG}00000003.json")
    assert await follow_log(folder, "harvest", known, checked=False) == (known, None)
    state, trouble = await follow_log(folder, "harvest", known, checked=True)
    assert state is known
    assert "commit 3 of collection 'harvest' is gone" in str(trouble)


async def test_a_commit_that_was_written_over_is_noticed_by_the_next(folder):
    await commit_many(folder, 4)
    await write_over(folder, 2, removed=["s0"])
    with pytest.raises(LogError, match="commit 3 of collection 'harvest' does not follow commit 2"):
        await read_state(folder, "harvest")


@pytest.mark.parametrize("number", [2, 4])
async def test_a_changed_bit_of_any_commit_is_noticed_the_last_among_them(folder, number):
    await commit_many(folder, 4)
    key = f"{LOG}{number:08d}.json"
    data = await folder.get(key)
    for at in (len(data) // 3, len(data) - 5):
        changed = bytearray(data)
        changed[at] ^= 1
        await folder.put(key, bytes(changed), "application/json")
        with pytest.raises(LogError, match=f"commit {number} of collection 'harvest': it is not a commit"):
            await read_state(folder, "harvest")


async def test_a_commit_of_a_version_that_wrote_no_digest_is_followed(folder):
    await commit_many(folder, 2)
    for number in (1, 2):
        key = f"{LOG}{number:08d}.json"
        document = json.loads(await folder.get(key))
        del document["before"], document["tilewatch:seal"]
        await folder.put(key, json.dumps(document).encode(), "application/json")
    await commit_scenes(folder, "harvest", add=[scene("new")])
    assert sorted((await read_state(folder, "harvest")).scenes) == ["new", "s0", "s1"]


def test_any_changed_bit_of_a_checkpoint_is_told_or_changes_nothing():
    digest = "5" * 64
    state = LogState(7, {"s": StoredScene("item", JUNE, synthetic=False)}, {JUNE: "mosaic"}, digest)
    whole, told = state.to_checkpoint(), 0
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        try:
            assert LogState.from_checkpoint(bytes(changed)) == state
        except LogError:
            told += 1
    assert told > 4 * len(whole)


async def test_a_checkpoint_past_a_hole_says_all_that_was_in_it(folder):
    await commit_many(folder, CHECKPOINT_EVERY + 1)
    whole = await read_state(folder, "harvest")
    await folder.delete(f"{LOG}00000007.json")
    assert await read_state(folder, "harvest") == whole
    known = LogState().after([Commit.from_json(await folder.get(f"{LOG}00000001.json"))])
    assert (await follow_log(folder, "harvest", known, checked=True))[0] == whole
