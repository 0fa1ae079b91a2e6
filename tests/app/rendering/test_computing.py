"""Values of several scenes on one grid, worked out by hand."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from rasterio.crs import CRS

from app.products.product import Product
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.resolving import SceneWindows, WindowScenes
from app.rendering.values import ItemOf, Pixels
from mosaics.index import SceneRef
from mosaics.period import Period
from mosaics.raster.grid import Grid
from mosaics.raster.reading import BandPixels
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


def changed(product: Product, **fields: Any) -> Product:
    return Product.model_validate(product.model_dump(by_alias=True) | fields)


PICTURE = Product.model_validate(
    {
        "id": "picture",
        "title": "Picture",
        "collection": "sentinel-2-l2a",
        "bands": ["red", "nir", "red"],
        "rescale": [0, 1],
    }
)


BANDS = ("red", "nir", "scl")
Stored = Mapping[str, NDArray[np.uint8] | None]
PLANE = arrays(np.uint8, (2, 3), elements=st.sampled_from([0, 1, 2, 3, 9]))


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


STORED = st.lists(
    st.fixed_dictionaries({"red": PLANE, "nir": PLANE, "scl": PLANE | st.none()}), min_size=0, max_size=3
)
"""Scenes, best first, as stored: 0 is no data, 9 in the mask band is cloud; None: there is no such band."""


def scenes_of(name: str, stored: list[Stored]) -> tuple[SceneRef, ...]:
    return tuple(ref(f"{name}{number}") for number in range(len(stored)))


def given_pixels(worlds: Mapping[str, list[Stored]]) -> tuple[Pixels, ItemOf]:
    """Pixels of scenes that need no file."""

    def stored(scene_id: str) -> Stored:
        return worlds[scene_id[:-1]][int(scene_id[-1])]

    def read(asset: Asset) -> BandPixels:
        scene_id, _, band = asset.path.partition("/")
        plane = stored(scene_id)[band]
        assert plane is not None
        return BandPixels(plane, plane != 0)

    def item_of(scene: SceneRef) -> SceneItem:
        bands = [band for band, plane in stored(scene.id).items() if plane is not None]
        assets = {b: Asset(b, f"{scene.id}/{b}", "uint8", 0, 1.0, 0.0, "1") for b in bands}
        return SceneItem(scene.id, scene.item_key, "sentinel-2-l2a", WHEN, WHEN, assets, {})

    return Pixels((2, 3), read, GRID.lonlats), item_of


def best(stored: list[Stored], at: tuple[int, int], *, falls_on: bool) -> tuple[float, float] | None:
    """Red and nir of the first scene that has both and no cloud; `falls_on` where they are equal, too."""
    for scene in stored:
        red, nir, scl = (int(plane[at]) if plane is not None else None for plane in map(scene.get, BANDS))
        if red and nir and scl not in (0, 9) and not (falls_on and red == nir):
            return red, nir
    return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stored=STORED)
def test_one_window_is_filled_as_it_is_by_hand(stored: list[Stored]) -> None:
    product = changed(RATIO, expression="red / (red - nir)")
    pixels, item_of = given_pixels({"a": stored})
    scenes = one_window(scenes_of("a", stored))
    found = compute_values(product, scenes, pixels, item_of, Clock())
    for at in np.ndindex(2, 3):
        pair = best(stored, at, falls_on=True)
        value = np.nan if pair is None else pair[0] / (pair[0] - pair[1])
        assert found.planes[0][at] == pytest.approx(value, nan_ok=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(after=STORED, before=STORED)
def test_two_windows_are_filled_as_they_are_by_hand(after: list[Stored], before: list[Stored]) -> None:
    roles = {"post": {"title": "After"}, "pre": {"title": "Before", "before": "post"}}
    product = changed(RATIO, expression="pre.red / pre.nir - post.red / (post.red - post.nir)", roles=roles)
    pixels, item_of = given_pixels({"a": after, "b": before})
    windows = tuple(
        WindowScenes(role, (scenes_of(name, stored),))
        for role, name, stored in (("post", "a", after), ("pre", "b", before))
    )
    found = compute_values(product, SceneWindows(windows), pixels, item_of, Clock())
    for at in np.ndindex(2, 3):
        post, pre = best(after, at, falls_on=False), best(before, at, falls_on=False)
        value = np.nan
        if post is not None and pre is not None and post[0] != post[1]:
            value = pre[0] / pre[1] - post[0] / (post[0] - post[1])
        assert found.planes[0][at] == pytest.approx(value, nan_ok=True, rel=1e-5, abs=1e-5)
