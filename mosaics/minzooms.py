"""Minimum zooms of a mosaic: from which on no tile needs more than so many scenes."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import shapely
from numpy.typing import NDArray

from mosaics.cells import Geometries, Level, cell_column_row, share_area, tile_box
from mosaics.overview import cell_zoom, zoom_of_tiles

NO_ZOOM = 30
"""Stands for a zoom where there is none that would do; MosaicJSON and TileJSON end there."""
DEEPEST_ZOOM = 24
"""Below the deepest tiles people ask for (morecantile's WebMercatorQuad ends here)."""

WORK = 20_000
"""Footprints looked at to find a minimum zoom below the quadkey zoom; about a third of a second."""


class Minzooms:
    """The minimum zooms of one mosaic, each worked out once.

    Args:
        levels: Which scenes cover the cells of each zoom, from 0 to the quadkey zoom.
        footprints: Gives those of some scenes.
        overviews: Zoom and number of the cells where an overview answers in place of scenes.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        footprints: Callable[[NDArray[np.uint32]], Geometries],
        overviews: AbstractSet[tuple[int, int]],
    ) -> None:
        self._levels = levels
        self._footprints = footprints
        self._overviews = overviews
        self._quadkey_zoom = len(levels) - 1
        self._of_scenes: dict[int, int] = {}
        self._overviewed: dict[tuple[int, int], int] = {}

    def of(self, limit: int, *, size: int, overviews: bool) -> int:
        """Return the minimum zoom for a limit, as `mosaics.index.QuadkeyIndex.minzoom` says."""
        natural = self._of_scenes_alone(limit)
        if not (overviews and self._overviews):
            return natural
        key = (limit, size)
        if key not in self._overviewed:
            deepest = max(zoom for zoom, _ in self._overviews) - zoom_of_tiles(0, size)
            zoom = began = natural if natural < NO_ZOOM else deepest + 1
            while zoom and self._are_overviewed(zoom - 1, limit, size):
                zoom -= 1
            self._overviewed[key] = natural if zoom == began else zoom
        return self._overviewed[key]

    def _of_scenes_alone(self, limit: int) -> int:
        if limit not in self._of_scenes:
            ready = (zoom for zoom, level in enumerate(self._levels) if level.most <= limit)
            zoom = next(ready, None)
            self._of_scenes[limit] = self._below_quadkeys(limit) if zoom is None else zoom
        return self._of_scenes[limit]

    def _are_overviewed(self, zoom: int, limit: int, size: int) -> bool:
        """Return whether an overview answers for every tile of a zoom that has more than `limit` scenes.

        Below the quadkey zoom that is every tile of a cell that has more.
        """
        known = min(zoom, self._quadkey_zoom)
        level = self._levels[known]
        crowded = level.cells[np.diff(level.starts) > limit]
        wanted = zoom_of_tiles(zoom, size)
        up = known - cell_zoom(wanted)
        return up >= 0 and all(
            (wanted, cell) in self._overviews for cell in np.unique(crowded >> 2 * up).tolist()
        )

    def _below_quadkeys(self, limit: int) -> int:
        level = self._levels[-1]
        crowded = level.cells[np.diff(level.starts) > limit].tolist()
        tiles = [(*cell_column_row(cell), level.scenes(cell)) for cell in crowded]
        zoom, work = self._quadkey_zoom, 0
        while tiles and zoom < DEEPEST_ZOOM:
            zoom += 1
            still = []
            for x, y, ordinals in tiles:
                work += len(ordinals)
                if work > WORK:
                    return zoom
                geometries = self._footprints(ordinals)
                for column, row in ((2 * x + i, 2 * y + j) for j in (0, 1) for i in (0, 1)):
                    tile = tile_box(column, row, zoom)
                    seen = share_area(tile, geometries)
                    if seen.sum() > limit:
                        if shapely.covers(geometries, tile).sum() > limit:
                            return NO_ZOOM
                        still.append((column, row, ordinals[seen]))
            tiles = still
        return NO_ZOOM if tiles else zoom
