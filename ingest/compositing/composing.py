"""Composing: a planned composite is computed block by block, and landed by one commit."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from ingest.compositing.grids import BandGrid, blocks_of, bounds_in, touch
from ingest.compositing.plan import CompositePlan
from ingest.compositing.reducing import MISSING, reduce_planes
from ingest.compositing.schedulers import BlockScheduler, Done, Work
from ingest.compositing.stacking import Stacking, observations, over, part_of
from ingest.item import GEOJSON
from ingest.landing import Landing, land_scene, require_space, workspace
from ingest.landing_request import BandFile, LandingRequest, Provenance
from ingest.planning import ScenePlan, plan_rasters
from ingest.raster import inspect_raster
from mosaics.descriptions.composites import COUNT
from mosaics.raster.opening import create_raster
from mosaics.storage import Storage

COMPUTING_SHARE = 4
"""Of the progress of a pixel; landing it counts 2."""
SPACE_PER_BYTE = 4
"""Disk taken by a byte of a composite: as computed, and what `land_scene` needs to convert it."""


@dataclass(slots=True)
class Observed:
    """How often the pixels of a composite were seen."""

    pixels: int = 0
    observations: int = 0
    unseen: int = 0
    most: int = 0

    def add(self, count: NDArray[np.uint16]) -> None:
        """Count the pixels of a block."""
        self.pixels += count.size
        self.observations += int(count.sum(dtype=np.int64))
        self.unseen += int((count == 0).sum())
        self.most = max(self.most, int(count.max()))


def progress_steps(plan: CompositePlan) -> int:
    """Return how far `progress` of `compose` counts."""
    pixels = sum(grid.pixels * len(grid.bands) for grid in plan.grids)
    return COMPUTING_SHARE * pixels + 2 * (pixels + plan.grids[0].pixels) + 1


async def compose(
    storage: Storage,
    plan: CompositePlan,
    stacking: Stacking,
    scheduler: BlockScheduler,
    progress: Callable[[int], None] = lambda _: None,
) -> Landing:
    """Compute a composite and land it by one commit.

    Raises:
        ClusterError, UnreadableSceneError: If it cannot be computed; nothing is landed then.
        DiskFullError: If there is no room for it.
        StorageError: If storage does not take it.
    """
    with workspace() as folder:
        require_space(folder, plan.bytes * SPACE_PER_BYTE, work="compositing")
        seen = await _compute(plan, stacking, scheduler, folder, progress)
        scene = await asyncio.to_thread(_planned, plan, folder, seen)
        return await land_scene(storage, scene, progress)


async def _compute(
    plan: CompositePlan,
    stacking: Stacking,
    scheduler: BlockScheduler,
    folder: Path,
    progress: Callable[[int], None],
) -> Observed:
    seen = Observed()
    for number, grid in enumerate(plan.grids):
        bands = (*grid.bands, COUNT) if number == 0 else grid.bands
        with ExitStack() as files:
            targets = {
                band: files.enter_context(_created(plan, folder / f"{band}.tif", grid.geobox, band))
                for band in bands
            }
            results = scheduler.blocks(_work(plan, stacking, grid))
            while (done := await asyncio.to_thread(next, results, None)) is not None:
                _write(done, grid.bands, targets)
                if number == 0:
                    seen.add(done[1][:, 1].min(axis=0))
                progress(COMPUTING_SHARE * len(grid.bands) * done[1].shape[2] * done[1].shape[3])
    return seen


def _work(plan: CompositePlan, stacking: Stacking, grid: BandGrid) -> Iterator[Work]:
    """Yield the graph of each block: by what its scenes' pixels are read, masked, scaled and reduced."""
    scenes, passes = plan.selection.scenes, plan.passes
    values = stacking.values(scenes, grid.bands, grid.geobox, plan.side)
    extents = {scene.id: bounds_in(scene, grid.bands[0], grid.crs) for scene in scenes}
    for block in blocks_of(grid.geobox, plan.side):
        touching = {scene.id for scene in scenes if touch(block.geobox, extents[scene.id])}
        if not touching:
            yield block, _unseen(plan, grid.bands, block.geobox.shape.yx)
            continue
        part = part_of(values, touching, *block.row_column)
        planes = {band: observations(over(passes, touching), part, band) for band in grid.bands}
        yield block, da.stack([_reduced(plan, band, planes[band]) for band in grid.bands])


def _unseen(plan: CompositePlan, bands: Sequence[str], shape: tuple[int, int]) -> da.Array:
    """Return a block under no scene: without values, of no observation."""
    parts = [_missing_in(plan, band) for band in bands]
    planes = [da.stack([da.full(shape, mark, dtype), da.zeros(shape, dtype)]) for mark, dtype in parts]
    unseen: da.Array = da.stack(planes)
    return unseen


def _missing_in(plan: CompositePlan, name: str) -> tuple[float, str]:
    """Return what marks missing pixels of a band, and its type: float32, or whole numbers of 16 bits."""
    band = plan.order.target.collection.band(name)
    if band.dtype == "float32" and band.nodata is not None:
        return float(np.float32(band.nodata)), "float32"
    return MISSING, "uint16"


def _reduced(plan: CompositePlan, name: str, planes: Sequence[da.Array]) -> da.Array:
    band = plan.order.target.collection.band(name)
    mark, dtype = _missing_in(plan, name)
    reduced: da.Array = da.map_blocks(
        reduce_planes,
        *planes,
        method=plan.order.method,
        scale=band.scale,
        offset=band.offset,
        nodata=mark if dtype == "float32" else None,
        new_axis=0,
        chunks=((2,), *planes[0].chunks),
        dtype=dtype,
        meta=np.empty((0, 0, 0), dtype),
    )
    return reduced


def _created(plan: CompositePlan, path: Path, geobox: GeoBox, band: str) -> Any:
    height, width = geobox.shape.yx
    nodata = None if band == COUNT else _missing_in(plan, band)[0]
    return create_raster(
        path,
        height=height,
        width=width,
        count=1,
        dtype=plan.order.target.collection.band(band).dtype,
        crs=geobox.crs.to_wkt() if geobox.crs else None,
        transform=geobox.transform,
        nodata=nodata,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        bigtiff="IF_SAFER",
    )


def _write(done: Done, bands: Sequence[str], targets: Mapping[str, Any]) -> None:
    block, numbers = done
    height, width = block.geobox.shape.yx
    window = rasterio.windows.Window(block.left, block.top, width, height)
    for band, (values, _) in zip(bands, numbers, strict=True):
        targets[band].write(values, 1, window=window)
    if COUNT in targets:
        targets[COUNT].write(numbers[:, 1].min(axis=0).astype(np.uint16), 1, window=window)


def _planned(plan: CompositePlan, folder: Path, seen: Observed) -> ScenePlan:
    """Return the computed files as a scene to be landed."""
    order = plan.order
    target = order.target
    bands = [band for band in target.collection.band_names if band in {*order.bands, COUNT}]
    start, end = order.interval.start, order.interval.end
    assert start is not None and end is not None  # noqa: S101, PT018 - an order's interval is closed
    rasters = {band: inspect_raster(folder / f"{band}.tif") for band in bands}
    return plan_rasters(
        target,
        LandingRequest(
            id=order.id,
            start=start,
            end=end,
            assets=tuple(BandFile(band, folder / f"{band}.tif") for band in bands),
            synthetic=plan.selection.synthetic,
            provenance=_provenance(plan, seen),
        ),
        rasters,
        sha256={},
        pixels={},
        digest=plan.digest,
    )


def _provenance(plan: CompositePlan, seen: Observed) -> Provenance:
    """Return what a composite's item says of how it was made, and of what."""
    order, scenes = plan.order, plan.selection.scenes
    passes = plan.passes
    mask = order.composition.mask.model_dump(mode="json", exclude_defaults=True)
    also = [rule.model_dump(mode="json", exclude_defaults=True) for rule in order.composition.also]
    bands = " and ".join(rule.band for rule in order.composition.rules)
    shown = f"{bands} {'show' if also else 'shows'} clear"
    return Provenance(
        properties={
            "processing:lineage": (
                f"{order.method} of {len(passes)} overpasses of {order.source.collection.id} "
                f"({len(scenes)} scenes) in {order.interval.text}, of pixels "
                f"that {shown}"
            ),
            "tilewatch:composite": {
                "of": order.source.collection.id,
                "method": order.method,
                "interval": order.interval.text,
                "mask": mask,
                **({"also": also} if also else {}),
                "scenes": len(scenes),
                "overpasses": len(passes),
                "mean_observations": round(seen.observations / max(1, seen.pixels), 3),
                "most_observations": seen.most,
                "unseen_percent": round(100 * seen.unseen / max(1, seen.pixels), 3),
                "resampled": sorted(plan.resampled),
            },
        },
        links=tuple(
            {
                "rel": "derived_from",
                "href": f"../../../../{scene.record.item_key.removeprefix('collections/')}",
                "type": GEOJSON,
                "title": scene.id,
            }
            for scene in scenes
        ),
    )
