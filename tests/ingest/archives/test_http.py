"""Talking to archives: patience with their faults, and no step where they must not lead."""

import gzip
import ipaddress
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from pydantic import SecretStr

from ingest.archives.credentials import FixedCredential, Origins
from ingest.archives.http import (
    ArchiveAnswerError,
    ArchiveClient,
    ArchiveError,
    ArchiveUnavailableError,
    Patience,
    Request,
)
from ingest.archives.pace import Pace
from mosaics.public_addresses import is_public
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.server import Answer, document


def in_turn(*answers):
    """Answers one after the other, the last for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_fault_that_passes_is_waited_for(archive, client, status):
    archive.routes["/a"] = in_turn(Answer(status), Answer(status), document({"at": "last"}))
    assert await client.document(Request(f"{archive.url}/a")) == {"at": "last"}
    assert len(archive.asked) == 3


async def test_a_connection_that_is_cut_is_opened_again(archive, client):
    whole = document({"at": "last"})
    cut = Answer(200, whole.content, whole.headers, dropped_after=5)
    archive.routes["/a"] = in_turn(cut, Answer(200, b"", {}, length=-1, dropped_after=0), whole)
    assert await client.document(Request(f"{archive.url}/a")) == {"at": "last"}
    assert len(archive.asked) == 3


async def test_a_page_of_a_proxy_in_place_of_a_document_is_asked_again_and_not_for_ever(archive, client):
    page = Answer(200, b"<html>down for maintenance</html>", {"content-type": "text/html"})
    archive.routes["/a"] = in_turn(page, document({"at": "last"}))
    assert await client.document(Request(f"{archive.url}/a")) == {"at": "last"}
    archive.routes["/a"] = in_turn(page)
    with pytest.raises(ArchiveUnavailableError, match=r"failed 4 times, .* is not JSON at"):
        await client.document(Request(f"{archive.url}/a"))
    assert len(archive.asked) == 2 + 4


async def test_a_host_that_stays_down_is_asked_less_and_then_no_more(archive, client):
    archive.routes["/a"] = lambda _: Answer(503)
    asked = []
    for _ in range(14):
        with pytest.raises(ArchiveUnavailableError):
            await client.document(Request(f"{archive.url}/a"))
        asked.append(len(archive.asked))
    assert asked == [4, 8, 12, *range(13, 22), 21, 21]
    with pytest.raises(ArchiveUnavailableError, match="is not asked again in this run"):
        await client.document(Request(f"{archive.url}/a"))


async def test_a_host_that_answers_again_is_waited_for_as_before(archive, client):
    failing = [Answer(503)] * 13
    archive.routes["/a"] = in_turn(*failing, document({}), Answer(503), document({}))
    for _ in range(4):
        with pytest.raises(ArchiveUnavailableError):
            await client.document(Request(f"{archive.url}/a"))
    assert [await client.document(Request(f"{archive.url}/a")) for _ in range(2)] == [{}, {}]


@pytest.mark.parametrize("said", ["²", "9" * 5000, "-1", "many"])
async def test_a_length_that_is_not_a_number_is_unknown(archive, client, said):
    archive.routes["/a"] = lambda _: Answer(206, b"x", {"content-range": f"bytes 0-0/{said}"})
    assert await client.size_bytes(f"{archive.url}/a") is None


def test_a_file_that_crawls_is_given_up():
    now = [0.0]
    pace = Pace(120, lambda: now[0])
    pace.take(2**16)
    now[0] = 121
    pace.take(0)  # fast enough so far; counted again from here
    now[0] = 240
    pace.take(1000)
    now[0] = 242
    with pytest.raises(httpx.ReadTimeout, match="1001 bytes came in 120 s"):
        pace.take(1)


async def test_a_fault_that_stays_is_told_with_the_number_of_tries(archive, client):
    archive.routes["/a"] = lambda _: Answer(503)
    with pytest.raises(
        ArchiveUnavailableError,
        match=r"failed 4 times, at last so: the archive answers 503 at http://127\.0\.0\.1:\d+/a$",
    ):
        await client.document(Request(f"{archive.url}/a?sig=secret"))
    assert len(archive.asked) == 4


async def test_an_archive_that_is_not_there_is_told(client):
    with pytest.raises(ArchiveUnavailableError, match="failed 4 times"):
        await client.document(Request("http://127.0.0.1:1/a"))


async def test_what_will_stay_is_not_tried_again(archive, client):
    with pytest.raises(ArchiveAnswerError, match=r"answers 404 at http://[\d.:]+/missing$"):
        await client.document(Request(f"{archive.url}/missing?sig=secret"))
    assert len(archive.asked) == 1


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_honoured(archive, client, as_date):
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if as_date else "1"
    archive.routes["/a"] = in_turn(Answer(429, b"", {"retry-after": until}), document(1))
    began = time.monotonic()
    assert await client.document(Request(f"{archive.url}/a")) == 1
    assert time.monotonic() - began >= 0.9


async def test_an_archive_that_asks_to_be_left_alone_for_long_is_unavailable(archive, client):
    archive.routes["/a"] = lambda _: Answer(503, b"", {"retry-after": "3600"})
    with pytest.raises(ArchiveUnavailableError, match="asks to be left alone for 3600 s"):
        await client.document(Request(f"{archive.url}/a"))
    assert len(archive.asked) == 1


def test_waits_grow_and_differ():
    patience = Patience(first_wait_s=1.0, longest_wait_s=10.0)
    for failures, longest_s in ((1, 1), (2, 2), (3, 4), (9, 10)):
        waits = {patience.wait_s(failures, None) for _ in range(50)}
        assert longest_s / 2 <= min(waits) < max(waits) <= longest_s
    assert patience.wait_s(1, 7.5) == 7.5


async def test_a_silent_archive_is_given_up(archive):
    archive.routes["/a"] = lambda _: Answer(200, bytes(40_000), pause_s=1)
    async with ArchiveClient(patience=Patience(tries=1, silence_s=0.2), local_http=True) as client:
        with pytest.raises(ArchiveUnavailableError, match="ReadTimeout"):
            await client.document(Request(f"{archive.url}/a"))


async def test_an_answer_that_drips_without_end_is_given_up(archive):
    archive.routes["/a"] = lambda _: Answer(200, bytes(16384 * 100), pause_s=0.1)
    async with ArchiveClient(patience=Patience(tries=1, document_s=0.5), local_http=True) as client:
        with pytest.raises(ArchiveUnavailableError, match="failed 1 times"):
            await client.document(Request(f"{archive.url}/a"))


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_past_all_bounds_is_refused(archive, packed):
    content = b'"' + b"x" * 5_000_000 + b'"'
    headers = {"content-encoding": "gzip"} if packed else {}
    archive.routes["/a"] = lambda _: Answer(200, gzip.compress(content) if packed else content, headers)
    async with ArchiveClient(patience=QUICK, local_http=True, max_document_bytes=1_000_000) as client:
        with pytest.raises(ArchiveError, match="more than 1000000 bytes"):
            await client.document(Request(f"{archive.url}/a"))


async def test_credentials_go_to_their_origin_only(archive, other_archive):
    origins = Origins((archive.url,))
    key = FixedCredential(origins, SecretStr("key"), header="ocp-apim-subscription-key", scheme="")
    archive.routes["/here"] = lambda _: Answer(302, b"", {"location": "/there"})
    archive.routes["/there"] = lambda _: Answer(302, b"", {"location": f"{other_archive.url}/away"})
    other_archive.routes["/away"] = lambda _: document("found")
    async with ArchiveClient(credentials=[key], patience=QUICK, local_http=True) as client:
        assert await client.document(Request(f"{archive.url}/here")) == "found"
    assert [asked.headers.get("ocp-apim-subscription-key") for asked in archive.asked] == ["key", "key"]
    assert "ocp-apim-subscription-key" not in other_archive.asked[0].headers


async def test_a_search_that_is_redirected_keeps_its_question(archive, client):
    archive.routes["/old"] = lambda _: Answer(307, b"", {"location": "/new"})
    archive.routes["/new"] = lambda asked: document(asked.body)
    assert await client.document(Request(f"{archive.url}/old", "POST", {"a": 1})) == {"a": 1}


async def test_redirects_in_a_circle_end(archive, client):
    archive.routes["/a"] = lambda _: Answer(302, b"", {"location": "/a"})
    with pytest.raises(ArchiveError, match="redirects more than 5 times"):
        await client.document(Request(f"{archive.url}/a"))


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/a",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "http://localhost/a",
        "https://localhost/a",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/a",
        "https://[::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://user:password@example.com/a",
    ],
)
async def test_an_archive_leads_nowhere_else(archive, client, location):
    archive.routes["/a"] = lambda _: Answer(302, b"", {"location": location})
    with pytest.raises(ArchiveError, match=r"not an https address|not a public address|credentials in it"):
        await client.document(Request(f"{archive.url}/a"))
    assert len(archive.asked) == 1


async def test_this_machine_is_not_asked_unless_that_is_said(archive):
    async with ArchiveClient(patience=QUICK) as client:
        with pytest.raises(ArchiveError, match="not an https address"):
            await client.document(Request(f"{archive.url}/a"))
        with pytest.raises(ArchiveError, match=r"127\.0\.0\.1, which is not a public address"):
            await client.document(Request(f"https://127.0.0.1:{archive.port}/a"))
    assert archive.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),  # NAT64 of 10.0.0.1
        ("64:ff9b::808:808", True),  # NAT64 of 8.8.8.8
        ("2002:a00:1::", False),  # 6to4 of 10.0.0.1
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


async def test_an_archive_is_told_who_asks(archive, client):
    archive.routes["/a"] = lambda _: document(1)
    await client.document(Request(f"{archive.url}/a"))
    assert archive.asked[0].headers["user-agent"].startswith("tilewatch/")
