"""Values over two and more windows, worked out by hand and by numpy."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from app.products.product import Product
from app.products.registry import Registry
from app.rendering.comparability import MixedProcessingError
from app.rendering.computing import Clock, compute_values, pixels_of
from app.rendering.resolving import SceneWindows, WindowScenes
from app.rendering.values import Values
from mosaics.index import SceneRef
from mosaics.scene import SceneItem
from tests.app.rendering.test_computing import GRID, Scenes

PRODUCTS = Registry.load()
DNBR = PRODUCTS.get("dnbr")
ANOMALY = PRODUCTS.get("ndvi-anomaly")

NBR_HALF = {"nir08": 3000, "swir22": 1000}
"""NBR 0.5; the other way round it is -0.5."""
NBR_MINUS_HALF = {"nir08": 1000, "swir22": 3000}


@pytest.fixture
def scene(tmp_path):
    return Scenes(tmp_path)


def compared(
    product: Product,
    scene: Scenes,
    *,
    zones: Sequence[SceneRef] = (),
    **windows: Any,
) -> Values:
    """The values of a product whose windows have these scenes, in lists of lists for several years."""
    found = []
    for role in product.role_bands:
        scenes = windows[role]
        years = product.roles[role].is_repeated
        spans = tuple(tuple(year) for year in scenes) if years else (tuple(scenes),)
        found.append(WindowScenes(role, spans, product.roles[role].minimum_years or 1))
    sources = SceneWindows(tuple(found), {zone: tuple(zones) for zone in product.zone_rules})
    return compute_values(product, sources, pixels_of(GRID), scene.item_of, Clock())


def column(values: Values) -> list[float]:
    """The first pixel of each row."""
    return [float(value) for value in values.planes[0, :, 0]]


def test_a_pixel_counts_where_both_dates_do(scene):
    pre = scene("pre", nir08=3000, swir22=[[1000], [0], [1000], [1000]], scl=4)
    post = scene("post", **NBR_MINUS_HALF, scl=[[4], [4], [9], [6]])
    found = compared(DNBR, scene, pre=[pre], post=[post])
    # NBR 0.5 before and -0.5 after: 1. Then no data before; cloud after; water after.
    assert column(found) == pytest.approx([1.0, np.nan, np.nan, np.nan], nan_ok=True)
    assert found.marks["masked"][:, 0].tolist() == [False, False, True, True]
    assert set(found.used) == {"pre", "post"}
    assert found.unmasked == ("outside the fire zones",)


def test_each_window_takes_its_own_best_scenes(scene):
    clouded = scene("clouded", **NBR_HALF, scl=[[9], [4], [9], [4]])
    clear = scene("clear", nir08=1000, swir22=1000, scl=[[4], [4], [3], [4]])
    post = scene("post", **NBR_MINUS_HALF, scl=4)
    found = compared(DNBR, scene, pre=[clouded, clear], post=[post])
    # Row 0 is clouded in the better scene, so NBR 0 of the other; row 2 is masked in both.
    assert column(found) == pytest.approx([0.5, 1.0, np.nan, 1.0], nan_ok=True)
    assert found.marks["masked"][:, 0].tolist() == [False, False, True, False]


def test_the_fire_zone_is_applied_where_one_has_landed(scene):
    pre, post = scene("pre", **NBR_HALF, scl=4), scene("post", **NBR_MINUS_HALF, scl=4)
    # Stored 0 is no data to these test scenes, so zones are told by the product's rule: 2 is outside.
    rule = DNBR.zone_rules["fire-zones"].model_copy(update={"reject": (2,)})
    product = Product.model_validate(DNBR.model_dump(by_alias=True) | {"mask": [*DNBR.scene_rules, rule]})
    zone = scene("zone", zone=[[1], [2], [0], [1]])
    found = compared(product, scene, pre=[pre], post=[post], zones=[zone])
    assert column(found) == pytest.approx([1.0, np.nan, 1.0, 1.0], nan_ok=True)
    assert found.marks["outside_zone"][:, 0].tolist() == [False, True, False, False]
    assert not found.marks["masked"].any()
    # In row 2 no zone is known: the value is given, and the answer says that the rule was not applied.
    assert found.unmasked == ("outside the fire zones",)


def test_landsat_is_compared_under_its_quality_bits(scene):
    # QA_PIXEL of the USGS: 21824 clear land, 21952 clear water, 22280 cloud, 23888 cloud shadow.
    pre = scene("pre", **NBR_HALF, qa_pixel=[[21824], [21952], [21824], [21824]])
    post = scene("post", **NBR_MINUS_HALF, qa_pixel=[[21824], [21824], [22280], [23888]])
    # NBR 0.5, then -0.5; 1000 * 1 / sqrt(0.5); 1000 * 1 / 1.501
    for name, value in (("dnbr", 1.0), ("rdnbr", 1414.2136), ("rbr", 666.2225)):
        found = compared(PRODUCTS.get(f"{name}-landsat"), scene, pre=[pre], post=[post])
        assert column(found) == pytest.approx([value, np.nan, np.nan, np.nan], nan_ok=True, rel=1e-6)
        assert found.marks["masked"][:, 0].tolist() == [False, True, True, True]
        assert found.unmasked == ("outside the fire zones",)


def test_an_offset_is_subtracted_before_classes(scene):
    pre, post = scene("pre", nir08=3000, swir22=2000, scl=4), scene("post", nir08=2500, swir22=2500, scl=4)
    plain = compared(DNBR, scene, pre=[pre], post=[post])
    shifted = compared(DNBR.specified(windows={}, offset=0.12), scene, pre=[pre], post=[post])
    assert column(plain)[0] == pytest.approx(0.2)
    assert column(shifted)[0] == pytest.approx(0.08)
    palette = DNBR.palette
    assert palette is not None
    assert palette.entries[palette.index(plain.planes[0])[0, 0] - 1].label == "Low severity"
    assert palette.entries[palette.index(shifted.planes[0])[0, 0] - 1].label == "Unburned"


def test_an_anomaly_is_taken_over_the_years_that_have_a_value(scene):
    # NDVI 0.5, 0.6 and 0.7 in three years, (1 + v) : (1 - v) of nir and red; clouds hide two in row 1.
    years = [
        scene(f"y{n}", nir=5000 + 500 * n, red=5000 - 500 * n, scl=[[4], [4 if n == 5 else 9], [4], [4]])
        for n in (5, 6, 7)
    ]
    post = scene("post", nir=9000, red=1000, scl=4)
    found = compared(ANOMALY, scene, post=[post], baseline=[[each] for each in years])
    # Mean 0.6, sample standard deviation 0.1, now 0.8: two standard deviations.
    assert column(found) == pytest.approx([2.0, np.nan, 2.0, 2.0], nan_ok=True, abs=1e-4)
    assert found.marks["masked"][:, 0].tolist() == [False, True, False, False]


def test_an_anomaly_needs_a_ratio_that_says_something():
    assert ANOMALY.formula is not None
    years = {"baseline.nir": np.array([[0.4], [0.42], [0.38]]), "baseline.red": np.full((3, 1), 0.1)}
    bands = {name: plane.astype(np.float32) for name, plane in years.items()}
    now = {"post.nir": np.array([-0.12], np.float32), "post.red": np.array([0.1], np.float32)}
    assert np.isnan(ANOMALY.formula.evaluate(bands | now)).all()
    # NDVI 0.6, 0.61538 and 0.58333 before, 0.5 now; the sample deviation is 0.01603, counted as 0.02.
    now = {"post.nir": np.array([0.3], np.float32), "post.red": np.array([0.1], np.float32)}
    assert ANOMALY.formula.evaluate(bands | now)[0] == pytest.approx((0.5 - 0.5995726) / 0.02, rel=1e-4)


def test_steady_ground_raises_no_alarm(scene):
    years = [scene(f"y{n}", nir=8000, red=2000, scl=4) for n in range(3)]
    post = scene("post", nir=8100, red=1900, scl=4)
    found = compared(ANOMALY, scene, post=[post], baseline=[[each] for each in years])
    # NDVI 0.62 against 0.6 each year: the deviation counts as 0.02.
    assert column(found)[0] == pytest.approx(1.0, abs=1e-3)


def test_two_years_are_too_few_for_an_anomaly(scene):
    years = [[scene("y0", nir=8000, red=2000, scl=4)], [scene("y1", nir=7000, red=2000, scl=4)]]
    post = scene("post", nir=8100, red=1900, scl=4)
    assert np.isnan(compared(ANOMALY, scene, post=[post], baseline=years).planes).all()


def test_scenes_that_are_not_made_alike_are_not_compared(scene):
    pre, post = scene("pre", **NBR_HALF, scl=4), scene("post", **NBR_MINUS_HALF, scl=4)

    def item_of(found: SceneRef) -> SceneItem:
        item: SceneItem = scene.item_of(found)
        return dataclasses.replace(item, properties=properties[found.id])

    def compare() -> Values:
        sources = SceneWindows(
            (WindowScenes("post", ((post,),)), WindowScenes("pre", ((pre,),))), {"fire-zones": ()}
        )
        return compute_values(DNBR, sources, pixels_of(GRID), item_of, Clock())

    overview = {"tilewatch:overview": {}, "tilewatch:processing": {"offset": ["harmonised"]}}
    early, late = {"s2:processing_baseline": "02.14"}, {"s2:processing_baseline": "05.09"}
    landed: dict[str, Any] = {"tilewatch:harmonisation": {}}
    for first, second in (
        (early, late),
        (landed, {}),
        (landed, {"tilewatch:overview": {}}),
        (overview, {}),
        ({**landed, "processing:level": "L1C"}, {**landed, "s2:product_type": "S2MSI2A"}),
    ):
        properties: dict[str, dict[str, Any]] = {"pre": first, "post": second}
        with pytest.raises(MixedProcessingError, match=r"post .* and pre .* are not made alike"):
            compare()
    for first, second in (
        (early, landed),
        (landed, landed | late),
        ({}, {}),
        (landed, overview),
    ):
        properties = {"pre": first, "post": second}
        assert compare().planes[0, 0, 0] == pytest.approx(1.0)


def test_newly_lit_ground_is_marked(scene):
    product = PRODUCTS.get("nightlights-change")
    # The test's scenes store radiance * 10,000; 0 is no data.
    pre = scene("pre", radiance=[[4000], [4999], [9000], [9000]])
    post = scene("post", radiance=[[6000], [5000], [4999], [0]])  # 0.5 is the least that is lit
    found = compared(product, scene, pre=[pre], post=[post])
    assert column(found) == pytest.approx([0.2, 0.0001, -0.4001, np.nan], nan_ok=True, abs=1e-6)
    assert found.marks["Newly lit"][:, 0].tolist() == [True, True, False, False]
    assert found.marks["Gone dark"][:, 0].tolist() == [False, False, True, False]


reflectances = arrays(
    np.float32, (2, 6), elements=st.one_of(st.floats(-0.125, 1.5, width=32), st.just(np.nan))
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=reflectances, after=reflectances)
def test_the_fall_from_one_date_to_another_is_the_rise_back(
    before: NDArray[np.float32], after: NDArray[np.float32]
) -> None:
    def dnbr(pre: NDArray[np.float32], post: NDArray[np.float32]) -> NDArray[np.float32]:
        assert DNBR.formula is not None
        names = ("pre.nir08", "pre.swir22", "post.nir08", "post.swir22")
        return DNBR.formula.evaluate(dict(zip(names, (*pre, *post), strict=True)))

    there, back = dnbr(before, after), dnbr(after, before)
    np.testing.assert_array_equal(there, -back)
    sums = before.sum(axis=0), after.sum(axis=0)
    assert (np.isnan(there) == ~((sums[0] > 0) & (sums[1] > 0))).all()
