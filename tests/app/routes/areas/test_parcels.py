"""Parcels: areas of that kind, what is known of them, and how they are found."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
import shapely

from app.areas.area_listing import Listing, Near, listing_statement
from app.areas.area_store import AreaSearch
from app.settings import Settings
from tests.app.areas.conftest import LOCAL, feature, square_at
from tests.app.conftest import serving
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(postgres: PostgresServer) -> str:
    """The address of the module's database."""
    postgres.start()
    return postgres.clone("tilewatch")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    two_months: str, database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application, who may write without a key."""
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(tmp_path_factory.mktemp("parcels"))
        settings = Settings(
            storage=two_months, database_url=database, render_threads=1, jobs=False, keyless_writes=True
        )
        async with serving(settings) as client:
            client.base_url = httpx.URL(LOCAL)
            yield client


async def register(
    client: httpx.AsyncClient, lon: float = 5.0, lat: float = 51.0, side: float = 0.001, **properties: Any
) -> int:
    """The id of a new parcel, a square by its south-west corner."""
    document = feature(square_at(lon, lat, side))
    document["properties"] |= {"kind": "parcel", "products": ["ndvi"]} | properties
    answer = await client.post("/areas", json=document)
    assert answer.status_code == 201, answer.text
    found: int = answer.json()["id"]
    return found


async def keep(database: str, area: int, value: float | None, period: str = "2024-06") -> None:
    """Keep an entry of a parcel, as refreshing series does."""
    connection = await asyncpg.connect(database)
    starts = datetime(int(period[:4]), int(period[5:]), 1, tzinfo=UTC)
    entry = json.dumps({"mean": value, "valid_fraction": 0.75, "status": "ok"})
    await connection.execute(
        "insert into area_statistics (area_id, product, period, starts, entry, inputs) "
        "values ($1, 'ndvi', $2, $3, $4, '')",
        *(area, period, starts, entry),
    )
    await connection.close()


async def test_a_parcel_has_its_properties_its_size_and_its_latest_value(
    client: httpx.AsyncClient, database: str
) -> None:
    given: dict[str, Any] = {
        "crop_type": "cocoa",
        "predicted_yield": 1.25,
        "owner_id": "coop",
        "soil": "loam",
    }
    area = await register(client, lat=0.0, side=0.01, **given)
    found = (await client.get(f"/areas/{area}")).json()["properties"]
    assert found | given | {"status": None, "latest": {}} == found
    # a square of 0.01 degrees at the equator, by GeographicLib's Planimeter: 1,230,907 m2
    assert found["area_ha"] == pytest.approx(123.0907, rel=1e-5)
    await keep(database, area, 0.5, "2024-05")
    await keep(database, area, 0.625)
    latest = {"ndvi": {"period": "2024-06", "value": 0.625, "valid_fraction": 0.75}}
    assert (await client.get(f"/areas/{area}")).json()["properties"]["latest"] == latest
    sent_back = {"properties": {"latest": {}, "area_ha": 1, "status": "harvested", "soil": None}}
    changed = (await client.patch(f"/areas/{area}", json=sent_back)).json()["properties"]
    assert (changed["latest"], changed["status"], "soil" in changed) == (latest, "harvested", False)


async def test_a_parcel_is_refused_what_none_can_have_and_other_areas_are_not(
    client: httpx.AsyncClient,
) -> None:
    for wrong in ({"crop_type": 3}, {"status": ""}, {"predicted_yield": "1"}, {"predicted_yield": -1}):
        document = feature(**wrong)
        district = await client.post("/areas", json=document)
        assert district.status_code == 201
        document["properties"]["kind"] = "parcel"
        refused = await client.post("/areas", json=document)
        assert (refused.status_code, f"properties.{next(iter(wrong))}" in refused.text) == (400, True)
        becoming = await client.patch(
            f"/areas/{district.json()['id']}", json={"properties": {"kind": "parcel"}}
        )
        assert becoming.status_code == 400
        same = (await client.get(f"/areas/{district.json()['id']}")).json()["properties"]
        assert same["kind"] is None


async def ids(client: httpx.AsyncClient, **asked: Any) -> list[int]:
    """The ids that a search finds, over all its pages."""
    found: list[int] = []
    answer = await client.get("/areas", params=asked)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [each["id"] for each in page["features"]]
        following = [each["href"] for each in page["links"] if each["rel"] == "next"]
        if not following:
            return found
        answer = await client.get(following[0])


async def test_parcels_are_sorted_and_bounded_by_their_latest_value_page_by_page(
    client: httpx.AsyncClient, database: str
) -> None:
    values = [0.3, None, 0.1, 0.3, None, 0.2]
    areas = [
        await register(client, crop_type=crop, owner_id="sorting")
        for crop in ("cocoa", "cocoa", "maize", "cocoa", "maize", "cocoa")
    ]
    for area, value in zip(areas, values, strict=True):
        if value is not None:
            await keep(database, area, value)
    a, b, c, d, e, f = areas
    of = {"owner_id": "sorting"}
    for limit in (1, 2, 3, 4, 100):
        assert await ids(client, sort="latest.ndvi", limit=limit, **of) == [c, f, a, d, b, e], limit
        assert await ids(client, sort="-latest.ndvi", limit=limit, **of) == [d, a, f, c, e, b], limit
        assert await ids(client, sort="-crop_type", limit=limit, **of) == [e, c, f, d, b, a], limit
    assert await ids(client, sort="-id", limit=4, **of) == areas[::-1]
    assert await ids(client, sort="name", limit=4, **of) == areas
    assert await ids(client, sort="updated_at", limit=4, **of) == areas
    assert await ids(client, limit=4, **of) == areas
    assert await ids(client, **of | {"latest.ndvi.lt": 0.3}) == [c, f]
    assert await ids(client, **of | {"latest.ndvi.lte": 0.3, "crop_type": "cocoa"}) == [a, d, f]
    assert await ids(client, **of | {"latest.ndvi.gt": 0.1, "latest.ndvi.value.lt": 0.3}) == [f]
    assert await ids(client, **of | {"latest.ndvi.valid_fraction.gte": 0.8}) == []

    first = (await client.get("/areas", params=of | {"sort": "latest.ndvi", "limit": 2})).json()
    following = first["links"][1]["href"]
    await client.delete(f"/areas/{f}")  # the one that the page ended with
    assert [each["id"] for each in (await client.get(following)).json()["features"]] == [a, d]


async def test_a_search_by_post_goes_on_where_its_link_says(client: httpx.AsyncClient) -> None:
    here = [await register(client, lon=20.0, crop_type="rice", status="sown") for _ in range(3)]
    await register(client, lon=21.0, crop_type="rice", status="sown")
    circle = shapely.Point(20.0, 51.0).buffer(0.5, quad_segs=2_000)  # 8,000 positions
    body = {"intersects": shapely.geometry.mapping(circle), "crop_type": "rice", "status": "sown", "limit": 2}
    first = (await client.post("/areas/search", json=body)).json()
    assert [each["id"] for each in first["features"]] == here[:2]
    following = first["links"][1]
    assert (following["rel"], following["method"]) == ("next", "POST")
    second = (await client.post("/areas/search", json=following["body"])).json()
    assert [each["id"] for each in second["features"]] == here[2:]
    assert [each["rel"] for each in second["links"]] == ["self"]


async def test_distances_are_those_on_the_ellipsoid_over_seams_and_poles(client: httpx.AsyncClient) -> None:
    """Distances are by GeographicLib (`pyproj.Geod.inv`), in metres."""
    at = {
        "east": await register(client, lon=179.9985, lat=-17.0, side=0.001),
        "west": await register(client, lon=-179.999, lat=-17.0, side=0.001),
        "north": await register(client, lon=120.0, lat=89.99, side=0.001),
        "wide": (await client.post("/areas", json=feature(square_at(40.0, 60.0, 20.0)))).json()["id"],
    }

    async def near(within_m: float, **place: Any) -> set[str]:
        found = await ids(client, within_m=within_m, **place)
        return {name for name, id_ in at.items() if id_ in found}

    # from (180, -17) to the eastern edge of "east", 0.0005 degrees: 53.243 m; to "west" 106.486 m
    assert await near(53.2, point="180,-17") == set()
    assert await near(53.3, point="180,-17") == {"east"}
    assert await near(106.6, point="-180,-17") == {"east", "west"}
    # between the two parcels, over the antimeridian: 159.729 m
    assert await near(159.6, area=at["east"]) == set()
    assert await near(159.8, area=at["east"]) == {"west"}
    # from the other side of the pole to its northern edge, at 89.991: 2122.186 m
    assert await near(2121.0, point="-60,89.99") == set()
    assert await near(2123.0, point="-60,89.99") == {"north"}
    # the southern edge of "wide" runs along 60 N, 1114.122 m from 59.99 N; a geodesic would pass 42 km north
    assert await near(10.0, point="50,60.0") == {"wide"}
    assert await near(1_000.0, point="50,59.99") == set()
    assert await near(1_200.0, point="50,59.99") == {"wide"}


async def test_what_is_near_is_asked_of_the_index(database: str) -> None:
    connection = await asyncpg.connect(database)
    listing = Listing(AreaSearch(None), near=Near(shapely.Point(5, 51), 500.0))
    statement, *values = listing_statement(listing, 0, None, 10)
    await connection.execute("set enable_seqscan = off")  # which so few rows would get
    plan = "\n".join(row[0] for row in await connection.fetch(f"explain {statement}", *values))
    await connection.close()
    assert "Index Scan using areas_globe" in plan or "Bitmap Index Scan on areas_globe" in plan, plan


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("within_m=5", 400, "needs a place beside it"),
        ("point=5,51", 400, "needs a place beside it"),
        ("within_m=5&point=5,51&area=1", 400, "either point or area"),
        ("within_m=5&point=5", 400, "two numbers"),
        ("within_m=5&point=5,91", 400, "latitude 91"),
        ("within_m=-1&point=5,51", 400, "0 to 100,000"),
        ("within_m=nan&point=5,51", 400, "0 to 100,000"),
        ("within_m=5&area=987654321", 404, "no area 987654321"),
        ("latest.ndvi.lt=low", 400, "must be a number"),
        ("latest.ndvi.lt=nan", 400, "must be a number"),
        ("latest.ndvi.eq=1", 400, "latest.ndvi.lt"),
        ("latest.ndvx.lt=1", 404, "did you mean ndvi"),
        ("latest.ndvi.lt=1&latest.ndvi.lt=2", 400, "more than once"),
        ("sort=latest.ndvx", 404, "did you mean ndvi"),
        ("sort=size", 400, "there are: crop_type, id"),
        ("sort=name&token=WzEsMV0", 400, "token is not valid here"),  # [1,1]: a number is not a name
        ("token=%00", 400, "token is not valid here"),
        ("latst=1", 400, "'latst' is not a query parameter"),
    ],
)
async def test_what_a_search_does_not_understand_is_refused(
    client: httpx.AsyncClient, query: str, status: int, says: str
) -> None:
    answer = await client.get(f"/areas?{query}")
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


async def test_parcels_have_addresses_of_their_own(client: httpx.AsyncClient) -> None:
    made = await client.post("/parcels", json=feature(square_at(30.0, 10.0), products=["ndvi"]))
    assert (made.status_code, made.json()["properties"]["kind"]) == (201, "parcel")
    parcel = made.json()["id"]
    district = (await client.post("/areas", json=feature(square_at(30.0, 10.0)))).json()["id"]
    here = {"bbox": "29,9,31,11"}
    assert [each["id"] for each in (await client.get("/parcels", params=here)).json()["features"]] == [parcel]
    posted = await client.post("/parcels/search", json={"bbox": [29, 9, 31, 11]})
    assert [each["id"] for each in posted.json()["features"]] == [parcel]
    assert (await client.get("/parcels?kind=district")).status_code == 400
    assert (await client.get(f"/parcels/{parcel}")).json() == (await client.get(f"/areas/{parcel}")).json()
    assert (await client.get(f"/parcels/{district}")).status_code == 404
    for kept in ("timeseries", "trend"):
        ours, theirs = [await client.get(f"/{kind}/{parcel}/{kept}") for kind in ("parcels", "areas")]
        assert (ours.status_code, ours.content) == (200, theirs.content)
        assert (await client.get(f"/parcels/{parcel}/{kept}?cloud=1")).status_code == 400
        assert (await client.get(f"/parcels/{district}/{kept}?product=ndvi")).status_code == 404
    replaced = await client.put(f"/parcels/{parcel}", json=feature(crop_type="rice"))
    assert (
        replaced.json()["properties"] | {"kind": "parcel", "crop_type": "rice"}
        == replaced.json()["properties"]
    )
    sown = await client.patch(f"/parcels/{parcel}", json={"properties": {"status": "sown"}})
    assert sown.json()["properties"]["status"] == "sown"
    document = feature()
    document["properties"]["kind"] = "district"
    assert (await client.post("/parcels", json=document)).status_code == 400
    assert (await client.delete(f"/parcels/{parcel}")).status_code == 204


async def test_bands_of_sentinel_2_have_a_short_address(client: httpx.AsyncClient) -> None:
    place, long = "14/8430/5463.png", "/collections/sentinel-2-l2a/tiles/WebMercatorQuad"
    for given, band in (("B04", "red"), ("b08", "nir"), ("green", "green")):
        short, whole = [
            await client.get(path)
            for path in (f"/tiles/sentinel/{given}/{place}", f"{long}/{place}?bands={band}")
        ]
        assert (short.status_code, short.content, short.headers["etag"]) == (
            200,
            whole.content,
            whole.headers["etag"],
        )
    asked = "datetime=2024-05&rescale=0,0.2&colormap=viridis&tilesize=512"
    short = await client.get(f"/tiles/sentinel/B04/{place}?{asked}")
    assert short.content == (await client.get(f"{long}/{place}?bands=red&{asked}")).content
    absent = await client.get(f"/tiles/sentinel/B13/{place}")
    assert (absent.status_code, "red" in absent.text) == (400, True)
    assert (await client.get(f"/tiles/sentinel/B04/{place}?bands=nir")).status_code == 400
