"""Which scenes lie under a tile, and that its key changes with them alone."""

import morecantile
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from app.products.registry import Registry
from app.rendering.address import TileFormat, TileRequest, crs_of
from app.rendering.resolving import outline, resolve_tile, resolve_tile_now
from app.rendering.selecting import select
from mosaics.index import TooManyScenesError
from mosaics.period import PeriodError
from mosaics.raster.grid import Grid
from tests.app.landed import land
from tests.rasters import MOL

NDVI = Registry.load().get("ndvi")
LIMIT = 64


def request(x: int, y: int, z: int, *, tms: str = "WebMercatorQuad", when: str | None = None, **other):
    fields = {"product": NDVI, "size": 256, "format": TileFormat.PNG, **other}
    return TileRequest(tms=morecantile.tms.get(tms), z=z, x=x, y=y, datetime=when, **fields)


def over_mol(z: int, tms: str = "WebMercatorQuad", reach: int = 3) -> list[morecantile.Tile]:
    """Tiles of a zoom around the scene near Mol."""
    lon, lat = Transformer.from_crs(32631, 4326, always_xy=True).transform(MOL[0] + 1280, MOL[1] - 1280)
    middle = morecantile.tms.get(tms).tile(lon, lat, z)
    steps = range(-reach, reach + 1)
    return [morecantile.Tile(middle.x + dx, middle.y + dy, z) for dx in steps for dy in steps]


async def keys(catalogue, tiles, **given) -> dict[morecantile.Tile, str]:
    await catalogue.refresh()
    return {tile: (await resolve_tile(catalogue, request(*tile, **given), limit=LIMIT)).key for tile in tiles}


@pytest.mark.parametrize(
    ("tms", "z", "step"),
    [("WebMercatorQuad", 14, 50), ("WorldCRS84Quad", 13, 1e-4), ("UTM31WGS84Quad", 14, 50)],
)
async def test_a_new_scene_changes_the_keys_of_exactly_the_tiles_it_touches(
    storage, catalogue, tmp_path, tms, z, step
):
    await land(storage, tmp_path, "S2A_FIRST")
    lon, lat = Transformer.from_crs(32631, 4326, always_xy=True).transform(MOL[0], MOL[1])
    matrix = morecantile.tms.get(tms)
    middle = matrix.tile(lon, lat, z)
    tiles = [morecantile.Tile(middle.x + dx, middle.y + dy, z) for dx in range(-3, 5) for dy in range(-3, 5)]
    before = await keys(catalogue, tiles, tms=tms)
    corner = (MOL[0] + 1900, MOL[1] - 1200)
    await land(storage, tmp_path, "S2A_SECOND", upper_left=corner)
    after = await keys(catalogue, tiles, tms=tms)

    # Worked out in the scene's own plane: the tile's corners, densified, against the scene's square.
    square = shapely.box(corner[0], corner[1] - 2560, corner[0] + 2560, corner[1])
    to_utm = Transformer.from_crs(matrix.crs.to_epsg() or "OGC:CRS84", 32631, always_xy=True)
    touched = set()
    for tile in tiles:
        box = shapely.segmentize(shapely.box(*matrix.xy_bounds(tile)), step)
        in_utm = shapely.transform(box, lambda c: np.column_stack(to_utm.transform(c[:, 0], c[:, 1])))
        if in_utm.intersection(square).area > 0:
            touched.add(tile)
    assert touched
    assert {tile for tile in tiles if before[tile] != after[tile]} == touched


async def test_a_key_depends_on_everything_that_changes_bytes(storage, catalogue, tmp_path):
    await land(storage, tmp_path)
    (tile,) = over_mol(14, reach=0)
    registry = Registry.load()
    variants = [
        request(*tile),
        request(*tile, size=512),
        request(*tile, format=TileFormat.WEBP),
        request(*tile, product=registry.get("true-color")),
        request(tile.x + 1, tile.y, tile.z),
        request(*tile, tms="WorldMercatorWGS84Quad"),
    ]
    await catalogue.refresh()
    found = [(await resolve_tile(catalogue, variant, limit=LIMIT)).key for variant in variants]
    assert len(set(found)) == len(variants)


async def test_the_latest_period_is_meant_where_none_is_named(storage, catalogue, tmp_path):
    await land(storage, tmp_path, "S2A_MAY", month="2024-05")
    await land(storage, tmp_path, "S2A_JUNE", month="2024-06")
    (tile,) = over_mol(14, reach=0)
    await catalogue.refresh()
    for when, periods, ids in (
        (None, ("2024-06",), ["S2A_JUNE"]),
        ("2024-05", ("2024-05",), ["S2A_MAY"]),
        ("2024-05/2024-06", ("2024-06", "2024-05"), ["S2A_JUNE", "S2A_MAY"]),
        ("2024-05-10", ("2024-05",), ["S2A_MAY"]),
        ("2024-05-11", ("2024-05",), []),
        ("2023", (), []),
    ):
        asked = request(*tile, when=when)
        resolved = await resolve_tile(catalogue, asked, limit=LIMIT)
        assert tuple(period.text for period in select(catalogue, asked.product, when).periods) == periods
        assert [scene.id for scene in resolved.scenes.best_first] == ids


async def test_memory_alone_gives_the_same_or_nothing(storage, catalogue, tmp_path):
    await land(storage, tmp_path)
    (tile,) = over_mol(14, reach=0)
    await catalogue.refresh()
    assert resolve_tile_now(catalogue, request(*tile), limit=LIMIT) is None
    resolved = await resolve_tile(catalogue, request(*tile), limit=LIMIT)
    assert resolve_tile_now(catalogue, request(*tile), limit=LIMIT) == resolved


async def test_more_scenes_than_a_tile_may_need_are_refused(storage, catalogue, tmp_path):
    for number in range(3):
        await land(storage, tmp_path, f"S2A_{number}")
    (tile,) = over_mol(14, reach=0)
    await catalogue.refresh()
    with pytest.raises(TooManyScenesError):
        await resolve_tile(catalogue, request(*tile), limit=2)


async def test_a_time_that_is_none_is_refused(storage, catalogue, tmp_path):
    await land(storage, tmp_path)
    await catalogue.refresh()
    with pytest.raises(PeriodError):
        await resolve_tile(catalogue, request(0, 0, 0, when="yesterday"), limit=LIMIT)


def test_outlines_follow_curved_edges_and_hold_what_cannot_be_followed():
    utm = Grid(crs_of("UTM31WGS84Quad"), (500_000.0, 5_600_000.0, 600_000.0, 5_700_000.0), 1, 1)
    lon, lat = Transformer.from_crs(32631, 4326, always_xy=True).transform(550_000.0, 5_600_000.0)
    # The middle of the lower edge bends away from the straight line between the corners.
    assert shapely.distance(shapely.boundary(outline(utm)), shapely.Point(lon, lat)) < 1e-6
    pole = outline(
        Grid(crs_of("UPSArcticWGS84Quad"), (1_900_000.0, 1_900_000.0, 2_100_000.0, 2_100_000.0), 1, 1)
    )
    west, _, east, _ = shapely.bounds(pole)
    assert west < -170
    assert east > 170
