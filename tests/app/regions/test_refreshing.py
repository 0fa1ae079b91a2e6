"""A region refreshed from a real archive on this machine, by the rotation, as soon as somebody leads."""

import io
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import morecantile
import numpy as np
import pytest
from pytest import approx  # noqa: PT013

from app.main import create_app
from mosaics.descriptions.sources import SHIPPED
from tests.app.conftest import eventually
from tests.app.regions.conftest import speaking_to
from tests.ingest.archives.playing import EARTH_SEARCH, play, scene_files
from tests.ingest.archives.scenes import sentinel_item
from tests.ingest.archives.server import file

BOX = [5.235, 51.29, 5.262, 51.305]
PROGRAM = (sys.executable, "-m", "tests.app.jobs.command_line")


def one_year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


@pytest.fixture
def local(archive, settings, tmp_path: Path):
    """Settings with one more source, `local`: the archive."""
    (tmp_path / "sources").mkdir()
    shipped = (SHIPPED / f"{EARTH_SEARCH}.toml").read_text()
    own = shipped.replace("https://earth-search.aws.element84.com", archive.url)
    (tmp_path / "sources" / "local.toml").write_text(own)
    return settings.model_copy(update={"sources": tmp_path / "sources", "downloads": tmp_path / "downloads"})


def offer(archive, folder: Path, *days: date) -> None:
    """Have the archive offer a scene of each day; from the second on with less near infrared."""
    folder.mkdir()
    contents = scene_files(folder)
    items = [sentinel_item(archive.url, f"S2A_31UFT_{day:%Y%m%d}_0_L2A", day=day.isoformat()) for day in days]
    play(archive, items, contents)
    (folder / "burnt").mkdir()
    burnt = scene_files(folder / "burnt", nir=2718)
    for item in items[1:]:
        archive.routes[f"/{item['id']}/B08.tif"] = file(burnt["nir"])


async def test_the_rotation_refreshes_a_region_and_the_region_tells(
    archive, local, write_regions, database_url, tmp_path: Path
):
    today = datetime.now(UTC).date()
    after, before = today - timedelta(days=2), one_year_before(today) - timedelta(days=3)
    offer(archive, tmp_path / "files", before, after)
    path = write_regions(
        {
            "name": "mol",
            "bbox": BOX,
            "source": "local",
            "product": "ndvi-change",
            "zoom_min": 12,
            "zoom_max": 13,
        }
    )
    chosen = local.model_copy(update={"regions": path, "database_url": database_url})
    async with speaking_to(create_app(chosen, program=PROGRAM)) as client:

        async def region() -> dict[str, Any]:
            found: dict[str, Any] = (await client.get("/regions/mol")).json()
            return found

        async def has_status(status: str) -> bool:
            return str((await region())["last_status"]) == status

        await eventually(lambda: has_status("running"))
        again = await client.post("/regions/mol/refresh")
        assert again.status_code == 409
        assert again.json()["detail"].startswith("region 'mol' is being refreshed")
        await eventually(lambda: has_status("done"), within_s=60)

        (run,) = (await region())["runs"]
        # Thirty days, the last of them today, and those that end on the same day a year before.
        last_year = one_year_before(today)
        assert (run["post_start"], run["post_end"]) == (str(today - timedelta(days=29)), str(today))
        assert (run["pre_start"], run["pre_end"]) == (str(last_year - timedelta(days=29)), str(last_year))
        assert (run["cause"], run["pre_basis"], run["error"]) == ("rotation", "year-before", None)
        assert (run["scenes_landed"], run["scenes_found"]) == (2, 0)
        scenes = tmp_path / "store/collections/sentinel-2-l2a/scenes"
        assert run["landed_bytes"] == sum(each.stat().st_size for each in scenes.rglob("*.tif"))
        assert 0 < run["duration_s"] < 60
        for job in run["jobs"].values():
            assert (await client.get(f"/jobs/{job}")).json()["status"] == "done"

        meta = (await client.get("/meta/mol.json")).json()
        assert list(meta) == [
            *("region_name", "bbox", "pre_start", "pre_end", "post_start", "post_end", "generated_at"),
            *("tile_url_template", "zoom_min", "zoom_max", "tile_count", "disk_usage_mb", "last_status"),
            *("last_run_at", "age_days"),
        ]
        assert meta["disk_usage_mb"] == approx(run["landed_bytes"] / 1e6, abs=1e-3)
        assert (meta["last_status"], meta["age_days"]) == ("done", approx(0, abs=0.01))
        assert (await client.get("/meta/index.json")).json() == [meta]

        template = meta["tile_url_template"]
        assert (
            f"pre={run['pre_start']}/{run['pre_end']}&post={run['post_start']}/{run['post_end']}&v="
            in template
        )
        tile = morecantile.tms.get("WebMercatorQuad").tile(5.25, 51.297, 13)
        address = template.format(z=13, x=tile.x, y=tile.y)
        answer = await client.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert "immutable" in answer.headers["cache-control"]
        planes = np.load(io.BytesIO((await client.get(address.replace(".png", ".npy"))).content))
        # (0.1718 - 0.0718) / 0.2436 after, and (0.2338 - 0.0718) / 0.3056 before.
        assert np.median(planes[0][planes[1] > 0]) == approx(0.410509 - 0.530105, abs=1e-4)

        (feature,) = (await client.get("/coverage")).json()["features"]
        # The clipped scene's pixels reach to the box's edges, all but some of the corner of missing ones.
        assert 0.95 < feature["properties"]["covered_fraction"] <= 1
        assert feature["properties"]["age_days"] == approx(0, abs=0.01)
        assert feature["geometry"]["type"] in {"Polygon", "MultiPolygon"}

        slots = (await client.get("/jobs")).json()
        nightly = next(task for task in slots["tasks"] if task["name"] == "regions")
        assert nightly["nightly_at"] == "03:00"
        assert nightly["last"][0]["detail"]["begun"] == ["mol"]
