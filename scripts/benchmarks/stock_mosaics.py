"""A stock TiTiler over mosaics of STAC items: its factory, its reader and cogeo-mosaic, unchanged."""

from cogeo_mosaic.backends.file import FileBackend
from fastapi import FastAPI
from rio_tiler.io import STACReader
from titiler.core.dependencies import AssetsExprParams
from titiler.mosaic.factory import MosaicTilerFactory

app = FastAPI()
app.include_router(
    MosaicTilerFactory(
        backend=FileBackend, dataset_reader=STACReader, layer_dependency=AssetsExprParams
    ).router
)
