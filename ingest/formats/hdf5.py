"""The format "hdf5": layers are datasets of a Black Marble tile, by the names the product has for them.

GDAL does not read these tiles rightly: its netCDF driver gives their rows upside down and without a place,
its HDF5 driver a place on an unknown sphere, or none. So they are read by h5py (`ingest.hdf5`), put where the
tile's name says, and written as plain GeoTIFFs.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from ingest.black_marble import SIDE_CELLS, SIDE_DEGREES, Tile, TileNameError
from ingest.formats.unpacked import read_as, stated_fill, unpacked_raster, write_unpacked
from ingest.hdf5.child import Bounds, ForeignError, layer_of
from ingest.raster import Layer, RasterRefusedError, SourceRaster

CELL_DEGREES = SIDE_DEGREES / SIDE_CELLS
NEAR_CELLS = 0.75
"""How far from its corner the first of `lat` and `lon` may be: they are corners of cells, or middles."""
UNITS: Mapping[str, str] = MappingProxyType(
    {"nWatts/(cm^2 sr)": "nW cm-2 sr-1", "nW/(cm^2 sr)": "nW cm-2 sr-1", "number of observations": "1"}
)
"""What the product writes for the units of ours."""
USUAL_BOUNDS = Bounds()
MOST_FILL = -999.0
"""Numbers of a floating-point layer up to this are its fill, however that was rounded: -999.9 in float32 is
-999.9000244140625, and is told as -999.90002."""


def unpack_hdf5(path: Path, layer: Layer, folder: Path, *, bounds: Bounds = USUAL_BOUNDS) -> SourceRaster:
    """See `ingest.formats.Format`; the file has to have the name its product gave it."""
    try:
        tile = Tile.parse(path.name)
    except TileNameError as error:
        raise RasterRefusedError(f"{error} Where a tile lies, its name says.") from error
    dtype = tile.layer_type(layer) if isinstance(layer, str) else None
    if dtype is None:
        raise RasterRefusedError(f"{layer!r} is not a layer of {tile.product} that can be landed.")
    target = folder / f"{path.stem}.{layer}.tif"
    stated = target.with_suffix(".json")
    if not (target.is_file() and stated.is_file()):
        pixels, facts = _read(path, str(layer), tile, dtype=dtype, folder=folder, bounds=bounds)
        write_unpacked(pixels, facts, transform_of(tile), target, stated)
    facts = json.loads(stated.read_text(encoding="utf-8"))
    return unpacked_raster(
        path,
        layer,
        facts,
        transform_of(tile),
        height_width=(SIDE_CELLS, SIDE_CELLS),
        dtype=dtype,
        units=UNITS,
        target=target,
    )


def transform_of(tile: Tile) -> Affine:
    """Return where the cells of a tile lie, in degrees."""
    west, north = tile.west_north
    return Affine(CELL_DEGREES, 0.0, west, 0.0, -CELL_DEGREES, north)


def _read(
    path: Path, layer: str, tile: Tile, *, dtype: str, folder: Path, bounds: Bounds
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return the numbers of a layer, and what the file states of them, once that is what the name says."""
    folder.mkdir(parents=True, exist_ok=True)
    with read_as(tile.product, path):
        pixels, facts = layer_of(path, layer, side=SIDE_CELLS, dtype=dtype, folder=folder, bounds=bounds)
        _require_tile(tile, facts)
        fill = stated_fill(layer, dtype, facts)
    kept = {name: facts[name] for name in ("scale", "offset", "unit", "group")}
    return _with_one_fill(pixels, fill), {**kept, "fill": fill}


def _with_one_fill(pixels: NDArray[Any], fill: float) -> NDArray[Any]:
    if pixels.dtype.kind != "f" or fill > MOST_FILL:
        return pixels
    return np.where(pixels <= MOST_FILL, pixels.dtype.type(fill), pixels)


def _require_tile(tile: Tile, facts: Mapping[str, Any]) -> None:
    """Compare what the file says of its place and version with its name.

    Raises:
        ForeignError: If they differ.
    """
    _require_attributes(tile, facts["attributes"])
    west, south, east, north = tile.bounds
    for name, edge, direction in (("latitudes", north, -1), ("longitudes", west, 1)):
        if facts[name] is not None:
            _require_axis(name, facts[name], edge, direction)
    structure = facts["structure"]
    if not structure:
        return
    if structure["projection"] != "HE5_GCTP_GEO" or structure["origin"] != "HE5_HDFE_GD_UL":
        raise ForeignError("its StructMetadata.0 does not describe rows of degrees from the north-west on")
    corners = [*structure["west_north"], *structure["east_south"]]
    if structure["columns_rows"] != [SIDE_CELLS, SIDE_CELLS] or not np.allclose(
        corners, [west, north, east, south], rtol=0, atol=CELL_DEGREES / 100
    ):
        raise ForeignError(
            f"its StructMetadata.0 places {structure['columns_rows']} cells from {corners[:2]} to "
            f"{corners[2:]}, and {tile.name} is {west}, {north} to {east}, {south}"
        )


def _require_attributes(tile: Tile, said: Mapping[str, str]) -> None:
    numbers = {
        "VersionID": tile.collection,
        "HorizontalTileNumber": tile.column,
        "VerticalTileNumber": tile.row,
    }
    for name, expected in numbers.items():
        if name in said and not (said[name].isdecimal() and int(said[name]) == expected):
            raise ForeignError(f"its {name} is {said[name][:20]}, and its name says {expected}")
    if said.get("ShortName", tile.product) != tile.product:
        raise ForeignError(f"its ShortName is {said['ShortName'][:40]}, and its name says {tile.product}")


def _require_axis(name: str, values: tuple[float, float, float], edge: float, direction: int) -> None:
    """Refuse an axis that does not run from an edge of the tile over all its cells."""
    first, second, last = values
    step = CELL_DEGREES * direction
    begins_well = abs(first - edge) <= NEAR_CELLS * CELL_DEGREES
    runs_well = abs(second - first - step) <= CELL_DEGREES / 100
    ends_well = abs(last - first - step * (SIDE_CELLS - 1)) <= CELL_DEGREES / 10
    if not (begins_well and runs_well and ends_well):
        raise ForeignError(
            f"its {name} run from {first:.6g} to {last:.6g}; the tile has them from {edge} on, "
            f"{'southward' if direction < 0 else 'eastward'}"
        )
