"""Empty storages: of each kind, and a folder where one kind is enough."""

import pytest

from mosaics.storage import open_storage
from mosaics.storage.local import LocalStorage


@pytest.fixture
async def storage(storage_address):
    """An empty storage of each kind."""
    async with await open_storage(storage_address) as opened:
        yield opened


@pytest.fixture
async def folder(tmp_path):
    """An empty storage in a folder."""
    return await LocalStorage.open(tmp_path / "store")
