"""Signing: tokens that are asked for once, renewed in time, and never for anybody else's files."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.archives.archive import GranuleRefusedError, RemoteFile
from ingest.archives.credentials import SignedHosts
from ingest.archives.http import ArchiveError
from ingest.archives.stac.signing import OpenBuckets, SharedAccess, https_address
from mosaics.period import instant_text
from tests.ingest.archives.server import document

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
BLOB = RemoteFile("https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/60/V/UK/B04.tif")
TOKENS = "/api/sas/v1/token/sentinel2l2a01/sentinel2-l2"


class Clock:
    now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signer(archive, client, clock):
    def answer(_):
        expiry = clock.now + timedelta(hours=1)
        return document({"msft:expiry": instant_text(expiry), "token": f"se=x&sig={len(archive.asked)}"})

    archive.routes[TOKENS] = answer
    return SharedAccess(client, f"{archive.url}/api/sas/v1/token", now=clock)


async def test_one_token_serves_a_container(archive, signer):
    assert await signer.sign(BLOB) == f"{BLOB.href}?se=x&sig=1"
    other = RemoteFile(BLOB.href.replace("B04", "B08"))
    assert await signer.sign(other) == f"{other.href}?se=x&sig=1"
    assert len(archive.asked) == 1


async def test_a_token_is_renewed_before_it_ends(archive, signer, clock):
    await signer.sign(BLOB)
    clock.now = NOON + timedelta(minutes=59)
    assert (await signer.sign(BLOB)).endswith("sig=1")
    clock.now += timedelta(seconds=1)
    assert (await signer.sign(BLOB)).endswith("sig=2")


async def test_a_token_that_was_refused_is_renewed(signer):
    await signer.sign(BLOB)
    assert (await signer.sign(BLOB, renew=True)).endswith("sig=2")


@pytest.mark.parametrize(
    "href",
    [
        "https://example.com/sentinel2-l2/B04.tif",
        "https://sentinel2l2a01.blob.core.windows.net.example.com/sentinel2-l2/B04.tif",
        "https://example.com/sentinel2l2a01.blob.core.windows.net/B04.tif",
        "http://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/B04.tif",
        "https://sentinel2l2a01.blob.core.windows.net:8443/sentinel2-l2/B04.tif",
        "https://somebody@sentinel2l2a01.blob.core.windows.net/sentinel2-l2/B04.tif",
    ],
)
async def test_files_elsewhere_are_not_signed_for(archive, signer, href):
    assert await signer.sign(RemoteFile(href)) == href
    assert archive.asked == []


@pytest.mark.parametrize("answer", [{}, [], {"token": "x"}, {"token": "x", "msft:expiry": "soon"}])
async def test_an_answer_without_a_token_is_told(archive, signer, answer):
    archive.routes[TOKENS] = lambda _: document(answer)
    with pytest.raises(ArchiveError, match="does not answer a token"):
        await signer.sign(BLOB)


async def test_a_host_of_ones_own_may_be_signed_for(archive, client):
    archive.routes["/token/1/data"] = lambda _: document(
        {"msft:expiry": "2100-01-01T00:00:00Z", "token": "?sig=1"}
    )
    own = SignedHosts(re.compile(r"127\.0\.0\.(?P<name>\d):\d+"), scheme="http")
    signer = SharedAccess(client, f"{archive.url}/token", hosts=own)
    assert await signer.sign(RemoteFile(f"{archive.url}/data/a.tif")) == f"{archive.url}/data/a.tif?sig=1"


@pytest.mark.parametrize(
    ("href", "region", "address"),
    [
        (
            "s3://sentinel-cogs/a/B04.tif",
            "us-west-2",
            "https://sentinel-cogs.s3.us-west-2.amazonaws.com/a/B04.tif",
        ),
        ("s3://sentinel-cogs/a/B04.tif", None, "https://sentinel-cogs.s3.us-west-2.amazonaws.com/a/B04.tif"),
        ("s3://data/a.tif", "eu-central-1", "https://data.s3.eu-central-1.amazonaws.com/a.tif"),
        ("https://example.com/a.tif", None, "https://example.com/a.tif"),
    ],
)
def test_the_https_address_of_a_file(href, region, address):
    assert https_address(RemoteFile(href, region=region)) == address


@pytest.mark.parametrize(
    "file",
    [
        RemoteFile("ftp://example.com/a.tif"),
        RemoteFile("/etc/passwd"),
        RemoteFile("s3://bad_bucket/a.tif"),
        RemoteFile("s3://data/a.tif", region="evil.example.com/x"),
    ],
)
def test_other_addresses_are_refused(file):
    with pytest.raises(ArchiveError, match=r"at neither an https nor an s3|region that is not valid"):
        https_address(file)


async def test_a_bucket_that_bills_is_read_only_where_that_is_wanted(monkeypatch):
    file = RemoteFile("s3://usgs-landsat/a/B4.TIF", requester_pays=True)
    with pytest.raises(GranuleRefusedError, match="Give --requester-pays"):
        await OpenBuckets().sign(file)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    url = urlsplit(await OpenBuckets(requester_pays=True).sign(file))
    assert (url.scheme, url.netloc) == ("https", "usgs-landsat.s3.us-west-2.amazonaws.com")
    query = parse_qs(url.query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["x-amz-request-payer"] == ["requester"]


HOST = "usgs-landsat.s3.us-west-2.amazonaws.com"


@pytest.fixture
def aws_keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")


@pytest.mark.parametrize(
    "href",
    [
        "https://collector.example/a/B4.TIF",
        f"http://{HOST}/a/B4.TIF",
        f"https://{HOST}:8443/a/B4.TIF",
        f"https://somebody@{HOST}/a/B4.TIF",
        f"https://{HOST}@collector.example/a/B4.TIF",
        f"https://{HOST}.collector.example/a/B4.TIF",
        f"https://collector.example/{HOST}/a/B4.TIF",
        "https://collector.s3.us-west-2.amazonaws.com/a/B4.TIF",
        "https://usgs-landsat.s3.evil.example.amazonaws.com/a/B4.TIF",
        "s3://collector/a/B4.TIF",
    ],
)
async def test_an_item_alone_gets_no_signature_for_its_host(aws_keys, href):
    with pytest.raises(GranuleRefusedError, match="does not lie in a bucket that is signed for"):
        await OpenBuckets(requester_pays=True).sign(RemoteFile(href, requester_pays=True))
    if href.startswith("http"):  # and without its flag the address stays as it is
        assert await OpenBuckets(requester_pays=True).sign(RemoteFile(href)) == href


@pytest.mark.parametrize("href", ["s3://usgs-landsat/a/B4.TIF", f"https://{HOST}/a/B4.TIF"])
async def test_a_known_bucket_is_signed_for_by_either_address(aws_keys, href):
    signed = urlsplit(await OpenBuckets(requester_pays=True).sign(RemoteFile(href, requester_pays=True)))
    assert (signed.scheme, signed.netloc, signed.path) == ("https", HOST, "/a/B4.TIF")
    query = parse_qs(signed.query)
    assert query["X-Amz-Credential"][0].endswith("/us-west-2/s3/aws4_request")
    assert query["X-Amz-Security-Token"] == ["session"]


async def test_a_source_s_file_names_further_buckets(aws_keys):
    file = RemoteFile("s3://own-archive/a.tif", requester_pays=True, region="eu-central-1")
    signed = urlsplit(await OpenBuckets(requester_pays=True, billed=("own-archive",)).sign(file))
    assert signed.netloc == "own-archive.s3.eu-central-1.amazonaws.com"
