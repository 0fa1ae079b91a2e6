"""Ingestion: brings scenes into object storage, as COGs, STAC items and mosaics, and does nothing else."""

import mosaics  # noqa: F401 - before anything imports rasterio (mosaics.without_xarray)
