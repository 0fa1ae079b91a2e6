"""Memory: what each cache of a server's process may take, as its part of one number."""

from types import MappingProxyType

PARTS = MappingProxyType(
    {
        "tiles": 240,
        "gdal": 160,
        "blocks": 260,
        "remote": 60,
        "fetched": 50,
        "heads": 25,
        "maps": 35,
        "items": 80,
        "indexes": 40,
        "addresses": 20,
        "statistics": 15,
        "answers": 10,
        "legends": 5,
    }
)
"""Thousandths: encoded tiles; blocks decoded by GDAL, and by us; what GDAL has read of remote files; what was
fetched of the bucket's and is still to be decoded, and their heads; which pixels tiles show; items and
mosaics; known addresses of tiles; statistics where no database keeps them, and
whole answers; legend pictures."""


class MemoryBudget:
    """The bytes of each cache.

    Args:
        total_bytes: Of all caches.
        tiles_bytes: Of encoded tiles; None for their part of the total.
    """

    def __init__(self, total_bytes: int, tiles_bytes: int | None = None) -> None:
        self.limits = {name: total_bytes * part // 1000 for name, part in PARTS.items()}
        if tiles_bytes is not None:
            self.limits["tiles"] = tiles_bytes

    def __getitem__(self, name: str) -> int:
        return self.limits[name]

    def gdal_options(self) -> dict[str, int]:
        """Return the options that bound what GDAL keeps; it looks at them once a process."""
        return {"GDAL_CACHEMAX": self["gdal"], "CPL_VSIL_CURL_CACHE_SIZE": self["remote"]}
