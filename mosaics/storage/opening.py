"""Opening storage by its address."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from mosaics.storage.local import LocalStorage
from mosaics.storage.storage import Storage, StorageAddressError


async def open_storage(address: str, *, patience_s: float | None = None) -> Storage:
    """Open the storage at an address; what it returns is an async context manager that closes it.

    Args:
        address: ``file:///folder``, a plain path of a folder, or ``s3://bucket/prefix``. A folder is made
            when it is not there; a bucket must exist.
        patience_s: How long a bucket may take to answer, so that it is asked once more in that time; None for
            a program that has time.

    Raises:
        StorageAddressError: If the address has another form.
        StorageError: If the folder or bucket cannot be used.
    """
    if "://" not in address:
        if not address.strip():
            raise StorageAddressError(_unknown(address))
        return await LocalStorage.open(Path(address))
    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise StorageAddressError(_unknown(address))
    match parts.scheme:
        case "file" if parts.netloc in {"", "localhost"} and parts.path.strip("/"):
            return await LocalStorage.open(Path(unquote(parts.path)))
        case "s3" if parts.netloc and "@" not in parts.netloc and ":" not in parts.netloc:
            from mosaics.storage.s3 import S3Storage  # whose client takes half a second to import

            return await S3Storage.open(parts.netloc, parts.path.strip("/"), patience_s=patience_s)
    raise StorageAddressError(_unknown(address))


def _unknown(address: str) -> str:
    shown = "an address with credentials in it" if "@" in address else repr(address)
    return f"{shown} names no storage; write file:///absolute/folder, a folder's path, or s3://bucket/prefix"
