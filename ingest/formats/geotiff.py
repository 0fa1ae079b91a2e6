"""The format "geotiff": layers are the bands of the file, counted from 1."""

from pathlib import Path

from ingest.raster import Layer, RasterRefusedError, SourceRaster, inspect_raster


def unpack_geotiff(path: Path, layer: Layer, folder: Path) -> SourceRaster:  # noqa: ARG001 - nothing is written
    """See `ingest.formats.Format`."""
    if not isinstance(layer, int):
        raise RasterRefusedError(f"{layer!r} is not a valid band of {path.name}; bands are counted from 1.")
    return inspect_raster(path, layer)
