"""Values of several scenes on one grid, worked out by hand."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from rasterio.crs import CRS

from app.products.product import Product
from app.rendering.computing import Clock, compute_values, pixels_of
from mosaics.index import SceneRef
from mosaics.period import Period
from mosaics.raster.grid import Grid
from mosaics.scene import Asset, SceneItem
from tests.app.rendering.windows import one_window
from tests.rasters import write_cog

CORNER = (500_000.0, 4_500_000.0)
GRID = Grid(CRS.from_epsg(32614), (CORNER[0], CORNER[1] - 40, CORNER[0] + 40, CORNER[1]), 4, 4)
WHEN = datetime(2024, 6, 10, tzinfo=UTC)

RATIO = Product.model_validate(
    {
        "id": "ratio",
        "title": "Ratio",
        "collection": "sentinel-2-l2a",
        "expression": "nir / red",
        "unit": "1",
        "rescale": [0, 10],
        "colormap": "greys",
        "mask": [{"band": "scl", "reject": [9], "label": "cloud"}],
    }
)
PICTURE = Product.model_validate(
    {
        "id": "picture",
        "title": "Picture",
        "collection": "sentinel-2-l2a",
        "bands": ["red", "nir", "red"],
        "rescale": [0, 1],
    }
)


def ref(name: str) -> SceneRef:
    return SceneRef(
        id=name,
        item_key=f"{name}/item.json",
        start=WHEN,
        end=WHEN,
        period=Period.parse("2024-06"),
        cloud_cover_percent=None,
        synthetic=False,
    )


class Scenes:
    """Makes scenes of 4 by 4 pixels, and knows their items."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._items: dict[str, SceneItem] = {}

    def __call__(self, name: str, **bands) -> SceneRef:
        """A scene of bands, each given as what broadcasts to its stored pixels."""
        assets = {}
        for band, values in bands.items():
            pixels = np.broadcast_to(np.array(values, np.uint16), (4, 4))
            path = self._folder / f"{name}-{band}.tif"
            write_cog(path, pixels, crs="EPSG:32614", upper_left=CORNER, nodata=0)
            scale = 1.0 if band == "scl" else 0.0001
            assets[band] = Asset(band, str(path), "uint16", 0, scale, 0.0, "1")
        self._items[name] = SceneItem(
            name, f"{name}/item.json", "sentinel-2-l2a", WHEN, WHEN, MappingProxyType(assets), {}
        )
        return ref(name)

    def item_of(self, found: SceneRef) -> SceneItem:
        return self._items[found.id]


@pytest.fixture
def scene(tmp_path):
    return Scenes(tmp_path)


def computed(product, scenes, item_of):
    return compute_values(product, one_window(scenes), pixels_of(GRID), item_of, Clock())


def test_a_pixel_takes_the_first_scene_that_has_a_value(scene):
    cloudy = [[4], [9], [4], [4]]
    best = scene("best", red=1000, nir=[[2000], [2000], [0], [2000]], scl=cloudy)
    other = scene("other", red=1000, nir=5000, scl=[[4], [4], [4], [9]])
    found = computed(RATIO, [best, other], scene.item_of)
    # rows: best; cloud in best, so other; no data in best, so other; best
    assert found.planes[0, :, 0].tolist() == pytest.approx([2.0, 5.0, 5.0, 2.0])
    assert found.used == ("best", "other")
    assert found.skipped == ()


def test_scenes_after_the_last_missing_pixel_are_not_opened(scene):
    full = scene("full", red=1000, nir=2000, scl=4)
    found = computed(RATIO, [full, ref("never-landed")], scene.item_of)
    assert found.used == ("full",)


def test_the_bands_of_a_pixel_come_from_one_scene(scene):
    best = scene("best", red=[[1000], [0], [1000], [1000]], nir=2000)
    other = scene("other", red=3000, nir=6000)
    found = computed(PICTURE, [best, other], scene.item_of)
    assert found.planes[:, 1, 0].tolist() == pytest.approx([0.3, 0.6, 0.3])
    assert found.planes[:, 0, 0].tolist() == pytest.approx([0.1, 0.2, 0.1])


def test_a_pixel_whose_mask_has_no_value_does_not_count(scene):
    unknown = scene("unknown", red=1000, nir=2000, scl=[[0], [4], [4], [4]])
    found = computed(RATIO, [unknown], scene.item_of)
    assert np.isnan(found.planes[0, 0]).all()
    assert not np.isnan(found.planes[0, 1:]).any()
    assert found.unmasked == ()


def test_a_rule_on_a_band_the_scene_lacks_is_told(scene):
    bare = scene("bare", red=1000, nir=2000)
    found = computed(RATIO, [bare], scene.item_of)
    assert found.planes[0, 0, 0] == pytest.approx(2.0)
    assert found.unmasked == ("cloud",)


def test_a_scene_that_lacks_a_band_of_the_formula_gives_nothing(scene):
    half = scene("half", red=1000)
    other = scene("other", red=1000, nir=3000, scl=4)
    found = computed(RATIO, [half, other], scene.item_of)
    assert found.used == ("other",)
    assert found.planes[0, 0, 0] == pytest.approx(3.0)


def test_a_damaged_scene_is_skipped_and_the_next_one_seen(scene, tmp_path):
    broken = scene("broken", red=1000, nir=2000, scl=4)
    (tmp_path / "broken-nir.tif").write_bytes(b"not a raster")
    other = scene("other", red=1000, nir=3000, scl=4)
    found = computed(RATIO, [broken, other], scene.item_of)
    assert [skipped.id for skipped in found.skipped] == ["broken"]
    assert [asset.band for asset in found.failed] == ["nir"]
    assert found.planes[0, 0, 0] == pytest.approx(3.0)


def test_a_truncated_file_is_a_damaged_one(scene, tmp_path):
    """Its header opens; its pixels are not there."""
    broken = scene("broken", red=1000, nir=2000)
    file = tmp_path / "broken-nir.tif"
    file.write_bytes(file.read_bytes()[:-24])
    found = computed(PICTURE, [broken], scene.item_of)
    assert [skipped.id for skipped in found.skipped] == ["broken"]
    assert np.isnan(found.planes).all()


def test_a_ratio_of_nothing_to_nothing_is_missing(scene):
    """Sentinel-2 from baseline 04.00 on stores reflectance 0 as 1000; NDVI of two such bands says nothing."""
    product = Product(**{**RATIO.model_dump(by_alias=True), "expression": "(nir - red) / (nir + red)"})
    dark = scene("dark", red=1000, nir=[[1000], [2000], [1000], [3000]], scl=4)
    assets = dict(scene.item_of(dark).assets)
    for band in ("red", "nir"):
        assets[band] = dataclasses.replace(assets[band], offset=-0.1)
    item = dataclasses.replace(scene.item_of(dark), assets=MappingProxyType(assets))
    found = computed(product, [dark], lambda _: item)
    assert np.isnan(found.planes[0, 0]).all()
    assert found.planes[0, 1, 0] == pytest.approx(1.0)


def test_no_scene_is_read_for_pixels_that_are_not_wanted(scene):
    best = scene("best", red=1000, nir=2000, scl=[[4], [9], [4], [4]])
    wanted = np.ones((4, 4), bool)
    wanted[1] = False
    scenes = one_window([best, ref("never-landed")])
    found = compute_values(RATIO, scenes, pixels_of(GRID), scene.item_of, Clock(), wanted=wanted)
    assert found.used == ("best",)
    assert np.isnan(found.planes[0, 1]).all()
    assert not np.isnan(found.planes[0, [0, 2, 3]]).any()
