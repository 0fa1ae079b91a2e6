"""Credentials: sent to their own hosts, renewed where they end, and to be read by nobody else."""

from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from app.settings import Settings
from ingest.archives.credentials import Origins, bearer_tokens, credential_for
from ingest.archives.http import ArchiveAnswerError, ArchiveClient, Request
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.server import Answer, document


@dataclass
class Ending:
    """A token that can be had anew, as often as there are some left."""

    origins: Origins
    left: list[str]
    renewed: int = 0
    sent: list[str] = field(default_factory=list)

    async def headers(self):
        self.sent.append(self.left[0])
        return {"Authorization": f"Bearer {self.left[0]}"}

    async def renew(self):
        self.renewed += 1
        if len(self.left) > 1:
            del self.left[0]
            return True
        return False


@pytest.mark.parametrize(
    ("pattern", "origin", "fits"),
    [
        ("https://example.org", "https://example.org", True),
        ("https://example.org", "https://example.org:8443", False),
        ("https://example.org", "http://example.org", False),
        ("https://example.org", "https://data.example.org", False),
        ("https://example.org", "https://example.org.evil.net", False),
        ("https://example.org", "https://exampleXorg", False),
        ("https://data.*.example.org", "https://data.one.example.org", True),
        ("https://data.*.example.org", "https://data.one.two.example.org", False),
        ("https://data.*.example.org", "https://data.evil.net/.example.org", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", True),
    ],
)
def test_where_a_credential_may_be_sent(pattern, origin, fits):
    assert (origin in Origins((pattern,))) is fits


def test_each_origin_has_its_own():
    here, there = bearer_tokens(
        {"https://a.example.org": SecretStr("1"), "https://b.example.org": SecretStr("2")}
    )
    assert credential_for("https://b.example.org", (here, there)) is there
    assert credential_for("https://c.example.org", (here, there)) is None


async def test_a_token_is_not_told_by_what_is_printed():
    (token,) = bearer_tokens({"https://example.org": SecretStr("geheim")})
    assert "geheim" not in repr(token)
    assert await token.headers() == {"Authorization": "Bearer geheim"}


async def test_a_token_that_has_ended_is_renewed_once(archive):
    archive.routes["/a"] = lambda asked: (
        document("in") if asked.headers.get("authorization") == "Bearer new" else Answer(401)
    )
    credential = Ending(Origins((archive.url,)), ["old", "new"])
    async with ArchiveClient(credentials=[credential], patience=QUICK, local_http=True) as client:
        assert await client.document(Request(f"{archive.url}/a")) == "in"
        assert await client.document(Request(f"{archive.url}/a")) == "in"
    assert credential.sent == ["old", "new", "new"]
    assert credential.renewed == 1


async def test_a_token_that_stays_refused_is_told(archive):
    archive.routes["/a"] = lambda _: Answer(401)
    credential = Ending(Origins((archive.url,)), ["old", "new"])
    async with ArchiveClient(credentials=[credential], patience=QUICK, local_http=True) as client:
        with pytest.raises(ArchiveAnswerError, match="answers 401"):
            await client.document(Request(f"{archive.url}/a"))
    assert credential.sent == ["old", "new"]


def test_tokens_of_settings_belong_to_hosts(monkeypatch):
    monkeypatch.setenv("TILEWATCH_ARCHIVE_TOKENS", "Stac.example.org=abc==, http://127.0.0.1:8080=d")
    tokens = Settings().archive_tokens
    assert {origin: token.get_secret_value() for origin, token in tokens.items()} == {
        "https://stac.example.org": "abc==",
        "http://127.0.0.1:8080": "d",
    }
    assert "abc" not in repr(Settings())


@pytest.mark.parametrize("text", ["abc", "=abc", "stac.example.org=", "http://example.org=abc", "a/b=c"])
def test_a_token_without_a_host_it_is_for_is_refused(monkeypatch, text):
    monkeypatch.setenv("TILEWATCH_ARCHIVE_TOKENS", text)
    with pytest.raises(ValueError, match="give host=token for each"):
        Settings()
