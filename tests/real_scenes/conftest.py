"""Real scenes, landed once by the command line and served by the application."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from app.cli import main
from app.main import create_app
from app.settings import Settings

MOL_BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
LANDSAT_SCENES = ("224077", "224078")
SHANGHAI_YEARS = (2013, 2015, 2017, 2019, 2021)


def land(
    store: str, collection: str, scene: str, when: str, *assets: str, options: Sequence[str] = ()
) -> None:
    """Land one scene as a user does."""
    given = [option for asset in assets for option in ("--asset", asset)]
    arguments = ["land", collection, "--id", scene, "--datetime", when, *given, *options]
    arguments += ["--storage", store]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output


@asynccontextmanager
async def serving(store: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application over a store."""
    app = create_app(Settings(storage=store))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tilewatch.test") as client,
    ):
        yield client


@pytest.fixture(scope="session")
def real_store(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that holds every real scene."""
    store = (tmp_path_factory.mktemp("real") / "store").as_uri()
    mol = shared_data / "ndvi_sentinel2_mol_be"
    bands = [f"{band}={mol}/ref_input_S2_{file}.tif" for band, file in MOL_BANDS.items()]
    land(store, "sentinel-2-l2a", "mol", "2019-04-11T10:50:29Z", *bands)
    pair = shared_data / "mosaic_landsat8_224077_224078"
    for scene in LANDSAT_SCENES:
        file = pair / f"LC08_L1TP_{scene}_20200518_B4B3B2_crop_cog.tif"
        rgb = (f"red={file}:1", f"green={file}:2", f"blue={file}:3")
        land(store, "landsat-c2-l2", scene, "2020-05-18T13:30:00Z", *rgb)
    lights = shared_data / "nightlights_shanghai_annual"
    for year in SHANGHAI_YEARS:
        file = lights / f"NTL_Shanghai_NPP-VIIRS_2013_2022_{year}.tif"
        land(store, "black-marble-yearly", f"shanghai-{year}", str(year), f"radiance={file}")
    column = shared_data / "tempo_no2" / "tempo_vcd_troposphere_utm11_clipped.tif"
    land(store, "tempo-no2", "los-angeles", "2025-01-09T18:45:00Z", f"no2={column}")
    return store


@pytest.fixture
async def client(real_store: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application over the real scenes."""
    async with serving(real_store) as client:
        yield client
