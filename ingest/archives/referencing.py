"""A raster left in its archive, as the archive's item describes it: its file is not opened."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import Affine

from ingest.archives.archive import SceneRefusedError
from ingest.archives.stac_items import band_facts
from ingest.clipping import Grid
from ingest.raster import SourceRaster
from mosaics.collection import Band, read_nodata

COG_PROFILE = "profile=cloud-optimized"


def referenced_raster(
    asset: Mapping[str, Any], properties: Mapping[str, Any], band: Band, path: Path
) -> SourceRaster:
    """The raster of an asset.

    Args:
        asset: Of the archive's item.
        properties: Of the item, for what its assets have in common.
        band: What the collection says of it, for what the item leaves out.
        path: The file's name.

    Raises:
        SceneRefusedError: Where the asset is no COG, or does not say where its pixels lie.
    """
    if COG_PROFILE not in str(asset.get("type", "")).replace(" ", ""):
        raise SceneRefusedError(f"{path.name} is not said to be a Cloud Optimized GeoTIFF; copy it.")
    facts = band_facts(asset)
    try:
        grid = described_grid(asset, properties)
        nodata = facts.get("nodata")
        raster = SourceRaster(
            path=path,
            index=1,
            files=(),
            height_width=(grid.height, grid.width),
            dtype=str(facts.get("data_type", band.dtype)),
            crs=grid.crs,
            transform=grid.transform,
            south_up=False,
            nodata=None if nodata is None else read_nodata(nodata),
            scale_offset=(1.0, 0.0),
            has_mask=False,
        )
    except (KeyError, TypeError, ValueError, CRSError) as error:
        raise SceneRefusedError(
            f"{path.name} is not described well enough to be read where it lies ({error!r}); copy it."
        ) from error
    if not (grid.height > 0 and grid.width > 0 and is_upright(grid.transform)):
        raise SceneRefusedError(f"{path.name} is said to lie on a grid that does not run north up; copy it.")
    return raster


def described_grid(asset: Mapping[str, Any], properties: Mapping[str, Any]) -> Grid:
    """Where an asset says that its pixels lie; as for `referenced_raster`.

    Raises:
        KeyError, TypeError, ValueError, CRSError: Where it does not.
    """
    said = {**properties, **asset}
    height, width = (int(number) for number in said["proj:shape"])
    return Grid(_crs(said), Affine(*(float(number) for number in said["proj:transform"][:6])), width, height)


def is_upright(transform: Affine) -> bool:
    """Whether rows run from north to south and columns from west to east."""
    return bool(transform.a > 0 > transform.e and transform.b == transform.d == 0)


def _crs(said: Mapping[str, Any]) -> CRS:
    """proj:code of the projection extension 2, proj:epsg of its first version, or proj:wkt2."""
    if code := said.get("proj:code"):
        return CRS.from_string(str(code))
    if epsg := said.get("proj:epsg"):
        return CRS.from_epsg(int(epsg))
    return CRS.from_wkt(said["proj:wkt2"])
