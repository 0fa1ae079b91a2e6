"""Lines of well-known text: longitude first, heights dropped, M as Unix seconds; anything else is refused."""

import pytest

from app.exposure.line import LineError
from app.exposure.wkt import read_way


@pytest.mark.parametrize(
    ("text", "parts", "moments"),
    [
        ("LINESTRING(0 1,2 3)", [[[0, 1], [2, 3]]], None),
        (" linestring ( -1.5 1e1 , +2. .5 ) ", [[[-1.5, 10], [2, 0.5]]], None),
        ("LINESTRINGZ(0 1 100, 2 3 200)", [[[0, 1], [2, 3]]], None),
        ("LINESTRING Z (0 1 100, 2 3 200)", [[[0, 1], [2, 3]]], None),
        ("LINESTRINGM(0 1 1560507000, 2 3 1560507600)", [[[0, 1], [2, 3]]], [1560507000, 1560507600]),
        ("LINESTRING ZM(0 1 9 10, 2 3 9 20)", [[[0, 1], [2, 3]]], [10, 20]),
        ("MULTILINESTRING((0 1,2 3),(4 5,6 7,8 9))", [[[0, 1], [2, 3]], [[4, 5], [6, 7], [8, 9]]], None),
        (
            "MULTILINESTRINGM((0 1 1,2 3 2), (4 5 5,6 7 6))",
            [[[0, 1], [2, 3]], [[4, 5], [6, 7]]],
            [1, 2, 5, 6],
        ),
    ],
)
def test_lines_of_text(text, parts, moments):
    way = read_way(text)
    assert [part.tolist() for part in way.line.parts] == parts
    assert (None if way.moments_s is None else way.moments_s.tolist()) == moments


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("POINT(0 1)", "not a line of well-known text"),
        ("LINESTRING", "not a line of well-known text"),
        ("LINESTRING EMPTY", "not a line of well-known text"),
        ("SRID=4326;LINESTRING(0 1,2 3)", "not a line of well-known text"),
        ("LINESTRING(0 1,2 3", "brackets of coords do not match"),
        ("LINESTRING(0 1,2 3))", "brackets of coords do not match"),
        ("LINESTRING((0 1,2 3))", "brackets of coords do not match"),
        ("LINESTRING(0 1,2 3) x", "brackets of coords do not match"),
        ("MULTILINESTRING(0 1,2 3)", "brackets of coords do not match|position"),
        ("MULTILINESTRING((0 1,2 3)(4 5,6 7))", "separated by commas"),
        ("MULTILINESTRING((0 1,2 3),((4 5,6 7)))", "brackets of coords do not match|separated by commas"),
        ("MULTILINESTRING()", "brackets of coords do not match"),
        ("MULTILINESTRING(())", "position 0 of coords"),
        ("LINESTRING(0 1)", "two positions or more"),
        ("LINESTRING()", "position 0 of coords"),
        ("LINESTRING(0 1,2)", "position 1 of coords is not 2 numbers"),
        ("LINESTRING(0 1 5,2 3 5)", "position 0 of coords is not 2 numbers"),
        ("LINESTRINGM(0 1,2 3)", "position 0 of coords is not 3 numbers"),
        ("LINESTRING(0 nan,2 3)", "position 0 of coords"),
        ("LINESTRING(0 1_0,2 3)", "position 0 of coords"),
        ("LINESTRING(0 1e999,2 3)", "not a pair of finite numbers"),
        ("LINESTRING(50 -91,2 3)", "is not a longitude and latitude"),
        (f"LINESTRING({'0 1,' * 30_000}2 3)", "25,000"),
        (f"MULTILINESTRING({'(0 1,2 3),' * 1_001}(0 1,2 3))", "1,000"),
        ("LINESTRING(" + "(" * 100_000, "brackets of coords do not match"),
        ("x" * 2_000_001, "at most 2,000,000 are allowed"),
    ],
)
def test_what_is_not_a_line_is_refused_with_the_reason(text, said):
    with pytest.raises(LineError, match=said):
        read_way(text)
