"""Questions for pictures of boxes and polygons: TiTiler's endpoints over the same values."""

from scripts.corpora.asking import GEOJSON, Question, Questions
from scripts.corpora.questions.places import (
    FIELDS,
    FIRE,
    INCIDENT,
    LANDSAT,
    MOL,
    NOWHERE,
    SHANGHAI,
    SHOWN,
    TOWN,
    Place,
    asked,
    box_text,
    feature,
    holed,
    several,
    square,
    triangle,
)

FORMS = ("png", "webp", "npy", "tif")


def boxes() -> Questions:
    """Boxes in every form, at sizes asked for and not, in several coordinate systems."""
    for form in FORMS:
        yield Question("bbox", f"/products/ndvi/bbox/{box_text(FIELDS, 0.04, 0.03)}.{form}?datetime=2024-06")
        yield Question(
            "bbox", f"/products/ndvi/bbox/{box_text(FIELDS, 0.04, 0.03)}/120x90.{form}?datetime=2024-06"
        )
    for shown in SHOWN[1::3]:
        side = 1.0 if shown.product == "no2" else 0.2 if "night" in shown.product else 0.02
        at = f"/products/{shown.product}/bbox/{box_text(shown.place, side, side)}/96x64.npy"
        yield Question("bbox", f"{at}{asked(dict(shown.query))}")
    mol = box_text(MOL, 0.03, 0.03)
    for query in [
        "max_size=100",
        "width=80",
        "height=60",
        "width=80&height=80",
        "dst_crs=EPSG:32631&max_size=128",
        "dst_crs=EPSG:3857&width=64",
        "dst_crs=EPSG:3035&width=64",
    ]:
        yield Question("bbox", f"/products/ndvi/bbox/{mol}.tif?datetime=2019-04&{query}")
    metres = "657000,5677000,660000,5680000"
    yield Question("bbox", f"/products/ndvi/bbox/{metres}.tif?datetime=2019-04&coord_crs=EPSG:32631")
    fire = box_text(INCIDENT, 0.0192, 0.04)
    yield Question("bbox", f"/products/dnbr/bbox/{fire}/107x226.tif?pre=2024-06&post=2024-08")
    yield Question(
        "bbox", f"/products/true-color/bbox/{box_text(FIELDS, 0.1, 0.08)}/300x240.png?datetime=2024-06"
    )
    yield Question(
        "bbox", f"/products/nightlights-yearly/bbox/{box_text(SHANGHAI, 1.4, 1.3)}.png?datetime=2021"
    )
    yield Question("bbox", f"/products/ndvi/bbox/{box_text(NOWHERE, 0.1, 0.1)}.png?datetime=2024-06")
    for box, query in (
        ("5,51,4,52", ""),
        ("5,51,6", ""),
        ("a,b,c,d", ""),
        (mol, "?max_size=5000"),
        (mol, "?dst_crs=+proj=longlat"),
        (mol, "?dst_crs=EPSG:999999"),
        (mol, "?datetime=2031"),
        (mol, "?size=3"),
        (mol, "?coord_crs=/etc/passwd"),
        ("200,51,201,52", ""),
    ):
        yield Question("bbox refused", f"/products/ndvi/bbox/{box}.png{query}")
    yield Question("bbox refused", f"/products/ndvi/bbox/{mol}.jpeg?datetime=2019-04")


def polygons() -> Questions:
    """Polygons in every form."""
    shapes = [
        triangle(FIELDS, 0.03),
        holed(FIELDS, 0.03),
        several(square(FIELDS, 0.01), triangle(TOWN, 0.01)),
    ]
    for polygon in shapes:
        for form in FORMS:
            yield _feature(f"/products/ndvi/feature.{form}?datetime=2024-06&max_size=200", feature(polygon))
    yield _feature("/products/ndvi/feature?datetime=2024-06&max_size=64", feature(shapes[0]))
    yield _feature("/products/ndvi/feature/80x60.npy?datetime=2024-06", feature(shapes[0]))
    yield _feature("/products/dnbr/feature/90x90.npy?pre=2024-06&post=2024-07", feature(triangle(FIRE, 0.03)))
    yield _feature(
        "/products/true-color/feature.png?datetime=2024-06&max_size=128", feature(triangle(FIELDS, 0.05))
    )
    yield _feature("/products/ndvi-landsat/feature.tif?datetime=2024-06", feature(holed(LANDSAT, 0.02)))
    yield _feature("/products/no2/feature.npy?datetime=2024-06-15T18&width=50", feature(triangle(TOWN, 1.0)))
    for body in (
        "",
        "{}",
        feature(None),
        feature({"type": "Point", "coordinates": [1, 2]}),
        feature(square(NOWHERE, 0.1)),
    ):
        yield _feature("/products/ndvi/feature.png?datetime=2024-06", body)
    yield _feature("/products/ndvx/feature.png", feature(shapes[0]))
    yield _feature("/products/ndvi/feature.png?dst_crs=/etc/passwd", feature(shapes[0]))
    yield _feature("/products/ndvi/feature.png?datetime=2024-06", feature(square(Place(-99.0, 95.0), 20)))


def _feature(path: str, body: str) -> Question:
    return Question("feature", path, "POST", GEOJSON, body)


ALL = (boxes, polygons)
