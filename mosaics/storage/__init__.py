"""Object storage: one small interface over a local folder and S3, with create-only writes."""

from mosaics.storage.opening import open_storage
from mosaics.storage.storage import (
    ObjectExistsError,
    ObjectInfo,
    ObjectNotFoundError,
    Storage,
    StorageAccessError,
    StorageAddressError,
    StorageError,
    StorageUnavailableError,
    checked_key,
    checked_prefix,
)

__all__ = [
    "ObjectExistsError",
    "ObjectInfo",
    "ObjectNotFoundError",
    "Storage",
    "StorageAccessError",
    "StorageAddressError",
    "StorageError",
    "StorageUnavailableError",
    "checked_key",
    "checked_prefix",
    "open_storage",
]
