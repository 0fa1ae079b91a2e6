"""`tilewatch verify`: what it finds damaged, and makes right again of what it was made of."""

import asyncio
import json
from pathlib import Path

import pytest

from mosaics.index_files import INDEXED_FROM
from mosaics.log import commit_scenes
from mosaics.storage import open_storage
from tests.ingest.archives.server import Answer
from tests.mosaics import records
from tests.rasters import ramp, write_geotiff

SCENE = "S2A_31UFT_20240602_0_L2A"
OTHER = "S2A_31UFT_20240601_0_L2A"
ASKED = ("ingest", "local", "--bbox", "5.0,51.0,5.5,51.5", "--datetime", "2024-06", "--bands", "red,nir,scl")
CLIPPED = ("ingest", "local", "--bbox", "5.24,51.29,5.26,51.3", *ASKED[4:], "--clip")


def flip(path: Path, at: float = 0.5) -> bytes:
    """Change one bit of a file, and return what it was."""
    whole = path.read_bytes()
    content = bytearray(whole)
    content[int(len(content) * at)] ^= 4
    path.write_bytes(content)
    return whole


def of(tmp_path: Path, scene: str, name: str) -> Path:
    (path,) = (tmp_path / "store").rglob(f"{scene}*/*/{name}")
    return path


@pytest.mark.parametrize("asked", [ASKED, CLIPPED])
def test_damaged_and_missing_files_are_fetched_again(run, scenes, tmp_path, archive, asked):
    assert run(*asked).exit_code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()}
    flip(of(tmp_path, SCENE, "red.tif"))
    of(tmp_path, SCENE, "scl.tif").unlink()
    flip(of(tmp_path, OTHER, "nir.tif"), at=0.1)
    found = run("verify")
    assert found.exit_code == 2
    assert "3 files are damaged; --repair fetches them again where their source is known." in found.stderr
    asked_before = len(archive.asked)
    done = run("verify", "--repair")
    assert (done.exit_code, archive.asked[asked_before:] != []) == (0, True), done.output
    assert f"{SCENE}" in done.stdout
    assert "red, scl mended." in done.stdout
    after = {path: path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()}
    assert after == before
    assert run("verify").exit_code == 0
    assert not any((tmp_path / "downloads").rglob("*.tif"))


def test_what_cannot_be_mended_is_named_with_its_reason_and_stays(run, scenes, tmp_path, archive):
    run(*ASKED)
    flip(of(tmp_path, SCENE, "red.tif"))
    flip(of(tmp_path, SCENE, "nir.tif"))
    of(tmp_path, OTHER, "item.json").write_text("{")
    of(tmp_path, OTHER, "item.json.copy").unlink()
    archive.routes[f"/{SCENE}/B04.tif"] = lambda _: Answer(404)
    before = {path: path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()}
    done = run("verify", "--repair", "--json")
    assert done.exit_code == 2
    events = [json.loads(line) for line in done.stdout.splitlines()]
    said = "\n".join(event["text"] for event in events if event["event"] == "log")
    assert f"not mended: the archive answers 404 at {archive.url}/{SCENE}/B04.tif." in said
    assert "not mended: its item is missing, damaged or does not say how it was made." in said
    result = next(event for event in events if event["event"] == "result")
    assert {key.rpartition("/")[2] for key in result["damaged"]} == {"red.tif", "nir.tif", "item.json"}
    assert {path: path.read_bytes() for path in before} == before


def test_what_another_version_of_gdal_wrote_lands_as_a_new_version(run, scenes, tmp_path):
    run(*ASKED)
    item_path = of(tmp_path, SCENE, "item.json")
    item = json.loads(item_path.read_text())
    item["assets"]["red"]["file:checksum"] = f"1220{'0' * 64}"
    del item["tilewatch:seal"]
    item_path.write_text(json.dumps(item))
    done = run("verify", "--repair")
    assert done.exit_code == 0, done.output
    assert "red mended, as a new version by commit 3." in done.stdout
    folder = item_path.parent
    new = json.loads((folder.with_name(f"{folder.name}.m1") / "item.json").read_text())
    assert new["properties"]["tilewatch:mended"]["bands"] == ["red"]
    for name in ("red.tif", "nir.tif", "scl.tif"):
        assert (folder.with_name(f"{folder.name}.m1") / name).read_bytes() == (folder / name).read_bytes()
    again = run("verify")
    assert (again.exit_code, again.stdout.split(":")[1][:8]) == (0, " 6 files")
    assert "2 landed already, with all these bands." in run(*ASKED).stdout


def test_an_archive_that_has_another_file_by_now_is_told(run, scenes, tmp_path, archive):
    run(*ASKED)
    flip(of(tmp_path, SCENE, "red.tif"))
    archive.routes[f"/{SCENE}/B04.tif"] = archive.routes[f"/{SCENE}/B08.tif"]
    done = run("verify", "--repair")
    assert done.exit_code == 2
    assert "not mended: the archive has other files of red by now;" in done.stderr


def test_files_of_the_users_own_are_taken_from_where_they_lie(run, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for at, band in enumerate(("red", "nir")):
        write_geotiff(own / f"{band}-own.tif", ramp(300, 280, low=1 + at), nodata=0)
    assets = [word for band in ("red", "nir") for word in ("--asset", f"{band}={own / f'{band}-own.tif'}")]
    words = ("land", "sentinel-2-l2a", "--id", "mine", "--datetime", "2024-06-15T10:50:29Z", *assets)
    landed = run(*words, "--baseline", "05.10")
    assert landed.exit_code == 0, landed.output
    whole = flip(of(tmp_path, "mine", "red.tif"))
    refused = run("verify", "--repair")
    assert refused.exit_code == 2
    assert "red was made of red-own.tif, a file of the user's own; --from FOLDER says" in refused.stderr
    (tmp_path / "kept").mkdir()
    (own / "red-own.tif").rename(tmp_path / "kept" / "red-own.tif")
    done = run("verify", "--repair", "--from", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert of(tmp_path, "mine", "red.tif").read_bytes() == whole


def test_the_rest_is_left_for_the_next_run(run, scenes, tmp_path):
    run(*ASKED)
    for scene in (SCENE, OTHER):
        flip(of(tmp_path, scene, "red.tif"))
    first = run("verify", "--repair", "--limit", "1")
    assert first.exit_code == 2
    assert "1 more scenes are left for the next run" in first.stderr
    assert run("verify", "--repair", "--limit", "1").exit_code == 0


def test_a_damaged_mosaic_becomes_the_very_bytes_again(run, scenes, tmp_path):
    run(*ASKED)
    (path,) = (tmp_path / "store").rglob("mosaics/*/2-*.json.gz")
    whole = flip(path, at=0.7)
    found = run("verify")
    assert (found.exit_code, "it is missing or damaged; `tilewatch repair" in found.stderr) == (2, True)
    assert run("verify", "--repair").exit_code == 0
    assert path.read_bytes() == whole


def test_a_damaged_index_is_told_and_made_again_and_a_missing_one_too(run, tmp_path):
    async def land():
        async with await open_storage(str(tmp_path / "store")) as storage:
            await commit_scenes(storage, "harvest", add=[records.scene(f"s{n}") for n in range(INDEXED_FROM)])

    asyncio.run(land())
    (path,) = (tmp_path / "store").rglob("*.index1")
    whole = flip(path)
    found = run("verify", "harvest")
    assert "its index is damaged; servers make their own." in found.stderr
    assert f"{INDEXED_FROM + 1} files are damaged" in found.stderr  # no scene has an item here
    assert "its index is made again." in run("verify", "--repair", "harvest").stdout
    assert path.read_bytes() == whole
    path.unlink()
    assert "harvest: mosaics without an index: 1; --repair writes it." in run("verify", "harvest").stdout
    run("verify", "--repair", "harvest")
    assert path.read_bytes() == whole
    assert (tmp_path / "store/collections/harvest/log/outlines/00000001.json.gz").exists()


def test_only_an_item_that_is_named_is_read(run, scenes, tmp_path):
    run(*ASKED)
    flip(of(tmp_path, SCENE, "red.tif"))
    item = of(tmp_path, OTHER, "item.json").relative_to(tmp_path / "store")
    assert run("verify", "--item", str(item), "sentinel-2-l2a").exit_code == 0


def test_checksums_of_what_landed_without_are_stated_as_of_today(run, scenes, tmp_path):
    run(*ASKED)
    path = of(tmp_path, SCENE, "item.json")
    item = json.loads(path.read_text())
    stated = {name: dict(item["assets"][name]) for name in ("red", "nir", "scl")}
    for asset in item["assets"].values():
        for name in ("file:size", "file:checksum", "tilewatch:block_crc32c"):
            del asset[name]
    del item["tilewatch:seal"]
    path.write_text(json.dumps(item))
    flip(of(tmp_path, SCENE, "nir.tif"), at=0.9)
    found = run("verify")
    assert (found.exit_code, "3 have no checksum" in found.stdout) == (0, True)
    done = run("verify", "--add-checksums")
    assert done.exit_code == 2
    assert "checksums of 2 files are stated, as they are today." in done.stdout
    assert "nir.tif: it is missing or damaged (DamagedRasterError)." in done.stderr
    now = json.loads(path.read_text())["assets"]
    for name in ("red", "scl"):
        on = now[name].pop("tilewatch:checksums_stated")
        assert on.startswith("20")
        assert now[name] == stated[name]
    assert "file:checksum" not in now["nir"]


def test_a_changed_item_is_told_and_restored(run, scenes, tmp_path):
    run(*ASKED)
    path = of(tmp_path, SCENE, "item.json")
    text = path.read_text()
    assert '"raster:scale":0.0001' in text
    path.write_text(text.replace('"raster:scale":0.0001', '"raster:scale":0.0003', 1))
    flip(of(tmp_path, SCENE, "nir.tif"))
    found = run("verify")
    assert found.exit_code == 2
    assert "item.json: the item is missing or damaged (BrokenSealError)." in found.stderr
    assert run("verify", "--repair").exit_code == 0
    assert path.read_text() == text
    assert run("verify").exit_code == 0
