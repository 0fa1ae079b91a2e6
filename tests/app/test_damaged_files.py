"""A bit of a landed file changes: its scene is missing and reported everywhere, its pixels never shown."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import rasterio
from shapely.geometry import box, mapping

from app.settings import Settings
from ingest.integrity import integrity_of
from tests.app.conftest import serving
from tests.app.landed import lonlat

TILE = "/tiles/ndvi/14/8430/5463"
TIME = "datetime=2024-06"


def flip_bit_of_every_block(path: Path) -> None:
    """Change one bit of each block, at every resolution, and nothing else."""
    content = bytearray(path.read_bytes())
    with rasterio.open(path) as dataset:
        levels = [None, *range(len(dataset.overviews(1)))]
    for level in levels:
        with rasterio.open(path, **({} if level is None else {"overview_level": level})) as dataset:
            high, wide = dataset.block_shapes[0]
            for row in range(-(-dataset.height // high)):
                for column in range(-(-dataset.width // wide)):
                    offset = dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1)
                    size = dataset.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=1)
                    content[int(offset) + int(size) // 2] ^= 1
    path.write_bytes(content)


async def test_a_flipped_bit_is_missing_and_reported_everywhere(
    settings: Settings, two_months: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(two_months.removeprefix("file://"), store)
    for path in store.rglob("item.json"):
        item = json.loads(path.read_text())
        item["assets"]["red"] |= integrity_of(path.with_name("red.tif"))  # as landing writes it
        path.write_text(json.dumps(item))
    for path in store.rglob("red.tif"):
        flip_bit_of_every_block(path)
    lon, lat = lonlat(100, 100)
    west, south, east, north = lon - 0.001, lat - 0.001, lon + 0.001, lat + 0.001
    async with serving(settings.model_copy(update={"storage": store.as_uri()})) as client:
        tile = await client.get(f"{TILE}.png?{TIME}")
        values = await client.get(f"{TILE}.npy?{TIME}")
        point = await client.get(f"/products/ndvi/point/{lon},{lat}?{TIME}")
        there = f"/products/ndvi/bbox/{west},{south},{east},{north}"
        pictures = [await client.get(f"{there}/64x64.{form}?{TIME}") for form in ("png", "npy", "tif")]
        pictures += [await client.get(f"{TILE}.{form}?{TIME}") for form in ("tif", "webp")]
        area = {"type": "Feature", "properties": {}, "geometry": mapping(box(west, south, east, north))}
        for form in ("64x64.png", "64x64.npy", "64x64.tif"):
            pictures.append(await client.post(f"/products/ndvi/feature/{form}?{TIME}", json=area))
        statistics = await client.post(f"/products/ndvi/statistics?{TIME}", json=area)
        health = await client.get("/health")
    for answer in (tile, values, point, *pictures):
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-tilewatch-skipped"] == "1"
        assert answer.headers["cache-control"] == "no-store"
    found = np.load(io.BytesIO(values.content))
    assert np.isnan(found[0]).all()
    assert (point.json()["state"], point.json()["value"]) == ("unreadable", None)
    assert point.json()["reason"].startswith("Unreadable: files of ")
    (entry,) = statistics.json()["properties"]["series"]
    assert entry["skipped"]
    assert entry["mean"] is None
    assert health.status_code == 503
    says = health.json()["checks"]["files"]
    assert says["ok"] is False
    assert "red.tif is damaged: the block in row 0 and column 0" in says["says"]
    assert str(tmp_path) not in health.text
