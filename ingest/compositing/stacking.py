"""Stacking: scenes as Dask arrays on one grid by odc-stac, masked and scaled, one plane an overpass."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import dask.array as da
import numpy as np
import odc.stac
from odc.geo.geobox import GeoBox

from ingest.compositing.reducing import clear_values, first_clear
from ingest.compositing.scene_reader import GDAL_OPTIONS, SceneBand, SceneDriver
from ingest.compositing.scene_selection import SourceScene
from mosaics.descriptions.collections import ClearRule

ONE_OVERPASS = timedelta(minutes=15)
"""Scenes this close in time are parts of one: neighbouring tiles are seconds apart, orbits 98 minutes."""


@dataclass(frozen=True, slots=True)
class Overpass:
    """Scenes of one look at the ground, seconds apart; where they overlap the first one counts."""

    scenes: tuple[SourceScene, ...]

    @property
    def time(self) -> datetime:
        """When it began."""
        return min(scene.record.start for scene in self.scenes)


def overpasses(scenes: Sequence[SourceScene], resampled: frozenset[str]) -> list[Overpass]:
    """Join scenes to overpasses, in order of time.

    Args:
        scenes: By time.
        resampled: Ids of scenes on other grids, which come after the others of their overpass.
    """
    groups: list[list[SourceScene]] = []
    for scene in scenes:
        if not groups or scene.record.start - groups[-1][0].record.start > ONE_OVERPASS:
            groups.append([])
        groups[-1].append(scene)
    return [
        Overpass(tuple(sorted(group, key=lambda scene: (scene.id in resampled, scene.record.best_first))))
        for group in groups
    ]


ValuesOf: TypeAlias = Mapping[str, Mapping[str, da.Array]]
"""Values by scene id and band, (height, width)."""


@dataclass(frozen=True, slots=True)
class Stacking:
    """How scenes are read: with which options, and which of their pixels count."""

    rule: ClearRule
    driver: SceneDriver
    also: tuple[ClearRule, ...] = ()
    """Rules by further quality bands."""

    def values(
        self, scenes: Sequence[SourceScene], bands: tuple[str, ...], geobox: GeoBox, side: int
    ) -> ValuesOf:
        """Return the values of scenes by id and band, in the band's unit, NaN where the ground is not seen.

        Args:
            scenes: Which.
            bands: Which.
            geobox: The pixels; pixels of scenes on the same lattice come as they are, others by the nearest.
            side: Of chunks, in pixels.
        """
        return {scene.id: self._scene(scene, bands, geobox, side) for scene in scenes}

    def _scene(
        self, scene: SourceScene, bands: tuple[str, ...], geobox: GeoBox, side: int
    ) -> dict[str, da.Array]:
        wanted = tuple(dict.fromkeys((*bands, self.rule.band, *(rule.band for rule in self.also))))
        loaded = odc.stac.load(
            [scene.stac(wanted)],
            wanted,
            groupby="id",
            geobox=geobox,
            chunks={"y": side, "x": side},
            resampling="nearest",
            driver=self.driver,
        )
        quality = [loaded[rule.band].data[0] for rule in (self.rule, *self.also)]
        return {
            band: da.map_blocks(
                clear_values,
                loaded[band].data[0],
                *quality,
                asset=scene.item.assets[band],
                rule=self.rule,
                also=self.also,
                dtype=np.float32,
                meta=np.empty((0, 0), np.float32),
            )
            for band in bands
        }


def observations(passes: Sequence[Overpass], values: ValuesOf, band: str) -> list[da.Array]:
    """Return one plane of a band for each overpass."""
    found = []
    for each in passes:
        planes = [values[scene.id][band] for scene in each.scenes]
        fused = planes[0] if len(planes) == 1 else da.map_blocks(first_clear, *planes, dtype=np.float32)
        found.append(fused)
    return found


def over(passes: Sequence[Overpass], ids: Container[str]) -> list[Overpass]:
    """Return the overpasses with some of their scenes alone; those without any are left out."""
    kept = (tuple(scene for scene in each.scenes if scene.id in ids) for each in passes)
    return [Overpass(scenes) for scenes in kept if scenes]


def part_of(values: ValuesOf, ids: Iterable[str], row: int, column: int) -> ValuesOf:
    """Return one chunk of the values of some scenes."""
    return {
        scene_id: {band: plane.blocks[row, column] for band, plane in values[scene_id].items()}
        for scene_id in ids
    }


def stacking(
    scenes: Sequence[SourceScene],
    rule: ClearRule,
    storage_options: Mapping[str, Any],
    also: tuple[ClearRule, ...] = (),
) -> Stacking:
    """Return how these scenes are read.

    Args:
        scenes: Of a composite.
        rule: Which of their pixels count.
        storage_options: Of the storage, for GDAL.
        also: Which do by further quality bands.
    """
    names = {
        asset.path: SceneBand(band, scene.id) for scene in scenes for band, asset in scene.item.assets.items()
    }
    return Stacking(rule, SceneDriver({**GDAL_OPTIONS, **storage_options}, names), also)
