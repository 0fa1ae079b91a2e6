"""The cube of observations, as xarray opens it."""

import json

import numpy as np
import pytest
import xarray
from rasterio.crs import CRS

from ingest.compositing.cube import require_new, write_cube
from ingest.compositing.request import CompositeError
from ingest.compositing.schedulers import Threads
from ingest.compositing.stacking import stacking
from mosaics.storage import open_storage
from tests.ingest.compositing.scenes import MONTH, observations, order, planned
from tests.rasters import MOL, UTM_31N


async def test_a_cube_holds_every_masked_observation(tmp_path):
    async with await open_storage((tmp_path / "store").as_uri()) as storage:
        for scene in MONTH:
            await scene.land(storage)
        plan = await planned(storage, order(("nir", "nir08")))
    reading = stacking(plan.selection.scenes, plan.order.composition.mask, {})
    path = tmp_path / "cube.zarr"
    write_cube(plan.order, reading, plan.passes, plan.grids[0].geobox, path, side=64, run=Threads(2).run)
    assert json.loads((path / "zarr.json").read_text())["zarr_format"] == 3
    with xarray.open_zarr(path, consolidated=False) as cube:
        assert dict(cube.sizes) == {"time": 3, "y": 126, "x": 136}
        np.testing.assert_allclose(cube.nir, observations("nir"), atol=1e-6)
        coarse = observations("nir08", 20).repeat(2, axis=1).repeat(2, axis=2)
        # A pixel of 10 m is seen where its own classification is clear, and that of 20 m is the same one.
        np.testing.assert_allclose(cube.nir08, coarse, atol=1e-6)
        assert cube.nir.dtype == np.float32
        assert (cube.nir.units, cube.nir.grid_mapping) == ("1", "spatial_ref")
        assert (cube.x[0], cube.y[0]) == (MOL[0] + 5, MOL[1] - 5)
        assert cube.x.standard_name == "projection_x_coordinate"
        assert CRS.from_wkt(cube.spatial_ref.crs_wkt) == CRS.from_string(UTM_31N)
        assert [str(time)[:19] for time in cube.time.values] == [
            "2024-06-02T10:50:29",
            "2024-06-12T10:50:29",
            "2024-06-22T10:50:29",
        ]
        assert json.loads(cube.tilewatch_scenes) == [["first"], ["second"], ["third", "beside"]]
        assert cube.tilewatch_synthetic == 0
        assert cube.Conventions == "CF-1.11"
    with pytest.raises(CompositeError, match=r"there is a cube\.zarr already"):
        require_new(path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cube.zarr", "store"]
