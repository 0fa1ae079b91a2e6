"""Files of NASA's archive: the token goes there alone and is renewed once; what is not a file is told.

The tiles are SYNTHETIC and have the radiance alone.
"""

import json
import re

import pytest
import rasterio
from pydantic import SecretStr

from ingest.archives.credentials import Origins
from ingest.archives.earthdata import EarthdataLogin
from ingest.archives.http import ArchiveClient, ArchiveError
from ingest.landing_notes import notes_on
from tests.ingest.archives.cmr.playing import TOKEN
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.server import Answer, ArchiveServer, document, file
from tests.ingest.synthetic_tiles import RADIANCE, usual_layers, write_tile

NAME = "VNP46A3.A2024001.h21v07.002.2025001000000.h5"
LATER = "VNP46A3.A2024001.h21v07.002.2025060000000.h5"
PATH = f"/prod-lads/VNP46A3/{NAME}"
SCENE = "VNP46A3.A2024001.h21v07.002"


@pytest.fixture(scope="module")
def tile(tmp_path_factory):
    path = write_tile(tmp_path_factory.mktemp("tile"), NAME, {RADIANCE: usual_layers()[RADIANCE]})
    return path.read_bytes()


@pytest.fixture(scope="module")
def brighter(tmp_path_factory):
    """The same tile as it was produced later: 3.5 in place of 2.5."""
    radiance = usual_layers()[RADIANCE] + 1
    radiance[0] = -999.9
    return write_tile(tmp_path_factory.mktemp("later"), LATER, {RADIANCE: radiance}).read_bytes()


def landed(tmp_path):
    """The value of a plain cell of each landed scene."""
    found: dict[str, list[float]] = {}
    for path in (tmp_path / "store").glob("collections/*/scenes/*/*/radiance.tif"):
        with rasterio.open(path) as dataset:
            found.setdefault(path.parts[-3], []).append(float(dataset.read(1)[500, 500]))
    return found


def left(tmp_path):
    """What lies in the downloads but for the notes of one that was begun."""
    return [path for path in (tmp_path / "downloads").rglob("*.h5") if path.is_file()]


class Login:
    """Earthdata's login: hands out tokens of its list, each time the next, the last one for ever."""

    def __init__(self, server: ArchiveServer, *tokens: str, **more: str) -> None:
        self.server, self.tokens, self.more = server, list(tokens), more
        server.routes["/api/users/find_or_create_token"] = self._answer

    def _answer(self, asked):
        assert asked.method == "POST"
        if asked.headers.get("authorization") != "Basic bmFtZTpnZWhlaW0=":  # name:geheim
            return document({"error": "invalid_credentials"}, 401)
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        given = {"token_type": "Bearer", "expiration_date": "11/19/2044", **self.more}
        return document({"access_token": token, **given})

    def credential(self, *origins: str, now=None) -> EarthdataLogin:
        return EarthdataLogin(
            "name",
            SecretStr("geheim"),
            origins=Origins(origins),
            login=self.server.url,
            make_client=lambda **given: ArchiveClient(patience=QUICK, local_http=True, **given),
            **({} if now is None else {"now": now}),
        )


@pytest.fixture
def login_server():
    with ArchiveServer() as server:
        yield server


async def test_a_tile_lands_and_its_token_goes_no_further(laads, bring, tile, tmp_path):
    laads.publish(NAME, tile)
    _, _, outcome = await bring()
    assert outcome.failures == {}
    assert landed(tmp_path) == {SCENE: [2.5]}
    assert notes_on(outcome.landings[0].plan) == ()  # the tile says its scale itself
    assert {asked.headers.get("authorization") for asked in laads.server.of(PATH)} == {f"Bearer {TOKEN}"}
    assert len(laads.downloads()) == 1
    for asked in laads.store.asked:
        assert "authorization" not in asked.headers
        assert TOKEN not in f"{asked.target}{asked.headers}"
    (item,) = (tmp_path / "store").glob("collections/*/scenes/*/*/item.json")
    properties = json.loads(item.read_text())["properties"]
    assert properties["nasa:production_datetime"] == "2025-01-01T00:00:00Z"
    assert properties["tilewatch:sources"]["radiance"]["href"] == f"{laads.server.url}{PATH}"
    assert properties["tilewatch:sources"]["radiance"]["band"] == RADIANCE
    assert "Signature" not in item.read_text()


async def test_a_tile_lands_without_what_not_every_tile_has_and_is_not_fetched_for_it_again(
    laads, bring, tmp_path
):
    """The tile has radiance, number and quality; the source knows three more bands."""
    laads.publish(NAME, write_tile(tmp_path, NAME).read_bytes())

    async def bands_of(*wanted: str) -> tuple[list[str], list[str]]:
        _, survey, outcome = await bring(bands=wanted)
        if not survey.pending:
            return [], []
        (landing,) = outcome.landings
        item = json.loads((tmp_path / "store" / landing.plan.item_key).read_text())
        lacking = item["properties"].get("tilewatch:lacking_bands", [])
        said = f"its file does not have {', '.join(lacking)}; it landed without"
        assert (outcome.failures, outcome.partial) == ({}, {SCENE: said} if lacking else {})
        return sorted(item["assets"]), lacking

    absent = ["land_water", "snow_radiance", "snow_observations"]
    assert await bands_of("radiance") == (["radiance"], [])
    assert await bands_of("radiance", "land_water") == (["radiance"], ["land_water"])
    assert await bands_of("land_water") == ([], [])
    assert await bands_of() == (["num_observations", "quality", "radiance"], absent)
    for again in ((), ("radiance", "num_observations"), ("snow_radiance",)):
        assert await bands_of(*again) == ([], [])
    assert len(laads.downloads()) == 3


async def test_a_tile_that_has_nothing_of_what_is_wanted_is_refused(laads, bring, tmp_path):
    laads.publish(NAME, write_tile(tmp_path, NAME).read_bytes())
    _, _, outcome = await bring(bands=("land_water",))
    assert "not one of its grids has the layer Land_Water_Mask" in outcome.failures[SCENE]
    assert landed(tmp_path) == {}


async def test_a_tile_that_is_produced_again_takes_its_own_place(laads, bring, tile, brighter, tmp_path):
    laads.publish(NAME, tile)
    await bring()
    laads.publish(LATER, brighter)
    _, survey, outcome = await bring()
    assert [pending.granule.id for pending in survey.pending] == [SCENE]
    assert outcome.failures == {}
    assert sorted(landed(tmp_path)[SCENE]) == [2.5, 3.5]  # the older file stays until it is swept
    # The older production is revised, and is all that a search for revisions finds.
    laads.entries = [laads.entries[1]]
    _, survey, outcome = await bring()
    assert (survey.landed, survey.pending, outcome.landings) == ((SCENE,), (), [])
    items = list((tmp_path / "store").glob("collections/*/mosaics/*/*.json.gz"))
    assert len(items) == 2


async def test_a_token_that_ends_on_the_way_is_renewed_once(laads, bring, tile, tmp_path, login_server):
    """The connection breaks off, and going on is refused: the token has expired meanwhile."""
    laads.publish(NAME, tile)
    login, clock = Login(login_server, "first", "second"), [0.0]
    laads.tokens = {"first"}
    whole = file(tile)

    def breaking(asked):
        laads.tokens, clock[0] = {"second"}, clock[0] + 3600
        laads.store.routes[f"/signed/{NAME}"] = whole
        return Answer(200, tile, whole(asked).headers, dropped_after=len(tile) // 2)

    laads.store.routes[f"/signed/{NAME}"] = breaking
    _, _, outcome = await bring(credentials=(login.credential(laads.server.url, now=lambda: clock[0]),))
    assert outcome.failures == {}
    assert landed(tmp_path) == {SCENE: [2.5]}
    sent = [asked.headers["authorization"] for asked in laads.server.of(PATH)]
    assert sent == ["Bearer first", "Bearer first", "Bearer second"]
    assert len(login_server.asked) == 2
    last = laads.downloads()[-1]
    assert last.headers["range"] == f"bytes={len(tile) // 2}-"
    for asked in (*laads.store.asked, *login_server.asked):
        assert "first" not in f"{asked.target}{asked.headers}"


async def test_a_token_that_is_refused_again_is_a_clear_failure(laads, bring, tile, tmp_path, login_server):
    laads.publish(NAME, tile)
    laads.tokens = set()
    login, clock = Login(login_server, "first", "second", "third"), iter(range(0, 10**6, 100))
    credentials = (login.credential(laads.server.url, now=lambda: float(next(clock))),)
    _, _, outcome = await bring(credentials=credentials)
    (reason,) = outcome.failures.values()
    assert "answers 401" in reason
    assert "make a new token (Generate Token) and give it as EARTHDATA_TOKEN" in reason
    assert landed(tmp_path) == {}
    assert left(tmp_path) == []
    assert not any(word in reason for word in ("first", "second", "third", "geheim"))


async def test_name_and_password_that_are_refused_are_told(laads, bring, tile, login_server):
    laads.publish(NAME, tile)
    credentials = (Login(login_server, "x").credential(laads.server.url),)
    login_server.routes["/api/users/find_or_create_token"] = lambda _: document(
        {"error": "invalid_credentials", "error_description": "Invalid user credentials"}, 401
    )
    with pytest.raises(ArchiveError, match="Earthdata does not accept EARTHDATA_USERNAME"):
        await bring(credentials=credentials)


PAGE = b"<html><title>Earthdata Login</title></html>"
EULA = {
    "error": "User has not accepted EULA",
    "accept_eula_url": "https://urs.earthdata.nasa.gov/accept_eula?eula_id=1",
}
LIES = {
    "a page of the archive": (
        lambda laads: laads.server.routes.update(
            {PATH: lambda _: Answer(200, PAGE, {"content-type": "text/html; charset=utf-8"})}
        ),
        r"answers a web page in place of http://127\.0\.0\.1:\d+/prod-lads/.*: the token is not accepted",
    ),
    "a page behind the redirect": (
        lambda laads: laads.store.routes.update(
            {f"/signed/{NAME}": lambda _: Answer(200, PAGE, {"content-type": "text/html"})}
        ),
        "answers a web page in place of",
    ),
    "a page that says it is a tile": (
        lambda laads: laads.store.routes.update(
            {f"/signed/{NAME}": lambda _: Answer(200, PAGE, {"content-type": "application/x-hdf5"})}
        ),
        r"has 43 bytes; \d+ were expected\. If it goes on, .* a licence not be agreed to\. Log in at",
    ),
    "a page that does not say what it is": (
        lambda laads: laads.server.routes.update({PATH: lambda _: Answer(200, PAGE)}),
        r"has 43 bytes; \d+ were expected\. If it goes on, .* and give it as EARTHDATA_TOKEN",
    ),
    "nothing, without a length": (
        lambda laads: laads.store.routes.update({f"/signed/{NAME}": lambda _: Answer(200, b"", length=-1)}),
        r"came with 0 bytes; its archive says \d+\. If it goes on, a token may not be accepted there",
    ),
    "nothing": (
        lambda laads: laads.store.routes.update({f"/signed/{NAME}": lambda _: Answer(200, b"")}),
        "answers nothing in place of",
    ),
    "a licence": (
        lambda laads: laads.server.routes.update({PATH: lambda _: document(EULA, 404)}),
        r"not agreed to\. Agree to it at https://urs\.earthdata\.nasa\.gov/accept_eula\?eula_id=1",
    ),
    "a licence in words": (
        lambda laads: laads.server.routes.update({PATH: lambda _: Answer(403, b"EULA not accepted")}),
        r"not agreed to\. Agree to it at https://urs\.earthdata\.nasa\.gov, and",
    ),
    "a refusal": (
        lambda laads: laads.server.routes.update({PATH: lambda _: Answer(403, b"Forbidden")}),
        "answers 403 at .*: it wants an Earthdata token that holds. Log in at",
    ),
    "no such file": (
        lambda laads: laads.server.routes.update({PATH: lambda _: Answer(404, b"<html>")}),
        "answers 404 at",
    ),
    "a redirect to another scheme": (
        lambda laads: laads.server.routes.update(
            {PATH: lambda _: Answer(303, b"", {"location": "ftp://127.0.0.1/x.h5"})}
        ),
        "which is not an https address",
    ),
    "a redirect in a circle": (
        lambda laads: laads.server.routes.update({PATH: lambda _: Answer(307, b"", {"location": PATH})}),
        "redirects more than 5 times",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_not_a_file_is_told_in_words_and_nothing_lands(laads, bring, tile, tmp_path, lie):
    laads.publish(NAME, tile)
    tell, said = LIES[lie]
    tell(laads)
    _, _, outcome = await bring()
    assert list(outcome.failures) == [SCENE]
    assert re.search(said, outcome.failures[SCENE]), outcome.failures[SCENE]
    assert TOKEN not in outcome.failures[SCENE]
    assert landed(tmp_path) == {}
    assert left(tmp_path) == []


async def test_a_page_of_the_same_size_as_the_tile_is_noticed_by_its_beginning(laads, bring, tile, tmp_path):
    laads.publish(NAME, tile)
    laads.store.routes[f"/signed/{NAME}"] = file(b"<html>".ljust(len(tile)))
    _, _, outcome = await bring()
    assert re.search("something else than its format, .* Log in at", outcome.failures[SCENE])
    assert left(tmp_path) == []


async def test_a_tile_of_the_other_collection_under_this_name_is_refused(laads, bring, tmp_path):
    content = write_tile(
        tmp_path, NAME.replace(".002.", ".001."), {RADIANCE: usual_layers(1)[RADIANCE]}
    ).read_bytes()
    laads.publish(NAME, content)
    _, _, outcome = await bring()
    assert "holds uint16, where the product has float32" in outcome.failures[SCENE]
    assert landed(tmp_path) == {}
    assert left(tmp_path) == []
