"""The tile middleware answers what is known, by the rules of HTTP, and leaves the rest as it came."""

import tracemalloc

import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Scope

from app.caching.process_cache import ProcessCache
from app.caching.redis_tier import RedisTier
from app.caching.tile_middleware import TileMiddleware
from app.caching.tile_reply import reply
from app.caching.tile_service import TileService
from tests.app.caching.stand_ins import PATIENT_S, KeyedRenderer, ask, body_of, resolved_tile, state_of

PATH = "/products/ndvi/tiles/WebMercatorQuad/13/4200/2700.png"
KEY = "ab" * 32
TAG = '"' + "ab" * 16 + '"'
MEGABYTE = 1 << 20


class House:
    """A tile middleware, a route behind it that answers by the shared reply, and what both were asked."""

    def __init__(self, redis=None, *, cache_bytes=MEGABYTE, memo_bytes=MEGABYTE, headers=()):
        self.renderer = KeyedRenderer()
        self.service = TileService(self.renderer, ProcessCache(cache_bytes), redis)
        self.state = state_of(self.service)
        self.tile = resolved_tile(KEY)
        self.resolvable = True
        self.resolved: list[tuple[str, str]] = []
        self.routed: list[Scope] = []
        self.noted: list[tuple[str, str, int]] = []
        self.middleware = TileMiddleware(
            self.route,
            state=lambda: self.state,
            resolve=self.resolve,
            note=self.note,
            headers=headers,
            memo_bytes=memo_bytes,
        )

    def note(self, path, tier, status, seconds):
        assert 0 < seconds < 10
        self.noted.append((path, tier, status))

    def resolve(self, state, path, query):
        self.resolved.append((path, query))
        return self.tile if self.resolvable and path.endswith(".png") else None

    async def route(self, scope, receive, send):
        self.routed.append(scope)
        if scope["type"] != "http" or not scope["path"].endswith(".png"):
            answer: Response = PlainTextResponse("from the routes")
        else:
            answer = await reply(self.service, scope.get("tilewatch.resolved", self.tile), scope)
        await answer(scope, receive, send)

    async def ask(self, path=PATH, **request):
        return await ask(self.middleware, path, **request)


@pytest.fixture
def house():
    return House()


async def test_the_first_request_is_routed_and_the_second_is_not(house):
    first, second = await house.ask(), await house.ask()
    assert [answer.headers["x-cache"] for answer in (first, second)] == ["computed", "process"]
    assert first.body == second.body == body_of(KEY)
    assert len(house.routed) == 1
    assert house.routed[0]["tilewatch.resolved"] is house.tile
    assert house.resolved == [(PATH, "")]


async def test_the_headers_of_a_known_tile(house):
    await house.ask()
    assert (await house.ask()).headers == {
        "content-type": "image/png",
        "content-length": "2560",
        "etag": TAG,
        "cache-control": "public, max-age=60, must-revalidate",
        "x-cache": "process",
    }


async def test_door_and_route_say_the_same_but_for_the_tier(house):
    query = f"v={house.tile.revision}"
    computed, known = await house.ask(query=query), await house.ask(query=query)
    assert computed.headers.pop("server-timing") == 'read;dur=4.00, encode;dur=0.25, files;desc="0"'
    assert {computed.headers.pop("x-cache"), known.headers.pop("x-cache")} == {"computed", "process"}
    assert computed.headers == known.headers
    assert known.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_what_another_worker_computed_comes_from_redis(redis, redis_url):
    tier = RedisTier(redis_url, timeout_s=PATIENT_S)
    await House(tier).ask()
    await tier.close()
    tier = RedisTier(redis_url, timeout_s=PATIENT_S)
    house = House(tier)
    answers = [await house.ask() for _ in range(2)]
    assert [answer.headers["x-cache"] for answer in answers] == ["redis", "process"]
    assert [answer.body for answer in answers] == [body_of(KEY)] * 2
    assert house.routed == []
    await tier.close()


@pytest.mark.parametrize("condition", [TAG, f"W/{TAG}", f'"x", {TAG}', "*"])
async def test_who_has_the_tile_gets_no_bytes_before_anything_is_computed(house, condition):
    answer = await house.ask(headers={"If-None-Match": condition})
    assert answer.status == 304
    assert answer.body == b""
    assert answer.headers == {"etag": TAG, "cache-control": "public, max-age=60, must-revalidate"}
    assert house.renderer.rendered == []
    assert house.routed == []


async def test_the_route_knows_304_and_204_too_where_the_door_could_not_resolve(house):
    house.resolvable = False
    assert (await house.ask(headers={"If-None-Match": TAG})).status == 304
    house.tile = resolved_tile(covered=False)
    assert (await house.ask()).status == 204
    assert house.renderer.rendered == []
    assert len(house.routed) == 2


async def test_who_has_another_tile_gets_this_one(house):
    answer = await house.ask(headers={"If-None-Match": '"0000"'})
    assert (answer.status, answer.body) == (200, body_of(KEY))


async def test_an_uncovered_tile_has_no_content_and_no_tag_even_for_a_star(house):
    house.tile = resolved_tile(covered=False)
    for headers in ({}, {"If-None-Match": "*"}):
        answer = await house.ask(headers=headers)
        assert answer.status == 204
        assert answer.headers == {"cache-control": "public, max-age=60, must-revalidate"}
        assert answer.body == b""


async def test_head_is_get_without_a_body(house):
    await house.ask()
    got, headed = await house.ask(), await house.ask(method="HEAD")
    assert headed.headers == got.headers
    assert (headed.status, headed.body) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_go_on(house, method):
    await house.ask()
    await house.ask(method=method)
    assert house.routed[-1]["method"] == method


@pytest.mark.parametrize("path", ["/", "/products", "/healthz", "/products/ndvi/tiles/nonsense"])
async def test_what_is_not_a_tile_goes_on_untouched(house, path):
    answer = await house.ask(path)
    assert answer.body == b"from the routes"
    assert "tilewatch.resolved" not in house.routed[0]


async def test_before_the_desk_is_open_everything_goes_on(house):
    house.state = None
    await house.ask()
    assert len(house.routed) == 1


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_scopes_go_on(kind):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        raise AssertionError

    await TileMiddleware(app, state=lambda: None)({"type": kind, "path": PATH}, receive, send)
    assert [scope["type"] for scope in seen] == [kind]


async def test_below_a_prefix_the_address_is_what_follows_it(house):
    await house.ask(root_path="/maps")
    answer = await house.ask(root_path="/maps")
    assert answer.headers["x-cache"] == "process"
    assert house.resolved == [(PATH, "")]


async def test_news_in_the_catalogue_are_seen_by_the_next_request(house):
    await house.ask()
    house.state.catalogue.generation += 1
    house.tile = resolved_tile("cd" * 32)
    answer = await house.ask(headers={"If-None-Match": TAG})
    assert (answer.status, answer.body) == (200, body_of("cd" * 32))
    assert answer.headers["etag"] == '"' + "cd" * 16 + '"'


async def test_news_elsewhere_leave_the_tile_as_it_was(house):
    await house.ask()
    house.state.catalogue.generation += 1
    assert (await house.ask(headers={"If-None-Match": TAG})).status == 304
    assert (await house.ask()).headers["x-cache"] == "process"


async def test_another_desk_knows_nothing_of_the_first(house):
    await house.ask()
    house.state = state_of(house.service)
    house.tile = resolved_tile("cd" * 32)
    assert (await house.ask()).body == body_of("cd" * 32)


async def test_a_tile_that_fell_out_of_the_cache_is_resolved_again_for_the_route():
    house = House(cache_bytes=0)
    await house.ask()
    await house.ask()
    assert [scope["tilewatch.resolved"] for scope in house.routed] == [house.tile, house.tile]


async def test_varied_queries_do_not_grow_the_memory():
    house = House(memo_bytes=MEGABYTE)
    await house.ask()
    tracemalloc.start()
    for number in range(5000):
        assert (await house.ask(query=f"v={number:0100d}")).status == 200
        house.resolved.clear()
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.3 * MEGABYTE < grown < 1.05 * MEGABYTE


async def test_a_long_query_is_answered_and_not_remembered(house):
    for _ in range(2):
        assert (await house.ask(query="v=" + "x" * 600)).body == body_of(KEY)
    assert len(house.resolved) == 2


async def test_what_it_answers_is_noted_and_what_it_passes_on_is_not(house):
    await house.ask(root_path="/maps")
    assert house.noted == []
    await house.ask(root_path="/maps")
    await house.ask(root_path="/maps", headers={"If-None-Match": TAG})
    house.tile = resolved_tile(covered=False)
    await house.ask(query="datetime=1999")
    assert house.noted == [(PATH, "process", 200), (PATH, "none", 304), (PATH, "none", 204)]


async def test_further_headers_stand_in_each_of_its_answers():
    house = House(headers=[(b"x-content-type-options", b"nosniff")])
    await house.ask()
    answers = [await house.ask(), await house.ask(headers={"If-None-Match": TAG})]
    house.tile = resolved_tile(covered=False)
    answers.append(await house.ask(query="datetime=1999"))
    assert [answer.status for answer in answers] == [200, 304, 204]
    assert [answer.headers["x-content-type-options"] for answer in answers] == ["nosniff"] * 3
