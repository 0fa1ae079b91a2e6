"""Pixels of overviews against numbers worked out by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ingest.overviews.pixels import (
    CLEAR,
    HIDDEN,
    NOTHING,
    PARTLY,
    BandForm,
    Pixels,
    UnlikeScenesError,
    common_forms,
    compose,
    halve,
    scene_mark,
)
from mosaics.descriptions.collections import ClearRule
from mosaics.raster.grid import Grid
from mosaics.raster.handles import WEB_MERCATOR
from mosaics.raster.reading import BandPixels
from mosaics.scene import Asset, SceneItem

WHEN = datetime(2024, 6, 15, tzinfo=UTC)
SCL = ClearRule(band="scl", reject=(9,))
CATEGORICAL = frozenset({"scl"})
ANYWHERE = Grid(WEB_MERCATOR, (0.0, 0.0, 2.0, 2.0), 2, 2)


def item(name, bands, **forms):
    """A scene whose files are arrays, named by band; 0 is missing unless said otherwise."""
    assets = {}
    for band in bands:
        of_band = {"dtype": "uint16", "nodata": 0.0, "scale": 0.0001, "offset": 0.0, "unit": "1"}
        if band == "scl":
            of_band |= {"dtype": "uint8", "scale": 1.0}
        assets[band] = Asset(band=band, path=f"{name}/{band}", **{**of_band, **forms.get(band, {})})
    return SceneItem(name, f"{name}/item.json", "c", WHEN, WHEN, assets, {})


def reader(**arrays):
    """Reads `scene_band=[[…]]`."""

    def read(asset, grid):
        stored = np.array(arrays[asset.path.replace("/", "_")], asset.dtype)
        assert stored.shape == (grid.height, grid.width)
        return BandPixels(stored, stored != asset.nodata)

    return read


def composed(items, read, clear=SCL):
    forms = common_forms(items, CATEGORICAL)
    return compose(items, ANYWHERE, forms=forms, clear=clear, read=read)


def test_the_best_scene_fills_and_the_next_takes_what_it_hides_or_lacks():
    a, b = item("a", ("red", "scl")), item("b", ("red", "scl"))
    read = reader(
        a_red=[[11, 12], [13, 0]], a_scl=[[4, 9], [9, 0]],
        b_red=[[21, 22], [23, 24]], b_scl=[[4, 4], [9, 4]],
    )  # fmt: skip
    found = composed([a, b], read)
    # Upper left: a is clear. Upper right: a is a cloud, b is not. Lower left: both are, so the best stays,
    # with its own class. Lower right: a has nothing.
    assert found.stored["red"].tolist() == [[11, 22], [13, 24]]
    assert found.stored["scl"].tolist() == [[4, 4], [9, 4]]
    assert found.rank.tolist() == [[CLEAR, CLEAR], [HIDDEN, CLEAR]]
    marks = [scene_mark("a/item.json"), scene_mark("b/item.json")]
    assert found.scene.tolist() == [[marks[0], marks[1]], [marks[0], marks[1]]]


def test_without_a_rule_the_best_scene_with_all_bands_fills():
    a, b = item("a", ("nir", "red")), item("b", ("nir", "red"))
    read = reader(
        a_red=[[1, 2], [0, 0]], a_nir=[[1, 0], [3, 0]],
        b_red=[[5, 6], [0, 0]], b_nir=[[5, 6], [0, 7]],
    )  # fmt: skip
    found = composed([a, b], read, clear=None)
    # A scene with both bands comes before one with one of them; among those with one, the best.
    assert found.stored["red"].tolist() == [[1, 6], [0, 0]]
    assert found.stored["nir"].tolist() == [[1, 6], [3, 7]]
    assert found.rank.tolist() == [[CLEAR, CLEAR], [PARTLY, PARTLY]]


def test_scenes_after_a_full_tile_are_not_read():
    read = reader(a_red=[[1, 2], [3, 4]])
    assert composed([item("a", ("red",)), item("b", ("red",))], read, clear=None).rank.min() == CLEAR


def test_what_cannot_show_more_is_given_up_after_its_quality_band():
    a, b = item("a", ("red", "scl")), item("b", ("red", "scl"))
    read = reader(a_red=[[1, 2], [3, 4]], a_scl=[[9, 4], [4, 4]], b_scl=[[9, 4], [4, 4]])
    assert composed([a, b], read).stored["red"].tolist() == [[1, 2], [3, 4]]


def test_bands_stored_alike_stay_as_they_are_and_others_become_physical():
    late = {"offset": -0.1}
    a, b = item("a", ("nir", "red")), item("b", ("nir", "red"), red=late)
    forms = common_forms([a, b], CATEGORICAL)
    assert forms["nir"] == BandForm("uint16", 0.0, 0.0001, 0.0, "1")
    assert (forms["red"].dtype, forms["red"].scale, forms["red"].offset) == ("float32", 1.0, 0.0)
    read = reader(
        a_red=[[1000, 0], [0, 0]],
        a_nir=[[5, 0], [0, 0]],
        b_red=[[1, 1000], [3000, 0]],
        b_nir=[[6, 7], [8, 0]],
    )
    found = compose([a, b], ANYWHERE, forms=forms, clear=None, read=read)
    # 1000 of a is 0.1; of b 1000 is 0 and 3000 is 0.2, with its 1000 taken off first.
    assert found.stored["red"].ravel()[:3].tolist() == [np.float32(1000) * np.float32(0.0001), 0.0,
                                                        np.float32(2000) * np.float32(0.0001)]  # fmt: skip
    assert np.isnan(found.stored["red"][1, 1])
    assert found.stored["nir"].tolist() == [[5, 7], [8, 0]]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (item("b", ("red",)), "not all scenes have scl"),
        (item("b", ("red", "scl"), scl={"nodata": 255.0}), "scl are stored in different ways"),
        (item("b", ("red", "scl"), red={"scale": 1.0, "unit": "K"}), "red is in different units: 1, K"),
    ],
)
def test_scenes_that_are_too_unlike_are_refused(other, why):
    with pytest.raises(UnlikeScenesError, match=why):
        common_forms([item("a", ("red", "scl")), other], CATEGORICAL)


def square(forms, rank, scene, **stored):
    """Pixels as given; a band is valid where it is not 0."""
    planes = {name: np.array(values, forms[name].dtype) for name, values in stored.items()}
    valid = {name: plane != 0 for name, plane in planes.items()}
    return Pixels(planes, valid, np.array(rank, np.uint8), np.array(scene, np.uint32))


def test_four_pixels_become_one_of_one_scene():
    forms = {"red": BandForm("uint16", 0.0, 1.0, 0.0, "1"), "scl": BandForm("uint8", 0.0, 1.0, 0.0, "1")}
    c, h, n = CLEAR, HIDDEN, NOTHING
    pixels = square(
        forms,
        [[c, c, h, c], [c, c, c, c], [h, h, n, n], [h, h, n, n]],
        [[1, 1, 1, 2], [2, 1, 3, 2], [1, 1, 0, 0], [2, 2, 0, 0]],
        red=[[10, 20, 90, 30], [80, 36, 70, 31], [5, 6, 0, 0], [7, 8, 0, 0]],
        scl=[[4, 5, 9, 6], [4, 5, 5, 5], [9, 8, 0, 0], [9, 9, 0, 0]],
    )
    found = halve(pixels, forms=forms, categorical=CATEGORICAL)
    # Scene 1 comes first: (10 + 20 + 36) / 3 = 22. Clear before hidden, so scene 2: (30 + 31) / 2 = 30.5, to
    # even. All hidden: the first two are scene 1's, 5.5 to even. Nothing stays nothing.
    assert found.stored["red"].tolist() == [[22, 30], [6, 0]]
    assert found.stored["scl"].tolist() == [[4, 6], [9, 0]]
    assert found.rank.tolist() == [[c, c], [h, n]]
    assert found.scene.tolist() == [[1, 2], [1, 0]]
    assert found.valid["red"].tolist() == [[True, True], [True, False]]


def test_a_mean_that_would_read_as_missing_is_not_taken():
    forms = {"height": BandForm("int16", 0.0, 1.0, 0.0, "m")}
    pixels = square(forms, [[CLEAR] * 2] * 2, [[1, 1], [1, 1]], height=[[-3, 3], [-1, 1]])
    found = halve(pixels, forms=forms, categorical=frozenset())
    assert found.stored["height"].tolist() == [[-3]]
    assert found.valid["height"].all()


def test_floats_keep_their_fractions_and_missing_is_not_averaged():
    forms = {"t": BandForm("float32", float("nan"), 1.0, 0.0, "K")}
    stored = np.array([[1.0, np.nan], [2.0, 4.5]], np.float32)
    there = ~np.isnan(stored)
    pixels = Pixels({"t": stored}, {"t": there}, (there * CLEAR).astype(np.uint8), np.ones((2, 2), np.uint32))
    assert halve(pixels, forms=forms, categorical=frozenset()).stored["t"].tolist() == [[2.5]]
