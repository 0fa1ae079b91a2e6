"""Legends: JSON, SVG and PNG from one table."""

import xml.etree.ElementTree as ET
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.products.legend import PAPER_COLOR, PNG_SCALE, TEXT_COLOR, legend_json, legend_png, legend_svg
from app.products.product import Product

SVG = "{http://www.w3.org/2000/svg}"
NOTE = "Synthetic data: made up for a demonstration."

CONTENT = {"id": "a", "title": "Air & <light>", "collection": "c"}
RAMP = Product.model_validate(
    CONTENT | {"expression": "no2", "unit": "molecules cm-2", "rescale": [0, 1.5e16], "colormap": "no2"}
)
CLASSES = Product.model_validate(
    CONTENT
    | {
        "expression": "x",
        "classes": [
            {"name": "Low", "to": 0.5, "color": "#102030"},
            {"name": "High", "from": 0.5, "color": "#405060"},
        ],
    }
)
COLOR = Product.model_validate(CONTENT | {"bands": ["red", "green", "blue"], "rescale": [0, 0.3]})


def test_a_ramp_as_json():
    legend = legend_json(RAMP, note=NOTE)
    assert set(legend) == {"title", "unit", "kind", "entries", "absent", "rescale", "colors", "note"}
    assert (legend["kind"], legend["unit"], legend["rescale"]) == (
        "continuous",
        "molecules cm-2",
        [0, 1.5e16],
    )
    assert legend["note"] == NOTE
    assert len(legend["colors"]) >= 16
    assert (legend["colors"][0], legend["colors"][-1]) == ("#000080", "#800000")
    assert legend["entries"][2] == {"label": "5e15", "color": "#7e02ff", "from": 5e15, "to": 5e15}


def test_classes_as_json():
    legend = legend_json(CLASSES)
    assert legend["entries"] == [
        {"label": "Low", "color": "#102030", "from": None, "to": 0.5},
        {"label": "High", "color": "#405060", "from": 0.5, "to": None},
    ]
    assert (legend["kind"], legend["rescale"], legend["colors"]) == ("classes", None, ["#102030", "#405060"])
    assert legend["note"] is None


def test_three_bands_as_json():
    legend = legend_json(COLOR)
    assert legend["entries"][0] == {"label": "red, 0 to 0.3", "color": "#ff0000", "from": 0.0, "to": 0.3}
    assert legend["rescale"] == [0.0, 0.3]


@pytest.mark.parametrize("product", [RAMP, CLASSES, COLOR], ids=["ramp", "classes", "rgb"])
def test_the_svg_says_what_it_is_to_people_and_screen_readers(product):
    root = ET.fromstring(legend_svg(product, note=NOTE))
    assert root.get("role") == "img"
    ids = {element.get("id"): element.text for element in root if element.get("id")}
    named = [ids[name] for name in (root.get("aria-labelledby") or "").split()]
    assert named[0] == "Legend: Air & <light>"
    for entry in legend_json(product)["entries"]:
        assert entry["label"] in (named[1] or "")
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert "Air & <light>" in texts
    assert " ".join(text or "" for text in texts).endswith(NOTE)
    fills = {element.get("fill") for element in root.iter(f"{SVG}rect")}
    assert set(legend_json(product)["colors"]) <= fills


@pytest.mark.parametrize("product", [RAMP, CLASSES, COLOR], ids=["ramp", "classes", "rgb"])
def test_the_png_has_the_same_colours_at_twice_the_size(product):
    image = Image.open(BytesIO(legend_png(product, note=NOTE))).convert("RGB")
    root = ET.fromstring(legend_svg(product, note=NOTE))
    expected_size = (int(root.get("width") or 0) * PNG_SCALE, int(root.get("height") or 0) * PNG_SCALE)
    assert image.size == expected_size
    shown = {
        "#" + bytes(pixel).hex() for pixel in np.unique(np.asarray(image).reshape(-1, 3), axis=0).tolist()
    }
    assert set(legend_json(product)["colors"]) <= shown
    assert TEXT_COLOR in shown


def test_text_stands_out_from_its_paper():
    def luminance(color: str) -> float:
        # Relative luminance as WCAG 2.2 defines it.
        shares = [part / 255 for part in bytes.fromhex(color[1:])]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert (luminance(PAPER_COLOR) + 0.05) / (luminance(TEXT_COLOR) + 0.05) > 7


def test_a_long_title_and_note_stay_on_the_paper():
    product = RAMP.model_copy(update={"title": "A title of a great many words " * 4})
    root = ET.fromstring(legend_svg(product, note="And a note of at least as many words. " * 4))
    bottoms = [float(text.get("y") or 0) for text in root.iter(f"{SVG}text")]
    assert max(bottoms) < float(root.get("height") or 0)
    assert max(len(text.text or "") for text in root.iter(f"{SVG}text")) <= 40
