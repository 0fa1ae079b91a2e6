"""Sixty-eight dates of NDVI in Slovenia (eo-learn), landed: anomalies of land-use polygons equal numpy's."""

import csv
import json
import math
import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner
from numpy.typing import NDArray
from pyproj import Transformer

from app.analysis.parcel_service import ParcelAnalyses
from app.analysis.request import ParcelNumbers
from app.areas.area import Description
from app.areas.area_store import create_area
from app.cli import main
from app.database import Database
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.statistics.geometry import read_polygon
from app.statistics.memory import DatabaseMemory
from app.statistics.service import StatisticsService
from app.statistics.zonal import ZonalEngine
from mosaics.catalogue import Catalogue
from mosaics.period import Period
from mosaics.storage import open_storage
from tests.rasters import write_geotiff

pytestmark = pytest.mark.real_data

COLLECTION = """
title = "NDVI in Slovenia"
description = "Of eo-learn's example."
cadence = "day"
license = "MIT"
attribution = "eo-learn, contains modified Copernicus Sentinel data"

[[bands]]
name = "ndvi"
title = "NDVI"
unit = "1"
dtype = "float32"
nodata = -9.0
gsd_m = 10

[[bands]]
name = "cloud"
title = "Cloud mask"
dtype = "uint8"
categorical = true
gsd_m = 10
"""

PRODUCT = """
title = "NDVI in Slovenia"
description = "Of eo-learn's example."
collection = "slovenia-ndvi"
expression = "ndvi"
unit = "1"
rescale = [-0.2, 1.0]
colormap = "vegetation"
references = ["sentinel-hub/eo-learn @ 303e758"]

[[mask]]
band = "cloud"
reject = [1]
label = "cloud"
"""

LARGEST = 8
"""Polygons compared: the largest."""
TESTED = ("2017-07-30", "2017-08-24", "2017-08-29")
YEARS_NEEDED = 2
"""Of the two that there are before 2017; near 30 July clouds leave one."""


@dataclass(frozen=True)
class Slovenia:
    """The data, and where they have landed."""

    store: str
    products: Path
    ndvi: NDArray[np.float32]
    """(dates, rows, columns)."""
    cloud: NDArray[np.bool_]
    days: list[date]
    bounds: tuple[float, float, float, float]
    """West, south, east, north in EPSG:32633."""
    polygons: list[shapely.Polygon]
    """In EPSG:32633, the largest first."""


@pytest.fixture(scope="module")
def slovenia(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Slovenia:
    """Every date, landed by one run of the command from a table."""
    source, work = shared_data / "ndvi_eolearn_slovenia", tmp_path_factory.mktemp("slovenia")
    ndvi, cloud = (np.load(source / f"{name}.npy")[..., 0] for name in ("NDVI", "CLM"))
    stamps = json.loads((source / "timestamps.json").read_text())
    ring = json.loads((source / "bbox.geojson").read_text())["coordinates"][0]
    west, south, east, north = shapely.Polygon(ring).bounds
    transform = ((east - west) / ndvi.shape[2], 0, west, 0, -(north - south) / ndvi.shape[1], north)
    for folder in ("collections", "products", "files"):
        (work / folder).mkdir()
    (work / "collections" / "slovenia-ndvi.toml").write_text(COLLECTION)
    (work / "products" / "slovenia-ndvi.toml").write_text(PRODUCT)
    with (work / "scenes.csv").open("w") as table:
        rows = csv.writer(table)
        rows.writerow(["id", "datetime", "ndvi", "cloud"])
        for number, stamp in enumerate(stamps):
            files = [work / "files" / f"{number}-{band}.tif" for band in ("ndvi", "cloud")]
            for file, plane in zip(files, (ndvi[number], cloud[number].astype(np.uint8)), strict=True):
                nodata = -9.0 if plane.dtype == np.float32 else None
                write_geotiff(file, plane, nodata=nodata, transform=Affine(*transform), crs="EPSG:32633")
            rows.writerow([f"date-{number}", f"{stamp}Z", *files])
    store = (work / "store").as_uri()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TILEWATCH_COLLECTIONS", str(work / "collections"))
        words = ["land", "slovenia-ndvi", str(work / "scenes.csv"), "--storage", store, "--no-overviews"]
        landed = CliRunner().invoke(main, words)
        assert landed.exit_code == 0, landed.output
    with sqlite3.connect(source / "LULC.gpkg") as database:
        blobs = [row[0] for row in database.execute("select geom from LULC")]
    shapes = [shapely.from_wkb(blob[8 + 32 * bool(blob[3] & 0b1110) :]) for blob in blobs]
    inside = [shape & shapely.box(west, south, east, north) for shape in shapes]
    whole = sorted((s for s in inside if isinstance(s, shapely.Polygon)), key=lambda s: -s.area)
    days = [date.fromisoformat(stamp[:10]) for stamp in stamps]
    bounds = west, south, east, north
    return Slovenia(store, work / "products", ndvi, cloud.astype(bool), days, bounds, whole[:LARGEST])


def means(slovenia: Slovenia, polygon: shapely.Polygon) -> NDArray[np.float64]:
    """The mean of a polygon at each date, by the share of every pixel; NaN where less than half is clear."""
    west, south, east, north = slovenia.bounds
    _, rows, columns = slovenia.ndvi.shape
    xs, ys = np.linspace(west, east, columns + 1), np.linspace(north, south, rows + 1)
    pixels = shapely.box(xs[:-1], ys[1:, np.newaxis], xs[1:], ys[:-1, np.newaxis])
    covered = shapely.area(shapely.intersection(pixels, polygon))
    clear = np.where(slovenia.cloud, 0.0, covered)
    weights = clear.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        found = (slovenia.ndvi * clear).sum(axis=(1, 2), dtype=np.float64) / weights
    return np.where(weights >= 0.5 * covered.sum(), found, np.nan)


def anomaly(days: list[date], values: NDArray[np.float64], tested: date) -> dict[str, float] | None:
    """Mean, deviation and z of a date against those within 15 days of the same day of earlier years."""
    yearly = []
    for back in (1, 2):
        same = tested.replace(year=tested.year - back)
        near = [v for d, v in zip(days, values, strict=True) if abs(d - same) <= timedelta(days=15)]
        clear = [v for v in near if not math.isnan(v)]
        if clear:
            yearly.append(np.mean(clear))
    now = values[days.index(tested)]
    if len(yearly) < YEARS_NEEDED or math.isnan(now):
        return None
    spread = max(float(np.std(yearly, ddof=1)), 0.02)
    return {"mean": float(np.mean(yearly)), "z": float((now - np.mean(yearly)) / spread), "value": now}


async def test_anomalies_of_land_use_polygons_equal_those_of_numpy(
    slovenia: Slovenia, database_url: str
) -> None:
    to_degrees = Transformer.from_crs(32633, 4326, always_xy=True)
    numbers, compared = ParcelNumbers(minimum_years=YEARS_NEEDED, years=YEARS_NEEDED), 0
    async with await open_storage(slovenia.store) as storage:
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        assert len(slovenia.days) == 68
        assert len(catalogue.periods("slovenia-ndvi")) == 67, "one day has two"
        renderer, database = Renderer(catalogue, threads=2), Database(database_url, max_connections=2)
        statistics = StatisticsService(ZonalEngine(catalogue, renderer), DatabaseMemory(database))
        analyses = ParcelAnalyses(database, catalogue, statistics)
        product = Registry.load([slovenia.products]).get("slovenia-ndvi")
        for polygon in slovenia.polygons:
            dense = shapely.segmentize(polygon, 20.0)
            outline = shapely.transform(dense, lambda xy: np.column_stack(to_degrees.transform(*xy.T)))
            shape = read_polygon(json.loads(shapely.to_geojson(outline)))
            async with database.transaction() as connection:
                area = await create_area(connection, Description("Land use"), shape)
            values = means(slovenia, polygon)
            for text in TESTED:
                found = (await analyses.analyse(area.id, product, Period.parse(text), numbers)).result
                expected = anomaly(slovenia.days, values, date.fromisoformat(text))
                if expected is None:
                    assert found["history"] is None
                    continue
                assert found["value"] == pytest.approx(expected["value"], abs=2e-5)
                assert found["history"]["mean"] == pytest.approx(expected["mean"], abs=2e-5)
                assert found["history"]["z"] == pytest.approx(expected["z"], abs=5e-3)
                compared += 1
        await database.close()
        renderer.close()
    assert compared >= 2 * LARGEST
