"""Strips of squares hold every cell a polygon touches, once, and few others."""

import asyncio
import time

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Polygon, box

from app.statistics.coverage import Outline
from app.statistics.pixel_grid import SQUARE, STRIP, touched_blocks
from tests.app.statistics.landed import Raster, plain_product, world
from tests.app.statistics.polygons import near_mol, noise

RNG = np.random.default_rng(21)
NDVI = plain_product("(nir - red) / (nir + red)")


def outline(polygon: shapely.Geometry) -> Outline:
    return Outline.of(polygon, 0.0, 0.0, 1.0, 1.0)


def star(corners: int, reach: float) -> Polygon:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radii = reach * RNG.uniform(0.2, 1, corners)
    return Polygon(np.column_stack([radii * np.cos(angles) + 100.3, radii * np.sin(angles) - 777.7]))


SHAPES = {
    "district": star(200, 1500),
    "wider than a strip": box(-50.5, -300.25, SQUARE * (STRIP + 2), 10.5),
    "islands": MultiPolygon(
        [box(0, 0, 9.5, 9.5), box(5000, -4000, 5300, -3999), box(-900, 600, -899.9, 601)]
    ),
    "ring": Polygon(star(60, 900).buffer(700).exterior, [star(8, 300).exterior]),
    "just over an edge": box(SQUARE - 0.25, -SQUARE - 0.25, SQUARE + 0.25, -SQUARE + 0.25),
}


@pytest.mark.parametrize("name", SHAPES)
def test_blocks_hold_all_that_a_polygon_covers_once(name):
    polygon = SHAPES[name]
    blocks = touched_blocks(outline(polygon), 1 << 24)
    assert blocks is not None
    boxes = [box(b.column, -b.row - b.height, b.column + b.width, -b.row) for b in blocks]
    whole = shapely.union_all(boxes)
    assert whole.area == pytest.approx(sum(each.area for each in boxes))  # no cell is in two
    assert polygon.difference(whole).area == pytest.approx(0, abs=1e-6)
    covered = sum(outline(polygon).coverage(block).array().sum() for block in blocks)
    assert covered == pytest.approx(polygon.area, rel=1e-9)
    for block in blocks:
        assert block.width <= SQUARE * STRIP
        assert block.height <= SQUARE
        assert len(blocks) == 1 or block.row // SQUARE == (block.row + block.height - 1) // SQUARE
        for column in range(block.column, block.column + block.width, SQUARE):
            square = box(column, -block.row - block.height, column + SQUARE, -block.row)
            assert polygon.distance(square) <= SQUARE


def test_a_long_thin_polygon_is_read_where_it_is_and_found_at_once():
    river = Polygon([(0, 0), (400_000, -500_000), (400_000.4, -500_000)])
    brook = shapely.affinity.scale(river, 0.01, 0.01, origin=(0, 0))
    began = time.process_time()
    assert touched_blocks(outline(river), 1 << 24) is None  # though its box has four million squares
    assert touched_blocks(outline(brook), 1 << 24) is not None
    assert (
        touched_blocks(outline(shapely.affinity.scale(river, 0.01, 0.01, origin=(0, 0))), 1 << 24) is not None
    )
    assert time.process_time() - began < 5


async def test_districts_counted_together_are_those_counted_one_by_one(tmp_path):
    red, nir = noise(1300, 1300), noise(1300, 1300)
    bands = {"red": Raster(red), "nir": Raster(nir)}
    polygons = [near_mol([40.0 + n, 700, 1190 - n, 100], [90.0, 15, 1130 + n, 900]) for n in range(0, 60, 10)]
    found = []
    for folder, threads in (("together", 4), ("alone", 1)):
        (tmp_path / folder).mkdir()
        async with world(tmp_path / folder, threads=threads) as here:
            await here.land("2024-06", bands)
            if folder == "together":
                found.append(await asyncio.gather(*(here.summary(each, NDVI) for each in polygons)))
            else:
                found.append([await here.summary(each, NDVI) for each in polygons])
    for together, alone in zip(*found, strict=True):
        assert together.numbers == alone.numbers
        assert together.percentiles == alone.percentiles
