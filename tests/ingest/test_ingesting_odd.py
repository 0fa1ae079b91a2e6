"""One bad scene costs itself: the others of its search land, and it is refused by name and reason."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from ingest.encoding import PerBand
from ingest.options import IngestOptions, Mode
from mosaics.bbox import Bbox
from mosaics.log import read_state
from tests.ingest.archives.playing import ingest, play, scene_files
from tests.ingest.archives.scenes import sentinel_item
from tests.ingest.archives.server import Answer, document, file, page
from tests.rasters import write_cog, write_geotiff

SENTINEL = "sentinel-2-l2a"
GOOD = ("good-1", "good-2")
PART = Bbox(5.22, 51.27, 5.24, 51.29)


@pytest.fixture
def bring(archive, client, store, tmp_path):
    async def run(**given):
        return await ingest(archive.url, client, store, tmp_path / "downloads", **given)

    return run


@pytest.fixture
def contents(tmp_path):
    (tmp_path / "files").mkdir()
    return scene_files(tmp_path / "files")


def with_href(href):
    def change(item):
        item["assets"]["red"]["href"] = href

    return change


def with_properties(**given):
    return lambda item: item["properties"].update(given)


def _dead(item):
    return item["assets"]["red"]["href"].replace("B04", "B99")


ODD_ITEMS = {
    "gs": (with_href("gs://bucket/B04.tif"), "neither an https nor an s3 address"),
    "relative": (lambda item: (item.pop("links"), with_href("B04.tif")(item)), "does not link itself"),
    "empty": (with_href(""), "is empty"),
    "number": (with_href(4), "4 is not a valid address"),
    "private": (with_href("https://10.0.0.5/B04.tif"), "10.0.0.5, which is not a public address"),
    "loopback": (with_href("https://127.0.0.1:1/B04.tif"), "127.0.0.1:1/B04.tif"),
    "plain-http": (with_href("http://example.org/B04.tif"), "not an https address"),
    "dead": (
        lambda item: item["assets"]["red"].update(href=item["assets"]["red"]["href"] + "x"),
        "answers 404",
    ),
    "no-band": (lambda item: item["assets"].pop("nir"), "it has no nir"),
    "asset-text": (lambda item: item["assets"].update(red="B04.tif"), "does not say where its file is"),
    "assets-list": (lambda item: item.update(assets=[]), "its assets are missing, or not an object"),
    "no-properties": (lambda item: item.update(properties=None), "its properties are missing"),
    "clouds-below": (with_properties(**{"eo:cloud_cover": -1}), "-1 is not a valid cloud cover"),
    "clouds-text": (with_properties(**{"eo:cloud_cover": "few"}), "could not convert"),
    "ends-early": (
        with_properties(start_datetime="2024-06-09T00:00:00Z", end_datetime="2024-06-08T00:00:00Z"),
        "it ends at 2024-06-08T00:00:00Z, before its start 2024-06-09T00:00:00Z",
    ),
    "no-time": (with_properties(datetime=None), "not a valid item"),
    "links-text": (lambda item: item.update(links="self"), "its links are not a list of objects"),
    "nowhere": (lambda item: item.update(geometry=None), "nothing usable of where it lies"),
    "huge": (lambda item: item["assets"]["red"].update({"file:size": 10**18}), "more than the disk has"),
    "an:id": (lambda item: None, "its id is not one that a scene may have"),
}


def offer(archive, contents, odd):
    """Two good scenes and some odd ones, each of a tile of its own: none is a version of another."""
    items = [sentinel_item(archive.url, name, tile=name) for name in (*GOOD, *odd)]
    play(archive, items, contents)
    for item in items[len(GOOD) :]:
        odd[item["id"]][0](item)
    archive.routes["/v1/search"] = lambda _: page([items[0], *items[2:], items[1]])


async def test_every_odd_item_costs_itself(archive, store, contents, bring):
    offer(archive, contents, ODD_ITEMS)
    survey, outcome = await bring()
    assert {landing.plan.id for landing in outcome.landings} == set(GOOD)
    failures = {**survey.refused, **outcome.failures}
    assert set(failures) == set(ODD_ITEMS)
    assert [name for name, (_, said) in ODD_ITEMS.items() if said not in failures[name]] == []
    assert set((await read_state(store, SENTINEL)).scenes) == set(GOOD)


async def test_an_id_that_is_too_long_with_its_part_costs_itself(archive, store, contents, bring):
    name = "x" * 125
    offer(archive, contents, {name: (lambda item: None, "")})
    survey, outcome = await bring(options=IngestOptions(clip=PART))
    assert len(outcome.landings) == 2
    assert "is not a valid id of a scene" in survey.refused[name]


async def test_what_is_not_an_item_costs_itself(archive, store, contents, bring):
    item = sentinel_item(archive.url)
    play(archive, [item], contents)
    odd = [None, item, "text", {**item, "id": None}, {**item, "id": 4}]
    archive.routes["/v1/search"] = lambda _: document({"features": odd})
    survey, outcome = await bring()
    assert len(outcome.landings) == 1
    nameless = ("an item without id", "an item without id (2)", "an item without id (3)")
    assert set(survey.refused) == {*nameless, "4"}


async def test_a_host_that_is_down_costs_the_scenes_on_it(archive, other_archive, contents, bring):
    gone = {f"gone-{n}": (with_href("https://gone.invalid/B04.tif"), "") for n in range(4)}
    offer(archive, contents, gone)
    survey, outcome = await bring()
    assert {landing.plan.id for landing in outcome.landings} == set(GOOD)
    assert {"failed 4 times", "failed 1 times"} == {
        reason.partition(", at last")[0].removeprefix("the archive ") for reason in survey.refused.values()
    }


async def test_bands_that_lie_apart_cost_their_scene(archive, contents, bring, tmp_path):
    offer(archive, contents, {"apart": (lambda item: None, "")})
    there = write_cog(
        tmp_path / "there.tif", np.full((300, 300), 4, "uint8"), nodata=0, upper_left=(300_000.0, 5_686_280.0)
    )
    archive.routes["/apart/SCL.tif"] = file(there.read_bytes())
    _, outcome = await bring()
    assert {landing.plan.id for landing in outcome.landings} == set(GOOD)
    assert "do not overlap" in outcome.failures["apart"]


async def test_a_landed_item_that_is_damaged_costs_nothing(archive, store, contents, bring):
    offer(archive, contents, {})
    await bring(bands=("red", "scl"))
    state = await read_state(store, SENTINEL)
    for name, content in zip(GOOD, (b"{", b'{"assets": {"red": {}}, "properties": {}}'), strict=True):
        await store.put(state.scenes[name].item_key, content, "application/json")
    survey, outcome = await bring()
    assert (survey.refused, outcome.failures, len(outcome.landings)) == ({}, {}, 2)


async def test_a_scene_too_large_to_convert_costs_itself(archive, contents, bring, tmp_path):
    """A sparse file of 3,600,000 by 3,600,000 pixels, which is 26 TB once its pixels are written."""
    offer(archive, contents, {"vast": (lambda item: None, "")})
    vast = tmp_path / "vast.tif"
    creation = {"SPARSE_OK": True, "tiled": True, "blockxsize": 65536, "blockysize": 65536, "BIGTIFF": "YES"}
    profile = {"driver": "GTiff", "width": 3_600_000, "height": 3_600_000, "count": 1, "dtype": "uint16"}
    grid = Affine(0.001, 0, 655360, 0, -0.001, 5686280)
    rasterio.open(vast, "w", **profile, crs="EPSG:32631", transform=grid, nodata=0, **creation).close()
    archive.routes["/vast/B04.tif"] = file(vast.read_bytes())
    _, outcome = await bring(bands=("red",), options=IngestOptions(offsets=PerBand(-0.1)))
    assert {landing.plan.id for landing in outcome.landings} == set(GOOD)
    assert outcome.failures == {"vast": "the disk is too small to convert it"}


DAMAGES = {
    "html": lambda content: b"<html>please log in</html>",
    "half": lambda content: content[: len(content) // 2],
    "zeroed": lambda content: content[:-2000] + bytes(2000),
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("clip", [None, PART])
async def test_a_damaged_download_is_fetched_again(archive, store, contents, bring, damage, clip, tmp_path):
    offer(archive, contents, {})
    path = "/good-1/B04.tif"
    good, bad = archive.routes[path], DAMAGES[damage](contents["red"])
    archive.routes[path] = lambda _: Answer(200, bad)
    options = IngestOptions(clip=clip)
    _, outcome = await bring(options=options)
    assert list(outcome.failures) == ["good-1"]
    tries = [asked for asked in archive.of(path) if not asked.is_probe]
    assert len(tries) <= 4  # with a box a part is asked for first, each time
    kept = [
        each.name
        for each in (tmp_path / "downloads").rglob("*.tif*")
        if "B04" in each.name or "red" in each.name
    ]
    assert kept == []
    # it is well again: within a run, and in the next
    left = [Answer(200, bad)]
    archive.routes[path] = lambda asked: left.pop() if left and not asked.is_probe else good(asked)
    _, outcome = await bring(options=options)
    assert len(outcome.landings) == 1
    assert outcome.failures == {}


async def test_damage_that_shows_in_the_pixels_is_fetched_again(archive, store, bring, tmp_path):
    """LZW has no checksum, so that GDAL alone finds it."""
    noise = np.random.default_rng(1).integers(1000, 9000, (300, 300)).astype("uint16")
    lzw = write_geotiff(tmp_path / "lzw.tif", noise, nodata=0, tiled=True, compress="LZW")
    content = lzw.read_bytes()
    contents = scene_files(tmp_path) | {"red": content}
    offer(archive, contents, {})
    path = "/good-1/B04.tif"
    good = archive.routes[path]
    bad = content[:-90_000] + bytes([0xFF]) * 90_000
    left = [Answer(200, bad)]
    archive.routes[path] = lambda asked: left.pop() if left and not asked.is_probe else good(asked)
    _, outcome = await bring()
    assert (len(outcome.landings), outcome.failures, left) == (2, {}, [])


async def test_files_that_are_refused_are_not_kept(archive, bring, contents, tmp_path):
    offer(archive, contents, {})
    archive.routes["/good-2/B04.tif"] = file(
        write_geotiff(tmp_path / "c.tif", np.ones((300, 300), "complex64")).read_bytes()
    )
    _, outcome = await bring()
    assert "complex numbers" in outcome.failures["good-2"]
    assert list((tmp_path / "downloads").rglob("*.tif")) == []


async def test_files_read_where_they_lie_cost_their_scene_too(archive, store, contents, bring):
    odd = {name: ODD_ITEMS[name] for name in ("private", "dead", "clouds-below")}
    offer(archive, contents, odd)
    survey, outcome = await bring(options=IngestOptions(Mode.REFERENCE))
    assert {landing.plan.id for landing in outcome.landings} == set(GOOD)
    assert set(survey.refused) | set(outcome.failures) == set(odd)
