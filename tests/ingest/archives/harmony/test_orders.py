"""Parts of TEMPO scans ordered of Harmony: every state a job has and every error there is, restarts between.

Harmony is played by a server on this machine; what jobs make are a few SYNTHETIC bytes.
"""

import json
from contextlib import suppress
from urllib.parse import parse_qsl

import pytest

from ingest.archives.archive import EmptyGranuleError, LeftOut, Wanted
from ingest.archives.harmony.jobs import JobFailedError, Polling
from ingest.archives.http import ArchiveError, ArchiveUnavailableError
from mosaics.period import instant_text
from tests.ingest.archives.harmony.scans import BOX, CONTENT, GRANULE, NAME, SEPTEMBER, found_in
from tests.ingest.archives.server import Answer, document


async def test_a_granule_is_a_scan(archive_of):
    granule = await found_in(archive_of())
    assert granule.id == "TEMPO_HCHO_L3_V04_20250912T210435Z_S012"
    assert instant_text(granule.start) == "2025-09-12T21:04:35Z"
    assert granule.bands == ("hcho", "quality")
    assert {name: file.size_bytes for name, file in granule.files.items()} == {NAME: None}
    assert granule.provenance.properties["nasa:concept_id"] == GRANULE


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        (
            "TEMPO_NO2_L3_V04_20250912T210435Z_S012.nc",
            "2025-09-12T21:04:35Z",
            "is not of TEMPO_HCHO_L3 version V04",
        ),
        (
            "TEMPO_HCHO_L3_V03_20250912T210435Z_S012.nc",
            "2025-09-12T21:04:35Z",
            "is not of TEMPO_HCHO_L3 version V04",
        ),
        (NAME, "2025-09-12T22:04:35Z", "and its time 2025-09-12T22:04:35Z differ"),
        ("scan.nc", "2025-09-12T21:04:35Z", "not a valid name of a gridded TEMPO file"),
    ],
)
async def test_a_granule_whose_name_and_entry_differ_is_left_out(harmony, archive_of, name, start, said):
    harmony.entries[GRANULE] = harmony.entry(name, GRANULE, start, "")
    (left_out,) = [each async for each in archive_of().search(Wanted(BOX, SEPTEMBER))]
    assert isinstance(left_out, LeftOut)
    assert left_out.reason is not None
    assert said in left_out.reason


async def test_an_order_names_granule_box_and_variables_and_no_time(harmony, order):
    made = await order()
    (asked,) = harmony.server.of(harmony.order_path)
    assert parse_qsl(asked.query) == [
        ("granuleId", GRANULE),
        ("format", "application/netcdf"),
        ("subset", "lat(41.2:41.76)"),
        ("subset", "lon(-86.78:-84.64)"),
        ("forceAsync", "true"),
        ("skipPreview", "true"),
    ]
    (file,) = made.values()
    assert file.href.endswith("/1/TEMPO_HCHO_L3_V04_20250912T210435Z_S012_subsetted.nc4")
    assert (file.remark, file.size_bytes) == (None, None)


async def test_without_a_box_all_of_the_grid_is_ordered_of_the_wanted_variables(harmony, order):
    await order(under=None)
    assert "subset" not in harmony.orders()[0]


async def test_the_part_comes_through_a_redirect_that_the_token_does_not_follow(
    harmony, archive_of, order, tmp_path
):
    (file,) = (await order()).values()
    await archive_of().fetch(file, tmp_path / NAME, lambda _: None)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert [asked.headers.get("authorization") for asked in harmony.store.asked] == [None]


@pytest.mark.parametrize(
    ("states", "nudges", "remark"),
    [
        (["accepted", "running", "successful"], [], None),
        (
            ["running", "running_with_errors", "complete_with_errors"],
            [],
            "partial, as Harmony says: WorkItem failed: error text",
        ),
        (["previewing", "running", "successful"], ["skip-preview"], None),
        (["accepted", "paused", "running", "paused", "successful"], ["resume", "resume"], None),
    ],
)
async def test_a_job_is_waited_for_and_gone_on_with_after_a_restart(harmony, order, states, nudges, remark):
    """In whatever state it is when the run is killed, and again when it is killed after the end."""
    harmony.states, harmony.is_stuck = states, True
    with suppress(TimeoutError):
        await order(ended_after_s=0.3)
    assert len(harmony.orders()) == 1
    harmony.server.asked.clear()
    harmony.is_stuck = False
    made = await order()
    assert [
        asked.rpartition("/")[2] for asked in harmony.asked("resume") + harmony.asked("skip-preview")
    ] == nudges
    assert await order() == made
    assert [file.remark for file in made.values()] == [remark]
    assert harmony.orders() == []  # nothing was ordered again


@pytest.mark.parametrize("ending", ["failed", "canceled"])
async def test_a_job_that_fails_is_ordered_again_by_the_next_run(harmony, order, ending):
    harmony.states = ["accepted", ending]
    with pytest.raises(
        JobFailedError, match="was canceled" if ending == "canceled" else "failed: WorkItem failed"
    ):
        await order()
    harmony.states = ["accepted", "successful"]
    assert len(await order()) == 1
    assert len(harmony.orders()) == 2


async def test_a_job_that_ends_well_without_files_has_no_data(harmony, order):
    harmony.has_data = False
    for _ in range(2):
        with pytest.raises(
            EmptyGranuleError, match="no data of it under the box: WorkItem warned: Temporal range"
        ):
            await order()
    assert len(harmony.orders()) == 1


async def test_a_job_with_errors_and_without_files_has_failed(harmony, order):
    harmony.states, harmony.has_data = ["complete_with_errors"], False
    with pytest.raises(JobFailedError, match="made nothing: WorkItem failed: error text"):
        await order()


async def test_a_job_that_stays_paused_is_given_up_by_its_deadline_and_gone_on_with_later(harmony, order):
    harmony.states, harmony.is_stuck = ["paused", "successful"], True
    with pytest.raises(ArchiveUnavailableError, match="has not ended the job within 0 s, it is paused"):
        await order(polling=Polling(0.01, 0.02, 0.1))
    assert harmony.asked("resume") != []
    harmony.is_stuck = False
    assert len(await order()) == 1
    assert len(harmony.orders()) == 1


async def test_a_state_that_is_not_known_is_told(harmony, order):
    harmony.states = ["resting"]
    with pytest.raises(ArchiveError, match="Harmony's job is 'resting', which is not a state that is known"):
        await order()


@pytest.mark.parametrize("how", ["forgotten", "expired"])
async def test_a_job_that_is_gone_is_ordered_once_more(harmony, order, how):
    await order()
    if how == "forgotten":
        (number,) = harmony.jobs
        said = {"code": "harmony.NotFoundError", "description": f"Error: Unable to find job {number}"}
        harmony.server.routes[f"/jobs/{number}"] = lambda _: document(said, 404)
    else:
        harmony.expires = "2025-10-12T18:00:00.000Z"
        with pytest.raises(ArchiveError, match="does not know the job that it took"):
            await order()
        harmony.expires = "2126-10-12T18:00:00.000Z"
    made = await order()
    assert len(made) == 1
    assert next(iter(made.values())).href.split("/")[-3] == max(harmony.jobs)


def refusal(status, code, description):
    return document({"code": code, "description": description}, status)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            refusal(400, "harmony.RequestValidationError", "Error: No matching granules found."),
            EmptyGranuleError,
            "no data of it under the box: No matching granules found",
        ),
        (
            refusal(400, "openapi.ValidationError", 'Error: query parameter "subset" is not valid'),
            ArchiveError,
            r'refuses the order \(400\): query parameter "subset"',
        ),
        (
            refusal(422, "harmony.UnsupportedOperation", "Error: the requested combination is unsupported"),
            ArchiveError,
            r"refuses the order \(422\): the requested combination is unsupported",
        ),
        (Answer(401, b"Unauthorized"), ArchiveError, "EARTHDATA_TOKEN"),
        (Answer(503), ArchiveUnavailableError, "503 .*not telling whether it took the order"),
        (Answer(200, b"<html>"), ArchiveError, "does not answer with a job"),
        (
            Answer(303, b"", {"location": "https://urs.earthdata.nasa.gov/oauth/authorize"}),
            ArchiveError,
            "wants an Earthdata token that holds.*EARTHDATA_TOKEN",
        ),
    ],
)
async def test_an_order_that_is_refused_is_not_repeated_by_itself(harmony, order, answer, kind, said):
    for runs in (1, 2):
        harmony.refusals = [answer]
        with pytest.raises(kind, match=said) as refused:
            await order()
        assert isinstance(refused.value, EmptyGranuleError) == (kind is EmptyGranuleError)
        assert len(harmony.orders()) == runs
    assert len(await order()) == 1


async def test_who_is_told_to_wait_waits_and_orders_then(harmony, order):
    harmony.refusals = [Answer(429, b"", {"retry-after": "1"})]
    assert len(await order()) == 1
    first, second = harmony.server.of(harmony.order_path)
    assert second.at - first.at >= 1
    assert len(harmony.jobs) == 1


async def test_an_answer_that_does_not_come_may_have_been_an_order(harmony, order):
    """Only what was certainly not taken is ordered twice."""
    for runs in (1, 2):
        harmony.refusals = [Answer(200, b"{}", length=100)]
        with pytest.raises(ArchiveUnavailableError, match="does not tell whether it took the order"):
            await order()
        assert len(harmony.orders()) == runs


async def test_the_links_of_a_job_come_in_pages(harmony, order):
    harmony.page = 1  # the first has the catalogue alone
    for _ in range(2):
        assert len(await order()) == 1
    assert len(harmony.orders()) == 1


async def test_a_page_elsewhere_is_not_followed(harmony, order):
    harmony.is_stuck = True
    with suppress(TimeoutError):
        await order(ended_after_s=0.3)
    (number,) = harmony.jobs
    elsewhere = {"href": f"{harmony.store.url}/jobs/{number}?page=2", "rel": "next"}
    said = {"status": "successful", "message": "", "links": [elsewhere]}
    harmony.server.routes[f"/jobs/{number}"] = lambda _: document(said)
    for _ in range(2):
        with pytest.raises(ArchiveError, match="which is not a page of it"):
            await order()
    assert harmony.store.asked == []


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["successful", "complete_with_errors", "running", "paused", "failed"])
async def test_answers_built_from_harmony_s_source(shared_data, harmony, order, name):
    """The constructed answers that stand beside the data are taken as those of the played service."""
    harmony.is_stuck = True
    with suppress(TimeoutError):
        await order(ended_after_s=0.3)
    (number,) = harmony.jobs
    said = json.loads((shared_data / f"nasa/harmony_jobs_constructed/{name}.json").read_text())
    said["dataExpiration"] = "2126-12-20T18:00:00.000Z"
    kept = [link for link in said["links"] if not link["href"].endswith("B_subsetted.nc4")]
    harmony.server.routes[f"/jobs/{number}"] = lambda _: document({**said, "links": kept})
    if name in {"successful", "complete_with_errors"}:
        (file,) = (await order()).values()
        assert file.href.endswith("/1/A_subsetted.nc4")
    else:
        kind = JobFailedError if name == "failed" else ArchiveUnavailableError
        with pytest.raises(kind):
            await order(polling=Polling(0.01, 0.02, 0.1))
