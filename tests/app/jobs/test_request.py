"""What an order may ask: boxes, times and names, and the words of the command line that they become."""

import pytest
from pydantic import ValidationError

from app.jobs.aoi import read_aoi
from app.jobs.commands import steps_of
from app.jobs.job import JobLimitError
from app.jobs.request import (
    CompositeRequest,
    IngestRequest,
    refuse_excess,
    understand,
)
from app.settings import Settings
from mosaics.descriptions.folders import Descriptions

DESCRIPTIONS = Descriptions.read()
MOL = [5.0, 51.1, 5.3, 51.3]
JUNE = "2024-06-01/2024-06-30"
ASKED = {"aoi": MOL, "toi": JUNE, "bands": ["red", "green", "blue"]}


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]}


TRIANGLE = polygon([[5.0, 51.1], [5.3, 51.1], [5.1, 51.3]])


@pytest.mark.parametrize(
    ("aoi", "box"),
    [
        (MOL, (5.0, 51.1, 5.3, 51.3)),
        (TRIANGLE, (5.0, 51.1, 5.3, 51.3)),
        ({"type": "Feature", "properties": {}, "geometry": TRIANGLE}, (5.0, 51.1, 5.3, 51.3)),
        # over the antimeridian, as its longitudes run on past 180
        (polygon([[179, -1], [181, -1], [181, 1], [179, 1]]), (179, -1, -179, 1)),
        (
            {
                "type": "MultiPolygon",
                "coordinates": [
                    polygon([[175, 0], [176, 0], [176, 1]])["coordinates"],
                    polygon([[-175, 0], [-174, 0], [-174, 1]])["coordinates"],
                ],
            },
            (175, 0, -174, 1),
        ),
        ([170, -10, -170, 10], (170, -10, -170, 10)),
    ],
)
def test_an_area_of_interest_is_the_smallest_box_around_it(aoi, box):
    assert read_aoi(aoi).degrees == pytest.approx(box)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("aoi", [5.0, 51.1, 5.3], "give \\[west, south, east, north\\]"),
        (
            "aoi",
            [5.0, 51.3, 5.3, 51.1],
            "5,51.3,5.3,51.1 is not a valid box; .* south below north",
        ),
        ("aoi", [float("nan"), 51.1, 5.3, 51.3], "give \\[west"),
        ("aoi", ["5.0", 51.1, 5.3, 51.3], "give \\[west"),
        ("aoi", [5.0, 51.1, 5.0, 51.3], "5,51.1,5,51.3 is not a valid box; .* west apart from east"),
        ("aoi", [500.0, 51.1, 5.3, 51.3], "500,51.1,5.3,51.3 is not a valid box"),
        ("aoi", {"type": "Point", "coordinates": [5, 51]}, "not Point"),
        ("aoi", {"type": "Feature", "geometry": None}, "Polygon or a MultiPolygon"),
        ("aoi", polygon([[5, 51], [6, 52], [6, 51], [5, 52]]), "not valid"),
        ("toi", "2024-06-30/2024-06-01", "not after its start"),
        ("toi", "2024-13", "does not exist"),
        ("toi", "../2024-06", "a start and an end"),
        ("toi", "June", "is not a valid period"),
        ("toi", "2024-06 --storage=/etc", "names no time"),
        ("bands", ["red'; drop table orders; --"], "pattern"),
        ("bands", ["--storage"], "pattern"),
        ("bands", "red", "tuple"),
        ("source", "--help", "pattern"),
        ("source", "../etc", "pattern"),
        ("max_cloud", 101, "less than or equal to 100"),
        ("max_cloud", float("nan"), "finite"),
        ("limit", 0, "greater than or equal to 1"),
        ("limit", 501, "less than or equal to 500"),
        ("mode", "move", "'copy' or 'reference'"),
        ("bbox", MOL, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_ordered_is_refused_by_its_field(field, value, said):
    with pytest.raises(ValidationError, match=said) as refused:
        understand("ingest", ASKED | {field: value})
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


@pytest.mark.parametrize(
    ("larger", "name"),
    [
        ({"aoi": [0, 40, 10, 50]}, "order_area_km2: the box has "),
        (
            {"toi": "2023-01/2024-06"},
            "order_days: 2023-01/2024-06 is 547 days long; a job may have at most 366",
        ),
        (
            {"bands": [f"b{number}" for number in range(17)]},
            "order_bands: 17 bands are named; a job may have at most 16",
        ),
    ],
)
def test_what_is_too_large_is_refused_by_the_limit_s_name(settings: Settings, larger, name):
    refuse_excess(understand("ingest", ASKED), settings)
    with pytest.raises(JobLimitError, match=name) as refused:
        refuse_excess(understand("ingest", ASKED | larger), settings)
    assert f"TILEWATCH_{name.partition(':')[0].upper()}" in str(refused.value)


def test_a_box_of_coarser_pixels_may_have_as_many_of_them(settings: Settings):
    """50,000 km2 are 500 million pixels of 10 m; as many of 463 m cover 46.3 squared times that."""
    country = understand("ingest", ASKED | {"aoi": [22, 9, 38, 22]})  # Sudan: 2.5 million km2
    refuse_excess(country, settings, pixel_m=463)
    with pytest.raises(JobLimitError, match="pixels of 30 m may have at most 450,000"):
        refuse_excess(country, settings, pixel_m=30)


def test_an_ingestion_is_one_command_whose_words_are_no_options():
    request = IngestRequest.model_validate(
        {**ASKED, "aoi": [-5.0, -1.5, 5, 1], "source": "local", "max_cloud": 20, "clip": True}
        | {"revised_since": "2024-07-01T02:00:00+02:00"}
    )
    (step,) = steps_of(request, DESCRIPTIONS)
    assert step.name == "ingest"
    assert step.words == (
        *("ingest", "--json", "--bbox=-5,-1.5,5,1", f"--datetime={JUNE}", "--limit=500", "--mode=copy"),
        *("--bands=red,green,blue", "--max-cloud=20", "--clip"),
        *("--revised-since=2024-07-01T00:00:00Z", "--", "local"),
    )
    for clip, words in ((None, set()), (False, {"--no-clip"})):
        (step,) = steps_of(request.model_copy(update={"clip": clip}), DESCRIPTIONS)
        assert {"--clip", "--no-clip"} & {*step.words} == words


def test_a_composite_may_fetch_its_scenes_and_their_mask_first():
    request = CompositeRequest.model_validate({**ASKED, "ingest": "earth-search-sentinel-2-l2a"})
    first, second = steps_of(request, DESCRIPTIONS)
    assert "--bands=red,green,blue,scl" in first.words
    assert second.words == (
        *("composite", "--json", "--bbox=5,51.1,5.3,51.3", f"--datetime={JUNE}"),
        *("--bands=red,green,blue", "--method=median", "--", "sentinel-2-l2a"),
    )
    (only,) = steps_of(CompositeRequest.model_validate(ASKED), DESCRIPTIONS)
    assert only.name == "composite"
