"""The process tier keeps what was used last, and never more bytes than it was given."""

import tracemalloc
from sys import getsizeof

from hypothesis import given
from hypothesis import strategies as st

from app.caching.process_cache import LINK_BYTES, ProcessCache

KEYS = st.sampled_from([f"key-{number}" for number in range(8)])
ACTIONS = st.lists(st.one_of(KEYS, st.tuples(KEYS, st.integers(0, 3000))), max_size=60)


def weight(key: str, body: bytes) -> int:
    return getsizeof(key) + getsizeof(body) + LINK_BYTES


@given(actions=ACTIONS, max_bytes=st.integers(0, 8000))
def test_it_keeps_exactly_the_last_used_that_fit(actions, max_bytes):
    cache = ProcessCache(max_bytes)
    expected: list[tuple[str, bytes]] = []  # least recently used first
    for action in actions:
        if isinstance(action, str):
            known = dict(expected).get(action)
            assert cache.get(action) == known
            if known is not None:
                expected.remove((action, known))
                expected.append((action, known))
            continue
        key, length = action
        body = bytes(length)
        cache.put(key, body)
        expected = [entry for entry in expected if entry[0] != key]
        if weight(key, body) <= max_bytes:
            expected.append((key, body))
        while sum(weight(*entry) for entry in expected) > max_bytes:
            expected.pop(0)
        assert cache.size == sum(weight(*entry) for entry in expected) <= max_bytes
        assert cache.count == len(expected)
    for key, body in expected:
        assert cache.get(key) == body


def test_the_size_it_reports_covers_the_memory_it_takes():
    cache = ProcessCache(1 << 30)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        cache.put(f"{number:064d}", bytes(100))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.6 * cache.size < grown <= cache.size


def test_a_tile_larger_than_the_whole_cache_leaves_the_others_alone():
    cache = ProcessCache(2000)
    cache.put("small", b"s")
    cache.put("large", bytes(5000))
    assert cache.get("large") is None
    assert cache.get("small") == b"s"


def test_zero_bytes_switch_it_off():
    cache = ProcessCache(0)
    cache.put("key", b"")
    assert (cache.get("key"), cache.size, cache.count) == (None, 0, 0)


def test_an_empty_body_is_a_body():
    cache = ProcessCache(1000)
    cache.put("key", b"")
    assert cache.get("key") == b""
