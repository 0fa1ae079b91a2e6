"""A storage for the tests of this folder."""

import pytest

from mosaics.storage import open_storage


@pytest.fixture
async def storage(tmp_path):
    async with await open_storage(str(tmp_path / "store")) as opened:
        yield opened
