"""Scenes landed for statistics: any bands on any grid, committed as ingestion does."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from shapely.geometry import mapping

from app.products.product import Product
from app.rendering.renderer import Renderer
from app.statistics.geometry import Polygonal
from app.statistics.summary import Summary, SummaryOptions
from app.statistics.zonal import USUAL, ZonalEngine
from mosaics.catalogue import Catalogue
from mosaics.collection import Band, Collection
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes
from mosaics.period import Cadence, Period
from mosaics.storage import Storage, open_storage
from tests.rasters import MOL, UTM_31N, write_cog

AT_MOL = Affine(10, 0, MOL[0], 0, -10, MOL[1])


@dataclass(frozen=True)
class Raster:
    """The pixels of one band of a scene."""

    values: NDArray[Any]
    transform: Affine = AT_MOL
    crs: str = UTM_31N
    nodata: float | None = 0
    scale: float = 1.0
    categorical: bool = False


def collection_of(bands: Mapping[str, Raster], cadence: Cadence, collection_id: str = "plain") -> Collection:
    return Collection(
        id=collection_id,
        title=collection_id,
        description="Pixels whose values are known.",
        cadence=cadence,
        license="other",
        attribution="",
        bands=tuple(
            Band(
                name=name,
                title=name,
                dtype=str(r.values.dtype),
                scale=r.scale,
                nodata=r.nodata,
                categorical=r.categorical,
            )
            for name, r in bands.items()
        ),
    )


async def land(
    storage: Storage,
    folder: Path,
    period: str,
    bands: Mapping[str, Raster],
    *,
    scene_id: str | None = None,
    cloud_cover_percent: float | None = None,
    cadence: Cadence = Cadence.MONTH,
    collection_id: str = "plain",
    damaged: bool = False,
    footprint: Mapping[str, Any] | None = None,
    span: tuple[datetime, datetime] | None = None,
) -> SceneRecord:
    """Land one scene; a damaged one has a file in place of its COGs that is none.

    Its footprint is the box of its files in degrees, unless another one is given.
    """
    scene_id = scene_id or f"scene-{period}"
    start = Period.parse(period).start + timedelta(minutes=1)
    start, end = span or (start, start)
    collection = collection_of(bands, cadence, collection_id)
    prefix = f"collections/{collection_id}/scenes/{scene_id}/{period}"
    assets: dict[str, Any] = {}
    for name, raster in bands.items():
        file = write_cog(
            folder / f"{scene_id}-{period}-{name}.tif",
            raster.values,
            transform=raster.transform,
            crs=raster.crs,
            nodata=raster.nodata,
            resampling="MODE" if raster.categorical else "NEAREST",
        )
        body = b"no raster" if damaged else file.read_bytes()
        await storage.put_new(f"{prefix}/{name}.tif", body, "image/tiff")
        facts = {"name": name, "data_type": str(raster.values.dtype), "raster:scale": raster.scale}
        if raster.nodata is not None:
            facts["nodata"] = str(raster.nodata) if np.isnan(raster.nodata) else raster.nodata
        assets[name] = {"href": f"./{name}.tif", "roles": ["data"], "bands": [facts]}
    if footprint is None:
        with rasterio.open(file) as dataset:
            footprint = mapping(shapely.box(*transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds, 21)))
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": scene_id,
        "collection": collection_id,
        "geometry": footprint,
        "properties": {"datetime": f"{start:%Y-%m-%dT%H:%M:%SZ}"},
        "assets": assets,
        "links": [],
    }
    await storage.put_new(f"{prefix}/item.json", json.dumps(item).encode(), "application/geo+json")
    document = json.dumps(collection.to_stac()).encode()
    await storage.put(f"collections/{collection_id}/collection.json", document, "application/json")
    record = SceneRecord(
        id=scene_id,
        item_key=f"{prefix}/item.json",
        start=start,
        end=end,
        period=Period.parse(period),
        cloud_cover_percent=cloud_cover_percent,
        footprint=footprint,
        synthetic=False,
        resolution_m=10.0,
    )
    await commit_scenes(storage, collection_id, add=[record])
    return record


def plain_product(expression: str | None = "value", **fields: Any) -> Product:
    """A product over the collection `plain`."""
    colors: dict[str, Any] = {} if "classes" in fields else {"rescale": [0.0, 1.0], "colormap": "greys"}
    usual: dict[str, Any] = {
        "id": "plain",
        "title": "Plain",
        "collection": "plain",
        "unit": "1",
        "expression": expression,
    }
    return Product(**(usual | colors | fields))


@dataclass
class World:
    """A storage, and what answers over it."""

    storage: Storage
    folder: Path
    catalogue: Catalogue
    renderer: Renderer
    engine: ZonalEngine

    async def land(self, period: str, bands: Mapping[str, Raster], **how: Any) -> SceneRecord:
        record = await land(self.storage, self.folder, period, bands, **how)
        await self.catalogue.refresh()
        return record

    async def summary(
        self,
        polygon: Polygonal,
        product: Product | None = None,
        datetime: str | None = None,
        wanted: SummaryOptions = USUAL,
    ) -> Summary:
        product = product or plain_product()
        return await self.engine.summarise(await self.engine.resolve(product, polygon, datetime, wanted))


@asynccontextmanager
async def world(folder: Path, *, threads: int = 2, **settings: Any) -> AsyncIterator[World]:
    async with await open_storage((folder / "store").as_uri()) as storage:
        catalogue = Catalogue(storage)
        renderer = Renderer(catalogue, threads=threads)
        try:
            yield World(storage, folder, catalogue, renderer, ZonalEngine(catalogue, renderer, **settings))
        finally:
            await asyncio.to_thread(renderer.close)
