"""Areas of cells in coordinate systems of all kinds, beside PROJ's geodesic areas of the same cells."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.warp import transform

from mosaics.raster.cell_areas import INTERPOLATED, CellAreas, areas_of
from mosaics.raster.cell_parts import SQUARE, UNIFORM

WGS84 = Geod(ellps="WGS84")

SYSTEMS = {
    "UTM": ("EPSG:32631", 3.0, 45.0, 100),
    "UTM at the edge of its zone": ("EPSG:32631", 0.1, 10.0, 10),
    "UTM far out of its zone": ("EPSG:32631", 12, 60, 100),
    "feet": ("EPSG:2225", -122.5, 40.0, 328.0833),
    "equal-area": ("EPSG:3035", 10, 52, 100),
    "conic equal-area": ("EPSG:5070", -96, 40, 100),
    "Mercator on a sphere": ("EPSG:3857", 10, 60, 100),
    "Mercator on the ellipsoid": ("EPSG:3395", 10, 60, 100),
    "polar, north": ("EPSG:3413", -45, 60.5, 500),
    "polar, south": ("EPSG:3031", 45, -80.5, 10),
    "polar, far from the pole": ("EPSG:3031", -57, -63.3, 8),
    "a pole inside": ("EPSG:3031", 45, -89.9, 6250),
    "sea ice": ("EPSG:3031", -60, -65, 6250),
    "degrees": ("EPSG:4326", 10, 60, 0.001),
    "degrees of 1": ("EPSG:4326", 10, 60, 1.0),
    "NAD83": ("EPSG:4269", -100, 40, 0.001),
    "NAD27": ("EPSG:4267", -100, 40, 0.001),
    "grads from Paris": ("EPSG:4807", 3, 46.5, 0.001),
    "Lambert conic": ("EPSG:2154", 3, 46.5, 100),
    "Canada": ("EPSG:3978", -95, 75, 500),
    "MODIS": ("+proj=sinu +R=6371007.181 +units=m +no_defs", 60, 50, 463.3127),
    "EASE-Grid 2": ("EPSG:6933", 20, 60, 1000),
    "EASE-Grid 2 of 36 km": ("EPSG:6933", 20, 70, 36032.22),
    "Robinson": ("ESRI:54030", 60, 50, 1000),
    "Mollweide": ("ESRI:54009", 60, 50, 1000),
    "plate carree": ("EPSG:4087", 20, 60, 500),
    "GOES": ("+proj=geos +lon_0=-75 +h=35786023 +ellps=GRS80 +units=m +sweep=x", -80, 40, 2000),
    "Malawi": ("EPSG:20936", 34, -14, 30),
    "HRAP": ("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=-105 +R=6371200 +units=m", -95, 40, 4762.5),
}
"""Coordinate system, a place in it, and the side of a cell in its units."""


@dataclass(frozen=True)
class Square:
    """Square cells around a place."""

    crs: CRS
    left: float
    top: float
    cell_width: float
    cell_height: float


def around(system: str, lon: float, lat: float, side: float, cells: int) -> Square:
    crs = CRS.from_user_input(system)
    (x,), (y,) = transform("EPSG:4326", crs, [lon], [lat])
    half = side * (cells // 2)
    return Square(crs, x - half, y + half, side, side)


@functools.cache
def to_degrees(crs: CRS) -> Transformer:
    return Transformer.from_crs(crs.to_wkt(), "OGC:CRS84", always_xy=True)


def geodesic_m2(cells: Square, column: int, row: int) -> float:
    """Area by PROJ of a cell whose edges are followed in its own coordinate system."""
    along = np.linspace(0, 1, 20, endpoint=False)
    columns = np.concatenate(
        [column + along, np.full(20, column + 1), column + 1 - along, np.full(20, column)]
    )
    rows = np.concatenate([np.full(20, row), row + along, np.full(20, row + 1), row + 1 - along])
    lons, lats = to_degrees(cells.crs).transform(
        cells.left + columns * cells.cell_width, cells.top - rows * cells.cell_height
    )
    return abs(WGS84.polygon_area_perimeter(lons, lats)[0])


@pytest.mark.parametrize("name", SYSTEMS)
def test_cells_have_the_area_that_proj_gives(name):
    system, lon, lat, side = SYSTEMS[name]
    size = 20 if side in (1.0, 36032.22) else 300
    cells = around(system, lon, lat, side, size)
    areas = CellAreas(cells, 0, 0, size, size)
    found = np.broadcast_to(areas.of(0, 0, size, size), (size, size))
    some = np.random.default_rng(5).integers(0, size, (40, 2))
    expected = [geodesic_m2(cells, int(column), int(row)) for column, row in some]
    np.testing.assert_allclose(found[some[:, 1], some[:, 0]], expected, rtol=2e-6)
    np.testing.assert_allclose(areas.at(some[:, 0], some[:, 1]), expected, rtol=2e-6)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_area_of_a_part_stands_for_each_of_its_cells(name):
    system, lon, lat, side = SYSTEMS[name]
    size = 20 if side in (1.0, 36032.22) else 300
    cells = around(system, lon, lat, side, size)
    areas = CellAreas(cells, 0, 0, size, size)
    each = np.broadcast_to(areas.of(0, 0, size, size), (size, size))
    seen = np.zeros((size, size), int)
    for part in areas.parts(0, 0, size, size):
        here = each[part.rows, part.columns]
        seen[part.rows, part.columns] += 1
        if part.area_m2 is not None:
            np.testing.assert_allclose(here, part.area_m2, rtol=1.5 * UNIFORM)
            assert part.area_m2 == pytest.approx(here.mean(), rel=1e-6)
        if part.squares is not None:
            squares = part.squares.areas_m2.repeat(SQUARE, axis=0).repeat(SQUARE, axis=1)
            squares = squares[: here.shape[0], : here.shape[1]]
            levels = np.rint(squares / part.squares.step_m2) * part.squares.step_m2
            np.testing.assert_allclose(levels, here, rtol=UNIFORM)
            assert squares.mean() == pytest.approx(here.mean(), rel=1e-7)
    assert (seen == 1).all()


def test_a_world_in_robinson_has_the_area_of_the_earth():
    cells = Square(CRS.from_user_input("ESRI:54030"), -17_050_000, 8_650_000, 50_000, 50_000)
    areas = CellAreas(cells, 0, 0, 682, 346).of(0, 0, 682, 346)
    assert areas.sum() / 1e6 == pytest.approx(
        510_065_622, rel=0.003
    )  # the rim is cells that lie on it in part


SMALL = [(0, 0, 1, 1), (5, 3, 2, 4), (-2, -3, 5, 6)]


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("place", SMALL, ids=str)
def test_areas_of_a_small_rectangle_are_its_own(name: str, place: tuple[int, int, int, int]) -> None:
    cells = around(*SYSTEMS[name], 10)
    found, own = areas_of(cells, *place), CellAreas(cells, *place)
    np.testing.assert_allclose(found.of(*place), own.of(*place), rtol=2 * INTERPOLATED)
    columns, rows = np.array([place[0]]), np.array([place[1] + place[3] - 1])
    np.testing.assert_allclose(found.at(columns, rows), own.at(columns, rows), rtol=2 * INTERPOLATED)
