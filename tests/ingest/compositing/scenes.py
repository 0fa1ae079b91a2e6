"""Small Sentinel-2-like scenes near Mol to composite, and what NumPy makes of them."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.compositing.composing import compose
from ingest.compositing.plan import CompositePlan, plan_composite
from ingest.compositing.request import CompositeRequest, composite_orders
from ingest.compositing.scene_selection import select_scenes
from ingest.compositing.schedulers import BlockScheduler, Threads
from ingest.compositing.stacking import stacking
from ingest.landing import Landing, land_scene
from ingest.landing_request import BandFile, LandingRequest
from ingest.planning import plan_scene
from mosaics.bbox import Bbox
from mosaics.descriptions.collections import load_collections
from mosaics.storage import Storage
from tests.rasters import MOL, UTM_31N, write_geotiff

COLLECTIONS = load_collections()
SIDE = 96
REJECTED = (0, 1, 3, 8, 9, 10, 11)
AROUND = Bbox(5.0, 51.0, 5.6, 51.5)
"""Degrees; holds every scene."""
BANDS = ("red", "nir")


@dataclass(frozen=True)
class Drawn:
    """A scene of 96 by 96 pixels of 10 m whose pixels are noise, so that no two are alike."""

    id: str
    when: datetime
    right: int = 0
    """Pixels its corner lies right of the corner near Mol."""
    down: int = 0
    baseline: str = "05.10"
    cloud_cover: float = 10.0
    crs: str = UTM_31N
    corner: tuple[float, float] = MOL
    synthetic: bool = False

    @property
    def numbers(self) -> dict[str, NDArray[Any]]:
        """Stored numbers by band; 0 is no data."""
        random = np.random.default_rng(sum(map(ord, self.id)))
        drawn: dict[str, NDArray[Any]] = {
            band: random.integers(200, 6000, (size, size)).astype("uint16")
            for band, size in (("red", SIDE), ("nir", SIDE), ("nir08", SIDE // 2))
        }
        drawn["red"][:, :6] = 0
        drawn["red"][70:80, 20:40] = 0
        drawn["scl"] = random.choice([0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11], (SIDE // 2, SIDE // 2))
        drawn["scl"] = drawn["scl"].astype("uint8")
        return drawn

    def values(self, band: str) -> NDArray[np.float64]:
        """Reflectance, NaN where nothing is stored or the classification rejects."""
        numbers = self.numbers
        offset = 0.1 if self.baseline >= "04.00" else 0.0
        values = np.where(numbers[band] == 0, np.nan, numbers[band] / 10000 - offset)
        scl = numbers["scl"]
        if values.shape != scl.shape:
            scl = scl.repeat(2, axis=0).repeat(2, axis=1)
        values[np.isin(scl, REJECTED)] = np.nan
        return values

    def placed(self, band: str, shape: tuple[int, int], pixel_m: int = 10) -> NDArray[np.float64]:
        """Its values on a grid whose corner is the one near Mol."""
        step = pixel_m // 10
        values = self.values(band)
        grid = np.full(shape, np.nan)
        top, left = self.down // step, self.right // step
        grid[top : top + len(values), left : left + len(values)] = values
        return grid

    async def land(
        self, storage: Storage, *, without: tuple[str, ...] = (), mask: NDArray[np.bool_] | None = None
    ) -> Landing:
        """Lands it in sentinel-2-l2a; with a mask, red is of floats and has no nodata value."""
        left, top = self.corner[0] + 10 * self.right, self.corner[1] - 10 * self.down
        with tempfile.TemporaryDirectory() as folder:
            assets = [
                BandFile(
                    band,
                    write_geotiff(
                        Path(folder) / f"{band}.tif",
                        numbers if mask is None or band != "red" else numbers / 10000,
                        upper_left=(left, top),
                        pixel_size=10 * SIDE / len(numbers),
                        crs=self.crs,
                        nodata=0 if mask is None or band != "red" else None,
                        mask=mask if band == "red" else None,
                    ),
                )
                for band, numbers in self.numbers.items()
                if band not in without
            ]
            order = LandingRequest(
                id=self.id,
                start=self.when,
                end=self.when,
                assets=tuple(assets),
                baseline=self.baseline,
                cloud_cover_percent=self.cloud_cover,
                synthetic=self.synthetic,
            )
            return await land_scene(storage, plan_scene(COLLECTIONS["sentinel-2-l2a"], order))


def june(day: int, second: int = 29) -> datetime:
    """When a scene of June 2024 is taken."""
    return datetime(2024, 6, day, 10, 50, second, tzinfo=UTC)


# Two overpasses of one scene each, one of two that overlap; the clearer of those two comes first.
FIRST = Drawn("first", june(2))
SECOND = Drawn("second", june(12), baseline="02.14")
THIRD = Drawn("third", june(22), right=40, down=20, cloud_cover=5)
BESIDE_THIRD = Drawn("beside", june(22, 41), right=10, down=30, cloud_cover=30)
MONTH = (FIRST, SECOND, THIRD, BESIDE_THIRD)
SHAPE = (126, 136)
"""Rows and columns of 10 m that the four reach over."""


def observations(band: str, pixel_m: int = 10) -> NDArray[np.float64]:
    """The month's observations as (overpass, row, column)."""
    shape = SHAPE[0] * 10 // pixel_m, SHAPE[1] * 10 // pixel_m
    first, second, third, beside = (scene.placed(band, shape, pixel_m) for scene in MONTH)
    return np.stack([first, second, np.where(np.isnan(third), beside, third)])


def order(bands: tuple[str, ...] = BANDS, *, box: Bbox = AROUND, **given: Any) -> CompositeRequest:
    """An order of June 2024."""
    given = {"when": "2024-06", "method": "median", **given}
    (one,) = composite_orders(COLLECTIONS, "sentinel-2-l2a", box=box, bands=bands, **given)
    return one


async def planned(storage: Storage, asked: CompositeRequest, max_pixels: int = 10**9) -> CompositePlan:
    """The order with its scenes."""
    return plan_composite(asked, await select_scenes(storage, asked), threads=2, max_pixels=max_pixels)


async def composed(
    storage: Storage,
    plan: CompositePlan,
    scheduler: BlockScheduler | None = None,
    progress: Any = lambda _: None,
) -> Landing:
    """The composite, landed."""
    reading = stacking(plan.selection.scenes, plan.order.composition.mask, storage.gdal_options())
    return await compose(storage, plan, reading, scheduler or Threads(2), progress)
