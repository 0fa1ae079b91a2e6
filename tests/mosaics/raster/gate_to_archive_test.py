"""The gate as it is, but for a host `archive.test`, which is on this machine and counts as public."""

import asyncio
import sys

from mosaics.public_addresses import ForbiddenAddressError
from mosaics.raster.gate import Gate, serve


async def find(host: str, port: int) -> list[str]:
    if host == "archive.test":
        return ["127.0.0.1"]
    raise ForbiddenAddressError(f"the archive names {host}, which is not a public address.")


if __name__ == "__main__":
    asyncio.run(serve(Gate(sys.stdin.readline().strip(), find)))
