"""The area: a named polygon, as the database holds it and as a GeoJSON Feature."""

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import shapely

from app.keys import KeyEntryError, read_owner
from app.products.registry import Registry, UnknownProductError
from app.statistics.geometry import Polygonal
from app.statistics.repairing import Repair
from mosaics.ellipsoid import polygon_area_m2
from mosaics.period import Interval, PeriodError

MAX_NAME = 200
MAX_PRODUCTS = 50
MAX_PROPERTIES_BYTES = 64 * 1024
"""Limit of an area's own properties as JSON: they describe the area and are not a place for data."""

OURS = ("name", "kind", "products", "feed", "owner_id")
GIVEN = ("area_km2", "area_ha", "latest", "created_at", "updated_at")
"""Properties that answers add; a request that sends them back has them ignored."""

PARCEL = "parcel"
"""The kind of areas that are parcels."""

PARCEL_TEXTS = ("crop_type", "status")
PREDICTED_YIELD = "predicted_yield"
"""As the caller says, in the caller's unit: it is passed through, and never computed."""

NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 in JSON, which PostgreSQL's text type cannot hold."""


class AreaError(ValueError):
    """An area that is not valid; the message says what would be right."""


class UnknownAreaError(LookupError):
    """No area has this id."""

    def __init__(self, area_id: int) -> None:
        super().__init__(f"no area {area_id}; GET /areas lists the areas")


@dataclass(frozen=True, slots=True)
class FeedWish:
    """Whether feeds are to bring what the products of an area read, and of which time."""

    is_wanted: bool = False
    starts: str | None = None
    """A period or an instant; None for what is usual, or as it is."""
    ends: str | None = None
    """None for no end, or as it is."""

    @classmethod
    def read(cls, value: object) -> "FeedWish":
        """Read the property `feed`: true, false, null, or an object with the time.

        Raises:
            AreaError: If it is something else.
        """
        if value is None or isinstance(value, bool):
            return cls(bool(value))
        if not isinstance(value, dict) or not value.keys() <= {"from", "to"}:
            raise AreaError('properties.feed must be true, false, or an object such as {"from": "2023-01"}')
        for name, text in value.items():
            if not isinstance(text, str) or len(text) > 40:
                raise AreaError(f'properties.feed.{name} must be a period or an instant, such as "2023-01"')
            try:
                Interval.parse(f"{text}/..")
            except PeriodError as error:
                raise AreaError(f"properties.feed.{name}: {error}") from error
        return cls(True, value.get("from"), value.get("to"))


@dataclass(frozen=True, slots=True)
class Description:
    """All of an area except its geometry."""

    name: str
    kind: str | None = None
    products: tuple[str, ...] = ()
    """Ids of the products whose statistics are kept."""
    properties: str = "{}"
    """The caller's own properties as a JSON object."""
    feed: FeedWish = FeedWish()
    """As it was read from a request, or whether there is one."""
    owner_id: str | None = None
    """Whose it is; None is of no owner."""

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> "Description":
        """Read the properties of a Feature.

        Raises:
            AreaError: If a property is not valid.
        """
        changes = AreaChanges.read(properties)
        if changes.name is None:
            raise AreaError("an area needs a name: set properties.name to a string")
        refuse_unlike_parcel(changes.kind, changes.properties)
        feed = changes.feed or FeedWish()
        return cls(
            changes.name, changes.kind, changes.products or (), changes.properties, feed, changes.owner_id
        )

    def of_owner(self, owner: str | None) -> "Description":
        """Return it as a request that is bound to an owner may write it; None is bound to none.

        Raises:
            AreaError: If it names another owner.
        """
        if owner is None:
            return self
        refuse_other_owner(self.owner_id or owner, owner)
        return replace(self, owner_id=owner)


@dataclass(frozen=True, slots=True)
class AreaChanges:
    """The changes a merge patch (RFC 7396) makes to a Feature's properties."""

    name: str | None = None
    """None leaves the name as it is."""
    kind: str | None = None
    sets_kind: bool = False
    """Whether the kind is set to `kind`, which may be None."""
    products: tuple[str, ...] | None = None
    """None leaves the products as they are."""
    properties: str = "{}"
    """The caller's own properties to set, as a JSON object."""
    removed: tuple[str, ...] = ()
    """Names of the caller's own properties to remove."""
    feed: FeedWish | None = None
    """None leaves its feeds as they are."""
    owner_id: str | None = None
    sets_owner: bool = False
    """Whether the owner is set to `owner_id`, which may be None."""

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> "AreaChanges":
        """Read the properties of a Feature; null removes a property.

        Raises:
            AreaError: If a property is not valid.
        """
        own = {name: value for name, value in properties.items() if name not in {*OURS, *GIVEN}}
        return cls(
            name=read_text("name", properties["name"]) if "name" in properties else None,
            kind=None if properties.get("kind") is None else read_text("kind", properties["kind"]),
            sets_kind="kind" in properties,
            products=read_products(properties["products"]) if "products" in properties else None,
            properties=own_json({name: value for name, value in own.items() if value is not None}),
            removed=read_removed(name for name, value in own.items() if value is None),
            feed=FeedWish.read(properties["feed"]) if "feed" in properties else None,
            owner_id=read_owner_id(properties.get("owner_id")),
            sets_owner="owner_id" in properties,
        )

    def of_owner(self, owner: str | None) -> "AreaChanges":
        """Return them if a request that is bound to an owner may make them; None is bound to none.

        Raises:
            AreaError: If they set another owner.
        """
        if owner is not None and self.sets_owner:
            refuse_other_owner(self.owner_id, owner)
        return self


@dataclass(frozen=True, slots=True)
class Area:
    """A registered area."""

    id: int
    description: Description
    polygon: Polygonal
    """In degrees; normalised, with exteriors clockwise."""
    created_at: datetime
    updated_at: datetime
    latest: str = "{}"
    """Of each product that is kept the newest entry with a value, as a JSON object."""

    @property
    def area_km2(self) -> float:
        """On the WGS 84 ellipsoid, its edges straight in degrees, as statistics have it."""
        return polygon_area_m2(self.polygon) / 1e6

    def feature(self, repair: Repair | None = None) -> str:
        """Return the area as a GeoJSON Feature; `repair` says what was changed when it was registered."""
        described, area_km2 = self.description, self.area_km2
        properties: dict[str, Any] = {"owner_id": described.owner_id}
        if described.kind == PARCEL:
            properties |= dict.fromkeys((*PARCEL_TEXTS, PREDICTED_YIELD))
        properties |= json.loads(described.properties)
        properties |= {
            "name": described.name,
            "kind": described.kind,
            "products": described.products,
            "feed": described.feed.is_wanted,
            "area_km2": area_km2,
            "area_ha": area_km2 * 100,
            "latest": json.loads(self.latest),
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }
        return feature_json(self.id, outline_json(self.polygon), properties, repair)


def refuse_uncounted(registry: Registry, products: Iterable[str]) -> None:
    """Raise `AreaError` if a product does not exist or has no statistics."""
    for product in products:
        try:
            found = registry.get(product)
        except UnknownProductError as error:
            raise AreaError(f"properties.products: {error}") from error
        if found.planes != 1:
            raise AreaError(
                f"properties.products: '{product}' is a picture of three bands; it has no statistics to keep"
            )


def refuse_unlike_parcel(kind: str | None, properties: str) -> None:
    """Raise `AreaError` if an area is a parcel and has a property that no parcel can have.

    Args:
        kind: Of the area; those of other kinds may have any.
        properties: The caller's own as a JSON object.
    """
    if kind != PARCEL:
        return
    own = json.loads(properties)
    for name in PARCEL_TEXTS:
        if own.get(name) is not None:
            read_text(name, own[name])
    number = own.get(PREDICTED_YIELD, 0)
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    if not (is_number and math.isfinite(number) and number >= 0):
        raise AreaError(f"properties.{PREDICTED_YIELD} of a parcel must be null or a number from 0 on")


def polygon_of(wkb: bytes) -> Polygonal:
    """Return a geometry of the database in the form `app.statistics.geometry.read_polygon` gives it."""
    geometry = shapely.from_wkb(wkb)
    parts = shapely.get_parts(geometry)
    found = parts[0] if len(parts) == 1 else geometry
    assert isinstance(found, shapely.Polygon | shapely.MultiPolygon)  # noqa: S101 - the column holds no other
    return found


def outline_json(polygon: Polygonal) -> str:
    """Return an outline as GeoJSON, with every digit that is stored.

    It is a MultiPolygon with counter-clockwise exteriors, as RFC 7946 asks for.
    """
    parts = shapely.MultiPolygon(shapely.get_parts(shapely.reverse(polygon)).tolist())
    return str(shapely.to_geojson(parts))


def feature_json(
    number: int, geometry: str, properties: Mapping[str, Any], repair: Repair | None = None
) -> str:
    """Return a GeoJSON Feature of something kept; `repair` says what was changed when it was sent."""
    repaired = f',"repair":{json.dumps(repair.document())}' if repair else ""
    return (
        f'{{"type":"Feature","id":{number},"geometry":{geometry},'
        f'"properties":{json.dumps(properties, ensure_ascii=False)}{repaired}}}'
    )


def own_json(properties: Mapping[str, Any]) -> str:
    """Return an area's own properties as JSON.

    Raises:
        AreaError: If the database cannot hold them.
    """
    try:
        text = json.dumps(properties, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (ValueError, RecursionError) as error:
        raise AreaError(
            "properties has a number that is not finite, a string that is not valid Unicode, "
            "or objects nested too deeply"
        ) from error
    if NUL.search(text):
        raise AreaError("properties contains the character U+0000, which the database cannot store")
    if size > MAX_PROPERTIES_BYTES:
        raise AreaError(f"properties has {size:,} bytes; at most {MAX_PROPERTIES_BYTES:,} are allowed")
    return text


def read_text(field: str, value: object) -> str:
    """Return a property that is a text to be shown.

    Raises:
        AreaError: If it is empty, too long or has characters that cannot be shown.
    """
    if not isinstance(value, str) or not value.strip():
        raise AreaError(f"properties.{field} must be a string, not {_shown(value)}")
    if len(value) > MAX_NAME:
        raise AreaError(f"properties.{field} has {len(value)} characters; at most {MAX_NAME} are allowed")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise AreaError(f"properties.{field} contains a control character or an unpaired surrogate")
    return value


def read_owner_id(value: object) -> str | None:
    """Return the property `owner_id`.

    Raises:
        AreaError: If no key can be bound to such an owner.
    """
    if value is None:
        return None
    try:
        return read_owner(value if isinstance(value, str) else "")
    except KeyEntryError as error:
        raise AreaError(
            "properties.owner_id must be null or a string of 1 to 64 letters, digits and . _ @ + -"
        ) from error


def refuse_other_owner(named: str | None, owner: str) -> None:
    """Raise `AreaError` if a request that is bound to an owner names another one."""
    if named != owner:
        raise AreaError(f"properties.owner_id must be {owner!r}, to whom the key is bound; leave it out")


def read_products(value: object) -> tuple[str, ...]:
    """Return the property `products`, each once.

    Raises:
        AreaError: If it is not a list of ids, or too long.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(product, str) for product in value):
        raise AreaError('properties.products must be a list of product ids, such as ["ndvi"]')
    if len(value) > MAX_PRODUCTS:
        raise AreaError(f"an area keeps at most {MAX_PRODUCTS} products, not {len(value)}")
    return tuple(dict.fromkeys(value))


def read_removed(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of properties to remove.

    Raises:
        AreaError: If no stored property can have such a name.
    """
    found = tuple(names)
    own_json(dict.fromkeys(found))  # refuses what no stored name can have
    return found


def _shown(value: object) -> str:
    return {type(None): "null", str: "an empty one", bool: "true or false"}.get(type(value), "something else")
