"""What the tests of landing share: orders of small scenes, and storage to land them in."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.landing_request import BandFile, LandingRequest
from mosaics.descriptions.collections import CollectionDescription, load_collections
from mosaics.storage import Storage, open_storage
from tests.ingest.archives.conftest import archive, client, other_archive
from tests.rasters import ramp, write_geotiff

__all__ = ["archive", "client", "other_archive"]

MakeOrder = Callable[..., LandingRequest]


@pytest.fixture(scope="session")
def collections() -> dict[str, CollectionDescription]:
    return load_collections()


@pytest.fixture
async def storage(storage_address: str) -> AsyncIterator[Storage]:
    async with await open_storage(storage_address) as opened:
        yield opened


@pytest.fixture
def make_order(tmp_path: Path) -> MakeOrder:
    """Orders of a scene with small red and nir files; the files may be given, or how they are written."""

    def make(
        scene_id: str = "a", *, low: float = 1.0, files: dict[str, Path] | None = None, **given: Any
    ) -> LandingRequest:
        if files is None:
            files = {
                band: write_geotiff(
                    tmp_path / f"{scene_id}-{band}-{low:g}.tif", ramp(300, 280, low=low + at), nodata=0
                )
                for at, band in enumerate(("red", "nir"))
            }
        when = given.pop("when", datetime(2024, 6, 15, 10, 50, 29, tzinfo=UTC))
        return LandingRequest(
            id=scene_id,
            start=given.pop("start", when),
            end=given.pop("end", when),
            assets=tuple(BandFile(band, file) for band, file in files.items()),
            **{"baseline": "05.10", **given},
        )

    return make


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Storage]:
    """An empty storage in a folder."""
    async with await open_storage((tmp_path / "store").as_uri()) as opened:
        yield opened
