"""What holds for every kind of archive: searched, fetched and landed through one seam.

The cases are in `tests/ingest/archives/kinds`; each plays scenes of June 2024 near Mol, whose two bands lie
in one file. The numbers expected are those of `tests.ingest.archives.kinds.case`, worked out by hand.
"""

import asyncio
import hashlib
import json
from contextlib import suppress
from datetime import UTC

import numpy as np
import pytest
import rasterio

from ingest.archives.archive import Archive, GranuleRefusedError, LeftOut, Wanted, WantedError
from ingest.archives.discovery import discover
from ingest.archives.opening import OPENERS
from ingest.audit import audited
from ingest.downloads import Downloads
from ingest.ingesting import IngestOutcome, ingest_scenes
from ingest.landing_notes import notes_on
from ingest.options import IngestOptions, Mode
from ingest.pending import PendingScenes, survey_scenes
from mosaics.bbox import Bbox
from mosaics.descriptions.collections import load_collections
from mosaics.descriptions.sources import KINDS
from mosaics.log import read_state
from mosaics.period import Interval
from mosaics.scene import read_item
from mosaics.storage import open_storage
from tests.ingest.archives.kinds import CASES
from tests.ingest.archives.kinds.case import TOKEN, Scene
from tests.ingest.archives.kinds.made_to_order import PackedCase
from tests.ingest.archives.playing import Quiet
from tests.ingest.archives.server import ArchiveServer

SENTINEL = "sentinel-2-l2a"
FIRST, SECOND = Scene("scene-a", day=11), Scene("scene-b", day=12)
JUNE = Interval.parse("2024-06/2024-06")
AROUND = Bbox(5.0, 51.0, 5.5, 51.5)
REFLECTANCES = {"red": 0.0718, "nir": 0.2338}
AS_IT_IS = IngestOptions()


@pytest.fixture
def archive():
    with ArchiveServer() as server:
        yield server


@pytest.fixture
def store():
    with ArchiveServer() as server:
        yield server


@pytest.fixture(params=CASES)
def case(request, archive, store, tmp_path):
    (tmp_path / "files").mkdir()
    return CASES[request.param](archive, store, tmp_path / "files")


@pytest.fixture
async def opened(case):
    """The archive of the case."""
    async with case.client() as client:
        yield case.open(client)


@pytest.fixture
async def storage(tmp_path):
    async with await open_storage((tmp_path / "store").as_uri()) as opened:
        yield opened


@pytest.fixture
def bring(opened, storage, tmp_path):
    """Searches, surveys and lands, as the command does."""

    async def run(
        bands: tuple[str, ...] = (), options: IngestOptions = AS_IT_IS, watch: Quiet | None = None
    ) -> tuple[PendingScenes, IngestOutcome]:
        found = await discover(opened, Wanted(AROUND, JUNE, bands))
        collection, downloads = load_collections()[SENTINEL], Downloads(tmp_path / "downloads")
        state = await read_state(storage, SENTINEL)
        survey = await survey_scenes(
            storage, opened, collection, found.granules, options, state=state, downloads=downloads
        )
        outcome = await ingest_scenes(
            *(storage, opened, collection, survey, options),
            downloads=downloads,
            watch=watch or Quiet(),
            audit=True,
        )
        return survey, outcome

    return run


@pytest.fixture
def landed(storage):
    """What has landed: the bands of each scene, with the stored and the physical value of a pixel of each."""

    async def read(row: int = 150, column: int = 150) -> dict[str, dict[str, tuple[int, float]]]:
        found: dict[str, dict[str, tuple[int, float]]] = {}
        for scene_id, scene in (await read_state(storage, SENTINEL)).scenes.items():
            item = read_item(json.loads(await storage.get(scene.item_key)), scene.item_key, storage)
            for band, asset in item.assets.items():
                with rasterio.open(asset.path) as dataset:
                    stored = int(dataset.read(1)[row, column])
                value = round(stored * asset.scale + asset.offset, 6)
                found.setdefault(scene_id, {})[band] = (stored, value)
        return found

    return read


def expected(*bands: str) -> dict[str, tuple[int, float]]:
    numbers = {"red": (1718, 0.0718), "nir": (3338, 0.2338)}
    return {band: numbers[band] for band in bands}


def test_every_kind_there_is_has_a_case():
    assert set(OPENERS) == set(KINDS) <= set(CASES)


async def test_granules_come_in_our_terms(case, opened):
    case.play(FIRST, SECOND)
    collection = load_collections()[opened.collection_id].collection
    granules = [one async for one in opened.search(Wanted(AROUND, JUNE)) if not isinstance(one, LeftOut)]
    assert [granule.id for granule in granules] == ["scene-a", "scene-b"]
    for granule in granules:
        assert granule.bands == opened.band_names == case.description.bands
        assert set(granule.layers) <= set(collection.band_names)
        assert {granule.layers[band].file for band in granule.bands} == set(granule.files)
        assert granule.start.tzinfo is UTC
        assert granule.start <= granule.end
        assert granule.footprint.is_valid
        assert granule.footprint.bounds == (5.2, 51.25, 5.3, 51.32)
        assert json.loads(json.dumps(granule.provenance.properties)) == granule.provenance.properties
        assert json.dumps(granule.version)
        assert granule.with_bands(["nir"]).bands == ("nir",)
        with pytest.raises(GranuleRefusedError, match="does not have its swir16"):
            granule.with_bands(["red", "swir16"])


async def test_a_band_it_does_not_have_is_answered_with_those_it_has(opened):
    with pytest.raises(WantedError, match=r"no band swir16 in source 'played'; there are: red, nir\."):
        await discover(opened, Wanted(AROUND, JUNE, ("red", "swir16")))


async def test_the_newest_version_is_landed_and_takes_the_place_of_the_older(case, bring, storage, landed):
    case.play(FIRST)
    await bring()
    case.play(FIRST, Scene("scene-a-again", day=11, version=1))
    survey, _ = await bring()
    assert [pending.granule.supersedes for pending in survey.pending] == [("scene-a",)]
    assert set(await landed()) == {"scene-a-again"}


async def test_each_file_comes_once_and_its_numbers_are_right(case, bring, landed):
    case.play(FIRST, SECOND)
    watch = Quiet()
    _, outcome = await bring(watch=watch)
    assert outcome.failures == {}
    assert await landed() == dict.fromkeys(("scene-a", "scene-b"), expected("red", "nir"))
    # column 7 tells the scene, and missing pixels stay missing
    assert {name: bands["red"][0] for name, bands in (await landed(150, 7)).items()} == {
        "scene-a": 2011,
        "scene-b": 2012,
    }
    assert {stored for bands in (await landed(3, 150)).values() for stored, _ in bands.values()} == {0}
    assert sorted(asked.path for asked in case.downloads()) == sorted(case.file_paths)
    assert watch.fetched_bytes > 0


async def test_what_has_landed_is_not_asked_for_again(case, bring, tmp_path):
    case.play(FIRST, SECOND)
    await bring()
    before, orders = len(case.store.asked), len(case.orders())
    survey, outcome = await bring()
    assert (sorted(survey.landed), survey.pending, outcome.landings) == (["scene-a", "scene-b"], (), [])
    assert (len(case.store.asked), len(case.orders())) == (before, orders)
    assert list((tmp_path / "downloads").iterdir()) == []


async def test_bands_that_come_later_join_those_that_are_there(case, bring, landed):
    case.play(FIRST)
    await bring(("red",))
    assert await landed() == {"scene-a": expected("red")}
    survey, _ = await bring(("nir", "red"))
    assert survey.pending[0].granule.bands == ("nir",)
    assert survey.pending[0].merger.losses == ()
    assert await landed() == {"scene-a": expected("red", "nir")}


async def test_a_part_has_the_pixels_of_the_whole(case, bring, storage):
    case.play(FIRST)
    await bring()
    # 655360 + 1003..1987 m, 5686280 - 1003..1987 m of EPSG:32631, in degrees
    under = Bbox(*rasterio.warp.transform_bounds("EPSG:32631", "EPSG:4326", 656363, 5684293, 657347, 5685277))
    await bring(options=IngestOptions(clip=under))
    scenes = (await read_state(storage, SENTINEL)).scenes
    part_id = next(name for name in scenes if name != "scene-a")
    for band in ("red", "nir"):
        paths = [
            storage.gdal_path(scenes[name].item_key.replace("item.json", f"{band}.tif"))
            for name in ("scene-a", part_id)
        ]
        with rasterio.open(paths[0]) as whole, rasterio.open(paths[1]) as part:
            assert part.width < whole.width
            assert part.bounds.left <= 656363
            assert part.bounds.right >= 657347
            window = whole.window(*part.bounds)
            assert np.array_equal(part.read(1), whole.read(1, window=window.round()))


async def test_files_are_left_where_they_lie_or_it_is_said_why_not(case, opened, bring):
    case.play(FIRST)
    found = await discover(opened, Wanted(AROUND, JUNE, ("red",)))
    collection = load_collections()[SENTINEL].collection
    if opened.can_refer:
        left = opened.refer(found.granules[0], collection)
        assert left["red"].origin.referenced
        assert left["red"].raster.height_width == (300, 300)
        _, outcome = await bring(("red",), options=IngestOptions(Mode.REFERENCE))
        assert outcome.failures == {}
        assert outcome.landings[0].plan.copied == ()
        assert case.downloads() == []
    else:
        with pytest.raises(GranuleRefusedError, match="cannot be read where they lie; copy"):
            opened.refer(found.granules[0], collection)
        with pytest.raises(WantedError, match="files of played cannot be read where they lie; copy them"):
            await bring(options=IngestOptions(Mode.REFERENCE))


async def test_a_granule_that_cannot_be_had_costs_itself(case, bring, landed):
    case.play(FIRST, Scene("scene-b", day=12, is_lost=True))
    survey, outcome = await bring()
    assert set({**survey.refused, **outcome.failures}) == {"scene-b"}
    assert set(await landed()) == {"scene-a"}


async def test_the_token_is_sent_to_the_archive_and_nowhere_else(case, bring):
    case.play(FIRST)
    _, outcome = await bring()
    assert outcome.failures == {}
    assert {asked.headers.get("authorization") for asked in case.server.asked} == {f"Bearer {TOKEN}"}
    assert case.store.asked
    for asked in case.store.asked:
        assert TOKEN not in f"{asked.target}{asked.headers}"


async def test_a_file_that_breaks_off_is_gone_on_with_and_ordered_once(case, store, bring, landed):
    case.play(FIRST)
    store.cut_after = 1000
    _, outcome = await bring()
    assert list(outcome.failures) == ["scene-a"]
    orders = len(case.orders())
    store.cut_after = None
    before = len(case.store.asked)
    _, outcome = await bring()
    assert outcome.failures == {}
    assert await landed() == {"scene-a": expected("red", "nir")}
    assert len(case.orders()) == orders
    later = [asked for asked in case.store.asked[before:] if not asked.is_probe]
    assert [asked.headers["range"].startswith("bytes=") for asked in later] == [True]


class TestWorkThatIsOrdered:
    """Of archives whose files have to be made first."""

    @pytest.fixture(params=["made-to-order", "made-to-order, packed"])
    def case(self, request, archive, store, tmp_path):
        (tmp_path / "files").mkdir()
        return CASES[request.param](archive, store, tmp_path / "files")

    async def test_a_run_that_is_ended_while_it_waits_is_gone_on_with(self, case, bring, landed):
        case.play(FIRST, SECOND)
        case.jobs.is_stuck = True
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await bring()
        assert await landed() == {}
        assert sorted(asked.body["scene"] for asked in case.orders()) == ["scene-a", "scene-b"]
        assert {asked.body["box"] for asked in case.orders()} == {None}
        case.jobs.is_stuck = False
        _, outcome = await bring()
        assert len(outcome.landings) == 2
        assert len(case.orders()) == 2  # nothing was ordered twice
        assert set(await landed()) == {"scene-a", "scene-b"}

    async def test_several_wait_for_their_files_at_the_same_time(self, case, bring):
        case.play(*(Scene(f"scene-{day}", day=day) for day in range(11, 17)))
        case.jobs.is_stuck = True
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await bring()
        assert len(case.orders()) == 4

    async def test_only_what_lies_under_the_box_is_ordered(self, case, bring):
        case.play(FIRST)
        under = Bbox(5.22, 51.27, 5.24, 51.29)
        await bring(options=IngestOptions(clip=under))
        assert [tuple(asked.body["box"]) for asked in case.orders()] == [under.degrees]
        assert [asked.body["bands"] for asked in case.orders()] == [["red", "nir"]]


async def test_files_are_kept_as_they_came_by_scene_and_checksum(case, bring, storage, tmp_path):
    case.play(FIRST)
    for _ in range(2):
        await bring()
    kept = [each async for each in audited(storage)]
    assert {(each.collection, each.granule) for each in kept} == {(SENTINEL, "scene-a")}
    contents = [await storage.get(each.info.key) for each in kept]
    assert [each.sha256 for each in kept] == [hashlib.sha256(content).hexdigest() for content in contents]
    state = await read_state(storage, SENTINEL)
    item = json.loads(await storage.get(state.scenes["scene-a"].item_key))
    stated = {each["sha256"] for each in item["properties"]["tilewatch:sources"].values()}
    assert {each.sha256 for each in kept} == stated
    options = IngestOptions(clip=Bbox(5.22, 51.27, 5.24, 51.29))
    survey, _ = await bring(options=options)
    (granule,) = (pending.granule for pending in survey.pending)
    parts = [each async for each in audited(storage) if each.granule == options.scene_id("scene-a")]
    assert {each.name for each in parts} == set(granule.wanted_files)


async def test_what_the_file_states_is_in_the_item(archive, store, storage, tmp_path):
    """Layers of a format that GDAL does not read: named as in the file, hashed as the file."""
    (tmp_path / "files").mkdir()
    case = PackedCase(archive, store, tmp_path / "files")
    case.play(FIRST)
    async with case.client() as client:
        opened: Archive = case.open(client)
        found = await discover(opened, Wanted(AROUND, JUNE))
        state = await read_state(storage, SENTINEL)
        collection, downloads = load_collections()[SENTINEL], Downloads(tmp_path / "downloads")
        survey = await survey_scenes(
            storage, opened, collection, found.granules, AS_IT_IS, state=state, downloads=downloads
        )
        outcome = await ingest_scenes(
            storage, opened, collection, survey, AS_IT_IS, downloads=downloads, watch=Quiet()
        )
    (landing,) = outcome.landings
    properties = json.loads(await storage.get(landing.plan.item_key))["properties"]
    made = case.content(FIRST)
    sources = properties["tilewatch:sources"]
    assert sources["nir"]["file"] == "made.npz"
    assert sources["nir"]["band"] == "high"
    assert sources["red"]["sha256"] == sources["nir"]["sha256"] == hashlib.sha256(made).hexdigest()
    assert sources["nir"]["href"] == f"{archive.url}/api/scenes/scene-a"
    assert properties["tilewatch:harmonisation"]["nir"] == {
        "scale": 0.0001,
        "offset": -0.1,
        "reason": "the file's own tags",
    }
    assert "nir: the file's unit is 'reflectance', the collection's is '1'." in notes_on(landing.plan)
