"""Sentinel-2-like scenes of the landscape: two footprints a month for a year, with clouds, and a fire."""

import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from ingest.demo.canvas import write_plain
from ingest.demo.terrain import HEIGHT_WIDTH, SEED, Cover, Floats, Terrain, blurred, noise, terrain
from ingest.landing_request import BandFile, LandingRequest

CRS = "EPSG:32614"
ORIGIN_XY = (491_680.0, 4_489_000.0)
"""Upper left corner of the landscape in UTM zone 14 north, near 40.5 N, 99 W in Nebraska."""
SIZE_PX = 1024
BASELINE = "05.10"
"""The numbers carry the offset of that baseline, as current ones do."""
STEP_DN = 32
"""Numbers are multiples of this, those of coarse bands of twice as much: a year of scenes stays small."""


@dataclass(frozen=True)
class Side:
    """One of the two footprints."""

    name: str
    left_px: int
    top_px: int
    day: int
    """Of each month."""
    cloud_share: tuple[float, ...]
    """About how much of the scene is cloudy, January to December."""
    swath_edge: bool
    """Whether the swath ends within the raster, leaving a slanted edge without data."""


WEST = Side("west", 0, 0, 9, (0.42, 0.08, 0.25, 0.04, 0.16, 0.02, 0.07, 0.12, 0.01, 0.10, 0.30, 0.45), True)
EAST = Side(
    "east", 640, 128, 17, (0.12, 0.33, 0.05, 0.20, 0.03, 0.11, 0.01, 0.26, 0.06, 0.02, 0.14, 0.22), False
)

LAST_MONTH = (2024, 7)
"""The latest month is what a map shows first: a clear one of high summer."""

# Reflectance in the order of BANDS; common shapes of spectra, not measurements.
SOIL = (0.075, 0.105, 0.140, 0.215, 0.230, 0.260)
STRAW = (0.085, 0.125, 0.170, 0.290, 0.300, 0.230)
LEAVES = (0.026, 0.068, 0.032, 0.460, 0.470, 0.070)
WATER = (0.050, 0.056, 0.040, 0.022, 0.020, 0.012)
SAND = (0.150, 0.190, 0.230, 0.280, 0.290, 0.330)
ROAD = (0.095, 0.105, 0.115, 0.140, 0.145, 0.150)
ROOF = (0.150, 0.155, 0.165, 0.200, 0.205, 0.210)
SNOW = (0.720, 0.720, 0.700, 0.620, 0.600, 0.060)
CLOUD = (0.560, 0.550, 0.540, 0.580, 0.570, 0.400)
CHAR = (0.040, 0.048, 0.058, 0.085, 0.095, 0.230)
SHADOW_PX = (26, 17)
"""How far a cloud's shadow lies up and to the left of it, with the sun in the south-east."""
BANDS = ("blue", "green", "red", "nir", "nir08", "swir22")
COARSE_BANDS = ("nir08", "swir22")
"""Those of 20 m."""

FIRE_DATE = date(2024, 6, 25)
"""The last month shows what it left, the one before what stood there."""
FIRE_XY = (1130, 830)
"""Pixel of its centre, in the hills south of the river."""
FIRE_PX = 150
"""About how far it went."""

# Day of the year when half the leaves are out, when half are gone, and the share of ground they cover.
CALENDAR = {
    Cover.CORN: (172, 262, 0.93),
    Cover.SOYBEAN: (182, 256, 0.90),
    Cover.WHEAT: (98, 176, 0.82),
    Cover.ALFALFA: (100, 298, 0.85),
    Cover.FALLOW: (130, 160, 0.18),
    Cover.PASTURE: (122, 268, 0.52),
    Cover.FOREST: (124, 290, 0.88),
    Cover.GARDEN: (115, 295, 0.55),
}


@dataclass(frozen=True)
class SentinelScene:
    """One scene: a side and a month of the year that ends in `LAST_MONTH`."""

    side: Side
    month: int
    """1 January to 12 December."""
    collection_id: str = "sentinel-2-l2a"

    @property
    def id(self) -> str:
        """The scene's id, which says what it is."""
        return f"synthetic-s2-{self.side.name}-{self.year}-{self.month:02d}"

    @property
    def year(self) -> int:
        """The year of its month."""
        year, last = LAST_MONTH
        return year if self.month <= last else year - 1

    def draw(self, folder: Path) -> LandingRequest:
        """Write the scene's GeoTIFFs into a folder and order their landing."""
        sensed = datetime(self.year, self.month, self.side.day, 17, 24, 41, tzinfo=UTC)
        top, left = self.side.top_px, self.side.left_px
        window = np.s_[top : top + SIZE_PX, left : left + SIZE_PX]
        rng = np.random.default_rng([SEED, self.month, self.side.day])
        ground = terrain()
        planes = surface(ground, sensed.timetuple().tm_yday, window)
        if sensed.date() > FIRE_DATE:
            burn(planes, severity()[window])
        snow = _snow(ground, rng, self.month, window)
        cloud, shadow = clouds(rng, self.side.cloud_share[self.month - 1])
        grain = rng.normal(0, 1, (SIZE_PX, SIZE_PX)).astype("float32")
        seen = _seen(self.side)
        for index, plane in enumerate(planes):
            lit = plane * (1 - snow) + SNOW[index] * snow
            lit = blurred(lit) * (1 - 0.55 * shadow)
            lit = lit * (1 - cloud) + CLOUD[index] * (0.8 + 0.4 * cloud) * cloud
            planes[index] = np.asarray(lit + 0.0004 * grain, dtype="float32")
        scl = classify(planes, ground.cover[window], cloud, shadow, snow)
        scl[~seen] = 0
        transform = Affine(10, 0, ORIGIN_XY[0] + 10 * left, 0, -10, ORIGIN_XY[1] - 10 * top)
        for name, plane in zip(BANDS, planes, strict=True):
            step, every = (2 * STEP_DN, 2) if name in COARSE_BANDS else (STEP_DN, 1)
            numbers = np.clip(np.rint((plane + 0.1) * (10000 / step)) * step, 1, 65535).astype("uint16")
            numbers[~seen] = 0
            placed = transform * Affine.scale(every)
            write_plain(folder / f"{name}.tif", numbers[::every, ::every], CRS, placed, 0)
        write_plain(folder / "scl.tif", scl[::2, ::2], CRS, transform * Affine.scale(2), 0)
        cloudy = np.isin(scl[seen], (8, 9, 10)).mean()
        return LandingRequest(
            id=self.id,
            start=sensed,
            end=sensed,
            assets=tuple(BandFile(name, folder / f"{name}.tif") for name in (*BANDS, "scl")),
            cloud_cover_percent=round(100 * float(cloudy), 1),
            baseline=BASELINE,
            synthetic=True,
        )


def scenes() -> list[SentinelScene]:
    """Return all scenes of the year."""
    return [SentinelScene(side, month) for month in range(1, 13) for side in (WEST, EAST)]


def surface(ground: Terrain, day: int, window: tuple[slice, slice]) -> list[Floats]:
    """Return the reflectance of the ground on a day of the year, in the order of `BANDS`."""
    cover, parcel = ground.cover[window], ground.parcel[window]
    leaves = np.zeros(cover.shape, dtype="float32")
    vigor, delay = ground.vigor[parcel], ground.delay_days[parcel]
    for crop, (green, brown, best) in CALENDAR.items():
        here = cover == crop
        pace = 7.0 if crop <= Cover.FALLOW else 14.0
        grown = _rise(day - delay[here] - green, pace) * _rise(brown + delay[here] - day, pace)
        if crop is Cover.ALFALFA:
            grown = grown * (0.55 + 0.45 * np.abs(np.sin((day - delay[here]) / 33.0 * np.pi / 2)))
        leaves[here] = best * vigor[here] * grown
    leaves *= 1 + 0.10 * ground.texture[window]
    leaves[(cover == Cover.PASTURE) | (cover == Cover.FOREST)] += 0.05
    leaves = np.clip(leaves, 0, 1)
    # what is not green is straw where something grows or has grown, else bare soil
    standing = np.isin(cover, (Cover.PASTURE, Cover.FOREST, Cover.GARDEN))
    stubble = (cover == Cover.WHEAT) & (day > 170)
    straw = np.where(standing | stubble, 0.7, np.where(day > 250, 0.45, 0.12)).astype("float32")
    shade = np.where(cover == Cover.FOREST, 0.74, 1.0).astype("float32")
    soil = ground.soil[window]
    fixed = {Cover.WATER: WATER, Cover.SAND: SAND, Cover.ROAD: ROAD, Cover.ROOF: ROOF}
    planes = []
    for index in range(len(BANDS)):
        bare = (straw * STRAW[index] + (1 - straw) * SOIL[index]) * soil
        plane = (leaves * LEAVES[index] + (1 - leaves) * bare) * shade
        for kind, spectrum in fixed.items():
            here = cover == kind
            plane[here] = spectrum[index] * (1 + 0.18 * ground.texture[window][here])
        planes.append(plane.astype("float32"))
    return planes


def burn(planes: list[Floats], share: Floats) -> None:
    """Put char in place of some share of the ground, 0..1; the planes are changed."""
    for index, plane in enumerate(planes):
        planes[index] = plane + share * (CHAR[index] - plane)


@functools.cache
def severity() -> Floats:
    """Return the share of ground left as char, 0..0.95: most in the middle, none on water or roads."""
    ground = terrain()
    y, x = np.mgrid[0 : HEIGHT_WIDTH[0], 0 : HEIGHT_WIDTH[1]].astype("float32")
    ragged = noise(np.random.default_rng(SEED + 2), HEIGHT_WIDTH, 70, 5) - 0.5
    away = np.hypot((x - FIRE_XY[0]) / 1.4, y - FIRE_XY[1]) / FIRE_PX
    share = np.clip(1.5 * (1 - away) + 1.1 * ragged, 0, 0.95)
    spared = (Cover.WATER, Cover.SAND, Cover.ROAD, Cover.ROOF)
    share[np.isin(ground.cover, spared)] = 0
    return np.asarray(share, dtype="float32")


def clouds(rng: np.random.Generator, share: float) -> tuple[Floats, Floats]:
    """Return the opacity, 0..1, of clouds over about `share` of the scene, and of their shadows."""
    down, right = SHADOW_PX
    field = noise(rng, (SIZE_PX + down, SIZE_PX + right), 230, 7)
    edge = np.quantile(field, 1 - share)
    everywhere = np.clip((field - edge) / 0.13, 0, 1).astype("float32") ** 0.8
    cloud = everywhere[:SIZE_PX, :SIZE_PX]
    return cloud, everywhere[down:, right:] * (cloud < 0.25)


def classify(
    planes: list[Floats], cover: NDArray[np.uint8], cloud: Floats, shadow: Floats, snow: Floats
) -> NDArray[np.uint8]:
    """Return a scene classification with the codes of Sentinel-2's SCL."""
    red, nir = planes[2], planes[3]
    ndvi = (nir - red) / np.maximum(nir + red, 0.01)
    scl = np.where(ndvi > 0.4, 4, 5).astype("uint8")
    scl[cover == Cover.WATER] = 6
    scl[snow > 0.5] = 11
    scl[shadow > 0.12] = 3
    scl[cloud > 0.03] = 10
    scl[cloud > 0.30] = 8
    scl[cloud > 0.60] = 9
    return scl


def _rise(days: Floats, pace_days: float) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(days / pace_days, -30, 30))), dtype="float32")


def _snow(ground: Terrain, rng: np.random.Generator, month: int, window: tuple[slice, slice]) -> Floats:
    if month != 1:
        return np.zeros((SIZE_PX, SIZE_PX), dtype="float32")
    drifts = ground.relief[window] + 0.35 * (noise(rng, (SIZE_PX, SIZE_PX), 50, 5) - 0.5)
    lying = np.clip((drifts - 0.62) / 0.22, 0, 0.85) * (ground.cover[window] != Cover.WATER)
    return np.asarray(lying, dtype="float32")


def _seen(side: Side) -> NDArray[np.bool_]:
    y, x = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    return (x < 955 - 0.16 * y) if side.swath_edge else np.ones((SIZE_PX, SIZE_PX), dtype=bool)
