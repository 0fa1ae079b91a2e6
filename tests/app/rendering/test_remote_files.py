"""Files left in an archive: while it is away they are missing, and when it is back they are read again."""

import asyncio
from types import MappingProxyType

import numpy as np
import pytest

from app.rendering.renderer import Renderer
from mosaics.catalogue import Catalogue
from mosaics.scene import Asset, SceneItem
from tests.app.rendering.test_computing import CORNER, GRID, RATIO, WHEN, ref
from tests.app.rendering.windows import one_window
from tests.ingest.archives.server import Answer, ArchiveServer, file
from tests.rasters import write_cog

FORGOTTEN_S = 0.3


class Referenced(Catalogue):
    """A catalogue whose one scene lies on a host of its own, over http since it is this machine."""

    scene: SceneItem

    def loaded_item(self, item_key):
        return self.scene


@pytest.fixture
def archive(tmp_path):
    with ArchiveServer() as server:
        for band, number in (("red", 1000), ("nir", 3000)):
            values = np.full((4, 4), number, dtype="uint16")
            path = write_cog(tmp_path / f"{band}.tif", values, crs="EPSG:32614", upper_left=CORNER, nodata=0)
            server.routes[f"/{band}.tif"] = file(path.read_bytes())
        yield server


@pytest.fixture
async def values(archive, storage):
    """What the scene's ratio is now: a number, or None where it could not be read."""
    assets = {
        band: Asset(band, f"/vsicurl/{archive.url}/{band}.tif", "uint16", 0, 0.0001, 0.0, "1")
        for band in ("red", "nir")
    }
    catalogue = Referenced(storage)
    catalogue.scene = SceneItem("a", "a/item.json", "harvest", WHEN, WHEN, MappingProxyType(assets), {})
    renderer = Renderer(catalogue, threads=1, damaged_s=FORGOTTEN_S)

    async def ask():
        found = await renderer.values(RATIO, one_window([ref("a")]), GRID)
        return None if found.skipped else float(found.planes[0, 0, 0])

    yield ask
    renderer.close()
    await renderer.fetching.close()


async def test_a_file_is_tried_again_when_its_archive_may_be_back(archive, values):
    served = dict(archive.routes)
    archive.routes = {path: lambda _: Answer(503) for path in served}
    assert await values() is None
    asked = len(archive.asked)
    assert await values() is None
    # not twice for every tile: an archive that is down is left alone for a while
    assert len(archive.asked) - asked < asked
    archive.routes = served
    await asyncio.sleep(FORGOTTEN_S)
    assert await values() == 3.0  # 0.3 / 0.1
