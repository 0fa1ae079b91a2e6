"""One overview as it lands: a COG a band on the tiles of its zoom, and an item, under a key of its pixels."""

import asyncio
import hashlib
import json
from collections.abc import Container, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import morecantile
import numpy as np
import rasterio
from antimeridian import bbox as antimeridian_bbox
from morecantile import Tile
from rasterio.io import DatasetWriter
from rasterio.transform import Affine
from rasterio.windows import Window
from shapely.geometry import box, mapping

from ingest.integrity import integrity_of
from ingest.item import COG, EXTENSIONS, GEOJSON, SYNTHETIC
from ingest.landing import put_same
from ingest.overviews.pixels import SCENE_OF_PIXEL, BandForm, Pixels, Stored
from ingest.planning import DIGEST_LENGTH, mended_folder
from mosaics.collection import written_nodata
from mosaics.overview import TILE_PX, cell_zoom
from mosaics.period import Period, instant_text
from mosaics.processing import OF_SCENES
from mosaics.raster.coordinates import Bounds
from mosaics.raster.opening import copy_as_cog, create_raster
from mosaics.seals import sealed
from mosaics.storage import Storage

TMS = morecantile.tms.get("WebMercatorQuad")
MARKS = BandForm("uint32", 0, 1.0, 0.0, "1")


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Where an overview lies."""

    zoom: int
    """Of its pixels."""
    column: int
    """Among the tiles of `of_zoom`."""
    row: int

    @property
    def of_zoom(self) -> int:
        """Zoom of the tile the cell is."""
        return cell_zoom(self.zoom)

    @property
    def depth(self) -> int:
        """How many zooms its tiles are below the cell's own."""
        return self.zoom - self.of_zoom

    def finer(self) -> tuple["Cell", ...]:
        """Return the cells of the next zoom that lie in it: four, or one while a cell is the whole world."""
        if cell_zoom(self.zoom + 1) == self.of_zoom:
            return (Cell(self.zoom + 1, self.column, self.row),)
        return tuple(
            Cell(self.zoom + 1, 2 * self.column + i, 2 * self.row + j) for j in (0, 1) for i in (0, 1)
        )

    def tiles(self) -> list[tuple[int, int]]:
        """Return the columns and rows of its tiles, row by row."""
        side = 1 << self.depth
        left, top = self.column * side, self.row * side
        return [(x, y) for y in range(top, top + side) for x in range(left, left + side)]

    def of_tile(self, x: int, y: int) -> "Cell":
        """Return the cell of the next zoom that the four tiles under one of its tiles lie in."""
        finer = self.zoom + 1
        up = finer - cell_zoom(finer) - 1
        return Cell(finer, x >> up, y >> up)


def tile_bounds_m(x: int, y: int, z: int) -> Bounds:
    """Return the edges of a tile in EPSG:3857, to the bit those that rendering asks for."""
    left, bottom, right, top = TMS.xy_bounds(Tile(x, y, z))
    return left, bottom, right, top


class PieceWriter:
    """Takes the tiles of an overview one after the other and writes them to a folder."""

    def __init__(
        self,
        cell: Cell,
        forms: Mapping[str, BandForm],
        tiles: Sequence[tuple[int, int]],
        folder: Path,
        *,
        processing: Mapping[str, Sequence[str]],
    ) -> None:
        """Begin; `tiles` are those that may have pixels, and the raster is the box around them.

        `processing` is how the values of its scenes are made, by `processing_of_all`.
        """
        self.cell, self.forms, self.folder, self.processing = cell, forms, folder, processing
        self.is_empty = True
        columns, rows = [x for x, _ in tiles], [y for _, y in tiles]
        self._first, self._last = (min(columns), min(rows)), (max(columns), max(rows))
        width, height = (last - first + 1 for first, last in zip(self._first, self._last, strict=True))
        left, _, right, top = tile_bounds_m(*self._first, cell.zoom)
        pixel = (right - left) / TILE_PX
        self._transform = Affine(pixel, 0.0, left, 0.0, -pixel, top)
        self._shape = (height * TILE_PX, width * TILE_PX)
        described = {name: asdict(form) for name, form in forms.items()}
        determining = [asdict(cell), described, self._first, self._shape, processing]
        self._digest = hashlib.sha256(json.dumps(determining, sort_keys=True).encode())
        self._files: dict[str, DatasetWriter] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for name, form in {**self.forms, SCENE_OF_PIXEL: MARKS}.items():
            # Not entered: what a dataset enters belongs to one thread, and others write and close it.
            self._files[name] = file = self._created(name, form)
            self._stack.callback(file.close)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _created(self, name: str, form: BandForm) -> DatasetWriter:
        return create_raster(
            self._plain(name),
            height=self._shape[0],
            width=self._shape[1],
            count=1,
            dtype=form.dtype,
            crs="EPSG:3857",
            transform=self._transform,
            nodata=form.nodata,
            tiled=True,
            blockxsize=TILE_PX,
            blockysize=TILE_PX,
            sparse_ok=True,
        )

    def write(self, x: int, y: int, pixels: Pixels) -> None:
        """Take the pixels of a tile; tiles come in the order of `tiles`."""
        if pixels.is_empty:
            return
        self.is_empty = False
        self._digest.update(f"{x} {y}".encode())
        planes: dict[str, Stored] = {**dict(sorted(pixels.stored.items())), SCENE_OF_PIXEL: pixels.scene}
        window = Window((x - self._first[0]) * TILE_PX, (y - self._first[1]) * TILE_PX, TILE_PX, TILE_PX)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            for name, plane in planes.items():
                self._files[name].write(plane, 1, window=window)
                self._digest.update(np.ascontiguousarray(plane).tobytes())
                if name in self.forms and self.forms[name].nodata is None:
                    self._files[name].write_mask(pixels.valid[name], window=window)
                    self._digest.update(pixels.valid[name].tobytes())

    def finish(self) -> None:
        """Close the files and make COGs of them, in the folder as `{band}.tif`."""
        for name, file in self._files.items():
            if name in self.forms:
                form = self.forms[name]
                file.scales, file.offsets = (form.scale,), (form.offset,)
            file.set_band_description(1, name)
        self._stack.close()
        for name in self._files:
            copy_as_cog(
                self._plain(name),
                self.folder / f"{name}.tif",
                blocksize=TILE_PX,
                compress="DEFLATE",
                predictor="YES",
                overviews="NONE",
                sparse_ok="TRUE",
            )
            self._plain(name).unlink()

    def _plain(self, name: str) -> Path:
        return self.folder / f"{name}.plain.tif"

    def item(self, collection_id: str, period: Period, synthetic: bool) -> dict[str, Any]:
        """Return the STAC item, which says nothing but what the key of the folder determines."""
        height, width = self._shape
        left, top = self._transform.c, self._transform.f
        right, bottom = left + width * self._transform.a, top + height * self._transform.e
        west, _, _, north = TMS.bounds(Tile(*self._first, self.cell.zoom))
        _, south, east, _ = TMS.bounds(Tile(*self._last, self.cell.zoom))
        geometry = mapping(box(west, south, east, north))
        properties: dict[str, Any] = {
            "datetime": None,
            "start_datetime": instant_text(period.start),
            "end_datetime": instant_text(period.end),
            "proj:code": "EPSG:3857",
            "tilewatch:overview": {"zoom": self.cell.zoom, "cell": [self.cell.column, self.cell.row]},
            OF_SCENES: self.processing,
            "tilewatch:synthetic": synthetic,
        }
        if synthetic:
            properties |= {"title": SYNTHETIC, "providers": [{"name": SYNTHETIC, "roles": ["producer"]}]}
        placed = {
            "proj:shape": [height, width],
            "proj:transform": list(self._transform)[:6],
            "proj:bbox": [left, bottom, right, top],
        }
        assets = {
            name: _asset(name, form, placed) for name, form in {**self.forms, SCENE_OF_PIXEL: MARKS}.items()
        }
        return {
            "type": "Feature",
            "stac_version": "1.1.0",
            "stac_extensions": list(EXTENSIONS),
            "id": f"{period.text}-{self.cell.zoom}-{self.cell.column}-{self.cell.row}",
            "collection": collection_id,
            "geometry": geometry,
            "bbox": list(antimeridian_bbox(geometry)),
            "properties": properties,
            "links": [
                {"rel": "collection", "href": "../../../../collection.json", "type": "application/json"}
            ],
            "assets": assets,
        }

    def folder_key(self, collection_id: str, period: Period, synthetic: bool) -> str:
        """Return the prefix of the overview's keys, with the slash: other content, other key."""
        digest = self._digest.copy()
        digest.update(json.dumps([period.text, synthetic]).encode())
        place = f"{self.cell.zoom}-{self.cell.column}-{self.cell.row}"
        short = digest.hexdigest()[:DIGEST_LENGTH]
        return f"collections/{collection_id}/overviews/{period.text}/{place}/{short}/"

    async def upload(
        self,
        storage: Storage,
        collection_id: str,
        period: Period,
        synthetic: bool,
        *,
        damaged: Container[str] = frozenset(),
    ) -> str:
        """Write COGs and item to storage, where they may lie already.

        What is damaged there is replaced; in a bucket, where readers may have shown it, it gets another key,
        so that they show it no more.

        Args:
            storage: Where they go.
            collection_id: Whose they are.
            period: Of the mosaic.
            synthetic: Whether any of its scenes was made up.
            damaged: Keys of the items of overviews that are damaged.

        Returns:
            Key of the item.
        """
        prefix = self.folder_key(collection_id, period, synthetic)
        while f"{prefix}item.json" in damaged and storage.gdal_path("x").startswith("/vsi"):
            prefix = mended_folder(f"{prefix}item.json")
        item = self.item(collection_id, period, synthetic)
        for name in self._files:
            file = self.folder / f"{name}.tif"
            await put_same(storage, f"{prefix}{name}.tif", file, COG)
            item["assets"][name] |= await asyncio.to_thread(integrity_of, file)
            file.unlink()
        await put_same(storage, f"{prefix}item.json", sealed(item), GEOJSON)
        return f"{prefix}item.json"


def _asset(name: str, form: BandForm, placed: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": name,
        "data_type": form.dtype,
        "unit": form.unit,
        "raster:scale": form.scale,
        "raster:offset": form.offset,
    }
    if form.nodata is not None:
        whole = np.dtype(form.dtype).kind in "iu"
        facts["nodata"] = int(form.nodata) if whole else written_nodata(form.nodata)
    return {
        "href": f"./{name}.tif",
        "type": COG,
        "roles": ["metadata" if name == SCENE_OF_PIXEL else "data"],
        **placed,
        "bands": [facts],
    }
