"""Zones of landed scenes: by hand, over the seam of two UTM zones, and as the command keeps them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from pyproj import Geod, Transformer
from shapely.geometry import mapping, shape

from app.analysis.beyond import Threshold
from app.analysis.scene_service import SceneAnalyses, SceneFindings, SceneQuestion
from app.cli import main
from app.jobs.commands import steps_of
from app.jobs.request import understand
from app.products.registry import Registry
from app.rendering.renderer import Renderer
from app.statistics.geometry import read_polygon
from mosaics.catalogue import Catalogue
from mosaics.descriptions.folders import Descriptions
from mosaics.document import SceneRecord
from mosaics.log import commit_scenes
from mosaics.period import Period
from mosaics.storage import Storage, open_storage
from tests.app.landed import COLLECTION, lonlat, put_collection
from tests.rasters import write_cog

NDVI = Registry.load().get("ndvi")
GEOD = Geod(ellps="WGS84")


async def found_in(
    store: str, polygon: shapely.Geometry, threshold: Threshold, period: str = "2024-06", **chosen: Any
) -> SceneFindings:
    """The zones of NDVI within a polygon."""
    geojson = json.loads(shapely.to_geojson(polygon))
    async with await open_storage(store) as storage:
        catalogue = Catalogue(storage)
        await catalogue.refresh()
        renderer = Renderer(catalogue, threads=1)
        try:
            analyses = SceneAnalyses(catalogue, renderer)
            question = SceneQuestion(NDVI, read_polygon(geojson), Period.parse(period), threshold, **chosen)
            return await analyses.run(await analyses.prepare(question), lambda done, total: None)
        finally:
            renderer.close()


def corners(left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
    """A box of pixels of the small scene, in degrees."""
    places = shapely.segmentize(shapely.box(left, top, right, bottom), 4.0).exterior.coords
    return shapely.Polygon([lonlat(x, y) for x, y in places])


async def test_the_bare_half_of_the_scene_is_one_zone(two_months: str) -> None:
    """Its eastern half has NDVI 0, under clouds to the 64th row and without data from the 224th."""
    found = await found_in(two_months, corners(-20, -20, 276, 276), Threshold(0.1))
    (zone,) = found.zones
    numbers = zone["properties"]
    assert (numbers["side"], numbers["cells"]) == ("low", 128 * 160)
    assert (numbers["mean"], numbers["extreme"]) == pytest.approx((0, 0), abs=1e-6)
    assert numbers["persistence"] == 2
    assert [each["period"] for each in numbers["before"]] == ["2024-05"]
    # Across its edges: 160 pixels with a value in the west; none above, below and in the east.
    assert numbers["valid_fraction"] == pytest.approx((20480 + 160) / (20480 + 160 + 160 + 2 * 128))
    outline = shape(zone["geometry"])
    assert outline.symmetric_difference(corners(128, 64, 256, 224)).area < 5e-9  # a pixel: 1.3e-8
    area, _ = GEOD.geometry_area_perimeter(shapely.segmentize(outline, 0.0001))
    assert numbers["area_ha"] * 1e4 == pytest.approx(abs(area), rel=1e-6)
    assert found.facts["found"] == 1
    assert found.facts["valid_fraction"] == pytest.approx(256 * 160 / 296**2, rel=0.01)


async def test_only_pixels_that_lie_in_the_area_for_the_greater_part_are_looked_at(two_months: str) -> None:
    found = await found_in(two_months, corners(140.4, 100.6, 150.4, 110.6), Threshold(0.1), persistence=1)
    (zone,) = found.zones
    expected = corners(140, 101, 150, 111) - corners(140, 110, 141, 111)  # of which 0.6 * 0.6 lie in it
    assert shape(zone["geometry"]).symmetric_difference(expected).area < 1e-10
    assert zone["properties"]["cells"] == 99
    assert (await found_in(two_months, corners(0, 64, 100, 200), Threshold(0.1))).zones == []


async def land_block(storage: Storage, folder: Path, zone: int, lon: float, lat: float) -> None:
    """Land a scene of 64 pixels a side around a place, its NDVI 0, in a UTM zone."""
    epsg = 32600 + zone
    to_map = Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = (round(each, -1) for each in to_map.transform(lon, lat))
    left, top = x - 320, y + 320
    scene_id, prefix = f"S2A_{zone}", f"collections/{COLLECTION.id}/scenes/S2A_{zone}/d1"
    assets: dict[str, Any] = {}
    for name in ("red", "nir", "scl"):
        values = np.full((64, 64), 4 if name == "scl" else 2000, np.uint8 if name == "scl" else np.uint16)
        file = write_cog(folder / f"{zone}-{name}.tif", values, upper_left=(left, top), nodata=0, crs=epsg)
        await storage.put_new(f"{prefix}/{name}.tif", file.read_bytes(), "image/tiff")
        band = COLLECTION.band(name)
        facts = {"name": name, "data_type": band.dtype, "nodata": 0, "unit": "1", "raster:scale": band.scale}
        assets[name] = {"href": f"./{name}.tif", "roles": ["data"], "bands": [facts]}
    back = Transformer.from_crs(epsg, 4326, always_xy=True)
    ring = [
        back.transform(left + across, top - down)
        for across, down in ((0, 0), (640, 0), (640, 640), (0, 640), (0, 0))
    ]
    footprint = mapping(shapely.Polygon(ring))
    period = Period.parse("2024-06")
    item = {
        "type": "Feature", "stac_version": "1.1.0", "id": scene_id, "collection": COLLECTION.id,
        "geometry": footprint, "properties": {"datetime": "2024-06-10T00:00:00Z"}, "assets": assets,
        "links": [],
    }  # fmt: skip
    await storage.put_new(f"{prefix}/item.json", json.dumps(item).encode(), "application/geo+json")
    record = SceneRecord(
        id=scene_id, item_key=f"{prefix}/item.json", start=period.start, end=period.start, period=period,
        cloud_cover_percent=0.0, footprint=footprint, resolution_m=10.0, synthetic=False,
    )  # fmt: skip
    await put_collection(storage)
    await commit_scenes(storage, COLLECTION.id, add=[record])


async def test_a_zone_over_the_seam_of_two_utm_zones_is_one(tmp_path: Path) -> None:
    """Two scenes of 640 m, in zone 31 to the west and in 32 to the east, that overlap at 6 degrees."""
    store = (tmp_path / "store").as_uri()
    async with await open_storage(store) as storage:
        await land_block(storage, tmp_path, 31, 5.996, 51.0)
        await land_block(storage, tmp_path, 32, 6.004, 51.0)
    found = await found_in(store, shapely.box(5.98, 50.99, 6.02, 51.01), Threshold(0.1))
    (zone,) = found.zones
    assert len(found.facts["scenes"]) == 2
    west, _, east, _ = shape(zone["geometry"]).bounds
    assert west < 5.993
    assert east > 6.007
    # Both together less their overlap: 640 m each, 0.008 degrees or 561 m apart; a pixel or so at the seam.
    area, _ = GEOD.geometry_area_perimeter(shape(zone["geometry"]))
    assert zone["properties"]["area_ha"] * 1e4 == pytest.approx(abs(area), rel=1e-5)
    assert zone["properties"]["area_ha"] == pytest.approx(2 * 0.64 * 64 - 0.079 * 64, rel=0.03)


def test_the_command_keeps_what_it_finds_once(
    two_months: str, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILEWATCH_STORAGE", two_months)
    monkeypatch.setenv("TILEWATCH_DATABASE_URL", database_url)
    west, south, east, north = corners(-20, -20, 276, 276).bounds
    asked = {
        "aoi": [west, south, east, north],
        "toi": "2024-06",
        "product": "ndvi",
        "low": 0.1,
        "zones": True,
    }
    (step,) = steps_of(understand("analyze-scene", asked), Descriptions.read())
    assert step.wants_database
    results = []
    for _ in range(2):
        ran = CliRunner().invoke(main, [*step.words, "--output=zones.geojson"])
        assert ran.exit_code == 0, ran.output
        events = [json.loads(line) for line in ran.stdout.splitlines()]
        assert events[0] == {"event": "progress", "done": 1, "total": 3, "unit": "steps"}
        results.append(events[-1])
    assert results[0] == results[1]
    assert (results[0]["found"], results[0]["kept_zones"]) == (1, 1)

    async def kept() -> tuple[Any, Any]:
        connection = await asyncpg.connect(database_url)
        try:
            zones = await connection.fetch("select source_analysis, kind from zones")
            return zones, await connection.fetchval("select count(*) from analyses where kind = 'scene'")
        finally:
            await connection.close()

    zones, count = asyncio.run(kept())
    assert ([tuple(zone) for zone in zones], count) == ([(str(results[0]["analysis"]), "anomaly")], 1)
    assert len(json.loads(Path("zones.geojson").read_text())["features"]) == 1
    refused = CliRunner().invoke(
        main, ["analyze", "scene", "--bbox=5,51,6,52", "--datetime=2024-06", "--product=ndvi"]
    )
    assert refused.exit_code == 2
    assert "no usual threshold" in refused.output
