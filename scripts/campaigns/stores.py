"""Stores: an S3 that answers 503 or 500, is slow, hangs, or ends its answers early; and damaged files."""

import random
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import botocore.session

from scripts.campaigns.damage import with_flipped_bit
from scripts.campaigns.load import TILES, Load, check_once, client_of, recorded
from scripts.campaigns.row import Row
from scripts.campaigns.services import Served, Services, resident_mb, tilewatch
from tests.services.ceph import CephGateway
from tests.services.store_line import Fault, StoreLine

BUCKET = "campaign"
FAULT_S, AFTER_S = 12.0, 20.0

APART = ("/healthz", "/products")
"""What needs no store."""


def scenarios(used: Services, store: Path) -> Iterator[Row]:
    """Yield a row for each fault of S3; tiles are computed by two workers that have read nothing yet."""
    folder = used.folder / "ceph"
    folder.mkdir()
    gateway = CephGateway(folder)
    gateway.start()
    try:
        copy(store, gateway)
        before = yield from _faults(used, gateway)
        yield _flipped(used, store, gateway, before)
    finally:
        gateway.end()


def copy(store: Path, gateway: CephGateway) -> None:
    """Copy a folder into a bucket."""
    with _bucket(gateway) as client:
        client.create_bucket(Bucket=BUCKET)
        for path in sorted(store.rglob("*")):
            if path.is_file():
                client.put_object(Bucket=BUCKET, Key=_key(path, store), Body=path.read_bytes())


def _key(path: Path, store: Path) -> str:
    return f"tilewatch/{path.relative_to(store).as_posix()}"


def _flipped(used: Services, store: Path, gateway: CephGateway, before: dict[str, str]) -> Row:
    """Flip a bit in every landed file of the bucket, and ask for all tiles of two workers that know none."""
    chance, bits = random.Random(14), 0  # noqa: S311 - bits, not keys
    with _bucket(gateway) as client:
        for path in sorted(store.rglob("*.tif")):
            changed = with_flipped_bit(path.read_bytes(), chance)
            client.put_object(Bucket=BUCKET, Key=_key(path, store), Body=changed)
            bits += 1
    settings = {**_environment(gateway, gateway.endpoint), "TILEWATCH_CACHE_BYTES": "0"}
    with _serving(used, settings) as served, client_of(served) as client:
        told = check_once(client, before)
        peak_mb = resident_mb(served.family())
    remarks = f"{bits} files with a flipped bit; {told.skipped} tiles said that a scene is missing"
    return Row(
        "S3, a bit flipped in every file", told.requests, told.wrong, len(told.failures), lost=0,
        memory_mb=peak_mb, remarks=remarks,
    )  # fmt: skip


@contextmanager
def _bucket(gateway: CephGateway) -> Iterator[Any]:
    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=gateway.endpoint,
        region_name=gateway.region,
        aws_access_key_id=gateway.access_key,
        aws_secret_access_key=gateway.secret_key,
    )
    try:
        yield client
    finally:
        client.close()


def _environment(gateway: CephGateway, endpoint: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": gateway.access_key,
        "AWS_SECRET_ACCESS_KEY": gateway.secret_key,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": gateway.region,
        "AWS_DEFAULT_REGION": gateway.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _faults(used: Services, gateway: CephGateway) -> Generator[Row, None, dict[str, str]]:
    """Yield the row of each fault, and return the tiles as they were before."""
    line = StoreLine(gateway.endpoint)
    settings = {**_environment(gateway, line.endpoint), "TILEWATCH_CACHE_BYTES": "0"}
    settings |= {"TILEWATCH_DATABASE_URL": used.settings["TILEWATCH_DATABASE_URL"]}
    with _serving(used, settings) as served, client_of(served) as client:
        before = recorded(client, TILES)
    for fault in (each for each in Fault if each is not Fault.NONE):
        # A server of its own for each: what was read once is kept in memory, and would need no store.
        with _serving(used, settings) as served:
            yield _played(served, line, fault, before)
    line.close()
    return before


def _serving(used: Services, settings: Mapping[str, str]) -> AbstractContextManager[Served]:
    return tilewatch(f"s3://{BUCKET}/tilewatch", used.folder, settings, workers=2)


def _played(served: Served, line: StoreLine, fault: Fault, before: dict[str, str]) -> Row:
    """Return the row of a fault that is there from the first request on, and ends."""
    line.fault = fault
    with Load(served, before, (*APART, "/areas?limit=5")) as load:
        time.sleep(FAULT_S)
        line.fault = Fault.NONE
        ended = time.monotonic()
        time.sleep(AFTER_S)
    told = load.told
    apart_s = max(max(told.took_s.get(path) or [0.0]) for path in APART)
    remarks = f"{told.kinds or 'all answered'}; slowest answer that needs no store {apart_s:.1f} s"
    return Row(
        f"S3 {fault}", told.requests, told.wrong, len(told.failures),
        recovered_s=told.recovered_s(ended), memory_mb=load.peak_mb, remarks=remarks,
    )  # fmt: skip
