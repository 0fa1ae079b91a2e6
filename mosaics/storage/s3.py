"""Object storage in S3, or a server that speaks its protocol."""

import asyncio
import functools
import hashlib
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ResponseStreamingError,
)
from botocore.exceptions import (
    ConnectionError as NoConnectionError,
)
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError

from mosaics.storage.s3_ranges import Frozen, NoAnswerError, S3Ranges
from mosaics.storage.storage import (
    Closing,
    ObjectExistsError,
    ObjectInfo,
    ObjectNotFoundError,
    StorageAccessError,
    StorageAddressError,
    StorageError,
    StorageUnavailableError,
    checked_key,
    checked_prefix,
)

MAX_FILE_BYTES = 5 * 1024**3
"""Largest object a single PUT may carry (Amazon S3 user guide, "Uploading objects"). One PUT is what makes
a file appear whole and once; parts completed later are not create-only on every server."""

DEFAULT_REGION = "us-east-1"
"""Where a server of one's own is told no region."""

UNSTEADY_S = 10.0
"""How long a question that was refused counts."""

_WITHOUT_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, NoRegionError)
_NO_WHOLE_ANSWER = (
    *(NoConnectionError, HTTPClientError, ResponseStreamingError, TimeoutError),
    *(IncompleteReadError, ResponseParserError, aiohttp.ClientError),  # what came ends too soon
)
_CHECK = (
    "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), AWS_REGION, AWS_ENDPOINT_URL, "
    "the clock, and the rights on the bucket"
)


class _NoBucketError(StorageError):
    """The bucket does not exist."""


class _ConflictError(StorageUnavailableError):
    """A create-only write met another one under way; asking again settles it."""


class _RangeOutsideError(StorageError):
    """A range begins past the end of the object."""


_BY_CODE: dict[str, type[StorageError]] = {
    "NoSuchBucket": _NoBucketError,
    "NoSuchKey": ObjectNotFoundError,
    "RequestTimeout": StorageUnavailableError,
    "SlowDown": StorageUnavailableError,
    "ExpiredToken": StorageAccessError,
    "InvalidToken": StorageAccessError,
}
_BY_STATUS: dict[int, type[StorageError]] = {
    401: StorageAccessError,
    403: StorageAccessError,
    404: ObjectNotFoundError,
    # Amazon S3 user guide, "How to prevent object overwrites with conditional writes".
    409: _ConflictError,
    412: ObjectExistsError,
    416: _RangeOutsideError,
    429: StorageUnavailableError,
}
_MESSAGES: dict[type[StorageError], str] = {
    _NoBucketError: "there is no bucket {bucket!r}; create it first, or check AWS_ENDPOINT_URL",
    ObjectNotFoundError: "{what}",
    ObjectExistsError: "{what}",
    StorageAccessError: f"S3 refuses access to bucket {{bucket!r}} ({{code}}); {_CHECK}",
    StorageUnavailableError: "S3 cannot answer now for {what} ({code})",
}


@functools.cache
def _described(data_path: str | None) -> Loader:
    """Return botocore's descriptions of services; to read them takes most of the time of making a client."""
    return create_loader(data_path)


class S3Storage(Closing):
    """A bucket, or what lies below a prefix of it. One instance belongs to one event loop."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        client: Any,
        stack: AsyncExitStack,
        ranges: S3Ranges | None = None,
    ) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self.address = f"s3://{bucket}/{prefix}".rstrip("/")
        self._client = client
        self._stack = stack
        self._refused_at = -UNSTEADY_S
        """On the monotonic clock."""
        self._ranges = ranges
        """None where parts of objects are read as whole ones are."""

    @property
    def is_unsteady(self) -> bool:
        """See `Storage.is_unsteady`; it tells of what is read."""
        return time.monotonic() - self._refused_at < UNSTEADY_S

    @classmethod
    async def open(cls, bucket: str, prefix: str, *, patience_s: float | None = None) -> "S3Storage":
        """Open the bucket with the standard AWS_* names of the environment.

        Args:
            bucket: Its name.
            prefix: What the keys of all objects begin with; may be empty.
            patience_s: How long an answer may take with one repetition; None repeats more patiently.

        Raises:
            StorageError: If the bucket does not exist or may not be used.
        """
        if prefix:
            try:
                checked_key(prefix)
            except ValueError as error:
                raise StorageAddressError(f"{prefix!r} is not a prefix of keys: {error}") from error
        config = AioConfig(
            signature_version="s3v4",
            max_pool_connections=32,
            connect_timeout=2,
            read_timeout=10 if patience_s is None else patience_s / 2,
            retries={"mode": "standard", "total_max_attempts": 3 if patience_s is None else 2},
            # Checksum trailers are refused by several servers that speak S3.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        stack = AsyncExitStack()
        try:
            with _errors(bucket, bucket):
                session = get_session()
                session.register_component(
                    "data_loader", _described(session.get_config_variable("data_path"))
                )
                client = await stack.enter_async_context(session.create_client("s3", config=config))
        except ValueError as error:
            raise StorageAddressError(f"AWS_ENDPOINT_URL is not the address of a server: {error}") from error
        storage = cls(bucket, prefix, client, stack, _ranges_of(bucket, client, session))
        try:
            with _errors(bucket, bucket):
                await client.list_objects_v2(Bucket=bucket, Prefix=storage.prefix, MaxKeys=1)
        except StorageUnavailableError:
            return storage  # it opens when the server is back
        except BaseException:
            await storage.close()
            raise
        return storage

    async def get(self, key: str) -> bytes:
        """See `Storage.get`."""
        return await self._read(key)

    async def get_range(self, key: str, start: int, length: int) -> bytes:
        """See `Storage.get_range`."""
        if length <= 0:
            return b""
        if (found := await self._quickly(key, start, length)) is not None:
            return found
        try:
            return await self._read(key, Range=f"bytes={start}-{start + length - 1}")
        except _RangeOutsideError:
            return b""

    async def put_new(self, key: str, data: bytes, media_type: str) -> None:
        """See `Storage.put_new`."""
        await self._put_new(key, Body=data, ContentType=media_type)

    async def put_new_file(self, key: str, path: Path, media_type: str) -> None:
        """See `Storage.put_new_file`; files up to `MAX_FILE_BYTES`."""
        with path.open("rb") as file:
            size = await asyncio.to_thread(lambda: path.stat().st_size)
            if size > MAX_FILE_BYTES:
                raise StorageError(f"{key} has {size} bytes; S3 takes {MAX_FILE_BYTES} in one piece")
            # With a Content-MD5 over TLS, botocore does not read the file a second time to sign it.
            digest = await asyncio.to_thread(hashlib.file_digest, file, _md5)
            await self._put_new(
                key,
                Body=file,
                ContentLength=size,
                ContentMD5=b64encode(digest.digest()).decode(),
                ContentType=media_type,
            )

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """See `Storage.put`."""
        await self._put(key, Body=data, ContentType=media_type)

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """See `Storage.list`."""
        begin = {"StartAfter": self.prefix + after} if after else {}
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix + checked_prefix(prefix), **begin
        )
        with _errors(prefix, self.bucket):
            async for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(self.prefix)
                    yield ObjectInfo(key, entry["Size"], entry["LastModified"])

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """See `Storage.folders`."""
        whole = self.prefix + checked_prefix(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=whole, Delimiter="/"
        )
        names = []
        with _errors(prefix, self.bucket):
            async for page in pages:
                names += [
                    entry["Prefix"].removeprefix(whole).rstrip("/")
                    for entry in page.get("CommonPrefixes", ())
                ]
        return tuple(sorted(names))

    async def head(self, key: str) -> ObjectInfo:
        """See `Storage.head`."""
        whole = self._key(key)
        with _errors(key, self.bucket):
            answer = await self._client.head_object(Bucket=self.bucket, Key=whole)
        return ObjectInfo(key, answer["ContentLength"], answer["LastModified"])

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        whole = self._key(key)
        with _errors(key, self.bucket):
            await self._client.delete_object(Bucket=self.bucket, Key=whole)

    def href(self, key: str) -> str:
        """See `Storage.href`."""
        return f"s3://{self.bucket}/{self._key(key)}"

    def local_path(self, key: str) -> Path | None:  # noqa: ARG002
        """See `Storage.local_path`; a bucket has no files."""
        return None

    def gdal_path(self, key: str) -> str:
        """See `Storage.gdal_path`."""
        return f"/vsis3/{self.bucket}/{self._key(key)}"

    def gdal_options(self) -> dict[str, str]:
        """See `Storage.gdal_options`; the endpoint and region are those the client found."""
        endpoint = urlsplit(self._client.meta.endpoint_url)
        region = self._client.meta.region_name
        options = {} if region in {None, "aws-global"} else {"AWS_REGION": region}
        if not endpoint.hostname or not endpoint.hostname.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            options |= {
                "AWS_S3_ENDPOINT": endpoint.netloc + endpoint.path.rstrip("/"),
                "AWS_HTTPS": "YES" if endpoint.scheme == "https" else "NO",
                "AWS_VIRTUAL_HOSTING": "FALSE",
            }
        if getproxies() and proxy_bypass(endpoint.hostname or ""):
            options["GDAL_HTTP_PROXY"] = ""  # GDAL does not see no_proxy (mosaics.raster.remote)
        return options

    async def close(self) -> None:
        """See `Storage.close`."""
        await self._stack.aclose()

    def _key(self, key: str) -> str:
        return self.prefix + checked_key(key)

    async def _quickly(self, key: str, start: int, length: int) -> bytes | None:
        """Return part of an object; None if it does not come at once, for whatever reason."""
        if self._ranges is None:
            return None
        try:
            return await self._ranges.get(self._key(key), start, length)
        except NoAnswerError:
            self._refused_at = time.monotonic()
            return None

    async def _read(self, key: str, **options: str) -> bytes:
        whole = self._key(key)
        try:
            with _errors(key, self.bucket):
                answer = await self._client.get_object(Bucket=self.bucket, Key=whole, **options)
                if answer["ResponseMetadata"]["RetryAttempts"]:
                    self._refused_at = time.monotonic()
                async with answer["Body"] as body:
                    data: bytes = await body.read()
                    return data
        except StorageUnavailableError:
            self._refused_at = time.monotonic()
            raise

    async def _put_new(self, key: str, **options: Any) -> None:
        for pause_s in (0.05, 0.2, 0.8):
            try:
                return await self._put(key, IfNoneMatch="*", **options)
            except _ConflictError:
                await asyncio.sleep(pause_s)
        return await self._put(key, IfNoneMatch="*", **options)

    async def _put(self, key: str, **options: Any) -> None:
        whole = self._key(key)
        if hasattr(options["Body"], "seek"):
            await asyncio.to_thread(options["Body"].seek, 0)
        with _errors(key, self.bucket):
            await self._client.put_object(Bucket=self.bucket, Key=whole, **options)


def _ranges_of(bucket: str, client: Any, session: AioSession) -> S3Ranges | None:
    """Return what reads parts of objects as the client would; None if its certificates cannot be read."""
    bundle = session.get_config_variable("ca_bundle")
    try:
        trusted = Path(bundle).read_bytes() if bundle else None
    except OSError:
        return None

    async def credentials() -> tuple[Frozen, bool]:
        found = await session.get_credentials()
        if found is None:
            raise NoCredentialsError
        return await found.get_frozen_credentials(), hasattr(found, "refresh_needed")

    meta = client.meta
    return S3Ranges(
        bucket,
        endpoint=meta.endpoint_url,
        region=meta.region_name or DEFAULT_REGION,
        credentials=credentials,
        trusted=trusted,
    )


@contextmanager
def _errors(what: str, bucket: str) -> Iterator[None]:
    """Say what went wrong in the words of `mosaics.storage`; nothing of a secret gets into them."""
    try:
        yield
    except ClientError as error:
        raise _in_our_words(error, what, bucket) from error
    except _WITHOUT_CREDENTIALS as error:
        raise StorageAccessError(f"S3 needs credentials for bucket {bucket!r}; {_CHECK}") from error
    except _NO_WHOLE_ANSWER as error:
        raise StorageUnavailableError(
            f"S3 cannot be reached for {what}: {type(error).__name__}; if this lasts, check AWS_ENDPOINT_URL"
        ) from error
    except BotoCoreError as error:
        raise StorageError(f"S3 could not be asked for {what}: {error}") from error


def _in_our_words(error: ClientError, what: str, bucket: str) -> StorageError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        kind = StorageUnavailableError if status >= 500 else StorageError
    return kind(
        _MESSAGES.get(kind, "S3 answered {code} for {what}").format(code=code, what=what, bucket=bucket)
    )


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)
