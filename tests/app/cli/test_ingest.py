"""`tilewatch ingest`: what it says of what it finds, fetches and lands, and of what it cannot do."""

import json
import re

import pytest

from tests.ingest.archives.playing import days, play
from tests.ingest.archives.server import Answer, page

ASKED = ("ingest", "local", "--bbox", "5.0,51.0,5.5,51.5", "--datetime", "2024-06")
BANDS = ("--bands", "red,nir,scl")


def test_a_dry_run_says_what_would_be_fetched_and_how_much(archive, run, scenes, tmp_path):
    done = run(*ASKED, *BANDS, "--dry-run")
    assert done.exit_code == 0
    each, both = (f"{size / 1e3:.1f} kB" for size in (scenes, 2 * scenes))
    assert done.stdout.splitlines() == [
        "Found 2 scenes.",
        f"2 would be landed, {both} fetched.",
        f"    S2A_31UFT_20240602_0_L2A  2024-06-02 10:50Z, 4.0 % clouds, {each}",
        *(f"        {archive.url}/S2A_31UFT_20240602_0_L2A/{name}.tif" for name in ("B04", "B08", "SCL")),
        f"    S2A_31UFT_20240601_0_L2A  2024-06-01 10:50Z, 4.0 % clouds, {each}",
        *(f"        {archive.url}/S2A_31UFT_20240601_0_L2A/{name}.tif" for name in ("B04", "B08", "SCL")),
    ]
    assert all(asked.is_probe for asked in archive.asked if asked.method == "GET")
    assert not (tmp_path / "store/collections").exists()


def test_a_token_of_the_settings_is_sent_to_its_archive(archive, run, scenes, monkeypatch):
    monkeypatch.setenv("TILEWATCH_ARCHIVE_TOKENS", f"stac.example.org=other,{archive.url}=mine")
    assert run(*ASKED, *BANDS, "--dry-run").exit_code == 0
    assert {asked.headers["authorization"] for asked in archive.asked} == {"Bearer mine"}


def test_a_dry_run_of_parts_says_about_how_much(run, scenes, tmp_path):
    size = {band: (tmp_path / "files" / f"{band}.tif").stat().st_size for band in ("red", "nir", "scl")}
    done = run(*ASKED, *BANDS, "--clip", "--dry-run")
    said = re.match(r"2 would be landed, about ([\d.]+) kB fetched", done.stdout.splitlines()[1])
    # the box holds all of both scenes; overviews, a quarter, come only with what the offset is told by
    expected = 2 * (size["red"] + size["scl"] + 0.75 * size["nir"])
    assert said is not None
    assert float(said[1]) == pytest.approx(expected / 1e3, abs=0.1)


def test_an_ingestion_says_what_landed(run, scenes):
    done = run(*ASKED, *BANDS)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Found 2 scenes."
    assert {line.split()[1] for line in lines if line.startswith("[")} == {
        "S2A_31UFT_20240601_0_L2A:",
        "S2A_31UFT_20240602_0_L2A:",
    }
    assert {line.split(": ")[1] for line in lines if line.startswith("[")} == {"commit 1", "commit 2"}
    assert (
        "offset of the reflectance: -0.1; processing baseline 05.10 is 04.00 or later: -1000." in done.stdout
    )
    assert f"Landed 2 of 2 in sentinel-2-l2a; {2 * scenes / 1e3:.1f} kB fetched; " in lines[-1]
    again = run(*ASKED, *BANDS)
    assert again.stdout.splitlines()[1] == "2 landed already, with all these bands."


def test_other_bands_are_added_to_what_has_landed(archive, run, scenes, tmp_path):
    one = ("--limit", "1", "--bands")
    run(*ASKED, *one, "red,scl")
    nir_kb = (tmp_path / "files/nir.tif").stat().st_size / 1e3
    scene = "S2A_31UFT_20240602_0_L2A"
    assert run(*ASKED, *one, "nir,red", "--dry-run").stdout.splitlines()[1:] == [
        f"1 would be landed, {nir_kb:.1f} kB fetched.",
        f"{scene}: keeps red, scl, landed before.",
        f"    {scene}  2024-06-02 10:50Z, 4.0 % clouds, {nir_kb:.1f} kB",
        f"        {archive.url}/{scene}/B08.tif",
    ]
    done = run(*ASKED, *one, "nir,red")
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"{nir_kb:.1f} kB fetched" in done.stdout.splitlines()[-1]
    assert "1 landed already" in run(*ASKED, *one, "red,nir,scl").stdout


def test_bands_that_a_scene_would_lose_are_named(run, scenes):
    one = ("--limit", "1", "--bands")
    run(*ASKED, *one, "red,scl")
    lost = "scl: they were copied; name them in --bands to have them of this one too.\n"
    other = run(*ASKED, *one, "red", "--mode", "reference", "--dry-run")
    assert other.stderr == f"S2A_31UFT_20240602_0_L2A: would lose {lost}"
    assert run(*ASKED, *one, "red", "--mode", "reference").stderr == f"S2A_31UFT_20240602_0_L2A: loses {lost}"


def test_scenes_that_are_left_out_are_counted(run, scenes):
    assert "Found 0 scenes; 2 too cloudy." in run(*ASKED, *BANDS, "--max-cloud", "3").stdout
    assert "Found 1 scene; 1 past the limit." in run(*ASKED, *BANDS, "--limit", "1", "--dry-run").stdout


def test_a_scene_that_fails_is_told_and_the_others_land(archive, run, scenes):
    archive.routes["/S2A_31UFT_20240602_0_L2A/B08.tif"] = lambda _: Answer(404)
    done = run(*ASKED, *BANDS)
    assert done.exit_code == 2
    assert "S2A_31UFT_20240602_0_L2A: " in done.stderr
    assert f"answers 404 at {archive.url}/S2A_31UFT_20240602_0_L2A/B08.tif" in done.stderr
    assert done.stderr.endswith(
        "Error: Partial: 1 landed, 1 scene was not landed: S2A_31UFT_20240602_0_L2A: the archive answers 404 "
        f"at {archive.url}/S2A_31UFT_20240602_0_L2A/B08.tif.\n"
    )
    assert "Landed 1 of 1" in done.stdout


def test_of_many_scenes_that_fail_the_first_are_named(archive, run, scenes, tmp_path):
    play(archive, days(archive, 5), {"red": b"", "nir": b"", "scl": b""})
    archive.routes = {"/v1/search": archive.routes["/v1/search"]}
    done = run(*ASKED, *BANDS, "--json")
    result, refused = told(done.stdout)[-2:]
    assert (done.exit_code, result["status"], len(result["failures"])) == (2, "failed", 5)
    assert refused["text"].startswith(
        "5 scenes were not landed: S2A_31UFT_20240605_0_L2A: the archive answers"
    )
    assert refused["text"].endswith("; and 2 more, see above.")
    assert all(f"S2A_31UFT_2024060{day}_0_L2A: the archive" in refused["text"] for day in (5, 4, 3))


def test_an_id_that_no_terminal_can_write_is_told(archive, run, scenes):
    items = days(archive, 1)
    items[0]["id"], items[0]["properties"]["datetime"] = "a\ud800b\n", "2024-06-02\ud800"
    archive.routes["/v1/search"] = lambda _: page(items)
    done = run(*ASKED, *BANDS)
    assert done.exit_code == 2
    assert "a?b?: it is not a valid item of a scene: " in done.stderr


def test_references(run, scenes):
    done = run(*ASKED, *BANDS, "--mode", "reference")
    assert done.exit_code == 0
    assert "2 to be landed, the files left where they lie." in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--mode", "reference", "--clip"), "A file that is read where it lies cannot be clipped"),
        (("--bands", "red,swir"), "No band swir in source 'local'; there are: blue, "),
        (("--datetime", "June"), "'June' names no time"),
        (("--datetime", "../.."), "A search has a beginning or an end"),
        (("--offset", "nir08=0", "--bands", "red"), "Numbers are given for nir08, which is not ingested."),
        (("--max-cloud", "120"), "120 is not a valid cloud cover"),
        (("--bbox", "5,51,5,52"), "5,51,5,52 is not a valid box"),
        (("--storage", "ftp://there"), "'ftp://there' names no storage"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(run, scenes, words, said):
    refused = run(*ASKED, *words)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {said}")
    assert refused.stderr.count("\n") == 1


def test_an_unknown_source_is_answered_with_those_there_are(run):
    refused = run("ingest", "landsat", *ASKED[2:])
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: No source 'landsat'; there are: black-marble-daily, ")
    assert "local, planetary-computer-landsat-c2-l2" in refused.stderr


def test_an_archive_that_is_down_is_told(archive, run):
    archive.routes["/v1/search"] = lambda _: Answer(503)
    refused = run(*ASKED)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(
        "Error: The archive failed 4 times, at last so: the archive answers 503 at "
    )


def test_sources_are_listed(run):
    listed = run("sources").stdout
    assert "planetary-computer-sentinel-2-l2a  Sentinel-2 Level-2A of the Microsoft" in listed
    assert "    into landsat-c2-l2: coastal, blue" in listed


def told(text):
    return [json.loads(line) for line in text.splitlines()]


def test_programs_are_told_in_json(archive, run, scenes):
    archive.routes["/S2A_31UFT_20240602_0_L2A/B08.tif"] = lambda _: Answer(404)
    done = run(*ASKED, *BANDS, "--json")
    assert done.exit_code == 2
    events = told(done.stdout)
    assert {"event": "log", "text": "Found 2 scenes."} in events
    landed = {
        "event": "landed",
        "collection": "sentinel-2-l2a",
        "scene": "S2A_31UFT_20240601_0_L2A",
        "period": "2024-06",
        "commit": 1,
    }
    assert [each for each in events if each["event"] == "landed"] == [landed]
    moved = [each for each in events if each["event"] == "progress"]
    assert moved[-1] == {"event": "progress", "done": scenes, "total": scenes, "unit": "bytes"}
    assert events[-2]["event"] == "result"
    assert (events[-2]["status"], events[-2]["landed"]) == ("partial", 1)
    assert list(events[-2]["failures"]) == ["S2A_31UFT_20240602_0_L2A"]
    assert (events[-1]["event"], events[-1]["private"]) == ("refused", False)
    assert events[-1]["text"].startswith("Partial: 1 landed, 1 scene was not landed: S2A_31UFT_20240602_0")
    again = told(run(*ASKED, *BANDS, "--json").stdout)
    assert [each for each in again if each["event"] == "landed"] == [landed | {"commit": None}]


def test_a_refusal_is_told_in_json_too(run):
    refused = run("ingest", "landsat", *ASKED[2:], "--json")
    assert refused.exit_code == 2
    (event,) = told(refused.stdout)
    assert event["event"] == "refused"
    assert event["text"].startswith("No source 'landsat'; there are: ")
    (event,) = told(run(*ASKED, "--json", "--storage", "ftp://there").stdout)
    assert (event["event"], event["private"]) == ("refused", True)  # it names the deployment's storage


def test_sources_are_listed_for_programs(run):
    (listed,) = told(run("sources", "--json").stdout)
    assert listed["local"]["collection"] == "sentinel-2-l2a"
    assert listed["local"]["cadence"] == "month"
    assert {"red", "nir", "scl"} <= set(listed["local"]["bands"])
    assert listed["local"]["categorical"] == ["scl"]
