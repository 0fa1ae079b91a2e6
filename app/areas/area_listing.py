"""Listings of areas: of a kind, near a place, by what was seen there last, in an order and page by page."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import shapely

from app.areas.area import Area, AreaError
from app.areas.area_store import CRITERIA, FIELDS, AreaSearch, area_of
from app.areas.pages import page_statement
from app.database import Connection

MAX_WITHIN_M = 100_000.0

GLOBE = "geography(st_segmentize({}, 0.1))"
"""An outline on the ellipsoid: edges are straight in degrees, and geodesics only within a tenth of one."""

CROP_TYPE = "left(properties ->> 'crop_type', 200)"
"""As it is indexed: whole of parcels, and short enough for an index of areas with any such property."""

Key: TypeAlias = str | float | None
"""What an area is sorted by, as it stands in a token."""


class Comparison(StrEnum):
    """How a number is compared, as parameters name it."""

    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"

    @property
    def operator(self) -> str:
        """As SQL has it."""
        return {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[self]


LATEST = re.compile(
    r"latest\.(?P<product>[^.]+)(?:\.(?P<column>value|valid_fraction))?\.(?P<comparison>lt|lte|gt|gte)"
)
"""Names of parameters such as `latest.ndvi.lt` and `latest.ndvi.valid_fraction.gte`."""


@dataclass(frozen=True, slots=True)
class LatestBound:
    """A bound of the newest value of a product, or of the share that was seen; areas without lie outside."""

    product: str
    column: str
    """Of `area_latest`."""
    comparison: Comparison
    number: float

    @classmethod
    def read(cls, name: str, number: object) -> "LatestBound":
        """Read a parameter.

        Raises:
            AreaError: If its name or its number is not valid.
        """
        match = LATEST.fullmatch(name)
        if match is None:
            raise AreaError(
                f"{name[:80]!r} is not a valid bound; one is named as latest.ndvi.lt (lte, gt, gte)"
            )
        try:
            found = math.nan if isinstance(number, bool) else float(number)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            found = math.nan
        if not math.isfinite(found):
            raise AreaError(f"{name} must be a number, not {str(number)[:40]!r}")
        return cls(match["product"], match["column"] or "value", Comparison(match["comparison"]), found)


@dataclass(frozen=True, slots=True)
class Near:
    """A distance on the ellipsoid from a place."""

    place: shapely.Geometry
    """In degrees."""
    within_m: float
    but: int | None = None
    """Id of the area that the place is of: it is not near itself."""

    def __post_init__(self) -> None:
        if not 0 <= self.within_m <= MAX_WITHIN_M:
            raise AreaError(f"within_m must be from 0 to {MAX_WITHIN_M:,.0f}, not {self.within_m:g}")


KEYS: Mapping[str, tuple[str, str]] = {
    "id": ("id", "bigint"),
    "name": ("name", "text"),
    "updated_at": ("updated_at", "timestamptz"),
    "crop_type": (CROP_TYPE, "text"),
    "latest": ("sorting.value", "float8"),
}
"""What areas can be sorted by: an expression, and its type."""

NULLABLE = {"crop_type", "latest"}
"""Those that not every area has; the ones without come last, in either direction."""


@dataclass(frozen=True, slots=True)
class SortOrder:
    """An order of areas; those that are equal stand in order of id."""

    key: str = "id"
    product: str = ""
    """Whose latest value it is."""
    descends: bool = False

    @classmethod
    def read(cls, text: str) -> "SortOrder":
        """Read the parameter `sort`.

        Raises:
            AreaError: If it is not valid.
        """
        name, descends = text.removeprefix("-"), text.startswith("-")
        if name.startswith("latest.") and len(name) > len("latest."):
            return cls("latest", name.removeprefix("latest."), descends)
        if name not in KEYS or name == "latest":
            there_are = ", ".join(sorted(KEYS.keys() - {"latest"}))
            raise AreaError(
                f"{text[:40]!r} is not a valid sort key; there are: {there_are}, latest.PRODUCT, and each "
                "with - before it"
            )
        return cls(name, descends=descends)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after an area."""

    key: Key
    id: int

    @property
    def token(self) -> str:
        """As an answer gives it."""
        return base64.urlsafe_b64encode(json.dumps([self.key, self.id]).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str, order: SortOrder) -> "Cursor":
        """Read a token of a listing in the same order.

        Raises:
            AreaError: If it is not valid.
        """
        try:
            key, id_ = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            kind = KEYS[order.key][1]
            if key is not None and kind == "timestamptz":
                datetime.fromisoformat(key)
            is_valid = isinstance(key, str | None if kind in {"text", "timestamptz"} else int | float | None)
            is_valid = is_valid and isinstance(id_, int) and 0 <= id_ < 2**63 and "\0" not in str(key)
        except (ValueError, TypeError, RecursionError):
            is_valid = False
        if not is_valid:
            raise AreaError("token is not valid here; send that of a next link, with the same sort")
        return cls(key, id_)


@dataclass(frozen=True, slots=True)
class Listing:
    """Which areas are listed, and in which order; a criterion that is None is not applied."""

    search: AreaSearch
    crop_type: str | None = None
    status: str | None = None
    near: Near | None = None
    latest: Sequence[LatestBound] = ()
    order: SortOrder = SortOrder()


@dataclass(frozen=True, slots=True)
class FoundAreas:
    """A page of areas."""

    areas: tuple[Area, ...]
    following: Cursor | None
    """Where the next page begins; None on the last."""


async def list_areas(
    connection: Connection, listing: Listing, *, above: int = 0, after: Cursor | None = None, limit: int
) -> FoundAreas:
    """Return a page of areas.

    Args:
        connection: To the database.
        listing: Which, and in which order.
        above: Only areas with a higher id.
        after: Where the page begins. Areas that are created, deleted or get another value between pages do
            not shift the others.
        limit: Number of areas at most; fewer where their outlines are large, but at least one if any is left.
    """
    rows: list[Any] = []
    more = False
    if after is None or after.key is not None:
        rows = await connection.fetch(*listing_statement(listing, above, after, limit))
        more = bool(rows) and rows[0]["found"] > len(rows)
        after = None
    if not more and listing.order.key in NULLABLE:
        rest = await connection.fetch(
            *listing_statement(listing, above, after, max(1, limit - len(rows)), has_key=False)
        )
        more = bool(rest) and (rest[0]["found"] > len(rest) or len(rows) == limit)
        rows += rest[: limit - len(rows)]
    return FoundAreas(tuple(map(area_of, rows)), _cursor(rows[-1]) if more else None)


def _cursor(row: Any) -> Cursor:
    key = row["sort_key"]
    return Cursor(key.isoformat() if isinstance(key, datetime) else key, row["id"])


def listing_statement(
    listing: Listing, above: int, after: Cursor | None, limit: int, *, has_key: bool = True
) -> tuple[Any, ...]:
    """Return the statement of a page, and its values: of areas with a key, or of those without."""
    values: list[Any] = [above, limit, *listing.search.values]

    def put(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    order = listing.order
    key, kind = KEYS[order.key]
    way, beyond = ("desc", "<") if order.descends else ("asc", ">")
    join, conditions = "", [CRITERIA, *_further(listing, put)]
    if order.key == "latest":
        kind_of_join = "join" if has_key else "left join"
        product = put(order.product)
        join = f"{kind_of_join} area_latest sorting on sorting.area_id = id and sorting.product = {product}"
    if not has_key:
        conditions.append(f"{key} is null")
    elif order.key in NULLABLE:
        conditions.append(f"{key} is not null")
    if after is not None and has_key:
        given = put(after.key if kind != "timestamptz" else datetime.fromisoformat(str(after.key)))
        conditions.append(f"({key}, id) {beyond} ({given}::{kind}, {put(after.id)}::bigint)")
    elif after is not None:
        conditions.append(f"id {beyond} {put(after.id)}::bigint")
    criteria = " and ".join(f"({each})" for each in conditions)
    statement = page_statement("areas", FIELDS, criteria, joins=join, key=key, way=way)
    return statement, *values


def _further(listing: Listing, put: Any) -> list[str]:
    """Return the conditions beside those of every search."""
    found = []
    if listing.crop_type is not None:
        asked = put(listing.crop_type)
        found.append(f"{CROP_TYPE} = {asked} and properties ->> 'crop_type' = {asked}")
    if listing.status is not None:
        found.append(f"properties ->> 'status' = {put(listing.status)}")
    if (near := listing.near) is not None:
        # As an array, so that the index over the globe is asked first, whichever order is asked for.
        place = GLOBE.format(f"st_geomfromwkb({put(shapely.to_wkb(near.place))}, 4326)")
        found.append(
            f"id = any(array(select id from areas where st_dwithin({GLOBE.format('geom')}, {place}, "
            f"{put(near.within_m)}::float8)))"
        )
        if near.but is not None:
            found.append(f"id <> {put(near.but)}::bigint")
    found += [
        f"exists (select from area_latest l where l.area_id = id and l.product = {put(bound.product)} "
        f"and l.{bound.column} {bound.comparison.operator} {put(bound.number)}::float8)"
        for bound in listing.latest
    ]
    return found
