"""The regions file: for every fault its line and what would be right, and the other regions go on."""

import json
from pathlib import Path

import pytest

from app.regions.file import RegionsFile
from app.regions.json_lines import Located
from app.regions.parsing import RegionsFileError, read_regions
from mosaics.descriptions.sources import load_sources

SOURCES = {
    name: load_sources()[name] for name in ("earth-search-sentinel-2-l2a", "earth-search-landsat-c2-l2")
}

GOOD = {"name": "good", "bbox": [0.0, 40.0, 1.0, 41.0]}


def problems(registry, *entries: str, sources=SOURCES) -> list[str]:
    """What is said of regions that stand on lines of their own, from the second on; `good` comes last."""
    text = "[\n" + ",\n".join([*entries, json.dumps(GOOD)]) + "\n]"
    found = read_regions(text.encode(), registry, sources)
    assert [region.name for region in found.regions][-1] == "good"
    return [problem.text for problem in found.problems]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('{"name": "a"}', "line 2, region 'a': bbox: it is missing; [west, south, east, north] in degrees"),
        ('{"bbox": [0, 40, 1, 41]}', "line 2: name: it is missing; Letters, digits, hyphens"),
        ('{"name": "a b", "bbox": [0, 40, 1, 41]}', "line 2, region 'a b': name: string should match"),
        ('{"name": "Index", "bbox": [0, 40, 1, 41]}', "/meta/Index.json is reserved; choose another name"),
        (
            '{"name": "a",\n "bbox": [0, 40, 1]}',
            "line 3, region 'a': bbox: it has too few numbers, not [0, 40, 1]; [",
        ),
        (
            '{"name": "a",\n "bbox": [1, 41, 0, 40]}',
            "line 3, region 'a': bbox: 1,41,0,40 is not a valid box; give west,south,east,north in degrees",
        ),
        (
            '{"name": "a", "bbox": [-180, -90, 180, 90]}',
            "is not a valid box; the map ends at 85.05 degrees north and south; give a smaller one",
        ),
        ('{"name": "a", "bbox": [0, NaN, 1, 41]}', "bbox: 0,nan,1,41 is not a valid box"),
        (
            '{"name": "a", "bbox": [-180, -85, 180, 85]}',
            "it covers 508,107,311 km2; at most 500,000 are allowed",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41],\n"priority": 0}',
            "line 3, region 'a': priority: input should be g",
        ),
        ('{"name": "a", "bbox": [0, 40, 1, 41], "priority": "high"}', "not 'high'; 1 is the most important;"),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41], "pre_window_days": 0}',
            "pre_window_days: input should be grea",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41], "post_window_days": 400}',
            "less than or equal to 183, not 400;",
        ),
        ('{"name": "a", "bbox": [0, 40, 1, 41], "post_window_days": 7.5}', "valid integer, not 7.5"),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41],\n\n"zoom_min": 9, "zoom_max": 5}',
            "line 4, region 'a': zoom_min: zoom_min 9 is above zoom_max 5; swap them",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41], "prio": 1}',
            "prio: this is not a valid key; did you mean priority?",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41], "fire_mask_path": "masks/a.tif"}',
            "this key is no longer used; give fire_mask, the name of the collection the",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41], "fire_mask": "zones"}',
            "no mask from a collection 'zones'; it has: f",
        ),
        (
            '{"name": "a", "name": "b",\n"bbox": [0, 40, 1, 41]}',
            "line 2, region 'b': name: it is given twice; keep one of them",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41],\n "product": "dnb"}',
            "line 3, region 'a': product: no product 'dnb'",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41], "product": "ndvi"}',
            "'ndvi' does not have the windows pre and post; these do: d",
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41],\n "source": "earth-search-sentinel-2"}',
            (
                "line 3, region 'a': source: 'earth-search-sentinel-2' is not a known source; "
                "did you mean earth-"
            ),
        ),
        (
            '{"name": "a", "bbox": [0, 40, 1, 41], "source": "earth-search-landsat-c2-l2"}',
            "lands in 'landsat-c2-l2', but the product 'dnbr' reads 'sentinel-2-l2a'; choose",
        ),
        (
            '{"name": "good", "bbox": [0, 40, 1, 41]},\n3',
            "line 3: this is not a region; a regions file must be a list: [{",
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_would_be_right(registry, entry, said):
    found = problems(registry, entry)
    assert said in found[0], found[0]


def test_a_name_belongs_to_the_first_region_that_has_it(registry):
    found = problems(registry, json.dumps(GOOD))
    assert found == [
        "line 3, region 'good': line 2 has a region of the same name; give this one another name"
    ]


def test_every_fault_of_a_region_is_told(registry):
    entry = '{"name": "a",\n"bbox": [0, 40, 1, 41],\n"priority": 12,\n"zoom_min": -1}'
    assert [said.split(":")[0] for said in problems(registry, entry)] == [
        "line 4, region 'a'",
        "line 5, region 'a'",
    ]


def test_regions_may_stand_under_a_key(registry):
    found = read_regions(json.dumps({"regions": [GOOD]}).encode("utf-8-sig"), registry, SOURCES)
    assert [region.name for region in found.regions] == ["good"]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (
            b'[\n{"name": "a",}\n]',
            2,
            "it is not valid JSON: Illegal trailing comma before end of object, column 13",
        ),
        (b"[\n\n\xff]", 3, "it is not UTF-8; save it as UTF-8"),
        (b'\n{"sierra": {}}', 2, "a regions file must be a list: "),
        (b"3", 1, "a regions file must be a list: "),
        (b"", 1, "it is not valid JSON: Expecting value"),
        (b"[" * 100_000, 1, "it is nested too deeply"),
        (b"[" + b"1," * 600 + b"1]", 1, "it has 601 regions; at most 500 are allowed"),
        (b" " * 1_048_577, 1, "it has more than 1,048,576 bytes, the limit"),
    ],
)
def test_a_file_that_is_not_a_list_of_regions_is_refused_whole(registry, content, line, said):
    with pytest.raises(RegionsFileError) as refused:
        read_regions(content, registry, SOURCES)
    assert refused.value.line == line
    trailing = "Expecting property name enclosed in double quotes"  # what Python 3.11 says of a comma
    assert str(refused.value).startswith(said) or trailing in str(refused.value)


def test_a_broken_file_keeps_the_last_good_regions(registry, tmp_path: Path):
    path = tmp_path / "regions.json"
    file = RegionsFile(path, registry)
    missing = file.look(SOURCES)
    assert (missing.regions, missing.is_current) == ((), False)
    assert missing.problems[0].text == "the file cannot be read: No such file or directory"

    path.write_text(json.dumps([GOOD]))
    assert [region.name for region in file.look(SOURCES).regions] == ["good"]

    path.write_text(json.dumps([GOOD])[:-1])
    broken = file.look(SOURCES)
    assert ([region.name for region in broken.regions], broken.is_current) == (["good"], False)
    assert broken.problems[0].text.startswith("line 1: it is not valid JSON: Expecting ',' delimiter")

    path.write_text(json.dumps([GOOD | {"name": "other"}]))
    mended = file.look(SOURCES)
    assert ([region.name for region in mended.regions], mended.is_current) == (["other"], True)
    assert mended.problems == ()


def test_places_in_json_are_found_whatever_stands_between():
    text = '\n [ {"a" :\n 1, "b\\"]" : [1,\n {"c": 2}]} ,\r\n\t[ ],\n{} ]  '
    first, second, third = Located.whole(text).elements()
    assert (first.line, second.line, third.line) == (2, 5, 6)
    assert [(key, value.line, value.value) for key, value in first.members()] == [
        ("a", 2, 1),
        ('b"]', 3, [1, {"c": 2}]),
    ]
    assert list(second.elements()) == []
    assert list(third.members()) == []
