"""Signing: the address a file is fetched from, where an archive lets in only who has a fresh signature."""

import asyncio
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from ingest.archives.archive import GranuleRefusedError, RemoteFile
from ingest.archives.credentials import BILLED_BUCKETS, BLOB_HOST, S3_HOST, SignedHosts
from ingest.archives.http import ArchiveClient, ArchiveError, Request, shown
from mosaics.shared_access import ContainerTokens, TokenError

PLANETARY_COMPUTER = "planetary-computer"
BLOBS = SignedHosts(BLOB_HOST)
PRESIGNED_S = 3600


class Signer(Protocol):
    """Turns the address in a catalogue into one that can be fetched now."""

    name: str | None
    """What a server that reads the file where it lies has to do; None where it just reads."""

    async def sign(self, file: RemoteFile, *, renew: bool = False) -> str:
        """Return the address to fetch; `renew` where the last one was refused.

        Raises:
            ArchiveError: If it cannot be had.
            GranuleRefusedError: If reading it costs money and that was not agreed to.
        """
        ...


class OpenBuckets:
    """Files that everybody may read, and S3 buckets that bill their readers where that is allowed.

    Args:
        requester_pays: Whether reading may be billed to the AWS credentials of the environment.
        billed: More buckets that are signed for.
    """

    name: str | None = None

    def __init__(self, *, requester_pays: bool = False, billed: Iterable[str] = ()) -> None:
        self._requester_pays = requester_pays
        self._hosts = SignedHosts(S3_HOST, BILLED_BUCKETS.union(billed))

    async def sign(self, file: RemoteFile, *, renew: bool = False) -> str:  # noqa: ARG002 - presigned afresh
        """See `Signer`."""
        if file.requester_pays:
            return await asyncio.to_thread(self._presigned, file)
        return https_address(file)

    def _presigned(self, file: RemoteFile) -> str:
        from botocore.auth import S3SigV4QueryAuth  # a tenth of the time in which a command starts
        from botocore.awsrequest import AWSRequest
        from botocore.session import Session

        refuse_billed(file, allowed=self._requester_pays)
        address = https_address(file)
        host = self._hosts.of(address)
        if host is None:
            raise GranuleRefusedError(
                f"the file {shown(file.href)} is said to bill its readers, and does not lie in a bucket that "
                f"is signed for: {', '.join(sorted(self._hosts.names or ()))}. The source's file names "
                "others (billed_buckets)."
            )
        credentials = Session().get_credentials()
        if credentials is None:
            raise ArchiveError(f"reading {shown(file.href)} is billed, and no AWS credentials say to whom.")
        request = AWSRequest("GET", f"{address}?x-amz-request-payer=requester")
        S3SigV4QueryAuth(credentials, "s3", host["region"], expires=PRESIGNED_S).add_auth(request)
        return str(request.url)


class SharedAccess:
    """Azure containers read with a token that an API hands out for each, as the Planetary Computer does.

    Args:
        client: Asks for tokens.
        tokens: Address that `{account}/{container}` is appended to.
        now: The time.
        hosts: Those that tokens are asked for, by account.
    """

    name: str | None = PLANETARY_COMPUTER

    def __init__(
        self,
        client: ArchiveClient,
        tokens: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        hosts: SignedHosts = BLOBS,
    ) -> None:
        self._tokens = ContainerTokens(lambda address: client.document(Request(address)), tokens, now=now)
        self._hosts = hosts

    async def sign(self, file: RemoteFile, *, renew: bool = False) -> str:
        """See `Signer`; addresses of other hosts are left as they are."""
        host = self._hosts.of(file.href)
        if host is None:
            return https_address(file)
        container = f"{host['name']}/{urlsplit(file.href).path.lstrip('/').partition('/')[0]}"
        try:
            return await self._tokens.signed(file.href, container, renew=renew)
        except TokenError as error:
            raise ArchiveError(f"the archive does not answer a token at {shown(str(error))}.") from error


def https_address(file: RemoteFile) -> str:
    """Return the https address of a file, for s3:// that of the bucket's own host.

    Raises:
        ArchiveError: If the address is of neither kind.
    """
    parts = urlsplit(file.href)
    if parts.scheme == "s3" and re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}", parts.netloc):
        region = file.region or "us-west-2"
        if not re.fullmatch(r"[a-z0-9-]{1,32}", region):
            raise ArchiveError(f"the file {shown(file.href)} is said to lie in a region that is not valid.")
        return f"https://{parts.netloc}.s3.{region}.amazonaws.com{parts.path}"
    if parts.scheme in {"https", "http"}:  # plain http is the client's to refuse
        return file.href
    raise ArchiveError(f"the file {shown(file.href)} is at neither an https nor an s3 address.")


def refuse_billed(file: RemoteFile, *, allowed: bool) -> None:
    """Refuse files that cost money to read.

    Raises:
        GranuleRefusedError: If `file` does and that is not allowed.
    """
    if file.requester_pays and not allowed:
        raise GranuleRefusedError(
            f"the file {shown(file.href)} lies in a bucket that bills its readers. Give "
            "--requester-pays to have it billed to your AWS credentials, or take a source that is free, "
            "such as planetary-computer-landsat-c2-l2."
        )
