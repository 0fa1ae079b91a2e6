"""A catalogue over a folder, scenes landed in it, and a renderer that reads them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.rendering.renderer import Renderer
from mosaics.catalogue import Catalogue
from mosaics.storage import Storage, open_storage
from tests.app.landed import put_collection


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    async with await open_storage(str(tmp_path / "store")) as storage:
        await put_collection(storage)
        yield storage


@pytest.fixture
def catalogue(storage: Storage) -> Catalogue:
    return Catalogue(storage)


@pytest.fixture
def renderer(catalogue: Catalogue):
    renderer = Renderer(catalogue, threads=1)
    yield renderer
    renderer.close()
