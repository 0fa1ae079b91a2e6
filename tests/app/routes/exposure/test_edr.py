"""EDR: coverages along a way and to both sides of it, valid CoverageJSON whose numbers are known."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
import shapely
from covjson_pydantic.coverage import Coverage, CoverageCollection
from pyproj import Geod

from app.exposure.corridor import widened
from app.exposure.line import Line, LineError
from app.settings import Settings
from mosaics.ellipsoid import polygon_area_m2
from mosaics.storage import open_storage
from tests.app.conftest import serving
from tests.app.exposure.scans import CELL, LEFT, TOP, land_scan

NAN = float("nan")
LAT = TOP - CELL / 2
HCHO = {"parameter-name": "hcho"}
NOON = 1_720_026_000  # 2024-07-03T17:00:00Z


def coords(*columns: float, kind: str = "LINESTRING", moments: Any = ()) -> str:
    """A way along the first row of cells."""
    times = [f" {moment}" for moment in moments] or [""] * len(columns)
    places = [f"{LEFT + CELL * x:.6f} {LAT}{time}" for x, time in zip(columns, times, strict=True)]
    return f"{kind}({', '.join(places)})"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application over two scans; it needs no database."""
    folder = tmp_path_factory.mktemp("edr")
    address = (folder / "store").as_uri()
    async with await open_storage(address) as storage:
        await land_scan(storage, folder, 17, [[2, 2, 2, 10], [3, 3, 3, 3]], cloud=[[0, 0, 0.4, 0], [0] * 4])
        await land_scan(storage, folder, 18, [[6, -6, NAN, NAN], [4, 4, 4, 4]])
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)
        async with serving(Settings(storage=address, render_threads=1, refresh_s=0.05)) as opened:
            yield opened


async def coverage(client: httpx.AsyncClient, query: str = "trajectory", **asked: Any) -> Any:
    """A coverage that covjson-pydantic takes, which refuses what does not belong to a domain."""
    answer = await client.get(f"/collections/tempo-hcho/{query}", params=HCHO | asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.cov+json"
    document = answer.json()
    if document["type"] == "Coverage":
        Coverage.model_validate(document)
    else:
        CoverageCollection.model_validate(document)
    return document


def values_of(document: Any, name: str = "hcho") -> Any:
    return document["ranges"][name]["values"]


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_way_without_times_is_a_multipoint(client: httpx.AsyncClient) -> None:
    found = await coverage(client, coords=coords(0, 1.5, 4), datetime="2024-07-03T18")
    domain = found["domain"]
    assert (domain["domainType"], domain["axes"]["t"]) == ("MultiPoint", {"values": ["2024-07-03T18:00:00Z"]})
    assert domain["axes"]["composite"]["coordinates"] == ["x", "y"]
    assert values_of(found) == [6e15, -6e15, -6e15, None, None]
    assert found["ranges"]["hcho"]["shape"] == [5]
    places = domain["axes"]["composite"]["values"]
    assert [x for x, _ in places] == pytest.approx([LEFT + CELL * c for c in (0.5, 1.25, 1.75, 2.5, 3.5)])
    assert sum(values_of(found, "length")) == pytest.approx(
        Line.read({"type": "LineString", "coordinates": [[LEFT, LAT], [LEFT + 4 * CELL, LAT]]}).length_m
    )
    assert found["tilewatch:exposure"]["mean"] == pytest.approx(0, abs=1e9)
    assert "cloud" in found["parameters"]["hcho"]["description"]["en"]


async def test_a_way_with_times_is_a_trajectory_through_the_scans(client: httpx.AsyncClient) -> None:
    moments = [NOON + 1800, NOON + 3000, NOON + 4200, NOON + 7800]
    way = coords(0, 1, 2, 3, kind="LINESTRINGM", moments=moments)
    found = await coverage(client, coords=way)
    axes = found["domain"]["axes"]
    assert (found["domain"]["domainType"], list(axes)) == ("Trajectory", ["composite"])
    assert [place[0] for place in axes["composite"]["values"]] == [
        "2024-07-03T17:40:00Z",
        "2024-07-03T18:00:00Z",
        "2024-07-03T18:40:00Z",
    ]
    assert values_of(found) == [2e15, -6e15, None]
    late = coords(0, 1, kind="LINESTRINGZM", moments=[f"100 {NOON + 90_000}", f"90 {NOON + 90_060.5}"])
    none = await coverage(client, coords=late)
    assert values_of(none) == [None]
    assert none["tilewatch:exposure"]["reason"] == "100 % of the length lies at moments outside every scan."
    assert none["domain"]["axes"]["composite"]["values"][0][0] == "2024-07-04T18:00:30.250Z"


async def test_periods_and_parameters_are_coverages_of_a_collection(client: httpx.AsyncClient) -> None:
    asked = {"coords": coords(0, 1, 2), "datetime": "2024-07-03T17/2024-07-03T18"}
    found = await coverage(client, **asked, **{"parameter-name": "hcho,cloud_fraction"})
    assert found["type"] == "CoverageCollection"
    told = [
        (
            next(iter(each["ranges"])),
            each["domain"]["axes"]["t"]["values"][0],
            next(iter(each["ranges"].values()))["values"],
        )
        for each in found["coverages"]
    ]
    assert told == [
        ("hcho", "2024-07-03T17:00:00Z", [2e15, 2e15]),
        ("hcho", "2024-07-03T18:00:00Z", [6e15, -6e15]),
        ("cloud_fraction", "2024-07-03T17:00:00Z", [0, 0]),
        ("cloud_fraction", "2024-07-03T18:00:00Z", [0, 0]),
    ]


async def test_the_rules_of_masks_can_be_chosen(client: httpx.AsyncClient) -> None:
    asked = {"coords": coords(0, 1, 4), "datetime": "2024-07-03T17"}
    assert values_of(await coverage(client, **asked)) == [2e15, 2e15, 2e15, 1e16]
    clear = await coverage(client, **asked, cloud_max="0.3")
    assert values_of(clear) == [2e15, 2e15, None, 1e16]
    assert clear["tilewatch:exposure"]["parameters"]["cloud_max"] == 0.3
    posted = await client.post(
        "/collections/tempo-hcho/trajectory",
        json={**asked, "cloud_max": 0.3, "parameter-name": ["hcho"]},
    )
    assert values_of(posted.json()) == values_of(clear)
    every = await client.get("/collections/tempo-hcho/trajectory", params=asked)
    assert [next(iter(each["ranges"])) for each in every.json()["coverages"]] == ["hcho", "hcho-level"]


async def test_a_line_between_two_points_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.get("/collections/tempo-hcho/trajectory", params=HCHO | {"coords": coords(0, 2)})
    assert answer.headers["X-Tilewatch-Geometry-Source"] == "straight-line"
    assert answer.json()["tilewatch:geometry_source"] == "straight-line"
    assert (await coverage(client, coords=coords(0, 1, 2)))["tilewatch:geometry_source"] == "given"


async def test_the_media_type_is_the_one_asked_for(client: httpx.AsyncClient) -> None:
    of_edr = "application/prs.coverage+json"
    for accepted, told in ((of_edr, of_edr), ("*/*", "application/vnd.cov+json")):
        asked = {"params": HCHO | {"coords": coords(0, 1, 2)}, "headers": {"Accept": accepted}}
        answer = await client.get("/collections/tempo-hcho/trajectory", **asked)  # type: ignore[arg-type]
        assert answer.headers["content-type"] == told


async def test_a_table_has_the_same_values(client: httpx.AsyncClient) -> None:
    asked = {"coords": coords(0, 1, 4), "datetime": "2024-07-03T18", "f": "CSV", **HCHO}
    answer = await client.get("/collections/tempo-hcho/trajectory", params=asked)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["value"] for row in rows] == ["6000000000000000.0", "-6000000000000000.0", "", ""]
    assert [row["state"] for row in rows] == ["ok", "ok", "nodata", "nodata"]
    assert {row["parameter"] for row in rows} == {"hcho"}


async def test_a_corridor_has_the_cells_within_it(client: httpx.AsyncClient) -> None:
    # the first two cells of the first row, and a hundred metres of the row below
    metres = CELL * 111_058
    asked = {
        "coords": coords(0.2, 1.8),
        "datetime": "2024-07-03T17",
        "corridor-width": f"{metres + 200:.1f}",
        "width-units": "m",
    }
    found = await coverage(client, "corridor", **asked)
    assert found["domain"]["domainType"] == "MultiPoint"
    cells = {
        tuple(np.round(place, 4)): (value, covered)
        for place, value, covered in zip(
            found["domain"]["axes"]["composite"]["values"],
            values_of(found),
            values_of(found, "covered"),
            strict=True,
        )
    }
    here = (round(LEFT + CELL / 2, 4), round(LAT, 4))
    below = (here[0] + CELL, round(LAT - CELL, 4))
    assert cells[here][0] == 2e15
    assert cells[round(below[0], 4), below[1]][0] == 3e15
    assert cells[round(below[0], 4), below[1]][1] == pytest.approx(100 / metres, rel=0.05)
    km = {**asked, "corridor-width": f"{(metres + 200) / 1000:.4f}", "width-units": "km"}
    high = {"corridor-height": "10", "height-units": "m"}
    assert values_of(await coverage(client, "corridor", **km, **high)) == values_of(found)
    table = await client.get("/collections/tempo-hcho/corridor", params={**HCHO, **asked, "f": "CSV"})
    assert len(list(csv.DictReader(io.StringIO(table.text)))) == len(cells)


@pytest.mark.parametrize(
    ("query", "asked", "said"),
    [
        ("trajectory", {}, "coords is missing"),
        ("trajectory", {"coords": "POINT(0 1)"}, "not a line of well-known text"),
        ("trajectory", {"coords": coords(0, 1), "z": "850"}, "'z' is not a query parameter"),
        ("trajectory", {"coords": coords(0, 1), "crs": "EPSG:4326"}, "there is: CRS84"),
        ("trajectory", {"coords": coords(0, 1), "f": "NetCDF"}, "there are: CoverageJSON, CSV"),
        (
            "trajectory",
            {"coords": coords(0, 1), "parameter-name": "pm25"},
            "there are: hcho, hcho-level, quality",
        ),
        ("trajectory", {"coords": coords(0, 1), "cloud_max": "2"}, "from 0 to 1"),
        (
            "trajectory",
            {"coords": coords(0, 1, kind="LINESTRINGM", moments=[1, 2]), "datetime": "2024-07-03T17"},
            "give one of them",
        ),
        ("trajectory", {"coords": coords(0, 1, kind="LINESTRINGM", moments=[2, 1])}, "do not fall"),
        ("corridor", {"coords": coords(0, 1)}, "corridor-width is missing"),
        ("corridor", {"coords": coords(0, 1), "corridor-width": "5"}, "width-units must be one of m, km"),
        (
            "corridor",
            {"coords": coords(0, 1), "corridor-width": "5", "width-units": "miles"},
            "width-units must be one of m, km",
        ),
        (
            "corridor",
            {"coords": coords(0, 1), "corridor-width": "1e9", "width-units": "m"},
            "from 1 m to 200 km",
        ),
        (
            "corridor",
            {
                "coords": coords(0, 1, kind="LINESTRINGM", moments=[1, 2]),
                "corridor-width": "5",
                "width-units": "km",
            },
            "takes one time",
        ),
    ],
)
async def test_what_is_not_a_query_is_refused(
    client: httpx.AsyncClient, query: str, asked: dict[str, str], said: str
) -> None:
    answer = await client.get(f"/collections/tempo-hcho/{query}", params=asked)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["detail"]


async def test_other_collections_and_times_are_not_found(client: httpx.AsyncClient) -> None:
    asked = {"coords": coords(0, 1)}
    assert (await client.get("/collections/none/trajectory", params=asked)).status_code == 404
    empty = {**asked, "datetime": "2020-01"}
    assert (await client.get("/collections/tempo-hcho/trajectory", params=empty)).status_code == 404
    body = {**asked, "depth": 5}
    refused = await client.post("/collections/tempo-hcho/trajectory", json=body)
    assert "'depth' is not a member" in refused.json()["detail"]


async def test_collections_say_what_can_be_asked(client: httpx.AsyncClient) -> None:
    (described,) = (await client.get("/collections")).json()["collections"]
    assert set(described["data_queries"]) == {"trajectory", "corridor"}
    for query in described["data_queries"].values():
        assert query["link"]["variables"]["output_formats"] == ["CoverageJSON", "CSV"]
        assert query["link"]["href"].startswith("http://tilewatch.test/collections/tempo-hcho/")
    assert {link["href"] for link in described["links"] if link["rel"] == "data"} == {
        query["link"]["href"] for query in described["data_queries"].values()
    }
    assert all({"rel", "type", "href"} <= link.keys() for link in described["links"])
    assert described["extent"]["spatial"]["crs"] == "CRS84"
    assert described["extent"]["temporal"]["trs"].endswith("Gregorian")
    assert described["data_queries"]["corridor"]["link"]["variables"]["width_units"] == ["m", "km"]
    assert (described["crs"], described["output_formats"]) == (["CRS84"], ["CoverageJSON", "CSV"])
    hcho = described["parameter_names"]["hcho"]
    assert (hcho["type"], hcho["unit"]["symbol"]) == ("Parameter", "molecules cm-2")
    assert set(hcho["observedProperty"]) == {"id", "label"}
    assert "uncertainty" not in described["parameter_names"]  # the files have no such band


async def test_the_landing_page_leads_to_what_is_declared(client: httpx.AsyncClient) -> None:
    landing = (await client.get("/", headers={"Accept": "application/json"})).json()
    assert landing == (await client.get("/?f=json")).json()
    links = {link["rel"]: link["href"] for link in landing["links"]}
    declared = (await client.get(links["conformance"])).json()["conformsTo"]
    assert declared == [
        f"http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/{name}"
        for name in ("core", "collections", "json", "covjson")
    ]
    assert (await client.get(links["service-desc"])).json()["openapi"].startswith("3.1")
    assert (await client.get(links["data"])).status_code == 200
    browser = await client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*"})
    assert browser.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("places", [[(0, 0), (0.5, 0)], [(10, 60), (11, 61)], [(179.9, -40), (-179.9, -40)]])
async def test_a_corridor_is_as_wide_as_asked(places: Any) -> None:
    line = Line.read({"type": "LineString", "coordinates": [list(place) for place in places]})
    polygon = widened(line, 10_000)
    # a rectangle along the line, and half a circle at both ends
    expected = line.length_m * 10_000 + np.pi * 5_000**2
    assert polygon_area_m2(polygon) == pytest.approx(expected, rel=2e-3)
    lon, lat = places[0]
    for bearing in (0, 90, 200):
        east, north, _ = Geod(ellps="WGS84").fwd(lon, lat, bearing, 4_990)
        assert polygon.intersects(shapely.Point(east, north))


async def test_a_corridor_around_a_pole_or_of_too_many_edges_is_refused() -> None:
    pole = Line.read({"type": "LineString", "coordinates": [[0, 89.99], [180, 89.99]]})
    many = Line.read({"type": "LineString", "coordinates": [[x / 1000, 0] for x in range(3_000)]})
    with pytest.raises(LineError):
        widened(pole, 50_000)
    with pytest.raises(LineError, match="2,000 segments"):
        widened(many, 50_000)
