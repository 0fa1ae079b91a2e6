"""TEMPO scans from the played archive to tile, point and statistics: ingested by the command, then served.

Of the SYNTHETIC scan the numbers are those of `tests.ingest.synthetic_scans`; of the real one those that NASA
gives of it in a CSV of its own, and that stand beside the data.
"""

import csv
import json
from io import BytesIO

import numpy as np
import pytest
import rasterio
from morecantile import tms as matrix_sets
from shapely.geometry import box, mapping

from app.jobs.job import JobRequestError
from app.jobs.sources import usual_box
from app.settings import Settings
from mosaics.descriptions.sources import load_sources
from tests.ingest.archives.commands import lonlats_of, run_played
from tests.ingest.archives.harmony.playing import TOKEN, Harmony
from tests.ingest.archives.server import ArchiveServer
from tests.ingest.synthetic_scans import write_scan
from tests.real_scenes.conftest import serving

NAME = "TEMPO_HCHO_L3_V04_20250913T160435Z_S006.nc"
REAL = "TEMPO_HCHO_L3_V04_20250912T210435Z_S012.nc"
VARIABLES = ",".join(
    name.replace("/", "%2F")
    for name in (
        "product/vertical_column",
        "product/main_data_quality_flag",
        "support_data/eff_cloud_fraction",
        "geolocation/solar_zenith_angle",
        "product/vertical_column_uncertainty",
    )
)
SOUTH_WEST = 1225 * 10_000 + 4525
"""The number of the cell in the south-west of the synthetic part, which is missing."""


@pytest.fixture(scope="module")
def harmony():
    with ArchiveServer() as server, ArchiveServer() as store:
        yield Harmony(server, store, ("C3685897141-LARC_CLOUD", "TEMPO_HCHO_L3", "V04"), VARIABLES)


def ingest(harmony, folder, bbox, when, *words):
    """Runs `tilewatch ingest tempo-hcho` with the shipped source; the result is the last line of `--json`."""
    url, box = harmony.server.url, [] if bbox is None else [f"--bbox={bbox}"]
    asked = ["ingest", "tempo-hcho", *box, "--datetime", when, *words]
    return run_played(folder, "tempo-hcho", url, TOKEN, *asked, api=f"{url}/search", harmony=url)


@pytest.fixture(scope="module")
def store(harmony, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tempo")
    part = write_scan(tmp_path_factory.mktemp("scan") / NAME).read_bytes()
    where = ("-77.5,38.5,-73.5,41", "2025-09-13")
    harmony.states = ["successful"]
    harmony.publish(NAME, b"\x89HDF\r\n\x1a\n of an earlier production", granule_id="G1-LARC_CLOUD")
    harmony.has_data = False
    empty = ingest(harmony, folder, *where, "--clip")
    assert (empty["status"], empty["landed"], empty["failures"]) == ("done", 0, {})
    assert list(empty["empty"]) == [NAME.removesuffix(".nc")]
    # published again: another production of the same granule
    harmony.has_data, harmony.states = True, ["complete_with_errors"]
    harmony.publish(NAME, part, granule_id="G1-LARC_CLOUD", revised="2025-09-14T01:00:00Z")
    result = ingest(harmony, folder, *where)  # of scans the box is cut out by default
    assert (result["landed"], result["failures"], result["empty"]) == (1, {}, {})
    assert result["partial"] == {
        NAME.removesuffix(".nc"): "partial, as Harmony says: WorkItem failed: error text"
    }
    assert result["newest_revision"] == "2025-09-14T01:00:00Z"
    # the same box of the settings, which is cut out without a word
    with pytest.MonkeyPatch.context() as environment:
        for side, edge in {"WEST": "-77.5", "SOUTH": "38.5", "EAST": "-73.5", "NORTH": "41"}.items():
            environment.setenv(f"TEMPO_BBOX_{side}", edge)
        again = ingest(harmony, folder, None, "2025-09-13")
    assert (again["landed"], again["landed_already"], again["fetched_bytes"]) == (0, 1, 0)
    assert [asked["subset"] for asked in harmony.orders()] == [["lat(38.5:41)", "lon(-77.5:-73.5)"]] * 2
    return folder


@pytest.fixture
async def client(store):
    async with serving((store / "store").as_uri()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("source", "edges", "said"),
    [
        ("tempo-no2", {}, "no box: give one, or set TEMPO_BBOX_WEST, TEMPO_BBOX_SOUTH"),
        ("tempo-no2", {"WEST": -77.5, "SOUTH": 38.5, "EAST": -73.5}, "or set TEMPO_BBOX_NORTH; a part"),
        ("black-marble-daily", {}, "no box: give one, which says in degrees what part of black-marble-daily"),
    ],
)
def test_a_source_without_a_box_says_how_to_give_one(source, edges, said):
    settings = Settings().model_copy(
        update={f"tempo_bbox_{side.lower()}": edge for side, edge in edges.items()}
    )
    with pytest.raises(JobRequestError, match=said):
        usual_box(load_sources()[source], settings)


@pytest.mark.parametrize(
    ("lon", "lat", "number"),
    [
        (-74.006, 40.7128, 1335 * 10_000 + 4699),  # New York
        (-73.501, 38.501, 1225 * 10_000 + 4724),  # the south-east, which would be the north-east unflipped
        (-77.419, 38.501, SOUTH_WEST + 4),  # near the western and the southern edge of a cell
        (-77.401, 38.519, SOUTH_WEST + 4),  # and the eastern and the northern one of the same
    ],
)
async def test_a_point_has_the_value_of_its_cell(client, lon, lat, number):
    answer = (await client.get(f"/products/hcho/point/{lon},{lat}?datetime=2025-09-13T16:04:35Z")).json()
    assert answer["value"] == pytest.approx(number * 1e12, rel=1e-6)
    assert (answer["unit"], answer["period"]) == ("molecules cm-2", "2025-09-13T16")


@pytest.mark.parametrize(
    ("column", "asked", "state", "reason"),
    [
        (0, "", "nodata", "No data: the scenes here have no value at this place."),
        (1, "", "masked", "Masked: retrieval flagged suspect or bad."),
        (2, "", "masked", "Masked: more than half clouded."),
        (2, "&cloud_max=0.8", "ok", None),
        (3, "", "masked", "Masked: sun lower than 10 degrees above the horizon."),
        (3, "&zenith_max=90", "ok", None),
    ],
)
async def test_a_cell_that_is_not_shown_says_why(client, column, asked, state, reason):
    place = f"{-77.5 + 0.02 * column + 0.01},38.51"
    answer = (await client.get(f"/products/hcho/point/{place}?datetime=2025-09-13T16{asked}")).json()
    assert (answer["state"], answer.get("reason")) == (state, reason)


async def test_the_first_six_cells_of_the_southernmost_row(client):
    """One is missing, three are masked, two are left."""
    outline = mapping(box(-77.5 + 1e-6, 38.5 + 1e-6, -77.38 - 1e-6, 38.52 - 1e-6))
    answer = await client.post("/products/hcho/statistics?datetime=2025-09-13T16", json=outline)
    (entry,) = answer.json()["properties"]["series"]
    assert entry["count"] == pytest.approx(2, rel=1e-3)
    assert entry["mean"] == pytest.approx((SOUTH_WEST + 4.5) * 1e12, rel=1e-6)
    assert entry["valid_fraction"] == pytest.approx(2 / 6, rel=1e-3)
    # what is missing was not removed
    assert {each["name"]: each["fraction"] for each in entry["removed"]} == {
        "retrieval flagged suspect or bad": pytest.approx(1 / 6, rel=1e-3),
        "more than half clouded": pytest.approx(1 / 6, rel=1e-3),
        "sun lower than 10 degrees above the horizon": pytest.approx(1 / 6, rel=1e-3),
    }


@pytest.mark.parametrize(
    ("asked", "removed"), [("&cloud_max=0.8", 0), ("&cloud_max=0.5", 1 / 6), ("&cloud_max=0.2", 3 / 6)]
)
async def test_a_bound_that_is_asked_for_removes_what_it_says(client, asked, removed):
    """Of the six cells one has 0.75 of clouds; the others have 0.25, of which two have values otherwise."""
    outline = mapping(box(-77.5 + 1e-6, 38.5 + 1e-6, -77.38 - 1e-6, 38.52 - 1e-6))
    answer = await client.post(f"/products/hcho/statistics?datetime=2025-09-13T16{asked}", json=outline)
    (entry,) = answer.json()["properties"]["series"]
    found = {each["name"]: each["fraction"] for each in entry["removed"]}
    (label,) = (name for name in found if "cloud" in name)
    # the cell with a low sun is clear, but falls to the rule of clouds, which comes first
    more = 1 / 6 if asked == "&cloud_max=0.2" else 0
    assert found[label] == pytest.approx(removed + more, abs=1e-4)


# The real formaldehyde of 2025-09-12, 21:04:35 to 22:04:16: 28 by 107 cells south of Lake Michigan.


@pytest.fixture(scope="module")
def table(shared_data):
    """NASA's CSV, by row from the north and column."""
    folder = shared_data / "nasa/tempo_l3_harmony_subset"
    with (folder / f"{REAL.removesuffix('.nc')}_subsetted.nc4-1_reformatted.csv").open() as file:
        rows = list(csv.DictReader(file))

    def plane(name):
        return np.array([float(row[name]) for row in rows]).reshape(28, 107)[::-1]

    return plane


@pytest.fixture(scope="module")
def item(harmony, store, shared_data):
    folder = shared_data / "nasa/tempo_l3_harmony_subset"
    content = (folder / f"{REAL.removesuffix('.nc')}_subsetted.nc4").read_bytes()
    harmony.states = ["accepted", "successful"]
    harmony.publish(REAL, content, granule_id="G2-LARC_CLOUD")
    result = ingest(harmony, store, "-86.78,41.2,-84.64,41.76", "2025-09-12")
    assert (result["landed"], result["failures"]) == (1, {})
    (found,) = (store / "store/collections/tempo-hcho/scenes").glob(
        f"{REAL.removesuffix('.nc')}-*/*/item.json"
    )
    return found


@pytest.fixture
async def real_client(store, item):
    async with serving((store / "store").as_uri()) as opened:
        yield opened


@pytest.mark.real_data
def test_what_landed(item, table):
    said = json.loads(item.read_text())["properties"]
    assert said["start_datetime"] == "2025-09-12T21:04:35Z"
    with rasterio.open(item.with_name("hcho.tif")) as dataset:
        pixels = dataset.read(1)
        assert tuple(dataset.transform)[:6] == (0.02, 0.0, -86.78, 0.0, -0.02, 41.76)
    assert np.array_equal(pixels, table("/product/vertical_column"))
    assert pixels.mean() == pytest.approx(4.628157386945321e15, rel=1e-12)
    assert (pixels.min(), pixels.max()) == (-2.7021658972419172e16, 3.234210102662234e16)
    with rasterio.open(item.with_name("quality.tif")) as dataset:
        assert np.unique(dataset.read(1), return_counts=True)[1].tolist() == [2920, 68, 8]


@pytest.mark.real_data
async def test_the_point_of_nasa_s_first_row(real_client):
    answer = (await real_client.get("/products/hcho/point/-86.77,41.21?datetime=2025-09-12T21")).json()
    assert answer["value"] == pytest.approx(-842143642194742.0, rel=1e-6)
    assert answer["state"] == "ok"  # below 0 is noise, and kept
    level = (await real_client.get("/products/hcho-level/point/-86.77,41.21?datetime=2025-09-12T21")).json()
    assert (level["class"], level["value"]) == ("below 0 molecules cm-2", answer["value"])


@pytest.mark.real_data
async def test_statistics_of_the_whole_part(real_client, table):
    column, kept = table("/product/vertical_column"), kept_of(table)
    outline = mapping(box(-86.78 + 1e-7, 41.2 + 1e-7, -84.64 - 1e-7, 41.76 - 1e-7))
    answer = await real_client.post("/products/hcho/statistics?datetime=2025-09-12T21", json=outline)
    (entry,) = answer.json()["properties"]["series"]
    assert entry["count"] == pytest.approx(kept.sum(), rel=1e-4)
    assert entry["mean"] == pytest.approx(column[kept].mean(), rel=1e-4)
    assert (entry["min"], entry["max"]) == pytest.approx((column[kept].min(), column[kept].max()), rel=1e-6)
    assert entry["min"] < 0
    flagged = next(each for each in entry["removed"] if "flagged" in each["name"])
    assert flagged["fraction"] == pytest.approx(76 / 2996, rel=0.01)  # by area, which is not quite by cells


@pytest.mark.real_data
async def test_a_tile_shows_each_cell_where_it_lies(real_client, table):
    column, kept = table("/product/vertical_column"), kept_of(table)
    zoom, side, seen = 10, 256, 0
    matrices = matrix_sets.get("WebMercatorQuad")
    tile = matrices.tile(-85.7, 41.5, zoom)
    answer = await real_client.get(f"/tiles/hcho/{zoom}/{tile.x}/{tile.y}.npy?datetime=2025-09-12T21")
    values, codes = np.load(BytesIO(answer.content))
    lons, lats = lonlats_of(matrices, tile, side)
    columns, rows = np.floor((lons + 86.78) * 50).astype(int), np.floor((41.76 - lats) * 50).astype(int)
    for y, row in enumerate(rows):
        for x, number in enumerate(columns):
            if 0 <= row < 28 and 0 <= number < 107:
                seen += 1
                assert (codes[y, x] == 255) == kept[row, number]
                if kept[row, number]:
                    assert values[y, x] == pytest.approx(column[row, number], rel=1e-6)
    assert seen > 10_000


def kept_of(table):
    flag, cloud = table("/product/main_data_quality_flag"), table("/support_data/eff_cloud_fraction")
    return (flag == 0) & (cloud <= 0.5) & (table("/geolocation/solar_zenith_angle") <= 80)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("cloud_max", "mean", "share"), [("1", 4.161033e15, 1.0), ("0.2", 4.479693e15, 0.972404)]
)
async def test_a_way_through_the_real_scan(real_client, cloud_max, mean, share):
    answer = await real_client.get(
        "/collections/tempo-hcho/trajectory",
        params={
            "coords": "LINESTRING(-86.70 41.30, -85.90 41.45, -85.00 41.60)",
            "datetime": "2025-09-12T21",
            "parameter-name": "hcho",
            "cloud_max": cloud_max,
        },
    )
    met = answer.json()["tilewatch:exposure"]
    assert (met["mean"], met["valid_share"]) == (
        pytest.approx(mean, rel=1e-6),
        pytest.approx(share, rel=1e-6),
    )
    assert (met["length_km"], met["pieces"]) == (pytest.approx(145.91030, rel=1e-7), 90)
    assert met["scans"][0]["start"] == "2025-09-12T21:04:35Z"
