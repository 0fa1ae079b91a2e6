"""Regions over HTTP where no database tells of refreshes, and who may ask for one."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from app.keys import Scope, new_key
from app.settings import Settings
from tests.app.regions.conftest import speaking_to

SIERRA = {"name": "sierra", "bbox": [-120.5, 38.5, -119.5, 39.5], "zoom_min": 0, "zoom_max": 2}
VALLEY = {"name": "valley", "bbox": [-120.2, 39.0, -119.9, 39.2], "fire_mask": "fire-zones"}
COAST = {"name": "coast", "bbox": [-123.5, 38.0, -122.3, 39.4]}


async def test_without_a_database_regions_are_told_from_the_file(settings, write_regions):
    path = write_regions(SIERRA, VALLEY, COAST, {"name": "bad", "bbox": [0, 0, 0, 0]})
    async with speaking_to(settings.model_copy(update={"regions": path})) as client:
        document = (await client.get("/regions")).json()
        assert (document["configured"], document["current"]) == (True, True)
        assert [region["region_name"] for region in document["regions"]] == ["sierra", "valley", "coast"]
        assert [(each["line"], each["region"]) for each in document["problems"]] == [(1, "bad")]
        sierra = (await client.get("/regions/sierra")).json()
        assert (sierra["last_status"], sierra["age_days"], sierra["disk_usage_mb"]) == ("unknown", None, None)
        assert (sierra["tile_count"], sierra["runs"], sierra["due"]) == (3, [], None)
        # 1 degree of 111.195 km, times 2 R sin 0.5 cos 39 = 86.4 km
        assert sierra["area_km2"] == pytest.approx(111.195 * 86.414, rel=1e-3)
        assert sierra["tile_url_template"] == "http://127.0.0.1:8000/tiles/dnbr/{z}/{x}/{y}.png"
        assert (await client.get("/meta/valley.json")).json()["region_name"] == "valley"
        assert len((await client.get("/meta/index.json")).json()) == 3

        inside = (await client.get("/regions", params={"point": "-120.0,39.1"})).json()["regions"]
        assert [region["region_name"] for region in inside] == ["valley", "sierra"]
        assert (await client.get("/regions?point=0,0")).json()["regions"] == []
        refused = await client.get("/regions?point=somewhere")
        assert (refused.status_code, refused.json()["detail"]) == (
            400,
            "point 'somewhere' is not valid; give lon,lat in degrees",
        )

        coverage = (await client.get("/coverage")).json()
        assert [feature["id"] for feature in coverage["features"]] == ["sierra", "valley", "coast"]
        first = coverage["features"][0]
        assert first["bbox"] == SIERRA["bbox"]
        assert min(map(tuple, first["geometry"]["coordinates"][0])) == (-120.5, 38.5)
        assert first["properties"]["covered_fraction"] is None

        unknown = await client.get("/regions/siera")
        assert unknown.status_code == 404
        assert unknown.json()["detail"] == "no region 'siera'; there are: sierra, valley, coast"
        bad = (await client.get("/meta/bad.json")).json()["detail"]
        assert "describes it wrongly, line 1, region 'bad': bbox: 0,0,0,0 is not a valid box" in bad
        refresh = await client.post("/regions/sierra/refresh")
        assert refresh.status_code == 503
        assert "refreshes of regions" in refresh.json()["detail"]


async def test_a_changed_file_is_followed_without_a_restart(settings, write_regions):
    path = write_regions(SIERRA)
    async with speaking_to(settings.model_copy(update={"regions": path})) as client:

        async def names() -> tuple[list[str], bool]:
            document = (await client.get("/regions")).json()
            return [region["region_name"] for region in document["regions"]], document["current"]

        assert await names() == (["sierra"], True)
        write_regions(COAST, SIERRA)
        assert await names() == (["coast", "sierra"], True)
        write_regions(text="[{")
        assert await names() == (["coast", "sierra"], False)
        (problem,) = (await client.get("/regions")).json()["problems"]
        assert problem["message"].startswith("it is not valid JSON: ")
        path.unlink()
        assert await names() == (["coast", "sierra"], False)


async def test_without_a_file_there_are_no_regions(settings):
    async with speaking_to(settings) as client:
        document = (await client.get("/regions")).json()
        assert document == {"configured": False, "current": True, "regions": [], "problems": []}
        assert (await client.get("/coverage")).json() == {"type": "FeatureCollection", "features": []}


async def test_only_who_administers_refreshes(settings, write_regions):
    entries = {scope: new_key(scope.name.lower(), scope) for scope in (Scope.WRITE, Scope.ADMIN)}
    keys = {"regions": write_regions(SIERRA), "api_keys": tuple(entry for _, entry in entries.values())}
    async with speaking_to(settings.model_copy(update=keys)) as client:

        async def status(**headers: str) -> int:
            return (await client.post("/regions/sierra/refresh", headers=headers)).status_code

        assert await status() == 401
        assert await status(**{"X-API-Key": entries[Scope.WRITE][0]}) == 403
        assert await status(**{"X-API-Key": entries[Scope.ADMIN][0]}) == 503  # there is no database


def test_the_hour_and_the_zone_are_checked():
    with pytest.raises(ValidationError, match="give an IANA name, such as America/Los_Angeles"):
        Settings(regions_time_zone="Pacific")
    with pytest.raises(ValidationError, match="less than or equal to 23"):
        Settings(regions_hour=24)
    assert Settings(regions_time_zone="America/Los_Angeles", regions_hour=0).regions_hour == 0
    assert timedelta(hours=Settings().regions_hour) == timedelta(hours=3)
