"""A script of a user's own lands a scene with the names that scripts have used since 0.1."""

import numpy as np

from app.settings import Settings
from ingest.collections import find_collection, load_collections
from ingest.landing import land_scene
from ingest.order import AssetSource, SceneOrder, parse_numbers, parse_time
from ingest.planning import plan_scene
from mosaics.log import read_state
from mosaics.storage import open_storage
from tests.rasters import write_geotiff

OWN = """
title = "T"
description = "t"
cadence = "month"
license = "other"
attribution = "t"

[[bands]]
name = "v"
title = "v"
dtype = "float32"
"""


async def test_a_script_lands_a_scene_in_a_collection_of_its_own(tmp_path):
    folder = tmp_path / "collections"
    folder.mkdir()
    (folder / "own.toml").write_text(OWN)
    chosen = Settings(storage=(tmp_path / "store").as_uri(), collections=folder)
    described = find_collection(load_collections([chosen.collections]), "own")
    start, end = parse_time("2024-06", described.collection.cadence)
    file = write_geotiff(tmp_path / "v.tif", np.ones((300, 280), "float32"))
    order = SceneOrder(
        id="a",
        start=start,
        end=end,
        assets=(AssetSource.parse(f"v={file}"),),
        scales=parse_numbers("--scale", []),
        offsets=parse_numbers("--offset", []),
        nodata=parse_numbers("--nodata", []),
    )
    async with await open_storage(chosen.storage) as storage:
        await land_scene(storage, plan_scene(described, order))
        assert list((await read_state(storage, "own")).scenes) == ["a"]
