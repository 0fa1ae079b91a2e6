"""A scan in near real time stands in for the standard one, which takes its place; both are played, SYNTHETIC.

The standard scan has other numbers than the early one, by a layer of its own, so that each value tells where
it is from.
"""

import asyncio
import json

import httpx
import numpy as np
import pytest
import pytest_asyncio
from click.testing import CliRunner
from rasterio.transform import Affine

from app.cli import main
from app.main import create_app
from app.settings import Settings
from mosaics.descriptions.collections import load_collections
from mosaics.document import SceneRecord
from mosaics.near_real_time import awaiting, is_replaced
from mosaics.period import Cadence, Period, parse_instant
from tests.ingest.archives.commands import run_played
from tests.ingest.archives.harmony.playing import TOKEN, Harmony
from tests.ingest.archives.server import ArchiveServer
from tests.ingest.synthetic_scans import COLUMN, PART, usual_layers, write_scan
from tests.rasters import write_geotiff

SCANS = {"16": "20250913T160435Z_S006", "17": "20250913T170435Z_S007", "18": "20250913T180435Z_S008"}
STANDARD, EARLY = "tempo-hcho", "tempo-hcho-nrt"
BOX = "-77.5,38.5,-73.5,41"
PLACE = "-74.006,40.7128"
NUMBER = 1335 * 10_000 + 4699
"""Of the cell of New York."""
COLLECTIONS = {
    STANDARD: ("C3685897141-LARC_CLOUD", "TEMPO_HCHO_L3", "V04"),
    EARLY: ("C3685668680-LARC_CLOUD", "TEMPO_HCHO_L3_NRT", "V02"),
}
FACTORS = {STANDARD: 2.0, EARLY: 1.0}


def name_of(collection, hour):
    _, product, version = COLLECTIONS[collection]
    return f"{product}_{version}_{SCANS[hour]}.nc"


@pytest.fixture(scope="module")
def archives():
    with ArchiveServer() as one, ArchiveServer() as other, ArchiveServer() as store:
        servers = dict(zip(COLLECTIONS, (one, other), strict=True))
        found = {
            name: Harmony(servers[name], store, COLLECTIONS[name], "product%2Fvertical_column")
            for name in COLLECTIONS
        }
        for harmony in found.values():
            harmony.states = ["successful"]
        yield found


@pytest.fixture(scope="module")
def publish(archives, tmp_path_factory):
    """Lets an archive have the scan of an hour, with numbers that are so many times the usual ones."""

    def published(collection, hour, *, factor=None, revised=""):
        row, column, rows, columns = PART
        layers = usual_layers(rows, columns, row, column)
        molecules = layers[COLUMN]
        layers[COLUMN] = np.where(molecules > 0, molecules * (factor or FACTORS[collection]), molecules)
        name = name_of(collection, hour)
        content = write_scan(tmp_path_factory.mktemp("scan") / name, PART, layers).read_bytes()
        given = {"granule_id": f"G{hour}-{collection}-LARC_CLOUD", "revised": revised}
        archives[collection].publish(name, content, **given)

    return published


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("near-real-time")


@pytest.fixture(scope="module")
def ingest(archives, folder):
    async def ingested(collection):
        url = archives[collection].server.url
        where = ("--bbox", BOX, "--datetime", "2025-09-13", "--clip", "--bands", "hcho")
        words = ("ingest", collection, *where)
        addresses = {"api": f"{url}/search", "harmony": url}
        return await asyncio.to_thread(run_played, folder, collection, url, TOKEN, *words, **addresses)

    return ingested


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(folder):
    """What a point, a TileJSON, a tile's head and the freshness say of an hour, as storage is now."""
    app = create_app(Settings(storage=(folder / "store").as_uri()))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tilewatch.test") as client,
    ):

        async def said(hour):
            await app.state.tilewatch.catalogue.refresh()
            when = f"2025-09-13T{hour}"
            point = (await client.get(f"/products/hcho/point/{PLACE}?datetime={when}")).json()
            layer = (await client.get(f"/products/hcho/WebMercatorQuad/tilejson.json?datetime={when}")).json()
            tile = await client.get(f"/tiles/hcho/7/37/48.png?datetime={when}")
            fresh = (await client.get("/freshness")).json()["collections"]
            return point, layer, tile.headers, {each["collection"]: each for each in fresh}

        yield said


@pytest.mark.asyncio(loop_scope="module")
async def test_a_scan_in_near_real_time_is_shown_until_the_standard_one_takes_its_place(
    publish, ingest, told, folder
):
    for hour in ("16", "17"):
        publish(EARLY, hour)
    assert (await ingest(EARLY))["landed"] == 2
    point, layer, head, fresh = await told("16")
    assert point["value"] == pytest.approx(NUMBER * 1e12, rel=1e-6)
    assert point["near_real_time"] is True
    assert [each.startswith("near-real-time.TEMPO_HCHO_L3_NRT_V02_20250913T16") for each in point["scenes"]]
    assert layer["near_real_time"] is True
    assert "In near real time where the standard product is not there yet" in layer["legend"]["note"]
    assert head["x-tilewatch-near-real-time"] == "1"
    assert fresh[STANDARD]["near_real_time"] == ["2025-09-13T16", "2025-09-13T17"]
    assert fresh[STANDARD]["says"].endswith("In near real time: 2, the newest of 2025-09-13T17.")
    assert fresh[EARLY]["superseded_by"] == STANDARD

    publish(STANDARD, "16")
    assert (await ingest(STANDARD))["landed"] == 1
    point, layer, head, fresh = await told("16")
    assert point["value"] == pytest.approx(2 * NUMBER * 1e12, rel=1e-6)
    assert len(point["scenes"]) == 1
    assert not {"near_real_time"} & {*point, *layer}
    assert "x-tilewatch-near-real-time" not in head
    assert fresh[STANDARD]["near_real_time"] == ["2025-09-13T17"]
    (item,) = (folder / f"store/collections/{STANDARD}/scenes").glob("TEMPO_HCHO_L3_V04*/*/item.json")
    (link,) = [each for each in json.loads(item.read_text())["links"] if each["rel"] == "predecessor-version"]
    (origin,) = (folder / f"store/collections/{EARLY}/scenes").glob("*T160435Z*/*/item.json")
    assert (item.parent / link["href"]).resolve() == origin  # nothing is lost: its own collection keeps it

    # published late, after the standard scan of the same time: not shown
    result = await ingest(EARLY)
    assert (result["landed"], result["landed_already"]) == (0, 2)
    assert (await told("16"))[0]["value"] == pytest.approx(2 * NUMBER * 1e12, rel=1e-6)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_published_again_in_near_real_time_takes_its_own_place(publish, ingest, told):
    publish(EARLY, "17", factor=3.0, revised="2025-09-14T02:00:00Z")
    assert (await ingest(EARLY))["landed"] == 1
    point = (await told("17"))[0]
    assert (point["value"], len(point["scenes"])) == (pytest.approx(3 * NUMBER * 1e12, rel=1e-6), 1)
    publish(STANDARD, "17")
    assert (await ingest(STANDARD))["landed"] == 1
    publish(STANDARD, "17", factor=4.0, revised="2025-09-14T04:00:00Z")
    assert (await ingest(STANDARD))["landed"] == 1
    point = (await told("17"))[0]
    assert (point["value"], len(point["scenes"])) == (pytest.approx(4 * NUMBER * 1e12, rel=1e-6), 1)
    assert "near_real_time" not in point


@pytest.mark.asyncio(loop_scope="module")
async def test_a_scan_of_ones_own_ends_what_stands_in_for_it(publish, ingest, told, folder, tmp_path):
    publish(EARLY, "18")
    assert (await ingest(EARLY))["landed"] == 1
    assert (await told("18"))[0]["near_real_time"] is True
    write_geotiff(
        tmp_path / "own.tif",
        np.full((125, 200), 7e15),
        transform=Affine(0.02, 0, -77.5, 0, -0.02, 41),
        crs="EPSG:4326",
        nodata=-1e30,
    )
    words = ("land", STANDARD, str(tmp_path / "own.tif"), "--bands", "hcho")
    when = ("--datetime", "2025-09-13T18:04:35Z/2025-09-13T19:04:00Z")
    where = ("--storage", (folder / "store").as_uri())
    done = await asyncio.to_thread(CliRunner().invoke, main, (*words, *when, *where))
    assert done.exit_code == 0, done.output
    assert "1 in near real time gone; the standard product is there." in done.output
    point = (await told("18"))[0]
    assert (point["value"], point["scenes"]) == (7e15, ["own"])
    assert "near_real_time" not in point


def record(scene, start, end, box=(0, 0, 10, 10)):
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    begins = parse_instant(f"2025-09-13T{start}Z")
    return SceneRecord(
        id=scene,
        item_key=f"{scene}/item.json",
        start=begins,
        end=parse_instant(f"2025-09-13T{end}Z"),
        period=Period.containing(begins, Cadence.HOUR),
        cloud_cover_percent=None,
        footprint={"type": "Polygon", "coordinates": [ring]},
        synthetic=False,
        resolution_m=2200.0,
    )


@pytest.mark.parametrize(
    ("start", "end", "box", "expected"),
    [
        ("16:04:35", "17:04:35", (0, 0, 10, 10), True),
        ("16:34:35", "17:34:35", (0, 0, 10, 10), True),  # half an hour of one is common
        ("16:34:36", "17:34:36", (0, 0, 10, 10), False),
        ("17:04:35", "18:04:35", (0, 0, 10, 10), False),  # the scan after it
        ("16:04:35", "17:04:35", (0, 0, 10, 9), True),
        ("16:04:35", "17:04:35", (0, 0, 10, 8.9), False),  # does not cover nine tenths of it
        ("16:04:35", "17:04:35", (-50, -50, 50, 50), True),
    ],
)
def test_a_standard_scan_takes_the_place_of_one_of_its_time_and_place(start, end, box, expected):
    early = record("early", "16:04:35", "17:04:35")
    standard = record("standard", start, end, box)
    assert is_replaced(early, standard) is expected
    assert awaiting([early], [standard]) == ([] if expected else [early])


def test_near_real_time_has_the_bands_of_what_takes_its_place_and_version_3_has_no_successor():
    collections = load_collections()
    successors = {name: each.superseded_by for name, each in collections.items() if each.superseded_by}
    assert successors == {f"tempo-{gas}-nrt": f"tempo-{gas}" for gas in ("no2", "hcho", "cldo4")}
    for early, standard in successors.items():
        bands = [
            [
                (band.name, band.dtype, band.unit, band.categorical)
                for band in collections[name].collection.bands
            ]
            for name in (early, standard)
        ]
        assert bands[0] == bands[1]
