"""Patterns of file names: what they say of scenes, bands and times, no finer than they say it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.landing_request import parse_time
from ingest.tables.pattern import FilePattern, time_text
from ingest.tables.rows import Record
from ingest.tables.table import Refused, TableError
from mosaics.period import Cadence


def records(folder, pattern, *files, bands=("red", "nir", "B04", "B8A", "B8")):
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = dict(FilePattern(pattern, bands).records(folder))
    return {
        name: {key: text for key, text in record.cells.items() if key != "file"}
        if isinstance(record, Record)
        else None
        for name, record in found.items()
    }


def test_files_of_bands_are_joined_by_what_is_left_of_their_names(tmp_path):
    said = {"band": "B04", "id": "S2_20240615", "datetime": "2024-06-15"}
    files = ("S2_20240615_B04.tif", "S2_20240615_B8A.tif", "S2_20240615_B05.tif", "readme.txt")
    assert records(tmp_path, "S2_{datetime:%Y%m%d}_{band}.tif", *files) == {
        files[0]: said,
        files[1]: {**said, "band": "B8A"},
        files[2]: None,
        files[3]: None,
    }


def test_an_id_and_a_date_together_are_the_scene(tmp_path):
    files = ("T31UFS_20240615_B04.TIF", "T31UFS_20240620_B04.TIF")
    found = records(tmp_path, "{id}_{datetime:%Y%m%d}_{band}.tif", *files)
    assert [found[name]["id"] for name in files] == ["T31UFS_20240615", "T31UFS_20240620"]


def test_folders_may_say_the_date(tmp_path):
    file = "2024/06/tile-7/nir.tif"
    found = records(tmp_path, "{datetime:%Y}/{datetime:%m}/tile-?/{band}.tif", file, "2024/nir.tif")
    assert found == {
        file: {"band": "nir", "id": "2024-06-tile-7", "datetime": "2024-06"},
        "2024/nir.tif": None,
    }
    assert records(tmp_path / "2024", "**/{id}.tif", "nir.tif")["06/tile-7/nir.tif"] == {"id": "nir"}


def test_signs_of_a_name_are_themselves(tmp_path):
    found = records(tmp_path, "a.b(c)+{id}*.tif", "a.b(c)+x_1.tif", "axb(c)+x.tif")
    assert found == {"a.b(c)+x_1.tif": {"id": "x"}, "axb(c)+x.tif": None}


def test_a_date_that_does_not_exist_costs_its_file(tmp_path):
    (tmp_path / "20240231.tif").touch()
    ((_, record),) = FilePattern("{datetime:%Y%m%d}.tif", ()).records(tmp_path)
    assert isinstance(record, Refused)
    assert "its time cannot be read" in record.reason


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{tile}.tif", "{tile} is not a place of a pattern; there are: {id}"),
        ("{datetime}.tif", "says how dates are written"),
        ("{datetime:%Q}.tif", "%Q is not a part of a date"),
        ("{id.tif", "is not a valid pattern"),
        ("{id:3}.tif", "{id:3} is not a place"),
    ],
)
def test_what_is_not_a_pattern_says_what_one_looks_like(pattern, words):
    with pytest.raises(TableError) as refusal:
        FilePattern(pattern, ("red",))
    assert words in str(refusal.value)


EARLIEST, LATEST = datetime(1970, 1, 1), datetime(2068, 12, 31)  # noqa: DTZ001 - hypothesis wants them so
FORMS = {"%Y": Cadence.YEAR, "%Y%m": Cadence.MONTH, "%Y%m%d": Cadence.DAY, "%Y%j": Cadence.DAY,
         "%d%b%Y": Cadence.DAY, "%Y%m%dT%H": Cadence.HOUR}  # fmt: skip


@settings(max_examples=40)
@given(
    st.datetimes(min_value=EARLIEST, max_value=LATEST),
    st.sampled_from(sorted(FORMS)),
)
def test_a_time_is_the_period_that_its_form_names(moment, form):
    moment = moment.replace(tzinfo=UTC)
    start, end = parse_time(time_text([moment.strftime(form)], [form]), FORMS[form])
    assert start <= moment < end
    floor = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0}
    for cadence, fields in (
        (Cadence.MONTH, ["month"]),
        (Cadence.DAY, ["month", "day"]),
        (Cadence.HOUR, ["month", "day", "hour"]),
    ):
        if FORMS[form] is cadence:
            floor = {name: value for name, value in floor.items() if name not in fields}
    assert start == moment.replace(**floor)


def test_seconds_are_an_instant_and_parts_without_their_whole_are_refused():
    assert time_text(["20240615T103021"], ["%Y%m%dT%H%M%S"]) == "2024-06-15T10:30:21Z"
    for form, text in (("%m%d", "0615"), ("%Y%d", "202415"), ("%Y%H", "202410"), ("%Y%m%d%M", "2024061530")):
        with pytest.raises(ValueError, match=r"without|no year"):
            time_text([text], [form])
