"""The collections shipped hold what their guides say; a wrong file is refused in words."""

from datetime import UTC, datetime

import numpy as np
import pytest

from mosaics.collection import Collection, UnknownCollectionError
from mosaics.descriptions.collections import (
    CollectionFileError,
    find_collection,
    load_collections,
    read_collection,
)
from mosaics.period import Cadence


@pytest.fixture(scope="module")
def collections():
    return load_collections()


RIGHT = """
title = "Mine"
description = "Of my own."
cadence = "day"
license = "MIT"
attribution = "Me"
[[bands]]
name = "red"
title = "Red"
dtype = "uint16"
"""


def test_the_collections_shipped(collections):
    assert {name: source.collection.cadence for name, source in collections.items()} == {
        "black-marble-daily": Cadence.DAY,
        "black-marble-daily-noaa20": Cadence.DAY,
        "black-marble-monthly": Cadence.MONTH,
        "black-marble-monthly-c1": Cadence.MONTH,
        "black-marble-monthly-noaa20": Cadence.MONTH,
        "black-marble-nights-monthly": Cadence.MONTH,
        "black-marble-nights-monthly-noaa20": Cadence.MONTH,
        "black-marble-yearly": Cadence.YEAR,
        "black-marble-yearly-noaa20": Cadence.YEAR,
        "fire-zones": Cadence.YEAR,
        "landsat-c2-l2": Cadence.MONTH,
        "landsat-monthly": Cadence.MONTH,
        "naip": Cadence.YEAR,
        "sentinel-2-l2a": Cadence.MONTH,
        "sentinel-2-monthly": Cadence.MONTH,
        "tempo-cldo4": Cadence.HOUR,
        "tempo-cldo4-nrt": Cadence.HOUR,
        "tempo-cldo4-v03": Cadence.HOUR,
        "tempo-hcho": Cadence.HOUR,
        "tempo-hcho-nrt": Cadence.HOUR,
        "tempo-hcho-v03": Cadence.HOUR,
        "tempo-no2": Cadence.HOUR,
        "tempo-no2-nrt": Cadence.HOUR,
        "tempo-no2-v03": Cadence.HOUR,
        "tempo-o3tot": Cadence.HOUR,
        "tempo-o3tot-v03": Cadence.HOUR,
    }


def test_the_quality_band_says_which_pixels_are_clear(collections):
    scl = collections["sentinel-2-l2a"].clear
    seen = scl.keeps(np.arange(12, dtype=np.uint8))
    # 2 dark area, 4 vegetation, 5 bare soil, 6 water, 7 unclassified, 11 snow
    assert np.flatnonzero(seen).tolist() == [2, 4, 5, 6, 7, 11]
    qa = collections["landsat-c2-l2"].clear
    # bit 6 (clear) alone of the first seven; then bit 3 (cloud), 4 (shadow), 2 (cirrus), 0 (fill)
    numbers = np.array([21824, 22280, 23888, 54596, 1], np.uint16)
    assert qa.keeps(numbers).tolist() == [True, False, False, False, False]
    assert collections["naip"].clear is None


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('composite = "red"', "composite: Input should be a valid dictionary"),
        ('composite = { of = "naip" }', "composite: mask: Field required"),
        ('composite = { of = "naip", mask = { band = "scl" } }', "composite: mask: .*reject or reject_bits"),
        ('publishing = { lag = "P1D", every = "P1D" }', "publishing: late_after: Field required"),
        ('publishing = { lag = "P9D", late_after = "P1D", every = "P1D" }', "late_after is not below lag"),
        (
            'publishing = { lag = "P1D", late_after = "P1D", every = "PT0S" }',
            "every and step are longer than 0",
        ),
        ('publishing = { lag = "soon", late_after = "P1D", every = "P1D" }', "publishing: lag: .*duration"),
    ],
)
def test_a_wrong_table_of_a_collection_is_refused(tmp_path, table, complaint):
    (tmp_path / "mine.toml").write_text(table + RIGHT)
    with pytest.raises(CollectionFileError, match=complaint):
        read_collection(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ('clear = { band = "red", reject = [1] }', "'red' is not a categorical band"),
        ('clear = { band = "red" }', "either reject or reject_bits"),
        ('clear = { band = "red", reject_bits = [64] }', "less than or equal to 63"),
        ("clear = 3", "ClearRule"),
    ],
)
def test_a_wrong_rule_of_clearness_is_refused(tmp_path, rule, complaint):
    (tmp_path / "mine.toml").write_text(rule + RIGHT)
    with pytest.raises(CollectionFileError, match=complaint):
        read_collection(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("collection", "band", "dtype", "scale", "offset", "nodata", "unit"),
    [
        ("sentinel-2-l2a", "red", "uint16", 0.0001, 0.0, 0.0, "1"),
        ("sentinel-2-l2a", "scl", "uint8", 1.0, 0.0, 0.0, "1"),
        ("landsat-c2-l2", "nir08", "uint16", 0.0000275, -0.2, 0.0, "1"),
        ("landsat-c2-l2", "qa_pixel", "uint16", 1.0, 0.0, 1.0, "1"),
        ("black-marble-monthly", "radiance", "float32", 1.0, 0.0, -999.9, "nW cm-2 sr-1"),
        ("black-marble-monthly-c1", "radiance", "uint16", 0.1, 0.0, 65535.0, "nW cm-2 sr-1"),
        ("black-marble-daily-noaa20", "radiance", "float32", 1.0, 0.0, -999.9, "nW cm-2 sr-1"),
        ("black-marble-yearly", "num_observations", "uint16", 1.0, 0.0, 65535.0, "1"),
        ("tempo-no2", "no2", "float64", 1.0, 0.0, -1e30, "molecules/cm2"),
        ("naip", "nir", "uint8", 1.0, 0.0, None, "1"),
    ],
)
def test_bands_hold_what_the_guides_say(collections, collection, band, dtype, scale, offset, nodata, unit):
    got = collections[collection].collection.band(band)
    assert (got.dtype, got.scale, got.offset, got.nodata, got.unit) == (dtype, scale, offset, nodata, unit)


def test_suomi_npp_has_ended_and_says_what_goes_on(collections):
    ended = {name: each.collection.ended for name, each in collections.items() if each.collection.ended}
    names = ("daily", "monthly", "nights-monthly", "yearly")
    marble = {name: end for name, end in ended.items() if name.startswith("black-marble-")}
    assert sorted(marble) == [f"black-marble-{name}" for name in names]
    for name, end in marble.items():
        assert end.moment == datetime(2026, 11, 1, tzinfo=UTC)
        assert f"{name}-noaa20 goes on" in end.note
        assert f"{name}-noaa20" in collections


def test_version_3_of_tempo_has_ended_and_says_what_goes_on(collections):
    names = ("cldo4", "hcho", "no2", "o3tot")
    ended = {name: each.collection.ended for name, each in collections.items() if each.collection.ended}
    tempo = {name: end for name, end in ended.items() if name.startswith("tempo-")}
    assert sorted(tempo) == [f"tempo-{name}-v03" for name in names]
    for name, end in tempo.items():
        assert end.moment == datetime(2025, 9, 17, tzinfo=UTC)
        assert f"{name.removesuffix('-v03')} goes on with version 4" in end.note


def test_reflectance_of_landsat_comes_out_as_in_its_guide(collections):
    red = collections["landsat-c2-l2"].collection.band("red")
    # USGS: DN 7273 is 0, DN 43636 is 1
    assert 7273 * red.scale + red.offset == pytest.approx(0, abs=1e-5)
    assert 43636 * red.scale + red.offset == pytest.approx(1, abs=1e-4)


def test_every_collection_survives_its_way_through_storage(collections):
    for source in collections.values():
        assert Collection.from_stac(source.collection.to_stac()) == source.collection


def test_a_folder_adds_to_and_replaces_what_is_shipped(tmp_path):
    (tmp_path / "mine.toml").write_text(RIGHT)
    (tmp_path / "naip.toml").write_text(RIGHT)
    loaded = load_collections(tmp_path)
    assert loaded["mine"].collection.cadence is Cadence.DAY
    assert loaded["naip"].collection.title == "Mine"
    assert "sentinel-2-l2a" in loaded


def test_an_unknown_collection_is_answered_with_those_there_are(collections):
    with pytest.raises(
        UnknownCollectionError, match=r"no collection 'sentinel'; there are: black-marble-daily, "
    ):
        find_collection(collections, "sentinel")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CollectionFileError, match=r"no folder .*gone"):
        load_collections(tmp_path / "gone")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("=", ":"), r"mine\.toml is not TOML"),
        (
            ('cadence = "day"', 'cadence = "week"'),
            r"mine\.toml: cadence: Input should be 'hour', 'day', 'month' or 'year'",
        ),
        (
            ('dtype = "uint16"', 'dtype = "unit16"'),
            r"mine\.toml: bands: red: dtype: 'unit16' is not a type .* uint16",
        ),
        (('dtype = "uint16"', ""), r"mine\.toml: bands: red: dtype: is missing"),
        (
            ('title = "Red"', 'title = "Red"\ncolour = "red"'),
            "bands: red: colour: is not a field .*: categorical, colors, desc",
        ),
        (
            ('license = "MIT"', 'license = "MIT"\nlicence = "MIT"'),
            r"mine\.toml: licence: is not a field .* attribution",
        ),
        (('cadence = "day"', 'cadence = "day"\nid = "x"'), "id: leave it out"),
        (
            ('cadence = "day"', 'cadence = "day"\nharmonisation = "x"'),
            "harmonisation: 'x' is not a rule; there is: sen",
        ),
        (('"uint16"', '"uint16"\nscale = "a"'), "bands: red: scale: Input should be a valid number"),
    ],
)
def test_a_wrong_file_is_refused_naming_the_field_and_what_is_right(tmp_path, change, said):
    (tmp_path / "mine.toml").write_text(RIGHT.replace(*change))
    with pytest.raises(CollectionFileError, match=said):
        read_collection(tmp_path / "mine.toml")


def test_the_sentinel_rule_is_about_16_bit_numbers(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('harmonisation = "sentinel-2"\n' + RIGHT.replace("uint16", "float32"))
    with pytest.raises(CollectionFileError, match=r"red: the sentinel-2 rule .* not float32"):
        read_collection(path)
