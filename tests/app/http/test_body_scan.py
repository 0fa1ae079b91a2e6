"""Bodies are counted before they are parsed, and as a parser would count them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.body_scan import MAX_DEPTH, count, refusal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def elements_of(value: object) -> tuple[int, int]:
    """Elements and depth of a value, counted in its tree."""
    if not isinstance(value, list | dict):
        return 0, 0
    inner = [elements_of(each) for each in (value.values() if isinstance(value, dict) else value)]
    own = 1 + max(len(value) - 1, 0)  # the bracket and the commas
    return own + sum(each for each, _ in inner), 1 + max((depth for _, depth in inner), default=0)


@given(VALUES)
def test_a_valid_body_has_what_its_tree_has(value: object):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        counted = count(text.encode())
        assert (counted.elements, counted.depth) == elements_of(value)


@pytest.mark.parametrize(
    ("body", "elements", "depth"),
    [
        (rb'{"a\\":"[[","b":["\"[",1]}', 4, 2),  # brackets and quotes in strings do not count
        (b'["[[[', 1, 1),  # nor those of a string that does not end
        (b"]]]][", 1, 0),
        (b"", 0, 0),
        (b'"\\', 0, 0),
    ],
)
def test_what_is_in_a_string_does_not_count(body: bytes, elements: int, depth: int):
    assert (count(body).elements, count(body).depth) == (elements, depth)


def test_large_and_deep_bodies_are_refused():
    assert refusal(b"[" + b"[]," * 99 + b"[]]", max_elements=200) is None  # 101 brackets and 99 commas
    assert "values" in str(refusal(b"[" + b"[]," * 100 + b"[]]", max_elements=200))
    assert refusal(b"[" * MAX_DEPTH, max_elements=200) is None
    assert "65 levels" in str(refusal(b"[" * (MAX_DEPTH + 1), max_elements=200))
