"""Black-Marble-like months of the made-up town: its lights grow, district by district, from 2023 to 2024."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.transform import Affine

from ingest.demo.canvas import write_plain
from ingest.demo.terrain import SEED, Floats, noise
from ingest.landing_request import BandFile, LandingRequest
from mosaics.period import Period

CELL_DEGREES = 1 / 240
"""15 arc-seconds, the grid of Black Marble."""
WEST_NORTH = (-99.35, 40.80)
HEIGHT_WIDTH = (144, 168)
TOWN_RC = (68.0, 84.0)
"""Row and column of the town's centre, near 40.52 N, 99.00 W."""
FIRST_MONTH = "2023-01"
MONTHS = 24
FILL = -999.9
"""Of Black Marble's Collection 2."""


@dataclass(frozen=True)
class Lights:
    """A round patch of light."""

    south: float
    """Cells from the town's centre."""
    east: float
    radius: float
    """Cells to a third of the brightness."""
    radiance: float
    """nW cm-2 sr-1 in the middle, once all its lamps burn."""
    since: int = -12
    """Month, counted from 0, in which the first lamps burn; all do half a year later."""


TOWN = (
    Lights(0, 0, 2.6, 42),
    Lights(2, 3, 2.2, 24),
    Lights(-3, -2, 2.4, 16),
    Lights(5, -3, 1.6, 30, since=2),  # halls on the southern edge
    Lights(-2, 7, 2.2, 18, since=4),
    Lights(-7, 2, 2.0, 15, since=7),
    Lights(1, -8, 2.3, 17, since=9),
    Lights(-6, -7, 1.9, 13, since=12),
    Lights(6, 8, 2.1, 19, since=14),
    Lights(-9, 8, 1.8, 14, since=17),
    Lights(0, 13, 2.0, 16, since=19),
    Lights(9, -9, 1.6, 22, since=21),
)
VILLAGES = (
    Lights(-44, -58, 1.1, 6),
    Lights(38, -40, 1.0, 5),
    Lights(50, 52, 1.4, 9),
    Lights(-30, 62, 1.2, 7),
    Lights(-50, 20, 0.9, 4),
    Lights(24, 36, 0.8, 3, since=10),
)


@dataclass(frozen=True)
class NightScene:
    """One month."""

    month: Period
    collection_id: str = "black-marble-monthly"

    @property
    def id(self) -> str:
        """The scene's id, which says what it is."""
        return f"synthetic-night-{self.month.text}"

    def draw(self, folder: Path) -> LandingRequest:
        """Write the scene's GeoTIFFs into a folder and order their landing."""
        index = months().index(self.month)
        rng = np.random.default_rng([SEED, 46, index])
        season = np.cos(2 * np.pi * index / 12)
        nights = np.rint(9 + 6 * season + 9 * (noise(rng, HEIGHT_WIDTH, 40, 3) - 0.5)).clip(0, 30)
        seen = nights > 0
        lamps = radiance(index) * (1 + 0.05 * season + 0.04 * rng.normal(0, 1, HEIGHT_WIDTH))
        measured = lamps + 0.18 + 0.10 * rng.normal(0, 1, HEIGHT_WIDTH) / np.sqrt(np.maximum(nights, 1))
        values = np.where(seen, np.maximum(measured, 0), FILL).astype("float32")
        quality = np.where(nights > 3, 0, 1).astype("uint8")
        quality[~seen] = 255
        counts = np.where(seen, nights, 65535).astype("uint16")
        transform = Affine(CELL_DEGREES, 0, WEST_NORTH[0], 0, -CELL_DEGREES, WEST_NORTH[1])
        bands = {"radiance": (values, FILL), "num_observations": (counts, 65535), "quality": (quality, 255)}
        for name, (plane, nodata) in bands.items():
            write_plain(folder / f"{name}.tif", plane, "EPSG:4326", transform, nodata)
        return LandingRequest(
            id=self.id,
            start=self.month.start,
            end=self.month.end,
            assets=tuple(BandFile(name, folder / f"{name}.tif") for name in bands),
            synthetic=True,
        )


def months() -> tuple[Period, ...]:
    """Return the 24 months."""
    found = [Period.parse(FIRST_MONTH)]
    while len(found) < MONTHS:
        found.append(found[-1].following())
    return tuple(found)


def scenes() -> list[NightScene]:
    """Return all months."""
    return [NightScene(month) for month in months()]


def radiance(month: int) -> Floats:
    """Return the light of town, villages and highway in a month counted from 0, without noise."""
    row, column = np.mgrid[0 : HEIGHT_WIDTH[0], 0 : HEIGHT_WIDTH[1]].astype("float32")
    total = np.zeros(HEIGHT_WIDTH, dtype="float32")
    for lights in (*TOWN, *VILLAGES):
        burning = np.clip((month - lights.since + 1) / 6, 0, 1)
        away = np.hypot(row - TOWN_RC[0] - lights.south, column - TOWN_RC[1] - lights.east)
        total += np.float32(lights.radiance * burning) * np.exp(-((away / lights.radius) ** 1.6))
    highway = np.abs(row - (TOWN_RC[0] + 3 + 0.03 * (column - TOWN_RC[1])))
    total += 0.9 * np.exp(-((highway / 0.8) ** 2)) * (0.7 + 0.3 * np.sin(column / 5.0))
    return total.astype("float32")
