"""Overviews in mosaics: who answers for a tile, and that one made of other scenes never does."""

import gzip
import json
from datetime import timedelta

import morecantile
import pytest
import shapely
from cogeo_mosaic.backends.file import FileBackend

from mosaics.document import MosaicDocument, MosaicDocumentError, build_document
from mosaics.index import QuadkeyIndex, TooManyScenesError
from mosaics.log import commit_overviews, commit_scenes, read_commits, read_state
from mosaics.minzooms import NO_ZOOM
from mosaics.overview import Overview, OverviewError
from mosaics.period import Interval
from mosaics.storage import open_storage
from mosaics.sweeping import unreferenced
from tests.mosaics.records import JULY, JUNE, scene


def side_by_side(count=8):
    """Scenes of a degree one east of the other on the equator, from 10 E; all within tile 2/2/1."""
    return [scene(f"s{n}", shapely.box(10 + n, 1, 11 + n, 2)) for n in range(count)]


def overview(index, zoom, column, row, **fields):
    """An overview made of what an index has at its cell."""
    cell_zoom = max(0, zoom - 3)
    given = {
        "zoom": zoom,
        "column": column,
        "row": row,
        "item_key": f"collections/harvest/overviews/2024-06/{zoom}-{column}-{row}/d1/item.json",
        "made_of": index.made_of(column, row, cell_zoom),
        "recipe": "r1",
        "start": JUNE.start,
        "end": JUNE.end,
        "synthetic": False,
    }
    return Overview(**{**given, **fields})


def index_of(records, overviews=()):
    return QuadkeyIndex.from_document(
        MosaicDocument(build_document("m", records, lambda key: f"/{key}", overviews))
    )


def pyramid(records):
    """Overviews of zooms 0 to 4: the cells are the whole world down to zoom 3, then tile 1/1/0."""
    index = index_of(records)
    return [*(overview(index, zoom, 0, 0) for zoom in range(4)), overview(index, 4, 1, 0)]


def ids(refs):
    return [ref.id for ref in refs]


def test_an_overview_answers_for_the_tiles_of_its_zoom_in_its_cell():
    records = side_by_side()
    index = index_of(records, pyramid(records))
    for z, x, y in ((0, 0, 0), (1, 1, 0), (2, 2, 1), (3, 4, 3), (4, 8, 7)):
        (found,) = index.scenes_in_tile(x, y, z, overviews=True)
        assert found.id == f"overview {z}/{1 if z == 4 else 0}/0"
        assert (found.start, found.end, found.period) == (JUNE.start, JUNE.end, JUNE)
        assert len(index.scenes_in_tile(x, y, z)) > 1
    # No overview at zoom 5; and none where there is no scene, for the tile is outside of them.
    assert ids(index.scenes_in_tile(17, 15, 5, overviews=True))[0].startswith("s")
    assert index.scenes_in_tile(0, 0, 4, overviews=True) == ()
    assert index.scenes_in_tile(8, 9, 4, overviews=True) == ()
    # Statistics and points want the scenes.
    assert len(index.scenes_in(shapely.box(0, 0, 90, 80))) == 8


def test_tiles_of_512_pixels_take_the_next_zooms_overview():
    records = side_by_side()
    index = index_of(records, pyramid(records))
    assert ids(index.scenes_in_tile(2, 1, 2, size=512, overviews=True)) == ["overview 3/0/0"]
    assert ids(index.scenes_in_tile(4, 3, 3, size=512, overviews=True)) == ["overview 4/1/0"]
    assert ids(index.scenes_in_tile(8, 7, 4, size=512, overviews=True))[0].startswith("s")


@pytest.mark.parametrize(
    "change",
    [
        lambda records: [*records, scene("new", shapely.box(20, 5, 21, 6))],
        lambda records: records[:-1],
        lambda records: [scene("s0", shapely.box(10, 1, 11, 2), item_key="another"), *records[1:]],
        lambda records: [scene("s7", shapely.box(17, 1, 18, 2), cloud_cover_percent=0.0), *records[:-1]],
    ],
    ids=["added", "removed", "replaced", "another order"],
)
def test_an_overview_of_other_scenes_does_not_answer(change):
    records = side_by_side()
    made = pyramid(records)
    changed = index_of(change(records), made)
    for z, x, y in ((0, 0, 0), (3, 4, 3), (4, 8, 7)):
        assert ids(changed.scenes_in_tile(x, y, z, overviews=True)) == ids(changed.scenes_in_tile(x, y, z))


def test_a_change_elsewhere_leaves_an_overview_as_it_is():
    records = side_by_side()
    far = scene("far", shapely.box(-100, 1, -99, 2))
    index = index_of([*records, far], pyramid(records))
    # Cell 1/1/0 has the same scenes; the world has one more.
    assert ids(index.scenes_in_tile(8, 7, 4, overviews=True)) == ["overview 4/1/0"]
    assert len(index.scenes_in_tile(0, 0, 0, overviews=True)) == 9


def test_an_overview_of_what_stands_in_for_another_says_so():
    records = [*side_by_side(), scene("near-real-time.far", shapely.box(-100, 1, -99, 2))]
    index = index_of(records, pyramid(records))
    # The world has a scene in near real time, and cell 1/1/0 has none.
    assert ids(index.scenes_in_tile(0, 0, 0, overviews=True)) == ["near-real-time.overview 0/0/0"]
    assert ids(index.scenes_in_tile(8, 7, 4, overviews=True)) == ["overview 4/1/0"]


def test_cells_smaller_than_the_quadkey_zoom_have_fingerprints_too():
    # One scene of ten degrees: quadkey zoom 7; cells of zoom 11 are tiles of zoom 8, 1.4 degrees wide.
    index = index_of([scene("wide", shapely.box(0, 0, 10, 9)), scene("west", shapely.box(0, 0, 0.5, 9))])
    assert index.quadkey_zoom < 8
    both, one = index.made_of(128, 127, 8), index.made_of(129, 127, 8)
    assert both != one == index.made_of(130, 127, 8)
    assert index.made_of(128, 128, 8) == index.made_of(0, 0, 8) != one


def test_the_fullest_tile_of_a_cell_is_counted_at_any_zoom():
    # A degree each around 1.5 E, 1.5 N, overlapping by 0.2 degrees: all four are seen at their corner.
    corners = [(0.6, 0.6), (1.4, 0.6), (0.6, 1.4), (1.4, 1.4)]
    records = [scene(f"q{n}", shapely.box(x, y, x + 1, y + 1)) for n, (x, y) in enumerate(corners)]
    index = index_of(records)
    assert index.quadkey_zoom == 10
    # Zoom 4 tile 8/7 reaches from 0 to 22.5 E; at zoom 14 a tile of 0.022 degrees fits into the overlap.
    assert [index.most_scenes(8, 7, 4, depth) for depth in (0, 3, 6, 10)] == [4, 4, 4, 4]
    only_one = [scene("a", shapely.box(0, 0.1, 0.4, 0.4)), scene("b", shapely.box(0.5, 0.1, 0.9, 0.4))]
    # Tiles of zoom 9 are 0.70 degrees wide and reach into both; those of zoom 12 are 0.088 wide.
    index = index_of(only_one)
    assert [index.most_scenes(8, 7, 4, depth) for depth in (0, 5, 8, 9)] == [2, 2, 1, 1]


def test_the_lowest_zoom_reaches_down_over_overviews_as_far_as_they_lead():
    records = [scene(f"s{n}", shapely.box(10 + n / 10, 1, 10.1 + n / 10, 1.1)) for n in range(8)]
    plain = index_of(records)
    assert plain.minzoom(3) == 11  # a tile of zoom 11, 0.18 degrees, reaches into three at most
    places = [(z, *((x >> 3, y >> 3) if z > 3 else (0, 0))) for z, x, y in _over(10.05, 1.05, range(11))]
    made = [overview(plain, *place) for place in places]
    index = index_of(records, made)
    assert (index.minzoom(3, overviews=True), index.minzoom(3)) == (0, 11)
    # Tiles of 512 px at zoom 10 want an overview of zoom 11, and there is none.
    assert index.minzoom(3, overviews=True, size=512) == 11
    gap = index_of(records, [one for one in made if one.zoom != 7])
    assert gap.minzoom(3, overviews=True) == 8


def _over(lon, lat, zooms):
    tms = morecantile.tms.get("WebMercatorQuad")
    for zoom in zooms:
        tile = tms.tile(lon, lat, zoom)
        yield zoom, tile.x, tile.y


def test_overviews_help_where_no_zoom_has_few_scenes():
    records = [scene(f"s{n}", shapely.box(10, 1, 10.01, 1.01)) for n in range(5)]
    plain = index_of(records)
    assert plain.minzoom(4) == NO_ZOOM
    made = [overview(plain, z, x >> min(z, 3), y >> min(z, 3)) for z, x, y in _over(10.005, 1.005, range(9))]
    index = index_of(records, made)
    assert index.minzoom(4, overviews=True) == 0
    assert len(index.scenes_in_tile(*next((x, y, z) for z, x, y in _over(10.005, 1.005, [8])),
               limit=4, overviews=True)) == 1  # fmt: skip
    with pytest.raises(TooManyScenesError):
        index.scenes_in_tile(*next((x, y, z) for z, x, y in _over(10.005, 1.005, [9])), limit=4,
                             overviews=True)  # fmt: skip


def test_documents_carry_overviews_and_stock_readers_do_not_mind(tmp_path):
    records = side_by_side()
    made = pyramid(records)
    data = build_document("m", records, lambda key: f"/{key}", made[::-1])
    assert data == build_document("m", records, lambda key: f"/{key}", made)
    document = MosaicDocument(data)
    assert document.overviews == tuple(made)
    assert [record.id for record in document.scenes()] == [f"s{n}" for n in range(8)]
    (tmp_path / "m.json.gz").write_bytes(data)
    zoom = document.quadkey_zoom
    with FileBackend(str(tmp_path / "m.json.gz")) as stock:
        ((_, x, y),) = _over(10.5, 1.5, [zoom])
        assert stock.assets_for_tile(x, y, zoom) == ["/collections/harvest/scenes/s0/d1/item.json"]
    # A document without any is the same as before there were any.
    assert "tilewatch:overviews" not in json.loads(
        gzip.decompress(build_document("m", records, lambda key: key))
    )


def test_a_damaged_record_is_refused():
    records = side_by_side()
    data = build_document("m", records, lambda key: key, pyramid(records))
    damaged = gzip.compress(gzip.decompress(data).replace(b'"made_of"', b'"made_off"', 1))
    with pytest.raises(MosaicDocumentError, match="made_of"):
        MosaicDocument(damaged)
    with pytest.raises(OverviewError, match="no cell 2, 0 of zoom 4"):
        overview(index_of(records), 4, 2, 0, made_of="")


async def test_commits_of_scenes_keep_overviews_and_one_of_overviews_replaces_them(tmp_path):
    async with await open_storage(str(tmp_path)) as storage:
        records = side_by_side()
        await commit_scenes(storage, "harvest", add=records)
        made = pyramid(records)
        commit = await commit_overviews(storage, "harvest", {JUNE: made, JULY: made})
        assert commit is not None
        assert (commit.number, commit.added, commit.removed, list(commit.mosaics)) == (2, (), (), ["2024-06"])
        await commit_scenes(storage, "harvest", add=[scene("far", shapely.box(-100, 1, -99, 2))])
        state = await read_state(storage, "harvest")
        document = MosaicDocument(await storage.get(state.mosaics[JUNE]))
        assert document.overviews == tuple(made)
        assert len(list(document.scenes())) == len(state.scenes) == 9
        await commit_overviews(storage, "harvest", {JUNE: made[-1:]})
        state = await read_state(storage, "harvest")
        assert MosaicDocument(await storage.get(state.mosaics[JUNE])).overviews == tuple(made[-1:])
        assert await commit_overviews(storage, "harvest", {JULY: made}) is None


async def test_a_sweep_takes_the_overviews_that_no_mosaic_in_force_names(tmp_path):
    async with await open_storage(str(tmp_path)) as storage:
        records = side_by_side()
        await commit_scenes(storage, "harvest", add=records)
        used, past = pyramid(records)[:2]
        for one in (used, past):
            await storage.put_new(one.item_key, b"x", "application/octet-stream")
            await storage.put_new(one.item_key.replace("item.json", "red.tif"), b"x", "image/tiff")
        await commit_overviews(storage, "harvest", {JUNE: [used, past]})
        long_ago, now = timedelta(hours=1), timedelta(seconds=-60)
        assert [info.key async for info in unreferenced(storage, now)] == []
        await commit_overviews(storage, "harvest", {JUNE: [used]})
        assert [info.key async for info in unreferenced(storage, long_ago)] == []
        folder = past.item_key.rpartition("/")[0]
        assert {info.key async for info in unreferenced(storage, now)} == {
            f"{folder}/item.json",
            f"{folder}/red.tif",
        }
        assert len([commit async for commit in read_commits(storage, "harvest")]) == 3


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("2024-06/2024-06", True),
        ("2024-05/2024-07", True),
        ("../2024-06", True),
        ("2024-06-01T00:00:00Z/2024-07-01T00:00:00Z", True),
        ("2024-06-02/2024-06", False),
        ("2024-06/2024-06-29", False),
        ("2024-07/..", False),
    ],
)
def test_only_an_interval_with_all_of_a_period_covers_it(text, covered):
    assert Interval.parse(text).covers(JUNE) is covered
