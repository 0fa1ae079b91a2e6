"""TEMPO-like hours of one summer day over the landscape: the plumes of a town and a power station drift."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from rasterio.transform import Affine

from ingest.demo.canvas import write_plain
from ingest.demo.terrain import SEED, Floats, noise
from ingest.landing_request import BandFile, LandingRequest
from mosaics.period import Period

CELL_DEGREES = 0.02
"""TEMPO's grid; its edges lie at whole multiples counted from 14 N and 168 W."""
WEST_NORTH = (-100.2, 41.5)
HEIGHT_WIDTH = (100, 120)
FIRST_HOUR = "2024-06-15T12"
HOURS = 13
"""Daylight in June at 99 W, in UTC, with the sun within 80 degrees of overhead."""
FILL = -1e30
BACKGROUND = 0.75e15
"""Column in clean air, molecules/cm2."""
NOISE = 0.38e15
"""Standard deviation of a single retrieval, so that a few come out negative."""
SOURCES = ((49.2, 60.0, 1.0), (41.0, 67.0, 0.75))
"""Row, column and strength of the town (40.52 N, 99.00 W) and the power station."""


@dataclass(frozen=True)
class No2Scene:
    """One hour."""

    hour: Period
    collection_id: str = "tempo-no2"

    @property
    def id(self) -> str:
        """The scene's id, which says what it is."""
        return f"synthetic-no2-{self.hour.text}"

    def draw(self, folder: Path) -> LandingRequest:
        """Write the scene's GeoTIFFs into a folder and order their landing."""
        index = hours().index(self.hour)
        rng = np.random.default_rng([SEED, 2, index])
        sun = solar_zenith_angle(self.hour.start)
        cloud = cloud_fraction(index)
        column = BACKGROUND + plume(index) + NOISE * (1 + cloud) * rng.normal(0, 1, HEIGHT_WIDTH)
        seen = (sun < 84) & (cloud < 0.92)
        quality = np.where(cloud > 0.6, 1, 0).astype("int16")
        quality[(cloud > 0.8) | (rng.random(HEIGHT_WIDTH) < 0.002)] = 2
        transform = Affine(CELL_DEGREES, 0, WEST_NORTH[0], 0, -CELL_DEGREES, WEST_NORTH[1])
        planes = {
            "no2": (np.where(seen, column, FILL), FILL),
            "quality": (quality, None),
            "cloud_fraction": (np.where(sun < 84, cloud, FILL).astype("float32"), FILL),
            "solar_zenith_angle": (sun.astype("float32"), FILL),
        }
        for name, (plane, nodata) in planes.items():
            write_plain(folder / f"{name}.tif", plane, "EPSG:4326", transform, nodata)
        return LandingRequest(
            id=self.id,
            start=self.hour.start,
            end=self.hour.end,
            assets=tuple(BandFile(name, folder / f"{name}.tif") for name in planes),
            synthetic=True,
        )


def hours() -> tuple[Period, ...]:
    """Return the hours of daylight."""
    found = [Period.parse(FIRST_HOUR)]
    while len(found) < HOURS:
        found.append(found[-1].following())
    return tuple(found)


def scenes() -> list[No2Scene]:
    """Return all hours."""
    return [No2Scene(hour) for hour in hours()]


def solar_zenith_angle(moment: datetime) -> Floats:
    """Return the degrees from overhead in the middle of the hour that begins at `moment`."""
    row, column = np.mgrid[0 : HEIGHT_WIDTH[0], 0 : HEIGHT_WIDTH[1]]
    latitude = np.deg2rad(WEST_NORTH[1] - (row + 0.5) * CELL_DEGREES)
    longitude = WEST_NORTH[0] + (column + 0.5) * CELL_DEGREES
    day = moment.timetuple().tm_yday
    declination = np.deg2rad(-23.44) * np.cos(2 * np.pi * (day + 10) / 365)
    hour_angle = np.deg2rad(15 * (moment.hour + 0.5 + 24 * (moment.hour < 6) - 12) + longitude)
    cosine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        hour_angle
    )
    return np.asarray(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))), dtype="float32")


def plume(hour: int) -> Floats:
    """Return the column of puffs of the last seven hours, carried by a wind that turns through the day."""
    row, column = np.mgrid[0 : HEIGHT_WIDTH[0], 0 : HEIGHT_WIDTH[1]].astype("float32")
    total = np.zeros(HEIGHT_WIDTH, dtype="float32")
    for source_row, source_column, strength in SOURCES:
        south, east = 0.0, 0.0
        for step in range(28):
            age_h = step / 4
            emitted = hour - age_h
            bearing = np.deg2rad(35 + 9.0 * emitted)  # where the wind blows to, clockwise from north
            cells = 0.25 * (5.5 + 0.35 * emitted)
            south, east = south - cells * np.cos(bearing), east + cells * np.sin(bearing)
            width = 1.6 + 1.15 * age_h
            rush = (
                0.75 + 0.45 * np.exp(-((emitted - 1.5) ** 2) / 4) + 0.3 * np.exp(-((emitted - 11) ** 2) / 4)
            )
            mass = strength * rush * np.exp(-age_h / 3.2) * 1.05e16
            away = (row - source_row - south) ** 2 + (column - source_column - east) ** 2
            total += (mass * np.exp(-away / (2 * width**2)) / width**1.35).astype("float32")
    return total


def cloud_fraction(hour: int) -> Floats:
    """Return broken clouds that drift eastward, 0..1."""
    field = noise(np.random.default_rng([SEED, 3]), (HEIGHT_WIDTH[0], HEIGHT_WIDTH[1] + 4 * HOURS), 34, 4)
    left = 4 * (HOURS - 1 - hour)
    drifting = field[:, left : left + HEIGHT_WIDTH[1]]
    return np.asarray(np.clip((drifting - 0.53) / 0.3, 0, 1), dtype="float32")
