"""Maps of one item: two scenes of one place and month, each shown by its own and by nothing else."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from app.database import Database
from app.settings import Settings
from app.stac.index_updates import SceneIndexUpdates
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.landed import land, lonlat
from tests.app.stac.conftest import still_leading
from tests.rasters import MOL

ITEMS = "/stac/collections/sentinel-2-l2a/items"
SHIFTED = (MOL[0] + 1280.0, MOL[1])
"""Half the scene's width east, so that its western half lies over the other scene's eastern half."""


@pytest.fixture
async def overlapping(
    settings: Settings, tmp_path: Path, database: Database, database_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    async with await open_storage(settings.storage) as storage:
        await land(storage, tmp_path, "west")
        await land(storage, tmp_path, "east", upper_left=SHIFTED)
        await SceneIndexUpdates(database, storage).refresh(still_leading)
    indexed = settings.model_copy(update={"database_url": database_url, "jobs": False})
    async with serving(indexed) as client:
        yield client


async def tile(client: httpx.AsyncClient, scene: str) -> np.ndarray:
    answer = await client.get(f"{ITEMS}/{scene}/products/ndvi/tiles/14/8430/5463.npy")
    assert answer.status_code == 200
    values, mask = np.load(io.BytesIO(answer.content))
    return np.where(mask > 0, values, np.nan)


async def test_a_tile_of_an_item_has_its_values_alone(overlapping: httpx.AsyncClient) -> None:
    west, east = await tile(overlapping, "west"), await tile(overlapping, "east")
    both = np.isfinite(west) & np.isfinite(east)
    # The eastern half of one (NDVI 0) lies under the western half of the other (NDVI 0.5).
    assert both.any()
    assert np.abs(west[both]).max() < 1e-6
    assert east[both] == pytest.approx(0.5, abs=1e-6)


async def test_tilejson_preview_and_thumbnail_are_of_the_item(overlapping: httpx.AsyncClient) -> None:
    item = (await overlapping.get(f"{ITEMS}/east")).json()
    layer = next(link for link in item["links"] if link["rel"] == "tilejson" and "/ndvi/" in link["href"])
    document = (await overlapping.get(layer["href"])).json()
    assert document["bounds"][0] == pytest.approx(lonlat(0, 0, SHIFTED)[0], abs=0.01)
    assert (document["tileSize"], document["period"], document["maxzoom"]) == (256, "2024-06", 14)
    lon, lat, _ = document["center"]
    assert document["bounds"][0] < lon < document["bounds"][2]
    assert document["bounds"][1] < lat < document["bounds"][3]
    drawn = await overlapping.get(document["tiles"][0].format(z=14, x=8430, y=5463))
    assert drawn.headers["content-type"] == "image/png"
    assert "immutable" in drawn.headers["cache-control"]
    picture = await overlapping.get(item["assets"]["thumbnail"]["href"])
    assert max(Image.open(io.BytesIO(picture.content)).size) == 512
    again = {"If-None-Match": picture.headers["etag"]}
    assert (await overlapping.get(picture.url, headers=again)).status_code == 304


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("west/products/ndvi/tiles/14/0/0.png", 204),
        ("west/products/ndvi/tiles/2/4/0.png", 404),
        ("west/products/nothing/preview.png", 404),
        ("west/products/ndvi-change/tilejson.json", 404),
        ("nothing/products/ndvi/tilejson.json", 404),
        ("west/products/ndvi/preview.png?width=3", 400),
    ],
)
async def test_what_an_item_does_not_show_is_said(
    overlapping: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await overlapping.get(f"{ITEMS}/{path}")).status_code == status
