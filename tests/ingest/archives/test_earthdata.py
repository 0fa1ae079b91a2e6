"""Earthdata's tokens: until when they hold, where they are sent, and what is said of one that has ended."""

import base64
import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from app.settings import Settings
from ingest.archives.credentials import credential_for
from ingest.archives.earthdata import (
    EarthdataLogin,
    EarthdataToken,
    earthdata_credentials,
    expiry_of,
)
from ingest.archives.http import ArchiveClient, ArchiveError
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.server import document

ENDS = datetime(2026, 11, 19, tzinfo=UTC).timestamp()


def token_until(moment_s: object) -> str:
    """A JSON Web Token as Earthdata's are, its signature made up."""
    parts = ({"typ": "JWT", "alg": "RS256"}, {"uid": "name", "exp": moment_s})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, "c2lnbmF0dXJl"])


@pytest.mark.parametrize(
    ("token", "expiry_s"),
    [
        (token_until(1_800_000_000), 1_800_000_000.0),
        (token_until("soon"), None),
        (token_until(None), None),
        (token_until(-1), None),
        ("opaque", None),
        ("a.b.c", None),
        ("a.!!!.c", None),
        ("..", None),
    ],
)
def test_a_token_says_until_when_it_holds(token, expiry_s):
    assert expiry_of(token) == expiry_s


async def test_a_token_that_has_ended_is_told_before_it_is_sent():
    token = EarthdataToken(SecretStr(token_until(ENDS)), now=lambda: ENDS + 1)
    with pytest.raises(
        ArchiveError, match=r"has expired on 2026-11-19 00:00Z; make a new one at https://urs\.earthdata"
    ):
        await token.headers()
    assert await token.renew() is False
    assert "eyJ" not in repr(token)


def test_tokens_are_for_the_archives_of_nasa_alone():
    (token,) = earthdata_credentials(SecretStr("x"), "name", SecretStr("geheim"))
    for origin in (
        "https://data.laadsdaac.earthdatacloud.nasa.gov",
        "https://ladsweb.modaps.eosdis.nasa.gov",
    ):
        assert credential_for(origin, (token,)) is token
    for origin in (
        "https://cmr.earthdata.nasa.gov",
        "https://urs.earthdata.nasa.gov",
        "https://prod-lads.s3.us-west-2.amazonaws.com",
        "https://nasa.gov",
        "https://data.laadsdaac.earthdatacloud.nasa.gov.evil.net",
        "http://data.laadsdaac.earthdatacloud.nasa.gov",
        "https://data.laadsdaac.earthdatacloud.nasa.gov:8443",
    ):
        assert credential_for(origin, (token,)) is None


def test_a_token_comes_before_name_and_password():
    assert earthdata_credentials(None, None, None) == ()
    assert earthdata_credentials(None, "name", None) == ()
    (login,) = earthdata_credentials(None, "name", SecretStr("geheim"))
    assert isinstance(login, EarthdataLogin)
    assert isinstance(earthdata_credentials(SecretStr("x"), "name", SecretStr("y"))[0], EarthdataToken)
    assert "geheim" not in f"{login!r}{vars(login)}"


@pytest.mark.parametrize(
    ("variables", "token"),
    [
        ({"EARTHDATA_TOKEN": "new", "BEARER_TOKEN": "old"}, "new"),
        ({"BEARER_TOKEN": "old"}, "old"),
        ({"TILEWATCH_EARTHDATA_TOKEN": "ours", "EARTHDATA_TOKEN": "new"}, "ours"),
        ({"EARTHDATA_TOKEN": ""}, None),
        ({}, None),
    ],
)
def test_where_a_token_is_read_from(monkeypatch, tmp_path, variables, token):
    monkeypatch.chdir(tmp_path)
    for name in ("TILEWATCH_EARTHDATA_TOKEN", "EARTHDATA_TOKEN", "BEARER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = Settings().earthdata_token
    assert (found and found.get_secret_value()) == token
    assert not any(value in repr(Settings()) for value in variables.values() if value)


async def test_a_token_is_asked_for_again_in_time(archive):
    tokens = iter(["one", "two"])
    archive.routes["/api/users/find_or_create_token"] = lambda _: document(
        {"access_token": next(tokens), "token_type": "Bearer", "expiration_date": "11/19/2026"}
    )
    clock = [ENDS - 7200]
    login = EarthdataLogin(
        "name",
        SecretStr("geheim"),
        login=archive.url,
        make_client=lambda **given: ArchiveClient(patience=QUICK, local_http=True, **given),
        now=lambda: clock[0],
    )
    assert [(await login.headers())["Authorization"] for _ in range(3)] == ["Bearer one"] * 3
    clock[0] = ENDS
    assert [(await login.headers())["Authorization"] for _ in range(3)] == ["Bearer two"] * 3
    assert len(archive.asked) == 2


@pytest.mark.parametrize("answer", [[], {}, {"access_token": 3}, {"access_token": "a\nb"}, "ACCESS_TOKEN"])
async def test_an_answer_without_a_token_is_refused(archive, answer):
    archive.routes["/api/users/find_or_create_token"] = lambda _: document(answer)
    login = EarthdataLogin(
        "name",
        SecretStr("geheim"),
        login=archive.url,
        make_client=lambda **given: ArchiveClient(patience=QUICK, local_http=True, **given),
    )
    with pytest.raises(ArchiveError, match="Earthdata does not answer with a token"):
        await login.headers()
