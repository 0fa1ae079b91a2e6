"""Colour maps: tables, names and files."""

import numpy as np
import pytest
from rio_tiler.colormap import cmap

from colormaps import (
    Colormap,
    ColormapFileError,
    UnknownColormapError,
    colormap_names,
    load_colormap,
    read_colormap,
)

RED_TO_BLUE = Colormap("rb", "Red to blue", "own", ((0.0, "#ff0000"), (0.25, "#000000"), (1.0, "#0000ff")))


def test_a_table_is_linear_between_stops():
    # Four steps of a quarter: a third, two thirds and all of the way from black to blue after the first.
    assert RED_TO_BLUE.table(5).tolist() == [[255, 0, 0], [0, 0, 0], [0, 0, 85], [0, 0, 170], [0, 0, 255]]
    assert RED_TO_BLUE.table(5).dtype == np.uint8


def test_one_colour_is_the_middle_one():
    assert load_colormap("greys").table(1).tolist() == [[128, 128, 128]]


def test_viridis_is_that_of_matplotlib():
    published = np.array([cmap.get("viridis")[i][:3] for i in range(256)], dtype=int)
    assert np.abs(load_colormap("viridis").table(256).astype(int) - published).max() <= 6


def test_burn_severity_in_seven_steps_is_the_published_palette():
    # UN-SPIDER, recommended practice on burn severity.
    palette = ["7a8737", "acbe4d", "0ae042", "fff70b", "ffaf38", "ff641b", "a41fd6"]
    assert [bytes(color).hex() for color in load_colormap("burn-severity").table(7).tolist()] == palette


@pytest.mark.parametrize("name", ["viridiss", "../pyproject", "", "__init__", "greys.toml", "/etc/passwd"])
def test_an_unknown_name_is_answered_with_those_there_are(name):
    with pytest.raises(
        UnknownColormapError, match=r"there are: brown-teal, burn-severity, greys, "
    ) as refusal:
        load_colormap(name)
    assert ("did you mean viridis?" in str(refusal.value)) == (name == "viridiss")


def test_names_are_in_alphabetical_order():
    assert list(colormap_names()) == sorted(colormap_names())


@pytest.mark.parametrize(
    ("stops", "words"),
    [
        ('[[0.0, "#000000"]]', "at least two"),
        ('[[0.0, "#000000"], [0.9, "#ffffff"]]', "from 0 to 1"),
        ('[[0.0, "#000000"], [0.6, "#ffffff"], [0.5, "#ffffff"], [1.0, "#ffffff"]]', "rise"),
        ('[[0.0, "#000000"], [1.0, "white"]]', "'white' is not"),
        ('[[0.0, "#000000"], [1.0, "#FFFFFF"]]', "lower case"),
        ('[["a", "#000000"], [1.0, "#ffffff"]]', "could not convert"),
        ("[1, 2]", "a colormap needs title, source and stops"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path, stops, words):
    path = tmp_path / "mine.toml"
    path.write_text(f'title = "Mine"\nsource = "own"\nstops = {stops}\n')
    with pytest.raises(ColormapFileError, match=rf"mine\.toml: .*{words}"):
        read_colormap(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('title = "Mine"\nsource = "own"', "'stops' is missing"),
        ('title = "Mine"\nstops = [[0, "#000000"], [1, "#ffffff"]]', "source"),
        ('titel = "Mine"\nsource = "own"\nstops = [[0, "#000000"], [1, "#ffffff"]]', "titel"),
        ("stops", "mine.toml"),
    ],
)
def test_a_file_that_lacks_something_is_refused(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ColormapFileError, match=words):
        read_colormap(path)
