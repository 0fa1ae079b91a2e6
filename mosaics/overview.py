"""An overview: pixels of a mosaic at a low zoom, made beforehand of the scenes that lie there.

Overviews form a pyramid over WebMercatorQuad: that of a zoom and a cell holds the cell's 256 px tiles of that
zoom, so that a tile lies in one of them. In storage it looks like a scene: an item, and a COG a band.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosaics.cells import cell_number
from mosaics.period import PeriodError, instant_text, parse_instant

LEVELS_ACROSS = 3
"""A cell is 2**3 tiles across, 2048 px: cheap to make again for one scene, and few even for a continent."""
TILE_PX = 256

_PLACE_BITS = 48
"""Of a number that holds a zoom above the number of a cell."""


class OverviewError(ValueError):
    """A record of an overview that cannot be; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What a mosaic document says of an overview."""

    zoom: int
    """Its pixels are those of the 256 px tiles of this zoom."""
    column: int
    """Of its cell, among the tiles of `cell_zoom`."""
    row: int
    """Of its cell."""
    item_key: str
    """Key of its STAC Item in storage; other pixels, other key."""
    made_of: str
    """Fingerprint of the scenes that lay over the cell; it holds as long as they are the same."""
    recipe: str
    """Digest of how it was made."""
    start: datetime
    """First moment its scenes show, UTC."""
    end: datetime
    """Last moment."""
    synthetic: bool
    """Whether any of them was made up."""

    def __post_init__(self) -> None:
        side = 1 << self.cell_zoom
        if not (0 <= self.zoom <= 24 and 0 <= self.column < side and 0 <= self.row < side):
            raise OverviewError(f"there is no cell {self.column}, {self.row} of zoom {self.zoom}")

    @property
    def cell_zoom(self) -> int:
        """Zoom of the tile that its cell is."""
        return cell_zoom(self.zoom)

    @property
    def place(self) -> tuple[int, int]:
        """Its zoom and the number of its cell; a mosaic has one overview of a place."""
        return self.zoom, cell_number(self.column, self.row)

    def to_json(self) -> dict[str, Any]:
        """Return the record as it stands in mosaics."""
        return {
            "zoom": self.zoom,
            "cell": [self.column, self.row],
            "item": self.item_key,
            "made_of": self.made_of,
            "recipe": self.recipe,
            "start": instant_text(self.start),
            "end": instant_text(self.end),
            "synthetic": self.synthetic,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Overview":
        """Read what `to_json` wrote.

        Raises:
            OverviewError: If a field is missing or wrong.
        """
        try:
            column, row = document["cell"]
            return cls(
                zoom=document["zoom"],
                column=column,
                row=row,
                item_key=document["item"],
                made_of=document["made_of"],
                recipe=document["recipe"],
                start=parse_instant(document["start"]),
                end=parse_instant(document["end"]),
                synthetic=document["synthetic"],
            )
        except (KeyError, TypeError, ValueError, AttributeError, PeriodError) as error:
            raise OverviewError(f"no record of an overview: {error!r}") from error


class Places(AbstractSet[tuple[int, int]]):
    """Zooms and cells at which overviews stand, in an ascending array of numbers."""

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self._numbers = numbers

    @staticmethod
    def number(place: tuple[int, int]) -> int:
        """Return the number of a zoom and a cell."""
        return place[0] << _PLACE_BITS | place[1]

    def position(self, place: tuple[int, int]) -> int | None:
        """Return where a place stands among all; None if it does not."""
        number = self.number(place)
        position = int(self._numbers.searchsorted(np.int64(number)))
        return position if position < len(self._numbers) and self._numbers[position] == number else None

    def __contains__(self, place: object) -> bool:
        return isinstance(place, tuple) and self.position(place) is not None

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for number in self._numbers.tolist():
            yield number >> _PLACE_BITS, number & (1 << _PLACE_BITS) - 1

    def __len__(self) -> int:
        return len(self._numbers)


def cell_zoom(zoom: int) -> int:
    """Return the zoom of the cells that the overviews of a zoom are cut into."""
    return max(0, zoom - LEVELS_ACROSS)


def zoom_of_tiles(zoom: int, size: int) -> int:
    """Return the zoom whose 256 px tiles have pixels as fine as those of tiles of a size."""
    return zoom + size.bit_length() - TILE_PX.bit_length()
