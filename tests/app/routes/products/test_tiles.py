"""Tiles over HTTP: the same bytes by every address, known again by their tag, new when a scene lands."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from app.settings import Settings
from mosaics.storage import open_storage
from tests.app.conftest import eventually, serving
from tests.app.landed import land, lonlat
from tests.rasters import MOL

TILE = "/products/ndvi/tiles/WebMercatorQuad/14/8430/5463"
"""The tile at zoom 14 that holds the middle of the scene (5.2467 E, 51.2947 N), by the OSM formula."""

NEIGHBOUR = "/products/ndvi/tiles/WebMercatorQuad/14/8431/5463"
FAR_AWAY = "/products/ndvi/tiles/WebMercatorQuad/14/0/0"


async def test_a_tile_holds_the_values_worked_out_by_hand(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{TILE}.npy")
    values, mask = np.load(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "application/x-binary"
    # The tile lies within the scene, whose northernmost rows are cloud: masked, which is -2.
    assert set(np.unique(mask)) == {-2, 255}
    inside = values[mask == 255]
    assert np.isin(np.round(inside, 5), [0.0, 0.5]).all()
    assert {0.0, 0.5} <= set(np.round(inside, 5).tolist())


async def test_every_address_of_a_tile_gives_the_same_picture(client: httpx.AsyncClient) -> None:
    long_form = await client.get(f"{TILE}.png")
    short_form = await client.get("/tiles/ndvi/14/8430/5463.png")
    named = await client.get(f"{TILE}.png?datetime=2024-06")
    assert long_form.status_code == 200
    assert Image.open(io.BytesIO(long_form.content)).size == (256, 256)
    assert long_form.content == short_form.content == named.content
    assert long_form.headers["etag"] == short_form.headers["etag"] == named.headers["etag"]


async def test_a_tile_of_512_pixels_has_512_pixels(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{TILE}.webp?tilesize=512")
    assert Image.open(io.BytesIO(answer.content)).size == (512, 512)


async def test_the_second_answer_comes_from_memory_and_the_tag_is_enough_for_the_third(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get(f"{TILE}.png")
    second = await client.get(f"{TILE}.png")
    third = await client.get(f"{TILE}.png", headers={"If-None-Match": first.headers["etag"]})
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("computed", "process")
    assert "encode;dur=" in first.headers["server-timing"]
    assert first.content == second.content
    assert (third.status_code, third.content) == (304, b"")


async def test_head_answers_with_the_headers_of_get_whether_computed_or_kept(
    client: httpx.AsyncClient,
) -> None:
    computed = await client.head(f"{TILE}.png")
    got = await client.get(f"{TILE}.png")
    kept = await client.head(f"{TILE}.png")
    assert (computed.status_code, kept.status_code) == (200, 200)
    assert computed.content == kept.content == b""
    for name in ("etag", "content-type", "cache-control", "content-length"):
        assert computed.headers[name] == got.headers[name] == kept.headers[name]
    assert int(got.headers["content-length"]) == len(got.content)


async def test_the_revision_of_tilejson_makes_an_answer_last(client: httpx.AsyncClient) -> None:
    document = (await client.get("/products/ndvi/WebMercatorQuad/tilejson.json")).json()
    address = document["tiles"][0].format(z=14, x=8430, y=5463)
    lasting = await client.get(address)
    other = await client.get(f"{TILE}.png?v=0123456789abcdef")
    assert lasting.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert other.headers["cache-control"] == "public, max-age=60, must-revalidate"
    assert lasting.content == other.content


async def test_a_tile_that_no_scene_covers_is_empty(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{FAR_AWAY}.png")
    assert (answer.status_code, answer.content) == (204, b"")


async def test_bands_and_expressions_of_a_collection_are_drawn(client: httpx.AsyncClient) -> None:
    tile = "/collections/sentinel-2-l2a/tiles/WebMercatorQuad/14/8430/5463"
    picture = await client.get(f"{tile}.png?bands=red,green,blue")
    band = await client.get(f"{tile}.npy?bands=red")
    math = await client.get(f"{tile}.npy", params={"expression": "nir - red"})
    assert Image.open(io.BytesIO(picture.content)).size == (256, 256)
    reflectance = np.unique(np.load(io.BytesIO(band.content))[0].round(4))
    assert {0.1, 0.2} <= {round(float(v), 4) for v in reflectance if not np.isnan(v)}
    differences = np.load(io.BytesIO(math.content))[0]
    assert {0.0, 0.2} <= {round(float(v), 4) for v in np.unique(differences) if not np.isnan(v)}


async def test_a_scene_that_lands_changes_the_tags_of_its_tiles_and_of_no_other(
    settings: Settings, tmp_path: Path
) -> None:
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, "S2A_FIRST")
        async with serving(settings) as client:
            addresses = {name: f"/tiles/ndvi/14/{x}/5463.png" for name, x in (("here", 8430), ("east", 8432))}
            await land(storage, tmp_path, "S2A_EAST", upper_left=(MOL[0] + 3200, MOL[1]))
            await eventually(lambda: _scenes(client, 2))
            before = {
                name: (await client.get(address)).headers["etag"] for name, address in addresses.items()
            }
            await land(storage, tmp_path, "S2A_FAR_EAST", upper_left=(MOL[0] + 3200, MOL[1] - 500))
            await eventually(lambda: _scenes(client, 3))
            unchanged = await client.get(addresses["here"], headers={"If-None-Match": before["here"]})
            changed = await client.get(addresses["east"], headers={"If-None-Match": before["east"]})
    assert unchanged.status_code == 304
    assert changed.status_code == 200
    assert changed.headers["etag"] != before["east"]


async def test_a_scene_that_cannot_be_read_is_left_out_and_counted(
    settings: Settings, tmp_path: Path
) -> None:
    async with await open_storage(settings.storage) as storage:
        record = await land(storage, tmp_path)
    broken = tmp_path / "secret-store" / record.item_key.replace("item.json", "red.tif")
    broken.write_bytes(b"no raster at all")
    async with serving(settings) as client:
        answer = await client.get(f"{TILE}.png")
        metrics = (await client.get("/metrics")).text
    assert answer.status_code == 200
    assert answer.headers["x-tilewatch-skipped"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert "tilewatch_scenes_skipped_total 1.0" in metrics


@pytest.mark.parametrize("damage", ["{", '{"properties": {}}', ""])
async def test_a_damaged_item_costs_its_own_scene_alone(
    settings: Settings, tmp_path: Path, damage: str
) -> None:
    async with await open_storage(settings.storage) as storage:
        damaged = await land(storage, tmp_path, "S2A_MOL_A")  # the first to be looked at
        await land(storage, tmp_path, "S2A_MOL_B")
    (tmp_path / "secret-store" / damaged.item_key).write_text(damage)
    lon, lat = lonlat(64.5, 128.5)
    async with serving(settings) as client:
        answer = await client.get(f"{TILE}.npy")
        point = (await client.get(f"/products/ndvi/point/{lon},{lat}")).json()
    values, mask = np.load(io.BytesIO(answer.content))
    assert (answer.status_code, answer.headers["x-tilewatch-skipped"]) == (200, "1")
    assert answer.headers["cache-control"] == "no-store"
    assert set(np.round(values[mask == 255], 5).tolist()) == {0.0, 0.5}
    assert (point["value"], point["scenes"]) == (0.5, ["S2A_MOL_B"])


async def test_synthetic_data_are_labelled_wherever_they_show(settings: Settings, tmp_path: Path) -> None:
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, synthetic=True)
    lon, lat = lonlat(64, 128)
    async with serving(settings) as client:
        tile = await client.get(f"{TILE}.png")
        documents = {
            path: (await client.get(path)).json()
            for path in (
                "/products/ndvi",
                "/products/ndvi/WebMercatorQuad/tilejson.json",
                f"/products/ndvi/point/{lon},{lat}",
                "/products/ndvi/legend.json",
            )
        }
    assert tile.headers["x-tilewatch-synthetic"] == "1"
    legend = documents.pop("/products/ndvi/legend.json")
    assert "Synthetic" in legend["note"]
    assert all(document["synthetic"] for document in documents.values())


async def _scenes(client: httpx.AsyncClient, count: int) -> bool:
    times = (await client.get("/products/ndvi/times?bbox=5,51,6,52")).json()
    return bool(times["times"][-1]["scenes"] == count)
