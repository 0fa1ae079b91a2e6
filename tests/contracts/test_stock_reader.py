"""A stock cogeo-mosaic with rio-tiler's STAC reader serves the same bucket, and gives the same values."""

import asyncio
import os
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import httpx
import morecantile
import numpy as np
import pytest
from click.testing import CliRunner
from cogeo_mosaic.backends import MosaicBackend
from pyproj import Transformer
from rio_tiler.io import STACReader

from app.cli import main
from app.main import create_app
from app.settings import Settings
from mosaics.log import read_state
from mosaics.period import Period
from mosaics.storage import open_storage
from tests.rasters import MOL, write_geotiff

# Over the middle of where the two scenes lie over one another.
MIDDLE = Transformer.from_crs(32631, 4326, always_xy=True).transform(MOL[0] + 7500, MOL[1] - 3000)
TILES = [morecantile.tms.get("WebMercatorQuad").tile(*MIDDLE, zoom) for zoom in (12, 13, 14)]


@pytest.fixture
def stock_environment(s3, monkeypatch):
    """What a stock TiTiler is told of a bucket that is not Amazon's; boto3, which we hide, is there."""
    monkeypatch.setattr("rasterio.session.boto3", boto3)
    monkeypatch.setattr("rio_tiler.io.stac.boto3_session", boto3.session.Session)
    monkeypatch.setenv("AWS_S3_ENDPOINT", urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc)
    monkeypatch.setenv("AWS_HTTPS", "NO")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTING", "FALSE")


def land_two_scenes(store: str, folder: Path) -> None:
    """Two scenes of one month, half over one another, each with a hole; landed by the command line."""
    texture = np.random.default_rng(5)
    for number, cloud_cover in ((1, 20), (2, 10)):
        bands = []
        for band in ("red", "nir"):
            values = texture.integers(1, 9000, (600, 600), dtype=np.uint16)
            values[100:200, 100 * number : 300] = 0
            corner = (MOL[0] + 3000 * number, MOL[1])
            file = write_geotiff(folder / f"{band}{number}.tif", values, upper_left=corner, nodata=0)
            bands += ["--asset", f"{band}={file}"]
        order = ["--id", f"scene-{number}", "--datetime", "2019-06-10", "--cloud-cover", str(cloud_cover)]
        result = CliRunner().invoke(main, ["land", "sentinel-2-l2a", *order, *bands, "--storage", store])
        assert result.exit_code == 0, result.output


@pytest.mark.filterwarnings("ignore:Some statistics data in STAC:UserWarning")
async def test_a_stock_reader_over_the_same_bucket_gives_the_same_values(
    s3_address, stock_environment, tmp_path
):
    await asyncio.to_thread(land_two_scenes, s3_address, tmp_path)
    async with await open_storage(s3_address) as storage:
        state = await read_state(storage, "sentinel-2-l2a")
        mosaic = storage.href(state.mosaics[Period.parse("2019-06")])
    app = create_app(Settings(storage=s3_address))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tilewatch.test") as client,
    ):
        mixed = 0
        for tile in TILES:
            with MosaicBackend(mosaic, reader=STACReader) as backend:
                theirs, used = backend.tile(*tile, assets=["red", "nir"], threads=0)
            mixed += len(used) == 2
            address = f"/collections/sentinel-2-l2a/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}.npy"
            for plane, band in enumerate(("red", "nir")):
                answer = await client.get(f"{address}?bands={band}&rescale=0,1&datetime=2019-06")
                assert answer.status_code == 200
                ours = np.load(BytesIO(answer.content))
                valid = ~np.ma.getmaskarray(theirs.array)[plane]
                assert np.array_equal(ours[1] == 255, valid)
                # stored numbers times 0.0001, as the collection says
                assert np.allclose(
                    ours[0][valid], theirs.array.data[plane][valid] * 0.0001, rtol=0, atol=1e-7
                )
                assert valid.sum() > 1000
        assert mixed
