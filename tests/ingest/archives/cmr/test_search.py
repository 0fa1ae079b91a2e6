"""Searching NASA's repository: collections found, pages followed to their end, revisions asked for."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import shapely

from ingest.archives.archive import Access, Granule, LeftOut, Wanted
from ingest.archives.cmr import search
from ingest.archives.discovery import discover
from ingest.archives.http import ArchiveError
from ingest.archives.opening import open_archive
from ingest.downloads import NotesFile
from mosaics.bbox import Bbox
from mosaics.period import Interval
from tests.ingest.archives.cmr.conftest import JANUARY, SUDAN
from tests.ingest.archives.cmr.playing import CONCEPT
from tests.ingest.archives.server import document

YEAR = Interval.parse("2024/2024")
NAME = "VNP46A3.A2024{day:03}.h21v07.002.20250010000{number:02}.h5"


@pytest.fixture
def found(laads, client):
    """Everything the archive yields for a search."""

    async def run(interval=YEAR, bbox=SUDAN, **asked):
        opened = open_archive(laads.source, Access(client))
        return [one async for one in opened.search(Wanted(bbox, interval, ("radiance",), **asked))]

    return run


def publish(laads, *days, number=0):
    for day in days:
        laads.publish(NAME.format(day=day, number=number), b"x")


MONTHS = (1, 32, 61, 92, 122)


async def test_a_tile_is_a_scene_in_our_terms(laads, found):
    publish(laads, 32)
    (granule,) = await found()
    name = "VNP46A3.A2024032.h21v07.002.2025001000000.h5"
    assert isinstance(granule, Granule)
    assert granule.id == "VNP46A3.A2024032.h21v07.002"
    assert (granule.start, granule.end) == (
        datetime(2024, 2, 1, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
    )
    assert shapely.bounds(granule.footprint).tolist() == [30, 10, 40, 20]
    assert (granule.tile, granule.platform, granule.bands) == ("h21v07", "suomi-npp", ("radiance",))
    assert list(granule.files) == [name]
    assert granule.files[name].href == f"{laads.server.url}/prod-lads/VNP46A3/{name}"
    assert granule.files[name].size_bytes == 1
    assert granule.layers["num_observations"].layer == "NearNadir_Composite_Snow_Free_Num"
    assert granule.version == (datetime(2025, 1, 1, tzinfo=UTC).timestamp(),)
    assert granule.provenance.properties == {
        "nasa:short_name": "VNP46A3",
        "nasa:version": "2",
        "nasa:concept_id": granule.provenance.properties["nasa:concept_id"],
        "nasa:production_datetime": "2025-01-01T00:00:00Z",
    }


async def test_a_collection_is_looked_up_once_and_told_by_its_version(laads, client, archive):
    publish(laads, *MONTHS)
    opened = open_archive(laads.source, Access(client))
    for _ in range(2):
        assert len([one async for one in opened.search(Wanted(SUDAN, YEAR))]) == 5
    assert len(archive.of("/search/collections.umm_json")) == 1
    asked = parse_qs(archive.of("/search/collections.umm_json")[0].query)
    assert (asked["short_name"], asked["version"], asked["provider"]) == (["VNP46A3"], ["2"], ["LAADS"])


async def test_the_id_of_a_collection_is_remembered_for_a_week(laads, client, archive, tmp_path, monkeypatch):
    publish(laads, *MONTHS)
    access = Access(client, notes=NotesFile(tmp_path))

    async def lookups() -> int:
        opened = open_archive(laads.source, access)
        assert len([one async for one in opened.search(Wanted(SUDAN, YEAR))]) == 5
        return len(archive.of("/search/collections.umm_json"))

    assert [await lookups(), await lookups()] == [1, 1]
    monkeypatch.setattr("ingest.archives.cmr.archive.REMEMBERED_S", 0)
    assert await lookups() == 2
    monkeypatch.undo()
    (tmp_path / "notes.json").write_text("{")
    assert [await lookups(), await lookups()] == [3, 3]


@pytest.mark.parametrize(("count", "said"), [(0, "does not have it"), (2, "has 2: C0-LAADS, C1-LAADS")])
async def test_a_collection_that_is_not_one_is_told(laads, found, archive, count, said):
    umm = {"ShortName": "VNP46A3", "Version": "2"}
    listed = [{"meta": {"concept-id": f"C{number}-LAADS"}, "umm": umm} for number in range(count)]
    archive.routes["/search/collections.umm_json"] = lambda _: document({"items": listed})
    with pytest.raises(ArchiveError, match=said):
        await found()


@pytest.mark.parametrize("page", [1, 2, 5, 100])
async def test_pages_are_followed_to_the_last(laads, found, archive, page):
    """The last page may be full; the one after it is empty then, and gives no cursor."""
    publish(laads, *MONTHS)
    laads.page = page
    assert len({granule.id for granule in await found()}) == 5
    asked = archive.of("/search/granules.umm_json")
    assert len(asked) == 5 // page + 1
    assert [one.headers.get("cmr-search-after") for one in asked] == [
        None,
        *(json.dumps(["laads", number * page]) for number in range(1, len(asked))),
    ]


async def test_what_is_asked(laads, found, archive):
    publish(laads, 1)
    await found(revised_since=datetime(2025, 3, 1, tzinfo=UTC))
    asked = parse_qs(archive.of("/search/granules.umm_json")[0].query)
    assert asked == {
        "collection_concept_id": [CONCEPT],
        "bounding_box": ["32.4,15.4,32.7,15.8"],
        "temporal": ["2024-01-01T00:00:00Z,2025-01-01T00:00:00Z"],
        "page_size": ["500"],
        "revision_date": ["2025-03-01T00:00:00Z,"],
    }


async def test_an_interval_may_be_open(laads, found):
    publish(laads, *MONTHS)
    assert len(await found(Interval.parse("2024-03/.."))) == 3
    assert len(await found(Interval.parse("../2024-02"))) == 2


async def test_pages_without_end_end(laads, found, archive):
    publish(laads, *MONTHS)
    page = laads.entries[:2]
    cursors = iter(range(10**6))
    archive.routes["/search/granules.umm_json"] = lambda _: document(
        {"items": page}, 200, **{"CMR-Search-After": str(next(cursors))}
    )
    assert len(await found()) == 2 * 4  # a page, and three that have nothing new
    archive.asked.clear()
    archive.routes["/search/granules.umm_json"] = lambda _: document(
        {"items": page}, 200, **{"CMR-Search-After": "the same"}
    )
    await found()
    assert len(archive.of("/search/granules.umm_json")) == 2


async def test_too_many_granules_are_refused(laads, found, archive, monkeypatch):
    publish(laads, *MONTHS)
    monkeypatch.setattr(search, "MAX_GRANULES", 3)
    with pytest.raises(ArchiveError, match="more than 3 granules for this search; ask for a smaller area"):
        await found()


@pytest.mark.parametrize(
    "answer", [[], {}, {"items": None}, {"items": ["x", 3]}, {"items": [{"meta": {}, "umm": 3}]}]
)
async def test_an_answer_that_is_not_a_page_is_refused(laads, found, archive, answer):
    archive.routes["/search/granules.umm_json"] = lambda _: document(answer)
    with pytest.raises(ArchiveError, match=r"the archive does not (answer|list)"):
        await found()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda umm: umm["CollectionReference"].update(Version="1"), "version 1, not of VNP46A3 version 2"),
        (lambda umm: umm.update(RelatedUrls=[]), "it has no https link to its data"),
        (lambda umm: umm["DataGranule"].pop("ProductionDateTime"), "it is not a valid granule"),
        (lambda umm: umm["DataGranule"].update(ProductionDateTime="2025-02-30T00:00:00Z"), "does not exist"),
        (
            lambda umm: umm["TemporalExtent"]["RangeDateTime"].update(
                BeginningDateTime="2023-01-01T00:00:00Z"
            ),
            "and its time 2023-01-01T00:00:00Z differ",
        ),
        (
            lambda umm: umm["DataGranule"].update(
                Identifiers=[{"Identifier": "../etc/passwd", "IdentifierType": "ProducerGranuleId"}]
            ),
            "it has no https link to its data",
        ),
        (lambda umm: umm.update(DataGranule=None), "it is not a valid granule"),
        (lambda umm: umm.update(RelatedUrls=[3]), "it is not a valid granule"),
    ],
)
async def test_one_bad_granule_costs_itself(laads, found, change, said):
    publish(laads, *MONTHS)
    change(laads.entries[2]["umm"])
    listed = await found()
    (left_out,) = [one for one in listed if isinstance(one, LeftOut)]
    assert said in str(left_out.reason)
    assert len(listed) == 5


async def test_a_name_of_another_collection_is_left_out(laads, found):
    """Collection 1 under the metadata of Collection 2."""
    publish(laads, 1)
    (entry,) = laads.entries
    text = json.dumps(entry).replace(".002.", ".001.")
    laads.entries[:] = [json.loads(text)]
    (left_out,) = await found()
    assert "001" in left_out.reason
    assert "is not of VNP46A3 version 2" in left_out.reason


@pytest.mark.parametrize("order", [1, -1])
async def test_the_newest_production_of_a_tile_is_kept(laads, client, order):
    publish(laads, 1, number=1)
    publish(laads, 1, number=2)
    publish(laads, 32, number=1)
    laads.entries[:] = laads.entries[::order]
    opened = open_archive(laads.source, Access(client))
    discovery = await discover(opened, Wanted(SUDAN, JANUARY))
    (granule,) = discovery.granules
    assert list(granule.files) == [NAME.format(day=1, number=2)]
    assert (discovery.found, discovery.duplicates, discovery.elsewhere) == (2, 1, 0)
    assert discovery.newest_revision == datetime(2025, 1, 1, 0, 0, 2, tzinfo=UTC)


async def test_other_tiles_are_not_wanted(laads, client):
    laads.publish("VNP46A3.A2024001.h20v08.002.2025001000000.h5", b"x")
    opened = open_archive(laads.source, Access(client))
    assert (await discover(opened, Wanted(SUDAN, JANUARY))).granules == ()
    south = Bbox(20.5, 1, 21, 2)
    assert [each.tile for each in (await discover(opened, Wanted(south, JANUARY))).granules] == ["h20v08"]


@pytest.mark.real_data
class TestRecorded:
    """Answers of NASA's, as they were recorded."""

    @pytest.fixture
    def recorded(self, shared_data) -> Path:
        folder: Path = shared_data / "nasa/edl_cmr_recorded"
        return folder

    async def test_a_granule_of_laads(self, recorded, laads, client, archive):
        answer = json.loads((recorded / "G1593453400-LAADS_umm.json").read_text())
        archive.routes["/search/granules.umm_json"] = lambda _: document(answer)
        source = laads.source.model_copy(
            update={
                "short_name": "MYD021KM",
                "version": "6",
                "names": "granule",
                "concept_id": "C203234523-LAADS",
            }
        )
        opened = open_archive(source, Access(client))
        world = Wanted(Bbox(-180, -90, 180, 90), Interval.parse("2019-02/2019-02"))
        (granule,) = [one async for one in opened.search(world)]
        assert isinstance(granule, Granule)
        name = "MYD021KM.A2019051.0430.006.2019051235515.hdf"
        assert granule.files[name].href == (
            f"https://ladsweb.modaps.eosdis.nasa.gov/archive/allData/6/MYD021KM/2019/051/{name}"
        )
        assert granule.files[name].size_bytes == 69035465
        assert granule.start == datetime(2019, 2, 20, 4, 30, tzinfo=UTC)
        assert granule.revised == datetime(2021, 1, 16, 12, 11, 23, 241000, tzinfo=UTC)
        assert granule.platform == "aqua"

    async def test_a_page_with_a_cursor_and_an_empty_one(self, recorded, laads, client, archive):
        first, last = (
            json.loads((recorded / f"cmr_granules_umm_{name}.json").read_text())
            for name in ("page_size_1_of_218", "no_results")
        )
        cursor = first["headers"]["CMR-Search-After"]

        def pages(asked):
            answer = last if asked.headers.get("cmr-search-after") == cursor else first
            headers = {name: text for name, text in answer["headers"].items() if name.startswith("CMR")}
            return document(answer["body"], 200, **headers)

        archive.routes["/search/granules.umm_json"] = pages
        source = laads.source.model_copy(
            update={
                "short_name": "SEA_SURFACE_HEIGHT_ALT_GRIDS_L4_2SATS_5DAY_6THDEG_V_JPL2205",
                "version": "2205",
                "names": "granule",
                "concept_id": "C2270392799-POCLOUD",
            }
        )
        opened = open_archive(source, Access(client))
        world = Wanted(Bbox(-180, -90, 180, 90), Interval.parse("2020/2020"))
        (granule,) = [one async for one in opened.search(world)]
        assert isinstance(granule, Granule)
        (remote,) = granule.files.values()
        assert remote.href.startswith(
            "https://archive.podaac.earthdata.nasa.gov/podaac-ops-cumulus-protected/"
        )
        assert remote.checksum == "d50110" + "9002febf17632e5921eba5b8f62237e6"
        assert remote.size_bytes == 9695609
        assert len(archive.of("/search/granules.umm_json")) == 2
