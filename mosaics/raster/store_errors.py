"""When a file cannot be read: is the file damaged, or does its store not answer?

GDAL says the same of both. The store itself is asked, so that an outage becomes an error a client may
retry, and a damaged file costs its own pixels only.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mosaics.raster.opening import opened_path
from mosaics.scene import Asset
from mosaics.storage import ObjectNotFoundError, Storage, StorageUnavailableError

ASKED_BYTES = 64 << 10

ASKED_TIMES = 4
"""How often a store is asked that may refuse every second question."""


async def ask_store(storage: Storage, failed: Sequence[Asset]) -> None:
    """Ask the store for the first bytes of each file that could not be read, and let GDAL forget them.

    Returns when the store answers for all of them, whatever it says of the file. As many bytes are asked for
    as GDAL asks for, so that a store whose answers end too soon is found out.

    Raises:
        mosaics.storage.StorageUnavailableError: If it does not answer.
    """
    root = storage.gdal_path("x").removesuffix("x")
    for asset in failed:
        forget(asset.path)
        if asset.path.startswith(root):
            try:
                await storage.get_range(asset.path.removeprefix(root), 0, ASKED_BYTES)
            except ObjectNotFoundError:
                continue


async def require_steady(storage: Storage, failed: Sequence[Asset]) -> None:
    """Make sure that files failed again for what they are, not since the store refuses some questions.

    Raises:
        mosaics.storage.StorageUnavailableError: If it does, or does not answer.
    """
    root = storage.gdal_path("x").removesuffix("x")
    ours = [asset for asset in failed if asset.path.startswith(root)][:1]
    for _ in range(ASKED_TIMES):
        if ours and not storage.is_unsteady:
            await ask_store(storage, ours)
    if ours and storage.is_unsteady:
        raise StorageUnavailableError("storage refuses some questions; ask again in a moment")


def forget(path: str) -> None:
    """Drop what GDAL remembers of a remote file; it remembers failures too, and for ever."""
    library = _gdal()
    if library is not None and path.startswith("/vsi"):
        library.VSICurlPartialClearCache(opened_path(path).encode())


def decoded_bytes() -> int:
    """Return the bytes of the blocks that GDAL has decoded and keeps; 0 where they cannot be told."""
    library = _gdal()
    if library is None:
        return 0
    used = library.GDALGetCacheUsed64
    used.restype = ctypes.c_longlong
    return int(used())


@cache
def _gdal() -> ctypes.CDLL | None:
    """Return the GDAL that rasterio has loaded; None where it is not found.

    rasterio 1.4 has no call for what is asked of it (1.5 brings `rasterio.cache`).
    """
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    loaded = (line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if "/libgdal" in line)
    path = next(loaded, None)
    return ctypes.CDLL(path) if path else None
