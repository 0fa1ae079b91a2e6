"""The covered fraction of every cell, held against shapely's clipping and against exactextract."""

import time

import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from app.statistics import coverage as subject
from app.statistics.coverage import Block, Outline

SIZE = 12
WHOLE = Block(0, 0, SIZE, SIZE)


def outline(polygon: shapely.Geometry, *, height: int = SIZE) -> Outline:
    """On cells of one unit whose lower left corner is the origin."""
    return Outline.of(polygon, 0.0, float(height), 1.0, 1.0)


def fractions(polygon: shapely.Geometry, block: Block = WHOLE) -> np.ndarray:
    return outline(polygon).coverage(block).array()


def clipped(polygon: shapely.Geometry) -> np.ndarray:
    """The fractions by GEOS: the polygon cut with the square of every cell."""
    columns, rows = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    cells = shapely.box(columns, SIZE - 1 - rows, columns + 1, SIZE - rows)
    return shapely.area(shapely.intersection(polygon, cells))


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """Stars with as many rays as drawn, half of them with a star-shaped hole, partly outside the grid."""
    rays = draw(st.integers(3, 24))
    radii = draw(st.lists(st.floats(0.05, 9), min_size=rays, max_size=rays))
    angles = np.linspace(0, 2 * np.pi, rays, endpoint=False) + draw(st.floats(0, 6))
    middle = np.array([draw(st.floats(-2, 14)), draw(st.floats(-2, 14))])
    rim = np.column_stack([np.cos(angles), np.sin(angles)]) * np.array(radii)[:, np.newaxis]
    hole = [middle + 0.4 * rim] if draw(st.booleans()) else []
    star = Polygon(middle + rim, hole)
    return star if star.is_valid else Polygon(middle + rim).buffer(0)


@settings(max_examples=200, deadline=None)
@given(polygons())
def test_fractions_are_those_of_clipping(polygon):
    np.testing.assert_allclose(fractions(polygon), clipped(polygon), rtol=0, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(polygons())
def test_a_polygon_and_the_rest_cover_everything_once(polygon):
    rest = box(-20, -20, 40, 40).difference(polygon)
    np.testing.assert_allclose(fractions(polygon) + fractions(rest), 1.0, rtol=0, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(polygons(), st.integers(-30, 30), st.integers(-30, 30))
def test_a_move_by_whole_cells_moves_the_fractions(polygon, right, down):
    moved = shapely.transform(polygon, lambda xy: np.add(xy, [right, -down]))
    there = fractions(moved, Block(right, down, SIZE, SIZE))
    np.testing.assert_allclose(there, fractions(polygon), rtol=0, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(polygons(), st.integers(0, 8), st.integers(0, 8), st.integers(1, 4), st.integers(1, 4))
def test_a_block_is_a_part_of_the_whole(polygon, column, row, width, height):
    part = fractions(polygon, Block(column, row, width, height))
    whole = fractions(polygon)[row : row + height, column : column + width]
    np.testing.assert_allclose(part, whole, rtol=0, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(polygons())
def test_the_way_a_ring_runs_does_not_matter(polygon):
    np.testing.assert_allclose(fractions(polygon.reverse()), fractions(polygon), rtol=0, atol=1e-12)


def test_a_square_laid_on_the_grid_covers_whole_cells():
    covered = outline(box(2, 3, 7, 8)).coverage(WHOLE)
    assert covered.inside.sum() == 25
    assert covered.edge_cells.size == 0


def test_a_square_between_the_cells_has_halves_and_quarters():
    found = fractions(box(2.5, 3.5, 7.5, 8.5))
    assert found[3, 2:8].tolist() == [0.25, 0.5, 0.5, 0.5, 0.5, 0.25]
    assert found[4, 2:8].tolist() == [0.5, 1, 1, 1, 1, 0.5]
    assert found.sum() == 25


def test_a_sliver_under_a_pixel_keeps_its_area():
    sliver = Polygon([(1.1, 1.1), (1.1001, 1.1), (9.7, 8.2)])
    assert outline(sliver).area == pytest.approx(sliver.area, rel=1e-9)
    assert fractions(sliver).sum() == pytest.approx(sliver.area, rel=1e-6)


def test_holes_and_further_parts_count():
    shape = box(0, 0, 5, 5).difference(box(1, 1, 2.5, 2)).union(box(7, 7, 8.5, 9))
    assert fractions(shape).sum() == pytest.approx(25 - 1.5 + 3, rel=1e-12)


def test_fractions_are_exactextracts_to_its_float32():
    shape = shapely.Point(5.3, 4.2).buffer(5.7).difference(shapely.Point(5, 5).buffer(1.3))
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)}
    raster = NumPyRasterSource(
        np.arange(SIZE * SIZE, dtype=float).reshape(SIZE, SIZE), xmin=0, ymin=0, xmax=SIZE, ymax=SIZE
    )
    found = exact_extract(raster, feature, ["values", "coverage"])[0]["properties"]
    expected = np.zeros(SIZE * SIZE)
    expected[found["values"].astype(int)] = found["coverage"]
    np.testing.assert_allclose(fractions(shape).ravel(), expected, rtol=0, atol=1e-7)


@pytest.fixture(scope="module")
def rough_coast() -> Polygon:
    """A ring of 100,000 vertices, 1,800 cells across."""
    angles = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    radii = 900 + np.random.default_rng(5).random(100_000) * 5
    return Polygon(1000 + radii[:, np.newaxis] * np.column_stack([np.cos(angles), np.sin(angles)]))


def test_100_000_vertices_sum_to_the_area_within_a_second(rough_coast):
    start = time.perf_counter()
    found = outline(rough_coast, height=2000).coverage(Block(0, 0, 2000, 2000))
    assert time.perf_counter() - start < 1.0  # 0.07 s on an idle core
    assert found.inside.sum() + found.fractions.sum() == pytest.approx(rough_coast.area, rel=1e-9)


def test_cutting_edges_in_portions_changes_nothing(rough_coast, monkeypatch):
    block = Block(100, 300, 256, 256)
    at_once = outline(rough_coast, height=2000).coverage(block).array()
    monkeypatch.setattr(subject, "PIECES_AT_ONCE", 1000)
    np.testing.assert_allclose(outline(rough_coast, height=2000).coverage(block).array(), at_once, atol=1e-9)


def test_a_coarser_grid_holds_the_same_area(rough_coast):
    fine = outline(rough_coast, height=2000)
    coarse = fine.coarser(8)
    assert coarse.area * 64 == pytest.approx(fine.area, rel=1e-12)
    assert coarse.coverage(coarse.extent).array().sum() == pytest.approx(coarse.area, rel=1e-9)
