"""A point over a file that cannot be read is answered by the next scene, and the file is left alone then."""

import logging

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform as transform_coordinates

from app.rendering.point import PointState
from tests.app.statistics.landed import Raster, plain_product, world
from tests.rasters import MOL, UTM_31N


async def test_a_damaged_file_is_tried_twice_for_the_first_point_and_once_for_others(tmp_path, caplog):
    values = np.full((300, 300), 3, "uint16")
    (lon,), (lat,) = transform_coordinates(
        CRS.from_string(UTM_31N), CRS.from_epsg(4326), [MOL[0] + 155], [MOL[1] - 155]
    )
    async with world(tmp_path, threads=1) as here:
        for scene, cloud_cover in (("damaged", 0.0), ("good", 50.0)):
            await here.land(
                "2024-06",
                {"value": Raster(values)},
                scene_id=scene,
                cloud_cover_percent=cloud_cover,
                damaged=scene == "damaged",
            )
        answers, complaints = [], []
        for _ in range(3):
            with caplog.at_level(logging.ERROR, "app.rendering.renderer"):
                answers.append(await here.renderer.point(plain_product(), lon, lat, None))
            said = [r.getMessage() for r in caplog.records if r.name == "app.rendering.renderer"]
            complaints.append(said)
            caplog.clear()
    for answer in answers:
        assert (answer.state, answer.values) == (PointState.OK, (3.0,))
        assert [scene.id for scene in answer.scenes] == ["good"]
        assert [asset.band for asset in answer.failed] == ["value"]
    # It is complained of when the second attempt fails too, and there is no second one afterwards.
    assert [len(each) for each in complaints] == [1, 0, 0]
    assert "damaged" in complaints[0][0]
