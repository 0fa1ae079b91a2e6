"""Planning: everything about a composite that is decided before the first pixel is read."""

import hashlib
import json
from dataclasses import dataclass

from odc.geo.geobox import GeoBox

from ingest.compositing.grids import (
    BandGrid,
    band_grids,
    block_side,
    bounds_in,
    choose_crs,
    is_aligned,
)
from ingest.compositing.request import CompositeError, CompositeRequest
from ingest.compositing.scene_selection import SceneSelection
from ingest.compositing.stacking import Overpass, overpasses
from ingest.landing import is_landed
from ingest.planning import CONVERTER, DIGEST_LENGTH, scene_folder
from mosaics.commits import LogState
from mosaics.raster.coordinates import Bounds

COMPOSER = 1
"""Counts the ways of compositing: a new one makes new digests, so that what is asked again is computed."""


@dataclass(frozen=True, slots=True)
class CompositePlan:
    """A composite, everything decided before the first pixel is read."""

    order: CompositeRequest
    selection: SceneSelection
    grids: tuple[BandGrid, ...]
    """Finest first."""
    side: int
    """Of a block, in pixels."""
    resampled: frozenset[str]
    """Ids of scenes whose pixels lie on another grid."""

    @property
    def passes(self) -> list[Overpass]:
        """The observations."""
        return overpasses(self.selection.scenes, self.resampled)

    @property
    def pixels_read(self) -> int:
        """Pixels of all scenes, of all bands and the quality band."""
        return sum(
            _shared_pixels(grid.geobox, bounds_in(scene, grid.bands[0], grid.crs)) * (len(grid.bands) + 1)
            for grid in self.grids
            for scene in self.selection.scenes
        )

    @property
    def bytes(self) -> int:
        """Of the composite, uncompressed."""
        return sum(2 * grid.pixels * len(grid.bands) for grid in self.grids) + 2 * self.grids[0].pixels

    @property
    def digest(self) -> str:
        """Stands for all that determines the composite."""
        order = self.order
        determining = {
            "composer": [COMPOSER, CONVERTER],
            "collection": order.target.collection.id,
            "bands": [
                order.target.collection.band(band).model_dump(mode="json") for band in sorted(order.bands)
            ],
            "interval": order.interval.text,
            "method": order.method,
            "mask": order.composition.effect,
            "grids": [
                [
                    grid.bands,
                    str(grid.crs),
                    list(grid.geobox.transform)[:6],
                    list(grid.geobox.shape.yx),
                ]
                for grid in self.grids
            ],
            "scenes": sorted(scene.record.item_key for scene in self.selection.scenes),
        }
        return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:DIGEST_LENGTH]

    @property
    def item_key(self) -> str:
        """Where the composite's item goes."""
        return f"{scene_folder(self.order.target.collection.id, self.order.id, self.digest)}item.json"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the person who makes the composite should read."""
        said = [f"{scene_id} is left out: {reason}" for scene_id, reason in self.selection.left_out.items()]
        if self.resampled:
            said.append(
                f"the grid is {self.grids[0].geobox.crs}, of the scenes that cover most of the box; of these "
                f"on another the nearest pixels are taken: {', '.join(sorted(self.resampled))}"
            )
        return tuple(said)


def plan_composite(
    order: CompositeRequest, selection: SceneSelection, *, threads: int, max_pixels: int
) -> CompositePlan:
    """Decide the grid and the blocks of a composite.

    Args:
        order: What is asked.
        selection: The scenes.
        threads: That compute at once in one process.
        max_pixels: Pixels of all scenes and bands it may read.

    Raises:
        CompositeError: If it would take too many pixels, or too much memory.
    """
    scenes = selection.scenes
    crs = choose_crs(scenes, order.box, order.bands[0])
    grids = tuple(band_grids(scenes, order.box, order.bands, crs))
    resampled = frozenset(
        scene.id
        for grid in grids
        for scene in scenes
        if not all(is_aligned(grid.geobox, scene.grid(band)) for band in grid.bands)
    )
    extents = [bounds_in(scene, order.bands[0], crs) for scene in scenes]
    plan = CompositePlan(order, selection, grids, block_side(grids, extents, threads), resampled)
    if plan.pixels_read > max_pixels:
        raise CompositeError(
            f"the composite reads {plan.pixels_read:,} pixels of {len(scenes)} scenes; at most "
            f"{max_pixels:,} may be read (TILEWATCH_COMPOSITE_MAX_PIXELS): take a "
            "smaller box, a shorter time or fewer bands."
        )
    return plan


def is_composed(plan: CompositePlan, state: LogState) -> bool:
    """Return whether this very composite has landed."""
    return is_landed(state, plan.order.id, plan.item_key)


def _shared_pixels(geobox: GeoBox, extent: Bounds) -> int:
    """Return how many pixels of a grid lie under an extent in its coordinate system."""
    left, bottom, right, top = geobox.boundingbox.bbox
    width = max(0.0, min(right, extent[2]) - max(left, extent[0]))
    height = max(0.0, min(top, extent[3]) - max(bottom, extent[1]))
    return round(width * height / abs(geobox.resolution.x * geobox.resolution.y))
