"""Parcels and their kept series in the database, as analyses need them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
import shapely

from app.analysis.neighbours import Floats, Integers, positions_m
from app.analysis.parcel import Observed
from app.areas.area import UnknownAreaError
from app.database import Connection
from mosaics.bbox import Bbox
from mosaics.period import Period

METRES_A_DEGREE = 110_000.0
"""Along a meridian, less than anywhere: boxes made with it are wide enough."""

Group: TypeAlias = tuple[str | None, str | None, str | None]
"""What makes parcels comparable: their kind, the property in which they agree, and their owner."""

PARCEL = """
    select id, name, kind, properties ->> $2 as same, owner_id,
        st_x(middle) as lon, st_y(middle) as lat
    from areas, lateral (select st_pointonsurface(geom) as middle) placed
    where id = $1
"""

AROUND = """
    select id, kind, properties ->> $3 as same, owner_id, st_x(middle) as lon, st_y(middle) as lat,
        (entry ->> 'mean')::float8 as mean, (entry ->> 'valid_fraction')::float8 as valid
    from areas
        join area_statistics on area_id = id and product = $1 and period = $2,
        lateral (select st_pointonsurface(geom) as middle) placed
    where properties ->> $3 is not null
        and ($4::bytea is null or st_intersects(geom, st_geomfromwkb($4, 4326)))
        and ($5::text is null or properties ->> $3 = $5)
    order by id
"""

SERIES = """
    select area_id,
        array_agg(period order by starts) as periods,
        array_agg((entry ->> 'mean')::float8 order by starts) as means,
        array_agg((entry ->> 'valid_fraction')::float8 order by starts) as valid,
        array_agg(inputs order by starts) as inputs
    from area_statistics
    where area_id = any($1::bigint[]) and product = $2 and starts <= $3
    group by area_id
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An area that is analysed."""

    id: int
    name: str
    group: Group
    lon: float
    lat: float
    """A place in it, in degrees."""


@dataclass(frozen=True, slots=True)
class Around:
    """The parcels that have a value in a period."""

    ids: tuple[int, ...]
    groups: tuple[Group, ...]
    places_m: Floats
    """(parcels, 3)."""
    values: Floats
    """Means; NaN where too little was seen."""

    @property
    def numbers(self) -> Integers:
        """A number for each group, (parcels,)."""
        known = {group: n for n, group in enumerate(dict.fromkeys(self.groups))}
        return np.array([known[group] for group in self.groups], np.intp)


@dataclass(frozen=True, slots=True)
class ParcelSeries:
    """The kept entries of a parcel, in order of time."""

    periods: tuple[str, ...]
    means: tuple[float | None, ...]
    valid: tuple[float | None, ...]
    inputs: tuple[str, ...]
    """The input hash of each."""


async def read_parcel(connection: Connection, area_id: int, same: str) -> Parcel:
    """Return an area with the property in which its neighbours agree.

    Raises:
        UnknownAreaError: If no area has this id.
    """
    row = await connection.fetchrow(PARCEL, area_id, same)
    if row is None:
        raise UnknownAreaError(area_id)
    group = row["kind"], row["same"], row["owner_id"]
    return Parcel(row["id"], row["name"], group, row["lon"], row["lat"])


async def read_around(
    connection: Connection,
    product: str,
    period: str,
    same: str,
    *,
    seen: float,
    near: Parcel | None = None,
    within_m: float = math.inf,
) -> Around:
    """Return the parcels that have an entry of a product in a period and the property `same`.

    Args:
        connection: To the database.
        product: Its id.
        period: Its text.
        same: The property.
        seen: The share of a parcel that must have a value.
        near: Only those around a parcel that agree with it; None for all.
        within_m: How far around it.
    """
    box = None if near is None else shapely.to_wkb(box_around(near.lon, near.lat, within_m))
    agreed = None if near is None else near.group[1]
    rows = await connection.fetch(AROUND, product, period, same, box, agreed)
    places = np.array([(r["lon"], r["lat"]) for r in rows], np.float64).reshape(-1, 2)
    values = [r["mean"] if (r["valid"] or 0) >= seen and r["mean"] is not None else math.nan for r in rows]
    return Around(
        tuple(r["id"] for r in rows),
        tuple((r["kind"], r["same"], r["owner_id"]) for r in rows),
        positions_m(places[:, 0], places[:, 1]),
        np.array(values, np.float64),
    )


async def read_series(
    connection: Connection, ids: Sequence[int], product: str, until: datetime
) -> dict[int, ParcelSeries]:
    """Return the kept entries of some areas whose periods begin until a moment, of those that have any."""
    rows = await connection.fetch(SERIES, list(ids), product, until)
    return {
        r["area_id"]: ParcelSeries(*(tuple(r[name]) for name in ("periods", "means", "valid", "inputs")))
        for r in rows
    }


def observed_of(series: Sequence[ParcelSeries], periods: Sequence[Period]) -> Observed:
    """Return the values of some series as rows over periods."""
    column = {period.text: n for n, period in enumerate(periods)}
    values = np.full((len(series), len(periods)), np.nan)
    valid = np.zeros(values.shape)
    for row, each in enumerate(series):
        columns = [column[text] for text in each.periods]
        values[row, columns] = np.array(each.means, np.float64)
        valid[row, columns] = [share or 0.0 for share in each.valid]
    return Observed(values, valid)


def box_around(lon: float, lat: float, within_m: float) -> shapely.Geometry:
    """Return what holds all places within a distance of one, in degrees; two boxes at the antimeridian."""
    up = within_m / METRES_A_DEGREE
    south, north = max(lat - up, -90.0), min(lat + up, 90.0)
    narrowest = math.cos(math.radians(max(abs(south), abs(north))))
    across = up / narrowest if narrowest > up / 180 else 180.0
    if across >= 180:
        return shapely.box(-180, south, 180, north)
    west, east = lon - across, lon + across
    return Bbox(
        west + 360 if west < -180 else west, south, east - 360 if east > 180 else east, north
    ).geometry
