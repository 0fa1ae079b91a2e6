"""The zooms a layer is offered at, against grids whose pixel sizes are known."""

from collections.abc import Sequence
from typing import Any

import morecantile
import pytest
from shapely.geometry import box, mapping

from app.http.zooms import ZoomRange, union_bounds, whole_view_zoom, zoom_range
from mosaics.document import SceneRecord
from mosaics.index import QuadkeyIndex
from mosaics.overview import Overview
from mosaics.period import Period


def index_of(
    *boxes: tuple[float, float, float, float],
    resolution_m: float = 10.0,
    overviews: Sequence[Overview] = (),
) -> QuadkeyIndex:
    period = Period.parse("2024-06")
    records = [
        SceneRecord(
            id=f"scene-{number}",
            item_key=f"item-{number}",
            start=period.start,
            end=period.start,
            period=period,
            cloud_cover_percent=None,
            footprint=mapping(box(*bounds)),
            synthetic=False,
            resolution_m=resolution_m,
        )
        for number, bounds in enumerate(boxes)
    ]
    return QuadkeyIndex.of(records, 8, overviews)


# Ground metres a pixel: Web Mercator 156543 cos(lat) / 2**z; WorldCRS84Quad 0.703125 deg / 2**z;
# UTM31WGS84Quad 156280.7 / 2**z. A zoom counts when its pixels are at most a tenth larger than the data's.
@pytest.mark.parametrize(
    ("tms", "tilesize", "resolution_m", "highest"),
    [
        ("WebMercatorQuad", 256, 10.0, 14),  # at 51.3 N 97877 / 2**13 = 11.9 m, / 2**14 = 6.0 m
        ("WebMercatorQuad", 512, 10.0, 13),
        ("WebMercatorQuad", 256, 30.0, 12),  # 23.9 m
        ("WebMercatorQuad", 256, 500.0, 8),  # 382 m
        ("WorldCRS84Quad", 256, 10.0, 13),  # 8.6e-5 deg of 1.17e-4, the mean of 9.0e-5 north and 1.44e-4 east
        ("UTM31WGS84Quad", 256, 10.0, 14),  # 9.54 m
    ],
)
def test_the_highest_zoom_shows_the_finest_pixels(
    tms: str, tilesize: int, resolution_m: float, highest: int
) -> None:
    index = index_of((5.2, 51.2, 5.4, 51.4), resolution_m=resolution_m)
    zooms = zoom_range([index], morecantile.tms.get(tms), tilesize=tilesize, limit=64)
    assert (zooms.lowest <= highest, zooms.highest) == (True, highest)


def test_the_lowest_zoom_keeps_to_the_scenes_a_tile_may_need() -> None:
    # Four scenes, one in each quarter of the tile 8/131/85: from zoom 9 a tile has one of them.
    tile = morecantile.tms.get("WebMercatorQuad").bounds(morecantile.Tile(131, 85, 8))
    lon, lat = (tile.left + tile.right) / 2, (tile.bottom + tile.top) / 2
    corners: list[Any] = [
        (lon + dx, lat + dy, lon + dx + 0.1, lat + dy + 0.1) for dx in (-0.4, 0.3) for dy in (-0.3, 0.2)
    ]
    index = index_of(*corners)
    grid = morecantile.tms.get("WebMercatorQuad")
    assert zoom_range([index], grid, tilesize=256, limit=4).lowest == 0
    assert zoom_range([index], grid, tilesize=256, limit=2).lowest == 9


def test_overviews_lead_down_to_zoom_0_where_all_scenes_count() -> None:
    boxes = [(10 + n / 10, 1.0, 10.1 + n / 10, 1.1) for n in range(8)]
    plain = index_of(*boxes)
    grid = morecantile.tms.get("WebMercatorQuad")
    tiles = [grid.tile(10.05, 1.05, zoom) for zoom in range(11)]
    period = Period.parse("2024-06")
    overviews = [
        Overview(
            zoom=tile.z,
            column=(column := tile.x >> min(tile.z, 3)),
            row=(row := tile.y >> min(tile.z, 3)),
            item_key=f"overview-{tile.z}",
            made_of=plain.made_of(column, row, max(0, tile.z - 3)),
            recipe="",
            start=period.start,
            end=period.end,
            synthetic=False,
        )
        for tile in tiles
    ]
    index = index_of(*boxes, overviews=overviews)
    # A tile of zoom 11, 0.18 degrees wide, reaches into three scenes at most.
    assert zoom_range([plain], grid, tilesize=256, limit=3).lowest == 11
    assert zoom_range([index], grid, tilesize=256, limit=3).lowest == 0
    assert zoom_range([index], grid, tilesize=256, limit=3, overviews=False).lowest == 11
    # They are cut along Web Mercator, and serve no other grid.
    other = morecantile.tms.get("WorldCRS84Quad")
    assert zoom_range([index], other, tilesize=256, limit=3).lowest == 10


def test_several_mosaics_are_bounded_together() -> None:
    first, second = index_of((5, 50, 6, 51)), index_of((7, 49, 8, 50))
    assert union_bounds([first, second]) == (5, 49, 8, 51)


# A box of 2 by 1 degrees on the equator is 222 640 m wide: 364 px at zoom 8 of Web Mercator (611 m a pixel),
# 728 px at zoom 9. WorldCRS84Quad has 0.703125 deg a pixel at zoom 0: 2 deg are 364 px at zoom 7.
@pytest.mark.parametrize(
    ("bounds", "tms", "tilesize", "zooms", "center"),
    [
        ((10, -0.5, 12, 0.5), "WebMercatorQuad", 256, (0, 14), 8),
        ((10, -0.5, 12, 0.5), "WebMercatorQuad", 512, (0, 14), 7),
        ((10, -0.5, 12, 0.5), "WebMercatorQuad", 256, (0, 5), 5),
        ((10, -0.5, 12, 0.5), "WebMercatorQuad", 256, (10, 14), 10),
        ((10, -0.5, 12, 0.5), "WorldCRS84Quad", 256, (0, 14), 7),
        ((10, 59.5, 12, 60.5), "WebMercatorQuad", 256, (0, 14), 8),  # 364 px wide, and 2 * 182 px high
        ((-180, -85, 180, 85), "WebMercatorQuad", 256, (0, 14), 1),
        ((-180, -90, 180, 90), "WorldCRS84Quad", 256, (0, 14), 0),  # two tiles wide
    ],
)
def test_a_layer_is_first_shown_whole(
    bounds: tuple[float, float, float, float],
    tms: str,
    tilesize: int,
    zooms: tuple[int, int],
    center: int,
) -> None:
    grid = morecantile.tms.get(tms)
    assert whole_view_zoom(bounds, grid, tilesize=tilesize, zooms=ZoomRange(*zooms)) == center
