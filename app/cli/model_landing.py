"""Landing what a model finds: classes, and shares if wished, as a scene derived from those it looked at."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

from app.models.area import ModelArea, ModelAreaError
from app.models.description import MISSING
from app.models.results import CLASS, PROBABILITY, result_collection
from app.models.running import Found, ModelRun
from ingest.item import GEOJSON
from ingest.landing import Landing, land_scene, require_space, workspace
from ingest.landing_request import BandFile, LandingRequest, Provenance
from ingest.planning import ScenePlan, plan_rasters
from ingest.raster import inspect_raster
from mosaics.bbox import Bbox
from mosaics.catalogue import Catalogue
from mosaics.collection import Collection
from mosaics.descriptions.collections import CollectionDescription
from mosaics.raster.opening import create_raster
from mosaics.scene import SceneItem
from mosaics.storage import Storage

SPACE_PER_PIXEL = 8
"""Bytes of disk that a pixel takes: as found, and what landing needs to convert it."""


@dataclass(slots=True)
class ModelResult:
    """What a model finds over an area."""

    run: ModelRun
    area: ModelArea
    box: Bbox
    source: Collection
    """Whose scenes it looks at."""
    probability: bool
    """Whether the shares are landed, too."""
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(MISSING + 1, np.int64))
    """Pixels by number of class."""

    @property
    def id(self) -> str:
        """The scene's id: the same area looked at again replaces itself."""
        asked = [self.box.parts, self.area.datetime]
        digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
        return f"{self.run.model.id}-{self.area.period.text}-{digest}"

    @property
    def bands(self) -> tuple[str, ...]:
        """What is landed."""
        return (CLASS, PROBABILITY) if self.probability else (CLASS,)

    def pixels(self) -> dict[str, int]:
        """Return the number of pixels by class."""
        return {row.name: int(self.counts[code]) for code, row in enumerate(self.run.model.classes)}


async def land_result(
    storage: Storage, catalogue: Catalogue, result: ModelResult, found: AsyncIterator[Found]
) -> Landing:
    """Write what a model finds as it comes, and land it by one commit.

    Raises:
        ModelAreaError: If no pixel has a value.
        ModelRunError: If the network fails; nothing is landed then.
        DiskFullError: If there is no room for it.
        StorageError: If storage does not take it.
    """
    with workspace() as folder:
        pixels = result.area.grid.width * result.area.grid.height
        require_space(folder, pixels * SPACE_PER_PIXEL, work="looking")
        await _write(result, found, folder)
        if not result.counts[:MISSING].any():
            raise ModelAreaError("no pixel of the area has all bands under the mask of the model")
        used = [scene for scene in result.area.scenes if scene.id in result.run.used]
        items = [await catalogue.item(scene.item_key) for scene in used]
        return await land_scene(storage, await asyncio.to_thread(_planned, result, items, folder))


async def _write(result: ModelResult, found: AsyncIterator[Found], folder: Path) -> None:
    with ExitStack() as files:
        targets = {name: files.enter_context(_created(result, folder, name)) for name in result.bands}
        async for rows in found:
            result.counts += np.bincount(rows.classes.ravel(), minlength=MISSING + 1)
            height, width = rows.classes.shape
            window = Window(0, rows.first, width, height)
            for name, target in targets.items():
                target.write(rows.classes if name == CLASS else rows.percent, 1, window=window)


def _created(result: ModelResult, folder: Path, name: str) -> Any:
    grid = result.area.grid
    west, south, east, north = grid.bounds
    return create_raster(
        folder / f"{name}.tif",
        height=grid.height,
        width=grid.width,
        count=1,
        dtype="uint8",
        crs=grid.crs,
        transform=from_origin(west, north, (east - west) / grid.width, (north - south) / grid.height),
        nodata=MISSING,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="deflate",
        bigtiff="IF_SAFER",
    )


def _planned(result: ModelResult, items: list[SceneItem], folder: Path) -> ScenePlan:
    model, files = result.run.model, {name: folder / f"{name}.tif" for name in result.bands}
    request = LandingRequest(
        id=result.id,
        start=min(item.start for item in items),
        end=max(item.end for item in items),
        assets=tuple(BandFile(name, path) for name, path in files.items()),
        synthetic=any(scene.synthetic for scene in result.area.scenes if scene.id in result.run.used),
        provenance=_provenance(result, items),
    )
    target = CollectionDescription(result_collection(model, result.source))
    rasters = {name: inspect_raster(path) for name, path in files.items()}
    digest = hashlib.sha256(
        json.dumps([model.digest, result.id, [i.item_key for i in items], result.bands]).encode()
    )
    return plan_rasters(target, request, rasters, sha256={}, pixels={}, digest=digest.hexdigest()[:20])


def _provenance(result: ModelResult, items: list[SceneItem]) -> Provenance:
    """Return what the item says of how it was made, and of what."""
    model = result.run.model
    return Provenance(
        properties={
            "processing:lineage": (
                f"classes by the network {model.id} {model.version} ({model.source}) in {len(items)} scenes "
                f"of {model.collection}, {result.area.datetime}; patches of {model.patch} pixels, blended "
                f"over {model.overlap}"
            ),
            "tilewatch:model": {
                "id": model.id,
                "version": model.version,
                "license": model.license,
                "sha256": model.sha256,
                "bands": list(model.bands),
                "pixel_m": model.pixel_m,
                "patch": model.patch,
                "overlap": model.overlap,
            },
        },
        links=tuple(
            {
                "rel": "derived_from",
                "href": f"../../../../{item.item_key.removeprefix('collections/')}",
                "type": GEOJSON,
                "title": item.id,
            }
            for item in items
        ),
    )
