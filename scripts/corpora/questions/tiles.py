"""Questions for tiles: every product and form, every matrix set, times, windows, conditions, refusals."""

import json
import re

import morecantile

from scripts.corpora.asking import Question, Questions
from scripts.corpora.questions.places import (
    CROWD,
    DATELINE_EAST,
    DATELINE_WEST,
    FIELDS,
    FIRE,
    INCIDENT,
    JULYS,
    LOS_ANGELES,
    MOL,
    NOWHERE,
    POTTERS,
    PUNE,
    SHANGHAI,
    SHOWN,
    TOWN,
    Shown,
    numbers,
    zoom_of,
)

FORMS = ("png", "webp", "npy", "tif")


def of_every_product() -> Questions:
    """Each product in each form, and from afar and close by."""
    for shown in SHOWN:
        low, middle, high = shown.zooms
        for form in FORMS:
            yield Question("tile", shown.tile(middle, form))
        yield Question("tile", shown.tile(low))
        yield Question("tile", shown.tile(high))
        yield Question("tile", shown.tile(low, "npy"))
    for shown in SHOWN[::4]:
        yield Question("tile", shown.tile(shown.zooms[1], "webp", tilesize="512"))
        yield Question("tile", shown.tile(shown.zooms[1], "tif", tilesize="512"))


def at_every_zoom() -> Questions:
    """NDVI of the demo, of nine scenes that have an overview, and of both sides of the antimeridian."""
    for zoom in range(0, 18, 2):
        yield Question("tile of a zoom", f"/tiles/ndvi/{numbers(FIELDS, zoom)}.png?datetime=2024-06")
    for zoom in (4, 6, 8, 9, 10, 11, 13):
        yield Question("tile of a zoom", f"/tiles/ndvi/{numbers(CROWD, zoom)}.npy?datetime=2022-05")
    for place in (DATELINE_WEST, DATELINE_EAST):
        for zoom in (7, 10, 12):
            yield Question("tile of a zoom", f"/tiles/ndvi/{numbers(place, zoom)}.tif?datetime=2023-03")


def of_every_matrix_set() -> Questions:
    """NDVI of Mol on every grid that can show it, as picture and numbers."""
    answer = yield Question("tile matrix sets", "/tileMatrixSets")
    for each in json.loads(answer.body)["tileMatrixSets"]:
        tms = each["id"]
        yield Question("tile matrix sets", f"/tileMatrixSets/{tms}")
        place = FIELDS if tms == "CanadianNAD83_LCC" else MOL
        when = "2019-04" if place is MOL else "2024-06"
        for pixel_m, form in ((160, "png"), (20, "npy"), (20, "webp")):
            tile = numbers(place, zoom_of(tms, pixel_m), tms)
            yield Question(
                "tile of a matrix set", f"/products/ndvi/tiles/{tms}/{tile}.{form}?datetime={when}"
            )
    yield Question("tile matrix sets", "/tileMatrixSets/NoSuchSet")
    for tms in morecantile.tms.list()[:3]:
        yield Question("tile of a matrix set", f"/products/true-color/tiles/{tms}/0/0/0.png")


def of_times() -> Questions:
    """Periods, intervals, open ends, instants."""
    tile = f"/tiles/ndvi/{numbers(FIELDS, 13)}"
    for when in [
        "2023-08",
        "2024-01",
        "2024-06",
        "2024-05/2024-06",
        "2023-11/2024-02",
        "../2023-09",
        "2024-06/..",
        "2024-06-17T17:24:41Z",
        "2024-06-10/2024-06-20",
        "2024",
        "2024-06-01T00:00:00Z/2024-07-09T18:00:00Z",
        "2023",
        "2023/2024",
        "2024-06-09",
    ]:
        yield Question("tile of a time", f"{tile}.npy?datetime={when}")
    for hour in ("2024-06-15T12", "2024-06-15T14/2024-06-15T16", "2024-06-15", "2024-06-15T15:30:00Z"):
        yield Question("tile of a time", f"/tiles/no2/{numbers(TOWN, 7)}.png?datetime={hour}")
    yield Question("tile of a time", f"/tiles/no2/{numbers(LOS_ANGELES, 8)}.npy?datetime=2025-01-09T18")
    yield Question("tile of a time", f"/tiles/nightlights/{numbers(PUNE, 9)}.png?datetime=2025-12")
    for year in (2013, 2017, "2013/2021"):
        yield Question(
            "tile of a time", f"/tiles/nightlights-yearly/{numbers(SHANGHAI, 8)}.png?datetime={year}"
        )


def of_windows() -> Questions:
    """Products that compare, with windows given, left out, and an offset."""
    fire = numbers(FIRE, 13)
    for query in (
        "",
        "?post=2024-07",
        "?pre=2024-05&post=2024-07",
        "?pre=2024-04/2024-05&post=2024-07",
        "?pre=2024-06&post=2024-07&offset=0.012",
        "?datetime=2024-07&pre=2024-06",
        "?post=2024-06/2024-07",
    ):
        yield Question("tile of windows", f"/tiles/dnbr/{fire}.png{query}")
        yield Question("tile of windows", f"/tiles/dnbr/{fire}.npy{query}")
    for place, pre, post in ((POTTERS, "2020-07", "2020-09"), (INCIDENT, "2024-06", "2024-08")):
        for product in ("dnbr", "rdnbr", "rbr"):
            tile = f"/tiles/{product}/{numbers(place, 13)}.npy"
            yield Question("tile of windows", f"{tile}?pre={pre}&post={post}")
    for query in ("datetime=2024-07&baseline=2020/2023", "datetime=2024-07", "datetime=2023-07"):
        yield Question("tile of windows", f"/tiles/ndvi-anomaly/{numbers(JULYS, 14)}.npy?{query}")
    lights = f"/tiles/nightlights-change/{numbers(TOWN, 9)}"
    for query in ("", "?post=2024-06", "?pre=2023-01&post=2024-12", "?pre=2023&post=2024"):
        yield Question("tile of windows", f"{lights}.npy{query}")


def of_conditions() -> Questions:
    """Tags, revisions, HEAD, a tile that is known already, pages of other sites."""
    shown = SHOWN[0]
    tile = shown.tile(13)
    first = yield Question("conditional tile", tile)
    tag = first.headers["etag"]
    yield Question("conditional tile", tile)
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*", '"other"'):
        yield Question("conditional tile", tile, headers={"If-None-Match": condition})
    yield Question("conditional tile", tile, "HEAD")
    yield Question("conditional tile", tile, "HEAD", {"If-None-Match": tag})
    yield Question("conditional tile", tile, headers={"Origin": "https://maps.example"})
    yield Question("conditional tile", tile, headers={"Accept-Encoding": "gzip"})
    compared = SHOWN[12].tile(13)
    tag = (yield Question("conditional tile", compared)).headers["etag"]
    yield Question("conditional tile", compared, headers={"If-None-Match": tag})
    for each in (SHOWN[0], SHOWN[12], SHOWN[19]):
        yield from _with_revision(each)


def _with_revision(shown: Shown) -> Questions:
    """The tile that TileJSON leads to, which may be kept for ever, and one of an earlier revision."""
    query = "&".join(f"{name}={value}" for name, value in shown.query)
    described = yield Question(
        "tilejson", f"/products/{shown.product}/WebMercatorQuad/tilejson.json{query and '?'}{query}"
    )
    address = json.loads(described.body)["tiles"][0].removeprefix("http://localhost")
    z, x, y = numbers(shown.place, shown.zooms[1]).split("/")
    tile = address.replace("{z}", z).replace("{x}", x).replace("{y}", y)
    yield Question("conditional tile", tile)
    yield Question("conditional tile", re.sub(r"v=[0-9a-f]+", "v=0123", tile))


def refused() -> Questions:
    """What cannot be, and where nothing is."""
    tile = numbers(FIELDS, 12)
    for path in (
        "/tiles/ndvx/{}.png",
        "/tiles/ndvi/{}.jpg",
        "/tiles/ndvi/{}.png?tilesize=300",
        "/tiles/ndvi/{}",
        "/tiles/ndvi/{}.png?colour=red",
        "/tiles/ndvi/{}.png?datetime=2024-06&datetime=2024-07",
        "/tiles/ndvi/{}.png?datetime=yesterday",
        "/tiles/ndvi/{}.png?datetime=2031-01",
        "/tiles/ndvi/{}.png?datetime=2024-07/2024-06",
        "/tiles/ndvi/{}.png?pre=2024-06",
        "/tiles/ndvi/{}.png?offset=0.1",
        "/tiles/dnbr/{}.png?pre=2024-07&post=2024-06",
        "/tiles/dnbr/{}.png?pre=2024-06/2024-07&post=2024-07",
        "/tiles/dnbr/{}.png?offset=much",
        "/tiles/dnbr/{}.png?pre=2030&post=2031",
        "/tiles/dnbr/{}.png?baseline=2020/2023",
        "/tiles/rdnbr/{}.png?offset=0.1",
        "/tiles/ndvi-anomaly/{}.png?datetime=2024-01&baseline=2023/2024",
        "/products/ndvi/tiles/NoSuchSet/{}.png",
        "/products/ndvi/tiles/WebMercatorQuad/{}.gif",
        "/tiles/ndvi/{}.png?datetime=" + "2" * 2100,
    ):
        yield Question("tile refused", path.format(tile))
    for path in (
        "/tiles/ndvi/30/0/0.png",
        "/tiles/ndvi/2/9/0.png",
        "/tiles/ndvi/a/0/0.png",
        "/tiles/ndvi/2/-1/0.png",
    ):
        yield Question("tile refused", path)
    yield Question("tile refused", f"/tiles/ndvi/{tile}.png", "POST")
    for zoom in (3, 9, 14):
        yield Question("tile of nothing", f"/tiles/ndvi/{numbers(NOWHERE, zoom)}.png?datetime=2024-06")
        yield Question(
            "tile of nothing", f"/tiles/dnbr/{numbers(NOWHERE, zoom)}.png?pre=2024-06&post=2024-07"
        )


ALL = (of_every_product, at_every_zoom, of_every_matrix_set, of_times, of_windows, of_conditions, refused)
