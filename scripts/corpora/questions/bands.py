"""Questions for raw bands and band math over a collection."""

from scripts.corpora.asking import Question, Questions
from scripts.corpora.questions.places import (
    CROWD,
    FIELDS,
    LANDSAT,
    LOS_ANGELES,
    MOL,
    NAIP,
    SEAM,
    SHANGHAI,
    TOWN,
    Place,
    asked,
    numbers,
)


def tile(collection: str, place: Place, zoom: int, form: str = "png", /, **query: str) -> Question:
    """A tile of bands or an expression."""
    if place in {FIELDS, TOWN} and collection.startswith("sentinel-2"):
        query = {"datetime": "2024-06", **query}
    at = f"/collections/{collection}/tiles/WebMercatorQuad/{numbers(place, zoom)}.{form}"
    return Question("tile of bands", f"{at}{asked(query)}")


def of_bands() -> Questions:
    """One band and three, with and without ranges and colours."""
    s2 = "sentinel-2-l2a"
    yield tile(s2, FIELDS, 12, bands="red,green,blue", rescale="0,0.3")
    yield tile(s2, FIELDS, 12, bands="nir,red,green")
    yield tile(s2, FIELDS, 12, "npy", bands="red,green,blue")
    yield tile(s2, FIELDS, 12, bands="red,green,blue", rescale="0,0.2,0,0.25,0,0.3")
    yield tile(s2, FIELDS, 12, bands="scl", datetime="2024-01")
    yield tile(s2, FIELDS, 12, "npy", bands="scl", datetime="2024-01")
    yield tile(s2, FIELDS, 12, "tif", bands="swir22", datetime="2024-06", tilesize="512")
    yield tile(s2, FIELDS, 13, "webp", bands="nir", rescale="0,0.6", colormap="vegetation")
    yield tile(s2, MOL, 13, "tif", bands="swir16", datetime="2019-04")
    yield tile(s2, CROWD, 8, "npy", bands="nir", datetime="2022-05")
    yield tile(s2, CROWD, 8, "npy", bands="scl", datetime="2022-05")
    yield tile("landsat-c2-l2", SEAM, 11, "npy", bands="red", rescale="0,1", datetime="2020-05")
    yield tile("landsat-c2-l2", LANDSAT, 12, bands="qa_pixel", datetime="2024-06")
    yield tile("naip", NAIP, 15, bands="nir,red,green", rescale="0,255")
    yield tile("naip", NAIP, 15, bands="nir", datetime="2012")
    yield tile("black-marble-yearly", SHANGHAI, 9, bands="radiance", rescale="0,80", colormap="night-lights")
    yield tile("black-marble-monthly", TOWN, 9, "npy", bands="num_observations", datetime="2024-03")
    yield tile("tempo-no2", LOS_ANGELES, 8, bands="no2", rescale="0,2e16", datetime="2025-01-09T18")
    yield tile("sentinel-2-monthly", TOWN, 12, bands="count", datetime="2024-06", rescale="0,5")
    yield tile("fire-zones", TOWN, 11, "npy", bands="zone")


def of_expressions() -> Questions:
    """Band math, with every function and with colour maps of ours and of rio-tiler."""
    for expression in [
        "(nir-red)/(nir+red)",
        "2.5*(nir-red)/(nir+6*red-7.5*blue+1)",
        "where(scl==4,nir,red)",
        "keep(nir,nir>0.2)",
        "sqrt(red)+log(nir)+exp(blue)",
        "abs(green-red)**2",
        "minimum(red,maximum(nir,blue))",
        "(nir>0.3)*(red<0.1)",
        "red**3-nir",
    ]:
        for form in ("png", "npy"):
            yield tile("sentinel-2-l2a", FIELDS, 12, form, expression=expression, rescale="-0.2,1")
    ndvi = "(nir-red)/(nir+red)"
    for colormap in ("vegetation", "greys", "brown-teal", "red-blue", "burn-severity", "viridis"):
        yield tile("sentinel-2-l2a", FIELDS, 11, expression=ndvi, rescale="-0.2,1", colormap=colormap)
    yield tile("naip", NAIP, 14, "tif", expression=ndvi, rescale="-1,1")
    yield tile("sentinel-2-l2a", FIELDS, 12, expression=ndvi, rescale="-0.2,1", datetime="2024-05/2024-06")


def refused() -> Questions:
    """What describes no picture, and expressions that are not run."""
    s2 = "sentinel-2-l2a"
    for query in (
        {},
        {"bands": "red,green"},
        {"bands": "redd"},
        {"bands": "red", "expression": "nir"},
        {"expression": "nir-red"},
        {"bands": "red", "rescale": "1,0"},
        {"bands": "red", "rescale": "a,b"},
        {"bands": "red", "rescale": "0,1,2"},
        {"bands": "red", "colormap": "plaid"},
        {"bands": "red,green,blue", "colormap": "viridis"},
        {"bands": "red", "pre": "2024-06"},
    ):
        yield tile(s2, FIELDS, 12, **query)
    for expression in (
        "__import__('os')",
        "red.real",
        "red[0]",
        "nir-",
        "redd/nir",
        "'text'",
        "lambda: 1",
        "red**99",
        "+".join(["red"] * 400),
        "(" * 60 + "red" + ")" * 60,
        "1+1",
        "open(red)",
        "red if nir else blue",
    ):
        yield tile(s2, FIELDS, 12, expression=expression, rescale="0,1")
    yield tile("no-such-collection", FIELDS, 12, bands="red")


ALL = (of_bands, of_expressions, refused)
