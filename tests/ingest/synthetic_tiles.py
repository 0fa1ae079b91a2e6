"""SYNTHETIC Black Marble tiles: groups, attributes and fills of the product, with numbers made up here.

The layout is that of a real granule of Collection 2 (26 layers; lat and lon are upper-left corners of cells);
layers that are not asked for are left out.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ingest.black_marble import Tile

SIDE = 2400
FIELDS = "HDFEOS/GRIDS/VIIRS_Grid_DNB_2d/Data Fields"
RADIANCE = "NearNadir_Composite_Snow_Free"
NUMBER, QUALITY = f"{RADIANCE}_Num", f"{RADIANCE}_Quality"
LAND_WATER = "Land_Water_Mask"
NAME = "VNP46A3.A2024001.h21v07.002.2024066123456.h5"

_STRUCTURE = """GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="VIIRS_Grid_DNB_2d"
\t\tXDim={side}
\t\tYDim={side}
\t\tUpperLeftPointMtrs=({west}000000.000000,{north}000000.000000)
\t\tLowerRightMtrs=({east}000000.000000,{south}000000.000000)
\t\tProjection=HE5_GCTP_GEO
\t\tGridOrigin=HE5_HDFE_GD_UL
\tEND_GROUP=GRID_1
END_GROUP=GridStructure
END
"""

Layers = Mapping[str, NDArray[Any]]


def usual_layers(collection: int = 2) -> dict[str, NDArray[Any]]:
    """Radiance, number and quality: 2.5 nW everywhere, but for a few cells.

    The first row is missing. Cell (100, 200) has 40 nW of seven nights; cell (100, 201) is filled from
    history: 30 nW of no night. Cell (2399, 2399), the last in the south-east, has 12.5.
    """
    radiance = np.full((SIDE, SIDE), 2.5, "float32")
    radiance[100, 200:202] = 40, 30
    radiance[-1, -1] = 12.5
    number = np.full((SIDE, SIDE), 5, "uint16")
    number[100, 200:202] = 7, 0
    quality = np.zeros((SIDE, SIDE), "uint8")
    quality[100, 201] = 2
    number[0], quality[0] = 65535, 255
    if collection == 1:
        steps = np.round(radiance * 10).astype("uint16")
        steps[0] = 65535
        return {RADIANCE: steps, NUMBER: number, QUALITY: quality}
    radiance[0] = -999.9
    return {RADIANCE: radiance, NUMBER: number, QUALITY: quality}


def write_tile(
    folder: Path,
    name: str = NAME,
    layers: Layers | None = None,
    *,
    grid: str = "VIIRS_Grid_DNB_2d",
    change: Callable[[h5py.File], None] = lambda _: None,
) -> Path:
    """Writes a tile under the name of a product, where, what and when it is told by the name.

    Args:
        folder: Where the file goes.
        name: As a product calls it.
        layers: By name; the usual ones if there are none.
        grid: Name of the group that differs between collections and products.
        change: Is given the file at the end.
    """
    tile = Tile.parse(name)
    layers = usual_layers(tile.collection) if layers is None else layers
    path = folder / name
    with h5py.File(path, "w") as file:
        _write_attributes(file, tile)
        fields = file.create_group(f"HDFEOS/GRIDS/{grid}/Data Fields")
        for layer, numbers in layers.items():
            _write_layer(fields, layer, numbers)
        west, _, _, north = tile.bounds
        fields["lat"] = north - np.arange(SIDE) * 10 / SIDE
        fields["lon"] = west + np.arange(SIDE) * 10 / SIDE
        change(file)
    return path


def _write_attributes(file: h5py.File, tile: Tile) -> None:
    west, south, east, north = tile.bounds
    said = {
        "ShortName": tile.product,
        "VersionID": f"{tile.collection:03}",
        "HorizontalTileNumber": f"{tile.column:02}",
        "VerticalTileNumber": f"{tile.row:02}",
    }
    for name, text in said.items():
        file.attrs[name] = np.bytes_(text)
    text = _STRUCTURE.format(side=SIDE, west=west, south=south, east=east, north=north)
    information = file.create_group("HDFEOS INFORMATION")
    information["StructMetadata.0"] = np.bytes_(text.ljust(32000, "\0"))


def _write_layer(fields: h5py.Group, layer: str, numbers: NDArray[Any]) -> None:
    dataset = fields.create_dataset(
        layer, data=numbers, chunks=(600, 600), compression="gzip", compression_opts=1
    )
    is_radiance = numbers.dtype == "float32" or layer.endswith(("Free", "Covered", "NTL"))
    fill = {"float32": -999.9, "uint16": 65535, "uint8": 255}[numbers.dtype.name]
    scale = 0.1 if is_radiance and numbers.dtype == "uint16" else 1
    dataset.attrs["_FillValue"] = np.array([fill], numbers.dtype)
    dataset.attrs["scale_factor"] = np.array([scale], "float32")
    dataset.attrs["offset"] = np.array([0], "float32")
    dataset.attrs["units"] = np.bytes_("nWatts/(cm^2 sr)" if is_radiance else "number of observations")
    dataset.attrs["coordinates"] = np.bytes_("latitude longitude")
    dataset.attrs["valid_range"] = np.bytes_(">= 0.0")
