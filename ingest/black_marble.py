"""Black Marble: what the name of one of its tiles says, and the layers its products have.

Names are `VNP46A3.A2024001.h21v07.002.2024066123456.h5`: product, date, tile, collection, time of production.
The grid is plate carrée, 36 by 18 tiles of ten degrees with 2400 by 2400 cells of 15 arc-seconds; rows run
from north to south (Black Marble User Guide 2.0, sections 2 and 3).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from mosaics.period import Cadence, Period

SIDE_CELLS = 2400
"""Rows, and columns, of a tile."""
SIDE_DEGREES = 10
PLATFORMS: Mapping[str, str] = MappingProxyType({"VNP": "suomi-npp", "VJ1": "noaa-20", "VJ2": "noaa-21"})
CADENCES: Mapping[str, Cadence] = MappingProxyType(
    {"1": Cadence.DAY, "2": Cadence.DAY, "3": Cadence.MONTH, "4": Cadence.YEAR}
)
RADIANCE_TYPES: Mapping[int, str] = MappingProxyType({1: "uint16", 2: "float32"})
"""By collection: steps of 0.1 in Collection 1, physical values in Collection 2."""

_NAME = re.compile(
    r"(?P<product>(?P<platform>VNP|VJ1|VJ2)46A(?P<level>[1-4]))"
    r"\.A(?P<date>\d{7})\.h(?P<column>\d\d)v(?P<row>\d\d)\.(?P<collection>\d{3})\.(?P<produced>\d{13})\.h5",
    re.ASCII,
)
_COMPOSITE = re.compile(
    r"(AllAngle|NearNadir|OffNadir)_Composite_Snow_(Free|Covered)(?P<kind>_Num|_Quality|_Std)?"
)
_NIGHTLY: Mapping[str, str] = MappingProxyType(
    {
        "DNB_BRDF-Corrected_NTL": "radiance",
        "Gap_Filled_DNB_BRDF-Corrected_NTL": "radiance",
        "Mandatory_Quality_Flag": "uint8",
        "Latest_High_Quality_Retrieval": "uint8",
        "Snow_Flag": "uint8",
        "QF_Cloud_Mask": "uint16",
    }
)
_COMPOSED: Mapping[str, str] = MappingProxyType({"Land_Water_Mask": "uint8", "DNB_Platform": "uint8"})


class TileNameError(ValueError):
    """A name is not one of a Black Marble tile; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of one product and time, as its name tells."""

    product: str
    """VNP46A3, its short name."""
    platform: str
    cadence: Cadence
    """How long its values are of."""
    start: datetime
    end: datetime
    """First moment after it."""
    column: int
    """0 to 35 from west to east: XX of hXXvYY."""
    row: int
    """0 to 17 from north to south: YY."""
    collection: int
    produced: datetime

    @classmethod
    def parse(cls, name: str) -> "Tile":
        """Read the name of a file.

        Raises:
            TileNameError: If it is not the name of a tile.
        """
        found = _NAME.fullmatch(name)
        if found is None or int(found["column"]) > 35 or int(found["row"]) > 17:
            raise _not_a_name(name)
        cadence = CADENCES[found["level"]]
        try:
            date = _moment(found["date"])
            period = Period.containing(date, cadence)
            produced = _moment(found["produced"])
        except ValueError as error:
            raise _not_a_name(name) from error
        if date != period.start:  # composites are dated by their first day
            raise _not_a_name(name)
        return cls(
            product=found["product"],
            platform=PLATFORMS[found["platform"]],
            cadence=cadence,
            start=period.start,
            end=period.end,
            column=int(found["column"]),
            row=int(found["row"]),
            collection=int(found["collection"]),
            produced=produced,
        )

    @property
    def name(self) -> str:
        """The place on the grid: h21v07."""
        return f"h{self.column:02}v{self.row:02}"

    @property
    def west_north(self) -> tuple[int, int]:
        """Longitude of the western and latitude of the northern edge, in degrees."""
        return -180 + SIDE_DEGREES * self.column, 90 - SIDE_DEGREES * self.row

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """West, south, east and north in degrees."""
        west, north = self.west_north
        return west, north - SIDE_DEGREES, west + SIDE_DEGREES, north

    def layer_type(self, layer: str) -> str | None:
        """Return the type of the numbers of a layer, as numpy writes it; None for no layer of it."""
        if self.cadence is Cadence.DAY:
            kind = _NIGHTLY.get(layer) if self.product.endswith("A2") else None
        elif composite := _COMPOSITE.fullmatch(layer):
            kind = {"_Num": "uint16", "_Quality": "uint8"}.get(composite["kind"] or "", "radiance")
        else:
            kind = _COMPOSED.get(layer)
        return RADIANCE_TYPES.get(self.collection) if kind == "radiance" else kind


def _not_a_name(name: str) -> TileNameError:
    return TileNameError(
        f"{name[:80]!r} is not a valid name of a Black Marble tile; one looks like "
        "VNP46A3.A2024001.h21v07.002.2024066123456.h5."
    )


def _moment(text: str) -> datetime:
    """Return the moment of year, day of the year and, where they follow, hour, minute and second.

    Raises:
        ValueError: If there is no such day or time.
    """
    year, day = int(text[:4]), int(text[4:7])
    first = datetime(year, 1, 1, tzinfo=UTC)
    moment = first + timedelta(days=day - 1)
    if day < 1 or moment.year != year:
        raise ValueError(f"{year} has no day {day}")
    clock = text[7:]
    if not clock:
        return moment
    return moment.replace(hour=int(clock[:2]), minute=int(clock[2:4]), second=int(clock[4:6]))
