"""Months made of SYNTHETIC nights: those of high quality count, without cloud or snow; dark is a value."""

import json

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from app.cli import main
from tests.rasters import write_geotiff

SIDE = 48
NIGHTS = {"2024-01-01": 2.0, "2024-01-02": 4.0, "2024-01-03": 9.0}
"""Radiance of each, nW, but for the cells below."""
CLOUD = 2 << 6
"""Probably cloudy, of QF_Cloud_Mask."""
CELLS = {
    # column: median and mean of the nights that count, and how many these are
    0: (3.0, 3.0, 2),  # of poor quality in the third
    1: (5.5, 5.5, 2),  # cloud in the second
    2: (6.5, 6.5, 2),  # snow in the first
    3: (None, None, 0),  # cloud in all
    4: (6.5, 6.5, 2),  # missing in the first
    5: (0.0, 0.0, 3),  # dark in all
    6: (4.0, 5.0, 3),
}
"""Of the first row."""


def layers(number):
    """The bands of a night, by number."""
    radiance = np.full((SIDE, SIDE), list(NIGHTS.values())[number], "float32")
    quality, snow = np.zeros((2, SIDE, SIDE), "uint8")
    cloud = np.zeros((SIDE, SIDE), "uint16")
    quality[0, 0] = number == 2
    cloud[0, 1] = CLOUD if number == 1 else 64  # else probably clear
    snow[0, 2] = number == 0
    cloud[0, 3] = CLOUD
    radiance[0, 4] = -999.9 if number == 0 else radiance[0, 4]
    radiance[0, 5] = 0
    return {"radiance": radiance, "quality": quality, "cloud_mask": cloud, "snow": snow}


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights")

    def run(*words):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TILEWATCH_STORAGE", (folder / "store").as_uri())
            environment.chdir(folder)
            done = CliRunner().invoke(main, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return folder

    for number, night in enumerate(NIGHTS):
        assets = []
        for band, numbers in layers(number).items():
            path = folder / f"{night}-{band}.tif"
            nodata = {"float32": -999.9, "uint8": 255, "uint16": 65535}[numbers.dtype.name]
            write_geotiff(
                path, numbers, upper_left=(32.4, 15.8), pixel_size=1 / 240, crs="EPSG:4326", nodata=nodata
            )
            assets += ["--asset", f"{band}={path}"]
        run("land", "black-marble-daily", "--id", night, "--datetime", night, *assets, "--no-overviews")
    return run


@pytest.mark.parametrize(("method", "which"), [("median", 0), ("mean", 1)])
def test_a_month_of_nights(command, method, which):
    folder = command(
        *("composite", "black-marble-daily", "--bbox=32.4,15.6,32.6,15.8", "--datetime", "2024-01"),
        *("--bands", "radiance", "--method", method),
    )
    scenes = folder / "store/collections/black-marble-nights-monthly/scenes"
    (item,) = scenes.glob(f"black-marble-daily-{method}-*/*/item.json")
    with rasterio.open(item.with_name("radiance.tif")) as dataset:
        assert (dataset.dtypes[0], dataset.nodata) == ("float32", float(np.float32(-999.9)))
        assert dataset.transform[:6] == pytest.approx((1 / 240, 0, 32.4, 0, -1 / 240, 15.8))
        values = dataset.read(1)
    with rasterio.open(item.with_name("count.tif")) as dataset:
        counts = dataset.read(1)
    for column, expected in CELLS.items():
        value, count = expected[which], expected[2]
        assert values[0, column] == np.float32(-999.9 if value is None else value), column
        assert counts[0, column] == count, column
    properties = json.loads(item.read_text())["properties"]
    assert "of pixels that quality and cloud_mask and snow show clear" in properties["processing:lineage"]
    assert properties["tilewatch:composite"]["also"] == [
        {"band": "cloud_mask", "field": {"bits": "6-7", "keep": [0, 1]}},
        {"band": "snow", "keep": [0]},
    ]
