"""Who may write: keys by scope, and without any only programs on the server's own machine."""

import hashlib
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from starlette.requests import Request

from app.cli.keys import keys
from app.http.auth import is_local, owner_of
from app.keys import KeyEntry, KeyEntryError, KeyMissingError, Scope, new_key, recognise
from app.settings import Settings
from tests.app.areas.conftest import LOCAL, feature
from tests.app.conftest import serving

READ, READ_ENTRY = new_key("reader", Scope.READ)
WRITE, WRITE_ENTRY = new_key("writer", Scope.WRITE)
ADMIN, ADMIN_ENTRY = new_key("admin", Scope.ADMIN)


@pytest.fixture
async def guarded(local_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with a key of each scope."""
    entries = (READ_ENTRY, WRITE_ENTRY, ADMIN_ENTRY)
    async with serving(local_settings.model_copy(update={"api_keys": entries})) as client:
        client.base_url = httpx.URL(LOCAL)
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_writes_need_a_key_where_keys_are_set(guarded: httpx.AsyncClient) -> None:
    async def wrote(headers: dict[str, str]) -> int:
        return (await guarded.post("/areas", json=feature(), headers=headers)).status_code

    assert await wrote({}) == 401
    assert await wrote(bearer(WRITE)) == 201
    assert await wrote({"Authorization": f"bearer   {ADMIN} "}) == 201
    assert await wrote({"X-API-Key": WRITE}) == 201
    assert await wrote(bearer(READ)) == 403
    assert await wrote(bearer(WRITE[:-1])) == 401
    assert await wrote(bearer(WRITE_ENTRY.digest)) == 401
    assert await wrote({"Authorization": "Basic dXNlcg=="}) == 400
    assert await wrote({"Authorization": "Bearer"}) == 400


async def test_every_way_to_write_is_guarded(guarded: httpx.AsyncClient) -> None:
    area = (await guarded.post("/areas", json=feature(), headers=bearer(WRITE))).json()["id"]
    refused = [
        await guarded.put(f"/areas/{area}", json=feature(name="Another")),
        await guarded.patch(f"/areas/{area}", json={"properties": {"name": "Another"}}),
        await guarded.delete(f"/areas/{area}"),
    ]
    assert [answer.status_code for answer in refused] == [401] * 3
    assert refused[0].headers["www-authenticate"] == "Bearer"
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert (await guarded.get(f"/areas/{area}")).json()["properties"]["name"] == "Square"


async def test_reading_needs_no_key_but_no_wrong_one_either(guarded: httpx.AsyncClient) -> None:
    statuses = [
        (await guarded.get("/areas", headers=headers)).status_code
        for headers in ({}, bearer(READ), bearer("wrong"))
    ]
    assert statuses == [200, 200, 401]


async def test_a_body_is_not_read_before_the_key(guarded: httpx.AsyncClient) -> None:
    refused = await guarded.post("/areas", content=b"{", headers={"Content-Type": "application/json"})
    assert refused.status_code == 401


async def test_without_keys_only_this_machine_writes(local_settings: Settings) -> None:
    async def wrote(base_url: str, headers: dict[str, str], address: str = "127.0.0.1") -> int:
        transport = httpx.ASGITransport(app, client=(address, 4711))
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            return (await client.post("/areas", json=feature(), headers=headers)).status_code

    from app.main import create_app

    app = create_app(local_settings)
    async with serving(local_settings, app):
        assert await wrote("http://127.0.0.1:8000", {}) == 201
        assert await wrote("http://localhost:8000", {"Origin": "http://localhost:8000"}) == 201
        assert await wrote("http://[::1]:8000", {}, "::1") == 201
        assert await wrote("http://127.0.0.1:8000", {}, "::ffff:127.0.0.1") == 201
        assert await wrote("http://127.0.0.1:8000", {}, "10.0.0.7") == 403
        assert await wrote("http://127.0.0.1:8000", {"X-Forwarded-For": "127.0.0.1"}) == 403
        assert await wrote("http://127.0.0.1:8000", {"Origin": "https://else.example"}) == 403
        assert await wrote("http://127.0.0.1:8000", {"Origin": "null"}) == 403
        assert await wrote("http://rebound.example:8000", {"Origin": "http://rebound.example:8000"}) == 403
        assert await wrote("http://127.0.0.1:8000", bearer(WRITE)) == 401


async def test_without_keys_nobody_writes_unless_that_is_asked_for(
    local_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert Settings().keyless_writes is False
    for keyless in (False, True):
        caplog.clear()
        async with serving(local_settings.model_copy(update={"keyless_writes": keyless})) as client:
            client.base_url = httpx.URL(LOCAL)
            answer = await client.post("/areas", json=feature())
            closing = await client.post("/areas", json=feature(), headers={"Connection": "close"})
        assert closing.status_code == 403
        assert ("Python's urllib" in closing.json()["detail"]) is keyless
        assert answer.status_code == (201 if keyless else 403)
        assert ("TILEWATCH_KEYLESS_WRITES" in answer.text) is not keyless
        assert ("may write without a key" in caplog.text) is keyless


BROWSER = {
    "Accept-Language": "nl,en;q=0.8",
    "Origin": "http://127.0.0.1:8000",
    "Referer": "http://127.0.0.1:8000/",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Ch-Ua-Platform": '"Linux"',
    "Priority": "u=1, i",
}


@pytest.mark.parametrize(
    ("changed", "local"),
    [
        ({}, True),
        (BROWSER, True),
        ({"Connection": "keep-alive", "Expect": "100-continue", "Idempotency-Key": "june"}, True),
        ({"Host": "localhost"}, True),
        ({"Host": "localhost:9000"}, False),
        ({"Host": "maps.example.org"}, False),
        ({"Host": "127.0.0.1.example.org:8000"}, False),
        ({"Host": "[::1"}, False),
        ({"Host": ""}, False),
        ({"Origin": "http://localhost:8000"}, False),
        ({"Origin": "[::1"}, False),
        ({"Referer": "https://else.example/page"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Connection": "close"}, False),
        ({"Connection": "upgrade"}, False),
        *(
            ({name: "127.0.0.1"}, False)
            for name in (
                *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"),
                *("X-Forwarded-Port", "X-Forwarded-Server", "X-Real-IP", "X-Client-IP", "X-Request-Id"),
                *("True-Client-IP", "CF-Connecting-IP", "X-Envoy-External-Address", "X-Original-URL"),
                *("X-ProxyUser-Ip", "Traceparent", "Proxy-Connection", "X-Anything"),
            )
        ),
    ],
)
def test_which_requests_without_a_key_are_of_this_machine(changed: dict[str, str], local: bool) -> None:
    headers = {"Host": "127.0.0.1:8000", "User-Agent": "curl/8.5", "Accept": "*/*"} | changed
    assert is_local(asked(headers)) is local


def test_a_proxy_s_old_protocol_and_a_second_host_are_not_of_this_machine() -> None:
    plain = {"Host": "127.0.0.1:8000"}
    assert is_local(asked(plain))
    assert not is_local(asked(plain, http_version="1.0"))
    twice = asked(plain)
    twice.scope["headers"].append((b"host", b"maps.example.org"))
    assert not is_local(twice)


def asked(headers: dict[str, str], http_version: str = "1.1") -> Request:
    """A request of a program on this machine."""
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "client": ("127.0.0.1", 4711), "server": ("127.0.0.1", 8000), "headers": sent}
    return Request(scope | {"http_version": http_version})


def test_a_socket_without_an_address_is_not_this_machine() -> None:
    scope = {"type": "http", "client": None, "headers": [(b"host", b"localhost")]}
    assert is_local(Request(scope)) is False


def test_a_new_key_is_recognised_by_its_entry_alone() -> None:
    key, entry = new_key("harvester", Scope.WRITE)
    assert entry.text == f"harvester:write:{hashlib.sha256(key.encode()).hexdigest()}"
    assert len(key) >= 43
    assert recognise(key, [READ_ENTRY, entry, ADMIN_ENTRY]) == entry
    assert recognise(key, [READ_ENTRY, ADMIN_ENTRY]) is None
    assert new_key("harvester", Scope.WRITE)[0] != key


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("writer", "name:scope:digest"),
        ("writer:write:abc", "64 hexadecimal"),
        (f"writer:owner:{'0' * 64}", "'owner' is not a valid scope; there are: read, write, admin"),
        (f":write:{'0' * 64}", "name:scope:digest"),
        (f"a b:write:{'0' * 64}", "name:scope:digest"),
        (f"writer:write:{'0' * 64}:", "'' is not a valid owner"),
        (f"writer:write:{'0' * 64}:a:b", "'a:b' is not a valid owner"),
        (f"writer:admin:{'0' * 64}:ann", "scope read or write"),
    ],
)
def test_entries_that_cannot_be_are_refused(entry: str, reason: str) -> None:
    with pytest.raises(KeyEntryError, match=reason):
        KeyEntry.parse(entry)
    with pytest.raises(ValidationError, match="api_keys"):
        Settings.model_validate({"api_keys": entry})


def test_the_command_prints_a_key_that_the_settings_take() -> None:
    printed = CliRunner().invoke(keys, ["new", "harvester", "write"]).output.split("\n")
    key, entry = printed[1].strip(), printed[3].strip()
    settings = Settings.model_validate({"api_keys": f"{READ_ENTRY.text}, {entry}"})
    found = recognise(key, settings.api_keys)
    assert found is not None
    assert (found.name, found.scope) == ("harvester", Scope.WRITE)
    assert entry.rpartition(":")[2] not in repr(settings)


def test_the_command_refuses_names_that_would_break_the_entry() -> None:
    refused = CliRunner().invoke(keys, ["new", "a:b", "write"])
    assert (refused.exit_code, "name:scope:digest" in refused.output) == (2, True)


def test_a_key_may_be_bound_to_an_owner() -> None:
    asked_for = ["new", "till", "write", "--owner", "coop-7@example"]
    printed = CliRunner().invoke(keys, asked_for).output.split("\n")
    key, entry = printed[1].strip(), printed[3].strip()
    settings = Settings.model_validate({"api_keys": f"{READ_ENTRY.text}, {entry}"})
    found = recognise(key, settings.api_keys)
    assert found is not None
    assert (found.owner, found.text) == ("coop-7@example", entry)
    app = SimpleNamespace(state=SimpleNamespace(settings=settings))

    def asked(*sent: tuple[bytes, bytes]) -> Request:
        return Request({"type": "http", "headers": list(sent), "app": app})

    assert owner_of(asked((b"x-api-key", key.encode()))) == "coop-7@example"
    assert owner_of(asked((b"x-api-key", READ.encode()))) is None
    with pytest.raises(KeyMissingError, match="belongs to owners"):
        owner_of(asked())
    app.state.settings = Settings.model_validate({"api_keys": READ_ENTRY.text})
    assert owner_of(asked()) is None
