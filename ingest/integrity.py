"""What an item states of a file of ours: its size, and checksums by which damage is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mosaics.checksums import FIELD, HEAD, MASKED, SHA256, written_checksums
from mosaics.raster.block_checks import checksums_of, has_mask, head_of
from mosaics.verifying import file_digest

Integrity = Mapping[str, Any]


def integrity_of(path: Path) -> Integrity:
    """Return the fields of an asset that tell whether its file is as it was written (STAC file 2.1).

    Raises:
        rasterio.errors.RasterioError: If it cannot be read.
    """
    masked = checksums_of(path, with_mask=True) if has_mask(path) else []
    return {
        "file:size": path.stat().st_size,
        "file:checksum": f"{SHA256}{file_digest(path)}",
        FIELD: written_checksums(checksums_of(path)),
        **({MASKED: written_checksums(masked)} if masked else {}),
        HEAD: list(head_of(path)),
    }
