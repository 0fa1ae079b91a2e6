"""Questions for values: points, statistics and series."""

import json
from collections.abc import Mapping

from scripts.corpora.asking import GEOJSON, Question, Questions
from scripts.corpora.questions.places import (
    CROWD,
    DATELINE_WEST,
    FIELDS,
    FIRE,
    INCIDENT,
    JULYS,
    LANDSAT,
    LOS_ANGELES,
    MOL,
    NOWHERE,
    POTTERS,
    SEAM,
    SHANGHAI,
    SHOWN,
    TOWN,
    Place,
    asked,
    collection,
    feature,
    holed,
    ring,
    several,
    square,
    triangle,
)

LINES = {**GEOJSON, "Accept": "application/x-ndjson"}


def points() -> Questions:
    """The value of every product, each absence there is, and places off the Earth."""
    for shown in SHOWN:
        at = f"/products/{shown.product}/point/{shown.place.lon},{shown.place.lat}"
        yield Question("point", f"{at}{asked(dict(shown.query))}")
        yield Question("point", f"/products/{shown.product}/point/{NOWHERE.lon},{NOWHERE.lat}")
    for lon in (-99.08, -99.04, -99.0, -98.96, -98.92):
        for when in ("2023-08", "2024-01", "2023-12/2024-02"):
            yield Question("point", f"/products/ndvi/point/{lon},40.50?datetime={when}")
    for lon in (-98.99, -98.95, -98.91):
        yield Question("point", f"/products/dnbr/point/{lon},40.46?pre=2024-06&post=2024-07")
        yield Question("point", f"/products/dnbr/point/{lon},40.48?pre=2024-06&post=2024-07&offset=0.05")
    for place, when in (
        (SEAM, "2020-05"),
        (Place(-54.9, -25.3), "2020-05"),
        (Place(-54.46, -25.12), "2020-05"),
    ):
        yield Question("point", f"/products/landsat-color/point/{place.lon},{place.lat}?datetime={when}")
    for lon, lat in ((-119.9, 33.0), (-118.0, 33.9), (-116.5, 34.7)):
        yield Question("point", f"/products/no2/point/{lon},{lat}?datetime=2025-01-09T18")
    yield Question("point", f"/products/ndvi/point/{DATELINE_WEST.lon},{DATELINE_WEST.lat}?datetime=2023-03")
    for path in [
        "/products/ndvi/point/200,10",
        "/products/ndvi/point/10,95",
        "/products/ndvi/point/a,b",
        "/products/ndvx/point/5,51",
        "/products/ndvi/point/5,51?when=2024",
        "/products/ndvi/point/5,51?datetime=2031",
        "/products/dnbr/point/5,51?pre=2024-07&post=2024-06",
        "/products/ndvi/point/5",
        "/products/ndvi/point/nan,5",
    ]:
        yield Question("point refused", path)


def statistic(product: str, body: str, headers: Mapping[str, str] = GEOJSON, /, **query: str) -> Question:
    """The statistics of polygons."""
    return Question("statistics", f"/products/{product}/statistics{asked(query)}", "POST", headers, body)


def statistics() -> Questions:
    """Polygons of all sorts, every product, every choice."""
    sliver = [[-99.05, 40.5], [-98.95, 40.50002], [-98.95, 40.50004], [-99.05, 40.5]]
    for polygon in (
        square(FIELDS, 0.02),
        triangle(FIELDS, 0.03),
        holed(FIELDS, 0.03),
        several(square(FIELDS, 0.01), triangle(FIRE, 0.02)),
        square(FIELDS, 0.00003),  # smaller than a pixel
        square(Place(-99.0, 40.5), 0.19),
        triangle(Place(-98.91, 40.46), 0.06),  # over the edge of the scenes
        square(NOWHERE, 0.1),
        {"type": "Polygon", "coordinates": [sliver]},
    ):
        yield statistic("ndvi", feature(polygon), datetime="2024-06")
        yield statistic("ndvi", json.dumps(polygon), datetime="2024-01", percentiles="5,25,50,75,95")
    for shown in SHOWN:
        side = 0.6 if shown.product == "no2" else 0.05 if "night" in shown.product else 0.01
        yield statistic(shown.product, feature(triangle(shown.place, side), id="t"), **dict(shown.query))
    many = [feature(triangle(Place(FIELDS.lon + n / 100, FIELDS.lat), 0.008), id=f"f{n}") for n in range(5)]
    yield statistic("ndvi", collection(many), datetime="2024-06")
    yield statistic("true-color", collection(many[:2]), datetime="2024-06")
    field = feature(square(FIELDS, 0.02), properties={"name": "North", "series": "replaced"})
    yield statistic("ndvi", field)
    yield statistic("ndvi", field, datetime="2024-06")
    yield statistic("ndvi", field, datetime="2024-06")
    yield statistic("ndvi", field, datetime="2024-06", histogram_bins="8")
    yield statistic("ndvi", field, datetime="2024-06", histogram_range="0,1")
    yield statistic(
        "ndvi", field, datetime="2024-06", histogram_bins="4", histogram_range="-0.2,0.9", percentiles="50"
    )
    yield statistic("ndvi", field, datetime="2024-06", percentiles="")
    yield statistic("ndvi", feature(square(MOL, 0.02)), datetime="2019-04")
    yield statistic("landsat-color", feature(square(SEAM, 0.03)), datetime="2020-05")
    yield statistic("no2", feature(square(LOS_ANGELES, 1.0)), datetime="2025-01-09T18")
    across = several(
        {"coordinates": [ring(179.9, -17.05, 180, -16.95)]},
        {"coordinates": [ring(-180, -17.05, -179.9, -16.95)]},
    )
    yield statistic("ndvi", feature(across), datetime="2023-03")
    yield statistic("ndvi", feature(square(CROWD, 0.06)), datetime="2022-05")


def series() -> Questions:
    """Several periods, in one piece and line by line, in steps."""
    field = feature(square(FIELDS, 0.02), id="field")
    yield statistic("ndvi", field, datetime="2023-08/2024-07")
    yield statistic("ndvi", field, LINES, datetime="2023-08/2024-07")
    yield statistic("ndvi", field, datetime="2023-08/2024-07", step="year")
    yield statistic("ndvi", field, datetime="../..", step="year")
    yield statistic("ndvi", field, datetime="2022-01/2024-12")
    yield statistic("nightlights", feature(square(TOWN, 0.1)), datetime="2023/2024")
    yield statistic("nightlights", feature(square(TOWN, 0.1)), LINES, datetime="2023/2024", step="year")
    yield statistic("nightlights-yearly", feature(triangle(SHANGHAI, 0.4)), datetime="2013/2021")
    yield statistic("no2", feature(square(TOWN, 0.6)), datetime="2024-06-15")
    yield statistic("no2", feature(square(TOWN, 0.6)), datetime="2024-06-15T12/2024-06-16T00", step="day")
    yield statistic("no2", feature(square(TOWN, 0.6)), datetime="2024-06-15T12/2024-06-16T00", step="month")
    yield statistic("nightlights-change", feature(square(TOWN, 0.1)), datetime="2024-01/2024-12")
    yield statistic("ndvi-change", feature(square(FIRE, 0.02)), datetime="2024-05/2024-07")
    two = collection([feature(square(FIELDS, 0.01), id="a"), feature(triangle(FIRE, 0.01))])
    yield statistic("ndvi", two, LINES, datetime="2024-05/2024-07")


def compared() -> Questions:
    """Two dates: classes, absences, offsets and rings."""
    fire = feature(triangle(FIRE, 0.03))
    for query in (
        {"pre": "2024-06", "post": "2024-07"},
        {},
        {"post": "2024-07"},
        {"pre": "2024-06", "post": "2024-07", "offset": "0.012"},
        {"pre": "2024-06", "post": "2024-07", "offset": "ring"},
        {"pre": "2024-06", "post": "2024-07", "offset": "ring:300"},
        {"datetime": "2024-04/2024-07"},
        {"datetime": "2024-04/2024-07", "pre": "2023-10"},
    ):
        yield statistic("dnbr", fire, **query)
    for place, pre, post in ((POTTERS, "2020-07", "2020-09"), (INCIDENT, "2024-06", "2024-08")):
        for product in ("dnbr", "rdnbr", "rbr"):
            yield statistic(product, feature(holed(place, 0.012)), pre=pre, post=post)
        yield statistic("dnbr", feature(square(place, 0.004)), pre=pre, post=post, offset="ring:180")
    yield statistic(
        "dnbr-landsat", feature(square(LANDSAT, 0.02)), pre="2023-06", post="2024-06", offset="ring"
    )
    yield statistic("ndvi-anomaly", feature(square(JULYS, 0.004)), datetime="2024-07")


def refused() -> Questions:
    """Bodies and parameters that cannot be."""
    field = feature(square(FIELDS, 0.02))
    crossed = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    for body in (
        "",
        "[]",
        "{",
        '"text"',
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "FeatureCollection"}',
        feature(None),
        feature(crossed),
        feature(square(Place(500, 0), 1)),
        feature({"type": "Polygon"}),
        feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}),
        '{"type": "FeatureCollection", "features": []}',
        collection([field, feature(crossed)]),
    ):
        yield Question("statistics refused", "/products/ndvi/statistics", "POST", GEOJSON, body)
    for query in [
        "percentiles=a",
        "percentiles=101",
        "histogram_bins=0",
        "histogram_bins=5000",
        "histogram_range=1,0",
        "histogram_range=1",
        "step=decade",
        "datetime=2031",
        "datetime=soon",
        "pre=2024-06",
        "offset=ring",
        "bins=4",
    ]:
        yield Question("statistics refused", f"/products/ndvi/statistics?{query}", "POST", GEOJSON, field)
    for path in [
        "/products/ndvx/statistics",
        "/products/rdnbr/statistics?offset=ring",
        "/products/dnbr/statistics?offset=ring:0",
        "/products/dnbr/statistics?pre=2024-07&post=2024-06",
        "/products/dnbr/statistics?pre=2030&post=2031",
    ]:
        yield Question("statistics refused", path, "POST", GEOJSON, field)
    yield Question("statistics refused", "/products/ndvi/statistics")
    yield Question(
        "statistics refused", "/products/ndvi/statistics", "POST", {"Content-Type": "text/plain"}, field
    )


ALL = (points, statistics, series, compared, refused)
