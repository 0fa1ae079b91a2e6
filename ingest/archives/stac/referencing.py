"""A raster left in its archive, as the archive describes it: its file is not opened."""

from pathlib import Path

from ingest.archives.archive import BandLayer, GranuleRefusedError
from ingest.raster import SourceRaster
from mosaics.collection import Band

COG_PROFILE = "profile=cloud-optimized"


def referenced_raster(layer: BandLayer, media_type: str, band: Band, path: Path) -> SourceRaster:
    """Return the raster of a layer.

    Args:
        layer: As the archive describes it.
        media_type: Of its file.
        band: What the collection says of it, for what the archive leaves out.
        path: The file's name.

    Raises:
        GranuleRefusedError: If the file is not a COG, or the archive does not say where its pixels lie.
    """
    if COG_PROFILE not in media_type.replace(" ", ""):
        raise GranuleRefusedError(f"{path.name} is not said to be a Cloud Optimized GeoTIFF; copy it.")
    if layer.grid is None:
        raise GranuleRefusedError(
            f"{path.name} is not described well enough to be read where it lies; copy it."
        )
    if layer.layer != 1:
        raise GranuleRefusedError(f"{band.name} is not the first band of {path.name}; copy it.")
    grid = layer.grid
    if not (grid.height > 0 and grid.width > 0 and grid.is_upright):
        raise GranuleRefusedError(
            f"{path.name} is said to lie on a grid that does not run north up; copy it."
        )
    return SourceRaster(
        path=path,
        layer=layer.layer,
        files=(),
        height_width=(grid.height, grid.width),
        dtype=layer.dtype or band.dtype,
        crs=grid.crs,
        transform=grid.transform,
        south_up=False,
        nodata=layer.nodata,
        scale_offset=(1.0, 0.0),
        has_mask=False,
    )
