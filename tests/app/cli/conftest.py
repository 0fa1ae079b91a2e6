"""What the commands are tried on: an archive on this machine, regions files, storage."""

from tests.app.regions.conftest import registry, write_regions
from tests.ingest.archives.conftest import archive, client, other_archive
from tests.ingest.conftest import collections, make_order, storage

__all__ = [
    "archive",
    "client",
    "collections",
    "make_order",
    "other_archive",
    "registry",
    "storage",
    "write_regions",
]
