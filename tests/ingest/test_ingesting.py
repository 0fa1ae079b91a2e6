"""Ingesting: scenes of a synthetic archive become COGs, items and mosaics that say the right values."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from app.products.registry import SHIPPED, Registry
from ingest.archives.archive import WantedError
from ingest.archives.http import ArchiveUnavailableError
from ingest.encoding import PerBand
from ingest.ingesting import FILES_AT_ONCE
from ingest.landing import DiskFullError
from ingest.options import IngestOptions, Mode
from mosaics.bbox import Bbox
from mosaics.catalogue import Catalogue
from mosaics.log import read_commits, read_state
from mosaics.storage import open_storage
from tests.ingest.archives.playing import RED, Quiet, days, ingest, play, scene_files
from tests.ingest.archives.scenes import sentinel_item
from tests.ingest.archives.server import Answer, file, page
from tests.rasters import as_read, write_cog

SENTINEL = "sentinel-2-l2a"


@pytest.fixture
def contents(tmp_path):
    (tmp_path / "files").mkdir()
    return scene_files(tmp_path / "files")


@pytest.fixture
def bring(archive, client, store, tmp_path):
    async def run(**given):
        return await ingest(archive.url, client, store, tmp_path / "downloads", **given)

    return run


async def stored_item(store, scene_id):
    state = await read_state(store, SENTINEL)
    return json.loads(await store.get(state.scenes[scene_id].item_key)), state.scenes[scene_id].item_key


async def ndvi(store, scene_id):
    """What the product says at a valid pixel, from the item's own scales."""
    _, item_key = await stored_item(store, scene_id)
    catalogue = Catalogue(store)
    await catalogue.refresh()
    item = await catalogue.item(item_key)
    values = {}
    for band in ("red", "nir"):
        asset = item.assets[band]
        with rasterio.open(asset.path) as dataset:
            pixels = dataset.read(1).astype("float32")
        values[band] = np.where(pixels == asset.nodata, np.nan, pixels * asset.scale + asset.offset)
    formula = Registry.load([SHIPPED]).get("ndvi").formula
    assert formula is not None
    return formula.evaluate({name: plane.astype("float32") for name, plane in values.items()})


async def test_scenes_land_with_their_provenance(archive, store, contents, bring, tmp_path):
    play(archive, days(archive, 2), contents)
    watch = Quiet()
    survey, outcome = await bring(watch=watch)
    assert survey.to_fetch_bytes == watch.fetched_bytes == 2 * sum(map(len, contents.values()))
    assert {landing.plan.id for landing in outcome.landings} == {
        "S2A_31UFT_20240601_0_L2A",
        "S2A_31UFT_20240602_0_L2A",
    }
    item, item_key = await stored_item(store, "S2A_31UFT_20240602_0_L2A")
    assert item["properties"]["eo:cloud_cover"] == 4.0
    assert item["properties"]["grid:code"] == "MGRS-31UFT"
    assert item["properties"]["s2:processing_baseline"] == "05.10"
    assert item["links"][1] == {
        "rel": "derived_from",
        "href": "https://archive.example/items/S2A_31UFT_20240602_0_L2A",
        "type": "application/geo+json",
    }
    source = item["properties"]["tilewatch:sources"]["red"]
    assert source["href"] == f"{archive.url}/S2A_31UFT_20240602_0_L2A/B04.tif"
    with rasterio.open(store.gdal_path(item_key.replace("item.json", "red.tif"))) as dataset:
        assert dataset.read(1)[20, 20] == RED
        assert dataset.read(1)[0, 0] == 0
    assert list((tmp_path / "downloads").iterdir()) == []


@pytest.mark.parametrize(
    ("source_id", "properties", "offset"),
    [
        # Earth Search, flag true: the -0.1 of raster:bands is ignored
        ("earth-search-sentinel-2-l2a", {"boa_offset_applied": True}, 0.0),
        # flag false, baseline before 04.00
        ("earth-search-sentinel-2-l2a", {"boa_offset_applied": False, "baseline": "02.11"}, 0.0),
        # flag false, baseline since 04.00: the pixels decide, 1718 is above 900
        ("earth-search-sentinel-2-l2a", {"boa_offset_applied": False}, -0.1),
        # flag missing: neither is it known to have been taken away
        ("earth-search-sentinel-2-l2a", {}, -0.1),
        # Collection 1: raster:bands are right
        ("earth-search-sentinel-2-c1-l2a", {"collection": "sentinel-2-c1-l2a"}, -0.1),
        # Planetary Computer: by baseline
        ("planetary-computer-sentinel-2-l2a", {}, -0.1),
        ("planetary-computer-sentinel-2-l2a", {"baseline": "02.12"}, 0.0),
    ],
)
async def test_the_offset_of_every_source(archive, store, contents, bring, source_id, properties, offset):
    item = sentinel_item(archive.url, **properties)
    if source_id.startswith("planetary"):
        item["assets"] = {{"red": "B04", "nir": "B08", "scl": "SCL"}[b]: a for b, a in item["assets"].items()}
        for asset in item["assets"].values():
            del asset["raster:bands"]
    play(archive, [item], contents)
    await bring(source_id=source_id)
    landed, _ = await stored_item(store, item["id"])
    decided = landed["properties"]["tilewatch:harmonisation"]["red"]
    assert (decided["scale"], decided["offset"]) == (0.0001, offset)
    assert decided["reason"]
    # of these numbers the NDVI is 0.5301 with the offset and 0.3204 without
    expected = {-0.1: 0.5301, 0.0: 0.3204}[offset]
    found = await ndvi(store, item["id"])
    assert found[150, 150] == pytest.approx(expected, abs=5e-5)
    assert np.isnan(found[0, 0])  # DN 0 is no data before any offset


async def test_landsat_is_scaled_as_its_archive_says_and_masked_by_its_quality(
    archive, store, bring, tmp_path
):
    """Red 8500 and near infrared 18000 are reflectances of 0.03375 and 0.295: an NDVI of 0.7947."""
    quality = np.full((300, 300), 21824, dtype="uint16")  # clear land
    quality[200:] = 23888  # cloud shadow, and "clear" all the same
    files = {"red": np.full((300, 300), 8500, "uint16"), "nir08": np.full((300, 300), 18000, "uint16")}
    item = sentinel_item(archive.url, "LC09_L2SP_198024_20240615_02_T1", collection="landsat-c2-l2")
    item["properties"] |= {"platform": "landsat-9", "landsat:wrs_path": "198", "landsat:wrs_row": "024"}
    item["assets"] = {}
    for band, values in (*files.items(), ("qa_pixel", quality)):
        path = write_cog(tmp_path / f"{band}.tif", values, nodata=int(band == "qa_pixel"), pixel_size=30)
        archive.routes[f"/{band}.TIF"] = file(path.read_bytes())
        facts = {"nodata": 0, "scale": 0.0000275, "offset": -0.2} if band != "qa_pixel" else {"nodata": 1}
        item["assets"][band] = {"href": f"{archive.url}/{band}.TIF", "raster:bands": [facts]}
    archive.routes["/v1/search"] = lambda _: page([item])
    _, outcome = await bring(source_id="planetary-computer-landsat-c2-l2", bands=("red", "nir08", "qa_pixel"))
    plan = outcome.landings[0].plan
    assert plan.collection.id == "landsat-c2-l2"
    landed = json.loads(await store.get(plan.item_key))
    assert landed["properties"]["tilewatch:harmonisation"]["nir08"] == {
        "scale": 0.0000275,
        "offset": -0.2,
        "reason": "the archive's metadata (raster:bands)",
    }
    product = Registry.load([SHIPPED]).get("ndvi-landsat")
    assert product.formula is not None
    reflectance = {band: (values * 0.0000275 - 0.2).astype("float32") for band, values in files.items()}
    assert product.formula.evaluate(reflectance)[0, 0] == pytest.approx(0.7947, abs=5e-5)
    rejected = product.mask[0].rejected(*as_read(quality))
    assert not rejected[0, 0]
    assert rejected[250, 0]


async def test_a_flag_that_is_wrong_is_found_by_the_pixels(archive, store, bring, tmp_path):
    """Element84/earth-search#71: flagged as not applied, the 1000 taken away nevertheless."""
    item = sentinel_item(archive.url, boa_offset_applied=False)
    play(archive, [item], scene_files(tmp_path, red=RED - 1000, nir=2338))
    await bring()
    landed, _ = await stored_item(store, item["id"])
    decided = landed["properties"]["tilewatch:harmonisation"]["red"]
    assert decided["offset"] == 0.0
    assert "the offset is gone: 1st percentile of the digital numbers is 718" in decided["reason"]
    assert (await ndvi(store, item["id"]))[150, 150] == pytest.approx(0.5301, abs=5e-5)


async def test_the_decision_can_be_overridden(archive, store, contents, bring):
    play(archive, days(archive, 1), contents)
    await bring(options=IngestOptions(offsets=PerBand(0.0)))
    landed, _ = await stored_item(store, "S2A_31UFT_20240601_0_L2A")
    decided = landed["properties"]["tilewatch:harmonisation"]["red"]
    assert (decided["offset"], decided["reason"]) == (0.0, "offset given on landing")


async def test_files_come_side_by_side_but_not_too_many(archive, bring, tmp_path):
    noise = np.random.default_rng(1).integers(1000, 9000, (300, 300), "uint16")
    content = write_cog(tmp_path / "noise.tif", noise, nodata=0).read_bytes()
    items = [
        sentinel_item(
            archive.url,
            f"S2A_31UFT_202406{day}_0_L2A",
            day=f"2024-06-{day}",
            facts=lambda _: {"file:size": len(content)},
        )
        for day in (11, 12)
    ]
    play(archive, items, dict.fromkeys(("red", "nir", "scl"), content), pause_s=0.01)
    await bring()
    assert 2 <= archive.most_at_once <= FILES_AT_ONCE == 4


async def test_what_has_landed_is_not_asked_for_again(archive, store, contents, bring):
    play(archive, days(archive, 2), contents)
    await bring()
    archive.asked.clear()
    survey, outcome = await bring()
    assert (len(survey.landed), survey.pending, outcome.landings) == (2, (), [])
    assert [asked.path for asked in archive.asked] == ["/v1/search"]


async def test_a_newer_version_takes_the_place_of_the_one_landed(archive, store, contents, bring):
    first = sentinel_item(archive.url, "S2A_31UFT_20240615_0_L2A")
    play(archive, [first], contents)
    await bring()
    play(archive, [first, sentinel_item(archive.url, "S2A_31UFT_20240615_1_L2A", sequence="1")], contents)
    await bring()
    assert list((await read_state(store, SENTINEL)).scenes) == ["S2A_31UFT_20240615_1_L2A"]
    commits = [commit async for commit in read_commits(store, SENTINEL)]
    assert [len(commit.added) for commit in commits] == [1, 1]
    assert commits[1].removed == ("S2A_31UFT_20240615_0_L2A",)


async def test_a_part_is_landed_on_the_pixel_grid_of_its_file(archive, store, contents, bring):
    play(archive, days(archive, 1), contents)
    # 655360 + 1003..1987 m, 5686280 - 1003..1987 m of EPSG:32631, in degrees by PROJ's cs2cs
    with rasterio.MemoryFile(contents["red"]) as memory, memory.open() as dataset:
        left, bottom, right, top = rasterio.warp.transform_bounds(
            dataset.crs, "EPSG:4326", 656363, 5684293, 657347, 5685277
        )
    box = Bbox(left, bottom, right, top)
    await bring(bbox=box, options=IngestOptions(clip=box))
    (scene_id,) = (await read_state(store, SENTINEL)).scenes
    assert scene_id.startswith("S2A_31UFT_20240601_0_L2A-")
    item, item_key = await stored_item(store, scene_id)
    for band, size in (("red", 10), ("scl", 20)):
        with rasterio.open(store.gdal_path(item_key.replace("item.json", f"{band}.tif"))) as dataset:
            # the same grid, whole pixels, and not much more than the box
            assert dataset.transform.a == size
            assert (dataset.transform.c - 655360) % size == 0
            assert (5686280 - dataset.transform.f) % size == 0
            assert dataset.bounds.left <= 656363 < dataset.bounds.right
            assert dataset.bounds.right >= 657347
            assert dataset.bounds.top >= 5685277
            assert dataset.bounds.bottom <= 5684293
            assert dataset.bounds.right - dataset.bounds.left <= 984 + 4 * size + 60
    assert item["properties"]["tilewatch:harmonisation"]["red"]["offset"] == -0.1


async def test_the_probe_looks_at_the_whole_scene_and_not_at_the_part(archive, store, bring, tmp_path):
    red = np.full((300, 300), 2500, dtype="uint16")
    red[200:] = 400
    contents = scene_files(tmp_path)
    contents["red"] = write_cog(tmp_path / "dark.tif", red, nodata=0).read_bytes()
    play(archive, [sentinel_item(archive.url, boa_offset_applied=False)], contents)
    with rasterio.MemoryFile(contents["red"]) as memory, memory.open() as dataset:
        bounds = rasterio.warp.transform_bounds(dataset.crs, "EPSG:4326", 656000, 5685500, 657000, 5686000)
    box = Bbox(*bounds)
    await bring(bbox=box, options=IngestOptions(clip=box))
    (scene_id,) = (await read_state(store, SENTINEL)).scenes
    item, _ = await stored_item(store, scene_id)
    assert item["properties"]["tilewatch:harmonisation"]["red"]["offset"] == 0.0


async def test_files_may_stay_where_they_lie(archive, store, contents, bring):
    play(archive, days(archive, 1), contents)
    watch = Quiet()
    _, outcome = await bring(options=IngestOptions(Mode.REFERENCE), watch=watch)
    # the flag is missing, so that red and the classification are fetched for the probe, and nothing else
    assert watch.fetched_bytes == len(contents["red"]) + len(contents["scl"])
    landing = outcome.landings[0]
    assert landing.size_bytes == 0
    keys = [info.key async for info in store.list(landing.plan.folder)]
    assert keys == [landing.plan.item_key, f"{landing.plan.item_key}.copy"]  # and no file
    item, _ = await stored_item(store, "S2A_31UFT_20240601_0_L2A")
    red = item["assets"]["red"]
    assert red["href"] == f"{archive.url}/S2A_31UFT_20240601_0_L2A/B04.tif"
    assert red["proj:transform"] == [10, 0, 655360, 0, -10, 5686280]
    assert red["bands"][0]["raster:offset"] == -0.1
    assert item["assets"]["scl"]["proj:shape"] == [150, 150]
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),  # else it holds the server's thread up
        rasterio.open(f"/vsicurl/{red['href']}") as dataset,
    ):
        assert list(dataset.transform)[:6] == red["proj:transform"]
        assert list(dataset.shape) == red["proj:shape"]
        assert dataset.nodata == red["bands"][0]["nodata"]
    west, south, east, north = item["bbox"]
    with rasterio.MemoryFile(contents["red"]) as memory, memory.open() as dataset:
        real = rasterio.warp.transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
    assert (west, south, east, north) == pytest.approx(real, abs=1e-6)


async def test_nothing_is_fetched_for_files_that_stay_where_the_flag_is_sure(archive, contents, bring):
    play(archive, [sentinel_item(archive.url, boa_offset_applied=True)], contents)
    watch = Quiet()
    _, outcome = await bring(options=IngestOptions(Mode.REFERENCE), watch=watch)
    assert (len(outcome.landings), watch.fetched_bytes) == (1, 0)
    assert all(asked.is_probe for asked in archive.asked if asked.method == "GET")


async def test_a_dead_link_is_not_landed(archive, store, contents, bring):
    play(archive, days(archive, 2), contents)
    archive.routes["/S2A_31UFT_20240602_0_L2A/B08.tif"] = lambda _: Answer(404)
    survey, outcome = await bring()
    assert list(survey.refused) == ["S2A_31UFT_20240602_0_L2A"]
    assert "answers 404 at " in survey.refused["S2A_31UFT_20240602_0_L2A"]
    assert [landing.plan.id for landing in outcome.landings] == ["S2A_31UFT_20240601_0_L2A"]
    _, referred = await bring(options=IngestOptions(Mode.REFERENCE))
    assert list(referred.failures) == ["S2A_31UFT_20240602_0_L2A"]


async def test_a_file_that_is_no_geotiff_costs_its_own_scene(archive, store, contents, bring, tmp_path):
    play(archive, days(archive, 2), contents)
    archive.routes["/S2A_31UFT_20240602_0_L2A/B08.tif"] = file(b"<html>Sorry</html>")
    _, outcome = await bring()
    assert "is not a GeoTIFF" in outcome.failures["S2A_31UFT_20240602_0_L2A"]
    assert list((await read_state(store, SENTINEL)).scenes) == ["S2A_31UFT_20240601_0_L2A"]


async def test_an_archive_that_stops_answering_ends_the_run(archive, store, contents, bring):
    play(archive, days(archive, 5), contents)
    truth = dict(archive.routes)
    for path in list(archive.routes):
        if path.endswith("B04.tif"):
            archive.routes[path] = lambda asked, path=path: (
                truth[path](asked) if asked.is_probe else Answer(503)
            )
    with pytest.raises(ArchiveUnavailableError):
        await bring()
    assert (await read_state(store, SENTINEL)).scenes == {}
    archive.routes = truth
    archive.asked.clear()
    _, outcome = await bring()
    assert len(outcome.landings) == 5


async def test_sizes_and_checksums_of_the_catalogue_are_held_against_the_files(archive, contents, bring):
    item = sentinel_item(archive.url, facts=lambda band: {"file:size": len(contents[band])})
    play(archive, [item], contents)
    item["assets"]["red"]["file:checksum"] = "1220" + "0" * 64
    survey, outcome = await bring()
    assert all(not asked.is_probe for asked in archive.asked)  # sizes were known
    assert "another sha256" in outcome.failures[item["id"]]
    assert survey.to_fetch_bytes == sum(map(len, contents.values()))


async def test_a_disk_that_is_too_small_is_told_before_the_first_byte(archive, contents, bring):
    item = sentinel_item(archive.url, facts=lambda _: {"file:size": 10**15})
    play(archive, [item], contents)
    with pytest.raises(DiskFullError, match=r"fetching needs 3000000\.0 GB"):
        await bring()
    assert [asked.path for asked in archive.asked] == ["/v1/search"]


def test_a_file_left_where_it_lies_cannot_be_clipped():
    with pytest.raises(WantedError, match="cannot be clipped"):
        replace(IngestOptions(Mode.REFERENCE), clip=Bbox(0, 0, 1, 1))


async def test_what_a_run_killed_after_its_commit_has_left_is_cleared_away(
    archive, contents, bring, tmp_path
):
    play(archive, days(archive, 1), contents)
    _, outcome = await bring()
    plan = outcome.landings[0].plan
    left = tmp_path / "downloads" / plan.collection.id / plan.id / plan.digest / "red.tif"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left")
    await bring()
    assert list((tmp_path / "downloads").iterdir()) == []


async def test_scenes_land_on_every_storage(archive, client, storage_address, contents, tmp_path):
    play(archive, days(archive, 3), contents)
    async with await open_storage(storage_address) as opened:
        _, outcome = await ingest(archive.url, client, opened, tmp_path / "downloads")
        assert outcome.failures == {}
        assert len((await read_state(opened, SENTINEL)).scenes) == 3
        survey, _ = await ingest(archive.url, client, opened, tmp_path / "downloads")
        assert (len(survey.landed), survey.pending) == (3, ())
