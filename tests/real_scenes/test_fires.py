"""Two Californian fires, before and after landed as scenes of two dates, against the published dNBR."""

import math
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Geod
from rasterio.features import shapes
from rasterio.io import MemoryFile
from shapely.geometry import mapping, shape
from shapely.ops import unary_union

from tests.real_scenes.conftest import land, serving

pytestmark = pytest.mark.real_data

FIRES = {
    "5-4_POTTERS__20200817": ("2020-07", "2020-09", 0.96),
    "5_INCIDENT_20240715": ("2024-06", "2024-08", 0.99),
}
"""Before, after, and the area under the curve that dNBR must reach against the official perimeter."""
EDGES = [-math.inf, -0.25, -0.10, 0.10, 0.27, 0.44, 0.66, math.inf]
WGS84 = Geod(ellps="WGS84")

every_fire = pytest.mark.parametrize("fire", FIRES)


@pytest.fixture(scope="module")
def fires(shared_data: Path) -> Path:
    return shared_data / "dnbr_sentinel2_california"


@pytest.fixture(scope="module")
def store(fires: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The composites hold B8, the wide near infrared, in place of the product's B8A."""
    store = (tmp_path_factory.mktemp("fires") / "store").as_uri()
    for fire, (before, after, _) in FIRES.items():
        for role, month in (("pre", before), ("post", after)):
            file = fires / f"{fire}_{role}.tif"
            bands = (f"nir08={file}:4", f"swir22={file}:5")
            land(
                store, "sentinel-2-l2a", f"{fire}-{role}", f"{month}-10T18:30:00Z", *bands, options=NO_OFFSET
            )
    return store


NO_OFFSET = ("--offset", "0")
"""The composites' numbers are reflectance * 10000; so says their provenance."""


def pixels(path: Path) -> tuple[NDArray[np.float32], rasterio.Affine]:
    with rasterio.open(path) as dataset:
        return dataset.read(1), dataset.transform


async def on_own_grid(client: httpx.AsyncClient, fires: Path, fire: str) -> NDArray[np.float32]:
    before, after, _ = FIRES[fire]
    with rasterio.open(fires / f"{fire}_dnbr.tif") as dataset:
        box, size = ",".join(map(repr, dataset.bounds)), f"{dataset.width}x{dataset.height}"
    answer = await client.get(f"/products/dnbr/bbox/{box}/{size}.tif?pre={before}&post={after}")
    assert answer.status_code == 200, answer.text
    with MemoryFile(answer.content) as memory, memory.open() as dataset:
        found: NDArray[np.float32] = dataset.read(1)
    return found


@every_fire
async def test_values_and_areas_are_those_published(store: str, fires: Path, fire: str) -> None:
    before, after, least_auc = FIRES[fire]
    published, transform = pixels(fires / f"{fire}_dnbr.tif")
    perimeter = pixels(fires / f"{fire}_mask.tif")[0] == 1
    async with serving(store) as client:
        found = await on_own_grid(client, fires, fire)
        assert found.shape == published.shape
        assert np.isfinite(found).mean() > 0.99
        valid = np.isfinite(found) & np.isfinite(published)
        assert np.abs(found - published)[valid].max() < 1e-4

        # The area under the curve is the chance that a burned cell has more than one outside (Mann-Whitney).
        burned, others = found[valid & perimeter], np.sort(found[valid & ~perimeter])
        below = np.searchsorted(others, burned, "left") + np.searchsorted(others, burned, "right")
        auc = below.mean() / 2 / others.size
        assert auc >= least_auc

        drawn = unary_union(
            [shape(part) for part, value in shapes(perimeter.astype(np.uint8), transform=transform) if value]
        )
        feature = {"type": "Feature", "properties": {}, "geometry": mapping(drawn)}
        address = f"/products/dnbr/statistics?pre={before}&post={after}"
        answer = await client.post(address, json=feature)
        assert answer.status_code == 200, answer.text
        (entry,) = answer.json()["properties"]["series"]

    tops = transform.f + transform.e * np.arange(published.shape[0] + 1)
    row_ha = [
        abs(WGS84.polygon_area_perimeter([0, transform.a, transform.a, 0], [top, top, bottom, bottom])[0])
        / 1e4
        for top, bottom in pairwise(tops)
    ]
    counted = []
    for low, high in pairwise(EDGES):
        of_class = perimeter & (published >= np.float32(low)) & (published < np.float32(high))
        counted.append(float(of_class.sum(axis=1) @ row_ha))
    assert [row["area_ha"] for row in entry["classes"]] == pytest.approx(counted, rel=1e-6, abs=1e-3)
    assert sum(counted) > 100
    assert {role: entry["windows"][role]["period"] for role in ("pre", "post")} == {
        "pre": before,
        "post": after,
    }
    # The composites have no scene classification, and no fire zone has landed: neither rule was applied.
    assert len(entry["unmasked"]) == 2


async def test_a_ring_around_the_perimeter_gives_the_offset(store: str, fires: Path) -> None:
    fire = "5_INCIDENT_20240715"
    before, after, _ = FIRES[fire]
    published, transform = pixels(fires / f"{fire}_dnbr.tif")
    middle_x, middle_y = transform @ (50, 120)
    box = [middle_x - 0.002, middle_y - 0.002, middle_x + 0.002, middle_y + 0.002]
    corners = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3]), (box[0], box[1])]
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [corners]},
    }
    async with serving(store) as client:
        address = f"/products/dnbr/statistics?pre={before}&post={after}"
        plain = (await client.post(address, json=feature)).json()["properties"]["series"][0]
        ringed = (await client.post(f"{address}&offset=ring:180", json=feature)).json()
        entry = ringed["properties"]["series"][0]
        refused = await client.post(
            f"/products/rdnbr/statistics?pre={before}&post={after}&offset=ring", json=feature
        )

    # Cell middles within 180 m of the box and not in it, distances on a plane at this latitude.
    lat = math.radians(middle_y)
    rows, columns = np.mgrid[0 : published.shape[0], 0 : published.shape[1]] + 0.5
    xs, ys = transform.c + transform.a * columns, transform.f + transform.e * rows
    across = np.maximum(np.maximum(box[0] - xs, xs - box[2]), 0) * 111_320 * math.cos(lat)
    along = np.maximum(np.maximum(box[1] - ys, ys - box[3]), 0) * 111_130
    distance = np.hypot(across, along)
    around = (distance > 0) & (distance <= 180)
    expected = float(published[around].mean())
    assert entry["offset"]["value"] == pytest.approx(expected, abs=0.005)
    assert entry["offset"]["ring"]["count"] == pytest.approx(around.sum(), rel=0.03)
    assert entry["mean"] == pytest.approx(plain["mean"] - entry["offset"]["value"], abs=1e-5)
    assert plain["offset"] == {"value": 0.0}
    assert refused.status_code == 400
    assert "has no offset" in refused.json()["detail"]
