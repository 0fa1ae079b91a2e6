"""Two real servers on one store, one database, one archive: orders done once, whatever becomes of one."""

import asyncio
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mosaics.log import read_commits
from mosaics.storage import open_storage
from tests.app.jobs.conftest import Server, children, is_alive, serve, wait_for
from tests.ingest.archives.playing import days, play
from tests.ingest.archives.scenes import BANDS, SIDE_PX
from tests.ingest.archives.server import ArchiveServer, file
from tests.rasters import write_cog
from tests.services.postgres import PostgresServer

AOI = [5.2, 51.25, 5.3, 51.32]
SENTINEL = "sentinel-2-l2a"
SLOWLY_S = 1.0
"""Between pieces of 16 kB; a file has ten."""


def june(first: int, last: int, **more: Any) -> dict[str, Any]:
    """An order of some days, of the bands that the archive has."""
    return {"aoi": AOI, "toi": f"2024-06-{first:02}/2024-06-{last:02}", "bands": ["red", "nir", "scl"]} | more


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a synthetic scene, of pixels that do not compress."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(1)
    found = {}
    for band in BANDS:
        side = SIDE_PX // 2 if band == "scl" else SIDE_PX
        values = rng.integers(1100, 5000, (side, side), dtype="uint16")
        if band == "scl":
            values = np.full((side, side), 4, dtype="uint8")
        path = write_cog(folder / f"{band}.tif", values, pixel_size=SIDE_PX * 10 / side, nodata=0)
        found[band] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> str:
    """The name of the servers' database."""
    postgres.start()
    return postgres.clone("tilewatch").rpartition("/")[2]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("landed")


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
    store: Path,
    database: str,
    postgres: PostgresServer,
    sources: Path,
) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("servers")
    chosen = {
        "TILEWATCH_STORAGE": store.as_uri(),
        "TILEWATCH_DOWNLOADS": str(folder / "downloads"),
        "TILEWATCH_DATABASE_URL": postgres.url(database),
        "TILEWATCH_SOURCES": str(sources),
        "TILEWATCH_ORDER_SOURCE": "local",
        "TILEWATCH_RENDER_THREADS": "1",
        "TILEWATCH_JOBS_EVERY_S": "1",
    }
    with serve(folder, ["one", "two"], chosen) as started:
        yield started


def offer(archive: ArchiveServer, contents: dict[str, bytes], last: int, slow: Sequence[int] = ()) -> None:
    """Let the archive have the first days of June; the files of some come slowly."""
    items = days(archive, last)
    play(archive, items, contents)
    for item in items:
        pause_s = SLOWLY_S if int(item["properties"]["datetime"][8:10]) in slow else 0.0
        for band, name in (*BANDS.items(), ("green", "B03"), ("blue", "B02")):
            href = f"{archive.url}/{item['id']}/{name}.tif"
            item["assets"].setdefault(band, item["assets"]["red"] | {"href": href})
            content = contents.get(band, contents["red"])
            archive.routes[f"/{item['id']}/{name}.tif"] = file(content, pause_s=pause_s)


def times_fetched(archive: ArchiveServer, scene: str) -> Counter[str]:
    """How often each file of a scene was fetched, from its beginning."""
    return Counter(
        asked.path.rpartition("/")[2].removesuffix(".tif")
        for asked in archive.asked
        if asked.method == "GET" and asked.path.startswith(f"/{scene}/") and "range" not in asked.headers
    )


def commits(store: Path) -> list[list[str]]:
    """The scenes that each commit added."""

    async def read() -> list[list[str]]:
        async with await open_storage(store.as_uri()) as storage:
            return [[scene.id for scene in commit.added] async for commit in read_commits(storage, SENTINEL)]

    return asyncio.run(read())


def at_work(servers: list[Server], postgres: PostgresServer, database: str, job: int) -> tuple[Server, int]:
    """The server that runs an order, and the process that does it."""

    def found() -> tuple[Server, int] | None:
        holder = postgres.psql(database, f"select holder from orders where id = {job} and status = 'running'")
        for server in servers:
            if holder.startswith(f"{server.process.pid}-") and (
                pids := children(server.process.pid, "ingest")
            ):
                return server, pids[0]
        return None

    return wait_for(found)  # type: ignore[no-any-return]


def test_a_composite_of_scenes_fetched_first_ends_in_a_layer(
    servers: list[Server], archive: ArchiveServer, contents: dict[str, bytes], store: Path
) -> None:
    one, two = servers
    offer(archive, contents, 2)
    asked = {"aoi": AOI, "toi": "2024-06-01/2024-06-30", "bands": ["red", "green", "blue"]}
    sent = {"Idempotency-Key": "june"}
    job = one.order("/composites", asked, **sent)
    assert (job["status"], job["request"]["ingest"], job["request"]["aoi"]) == ("queued", "local", AOI)
    assert two.order("/composites", asked, **sent)["id"] == job["id"]
    other = two.client.post("/composites", json=asked | {"toi": "2024-06"}, headers=sent)
    assert (other.status_code, f"job {job['id']}" in other.text) == (422, True)

    done = wait_for(lambda: (now := two.job(job["id"]))["finished_at"] and now)
    assert (done["status"], done["error"], done["attempts"]) == ("done", None, 1)
    progress = done["progress"]
    assert (progress["step"], progress["step_number"], progress["steps"]) == ("composite", 2, 2)
    assert (progress["unit"], progress["fraction"]) == ("steps", 1.0)
    assert done["log"][0] == "Found 2 scenes."
    names = ["S2A_31UFT_20240601_0_L2A", "S2A_31UFT_20240602_0_L2A"]
    assert sorted(commits(store)) == [[name] for name in names]
    # red, green, blue, and the mask that was not named; each from one server, once
    assert [times_fetched(archive, name) for name in names] == [{"B02": 1, "B03": 1, "B04": 1, "SCL": 1}] * 2
    landed = {scene["scene"]: scene for scene in done["result"]["scenes"]}
    (made,) = (scene for name, scene in landed.items() if name not in names)
    assert (made["collection"], made["period"], made["commit"]) == ("sentinel-2-monthly", "2024-06", 1)

    layers = {layer["product"]: layer for layer in done["result"]["layers"]}
    assert sorted(layers) == ["true-color", "true-color-monthly"]  # the others need other bands
    links = {link["rel"]: link["href"] for link in layers["true-color-monthly"]["links"]}
    assert two.client.get(links["tilejson"]).json()["period"] == "2024-06"
    assert links["alternate"] == f"{two.client.base_url}/#product=true-color-monthly&period=2024-06"
    picture = two.client.get(links["preview"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    tile = two.client.get(links["tiles"].format(z=12, x=2107, y=1366))
    assert (tile.status_code, tile.headers["content-type"]) == (200, "image/png")
    assert np.asarray(Image.open(io.BytesIO(tile.content)).convert("RGBA"))[:, :, 3].max() == 255
    shown = {
        product["id"]: product["periods"]["last"]
        for product in two.client.get("/products").json()["products"]
    }
    assert shown["true-color-monthly"] == "2024-06"  # which is what the page lists
    (item,) = (link["href"] for link in made["links"] if link["rel"] == "item")
    assert wait_for(lambda: two.client.get(item).status_code == 200)

    listed = two.client.get("/jobs").json()
    assert [(job["id"], job["status"]) for job in listed["jobs"]] == [(job["id"], "done")]
    assert listed["leader"] is not None
    assert wait_for(lambda: 'tilewatch_orders{status="done"} 1.0' in one.client.get("/metrics").text)
    metrics = one.client.get("/metrics").text + two.client.get("/metrics").text
    assert [metrics.count(f"tilewatch_leads_jobs {value}\n") for value in ("1.0", "0.0")] == [1, 1]
    assert 'tilewatch_job_runs_total{job="stac-index",outcome="done"}' in metrics
    assert two.client.delete(f"/jobs/{job['id']}").status_code == 409


def test_cancelling_ends_the_process_at_work(
    servers: list[Server],
    archive: ArchiveServer,
    contents: dict[str, bytes],
    postgres: PostgresServer,
    database: str,
) -> None:
    offer(archive, contents, 10, slow=[8, 9, 10])
    job = servers[0].order("/ingest", june(8, 10))["id"]
    waiting = servers[0].order("/ingest", june(8, 9))["id"]
    server, pid = at_work(servers, postgres, database, job)
    other = next(each for each in servers if each is not server)
    assert servers[0].job(waiting)["status"] == "queued"  # one at a time
    assert other.client.delete(f"/jobs/{waiting}").json()["status"] == "cancelled"
    asked = other.client.delete(f"/jobs/{job}")
    assert (asked.status_code, asked.json()["cancelling"]) == (202, True)
    ended = wait_for(lambda: (now := other.job(job))["status"] == "cancelled" and now, 30)
    assert not is_alive(pid)
    assert ended["finished_at"] is not None
    assert ended["result"]["scenes"] == []
    again = other.client.delete(f"/jobs/{job}")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


def test_another_server_goes_on_where_a_killed_one_was(
    servers: list[Server],
    archive: ArchiveServer,
    contents: dict[str, bytes],
    postgres: PostgresServer,
    database: str,
    store: Path,
) -> None:
    before = len(commits(store))
    offer(archive, contents, 23, slow=[23])  # the others land meanwhile
    job = servers[0].order("/ingest", june(20, 23))["id"]
    server, pid = at_work(servers, postgres, database, job)
    other = next(each for each in servers if each is not server)
    wait_for(lambda: len(other.job(job)["result"]["scenes"]) >= 1)
    server.kill()
    wait_for(lambda: not is_alive(pid), 20)
    assert other.job(job)["status"] == "running"
    offer(archive, contents, 23)
    # as if the time had passed that a server may be silent
    postgres.psql(database, "update orders set seen_at = seen_at - interval '15 seconds'")
    done = wait_for(lambda: (now := other.job(job))["status"] == "done" and now)
    assert done["attempts"] == 2
    assert "The process running this job was lost; the job continues." in done["log"]
    names = [f"S2A_31UFT_202406{day}_0_L2A" for day in (20, 21, 22, 23)]
    assert sorted(scene["scene"] for scene in done["result"]["scenes"]) == names
    added = commits(store)[before:]
    assert sorted(added) == [[name] for name in names]
