"""Moments of covered parts of cells: by hand, and beside the fractions and centroids that GEOS gives."""

import numpy as np
import shapely

from app.statistics.coverage import Block, Outline
from app.statistics.moments import moments_of


def test_a_triangle_in_a_cell_has_the_moments_worked_out_by_hand():
    # Above the diagonal from the upper left corner to the lower right: y (down) from -1/2 to x.
    outline = Outline.of(shapely.Polygon([(0, 1), (1, 1), (1, 0)]), 0, 1, 1, 1)
    found = moments_of(outline, Block(0, 0, 1, 1), np.array([0]))[0]
    # Its area; means of x and y are 2/3 and 1/3 of the side; of x squared over it 1/24, of x times y 1/8 * 0.
    expected = {(0, 0): 1 / 2, (0, 1): 1 / 12, (1, 0): -1 / 12, (0, 2): 1 / 24, (2, 0): 1 / 24, (1, 1): 0.0}
    for power, moment in expected.items():
        np.testing.assert_allclose(found[power], moment, atol=1e-15)


def test_moments_are_those_of_the_pieces_that_geos_cuts():
    random = np.random.default_rng(3)
    corners = shapely.MultiPoint(random.uniform([-3, -3], [14, 12], (30, 2)))
    star = shapely.concave_hull(corners, 0.2)
    polygon = star.difference(shapely.Point(5, 5).buffer(2.3))
    outline, block = Outline.of(polygon, 0, 10, 1, 1), Block(0, 0, 12, 10)
    coverage = outline.coverage(block)
    found = moments_of(outline, block, coverage.edge_cells)
    rows, columns = np.divmod(coverage.edge_cells, block.width)
    boxes = shapely.box(columns, 9 - rows, columns + 1, 10 - rows)
    pieces = shapely.intersection(polygon, boxes)
    middles = shapely.get_coordinates(shapely.centroid(pieces))
    np.testing.assert_allclose(found[:, 0, 0], shapely.area(pieces), atol=1e-12)
    np.testing.assert_allclose(found[:, 0, 0], coverage.fractions, atol=1e-12)
    across, down = middles[:, 0] - columns - 0.5, 9.5 - rows - middles[:, 1]
    np.testing.assert_allclose(found[:, 0, 1], across * shapely.area(pieces), atol=1e-12)
    np.testing.assert_allclose(found[:, 1, 0], down * shapely.area(pieces), atol=1e-12)
