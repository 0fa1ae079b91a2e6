"""Formats: how a layer of a file becomes a raster on its grid, as the file states it.

A format whose files GDAL does not read rightly writes the layer as a plain GeoTIFF and lets the raster be
read from there (`SourceRaster.unpacked`), so that all that comes after reads in one way.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from ingest.formats.geotiff import unpack_geotiff
from ingest.formats.hdf5 import unpack_hdf5
from ingest.formats.netcdf import unpack_netcdf
from ingest.raster import Layer, SourceRaster


class Format(Protocol):
    """Unpacks layers of files of one format."""

    def __call__(self, path: Path, layer: Layer, folder: Path, /) -> SourceRaster:
        """Return a layer as a raster: its grid, type, nodata, scale, offset and unit as the file states them.

        Args:
            path: The file, which is whole, or has holes where nothing is read.
            layer: One of it.
            folder: For files that are written on the way; it need not exist, and goes when the granule has
                landed. What is there already was written by an earlier call for the same file.

        Raises:
            RasterRefusedError: If the file does not have the layer, or not as something that can be landed.
        """
        ...


FORMATS: Mapping[str, Format] = MappingProxyType(
    {"geotiff": unpack_geotiff, "hdf5": unpack_hdf5, "netcdf": unpack_netcdf}
)
"""All there are, by the names that descriptions of sources use."""
