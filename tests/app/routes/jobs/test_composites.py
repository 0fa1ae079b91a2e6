"""A composite of landed scenes is shown by the products over its collection."""

import numpy as np
from pyproj import Transformer

from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.ingest.compositing.scenes import MONTH, composed, observations, order, planned
from tests.rasters import MOL


async def test_vegetation_of_a_composite_is_that_of_the_medians(settings):
    async with await open_storage(settings.storage) as storage:
        for scene in MONTH:
            await scene.land(storage)
        await composed(storage, await planned(storage, order()))
    row, column = 30, 50
    red, nir = (float(np.nanmedian(observations(band)[:, row, column])) for band in ("red", "nir"))
    at_its_middle = MOL[0] + 10 * column + 5, MOL[1] - 10 * row - 5
    lon, lat = Transformer.from_crs(32631, 4326, always_xy=True).transform(*at_its_middle)
    async with serving(settings) as client:
        point = (await client.get(f"/products/ndvi-monthly/point/{lon},{lat}")).json()
        assert (point["state"], point["period"]) == ("ok", "2024-06")
        np.testing.assert_allclose(point["value"], (nir - red) / (nir + red), atol=1e-3)
        times = (await client.get("/products/ndvi-monthly/times?bbox=5.22,51.29,5.24,51.31")).json()
        assert [each["period"] for each in times["times"]] == ["2024-06"]
