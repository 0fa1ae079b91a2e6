"""The zone: an outline where something is unusual or was found, as the database holds it and as a Feature."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from app.areas.area import (
    AreaError,
    feature_json,
    outline_json,
    own_json,
    read_owner_id,
    read_removed,
    read_text,
    refuse_other_owner,
)
from app.statistics.geometry import Polygonal
from app.statistics.repairing import Repair
from app.zones.circle import Circle, CircleError
from mosaics.ellipsoid import polygon_area_m2
from mosaics.period import PeriodError, instant_text, parse_instant

OURS = (
    *(
        "kind",
        "severity",
        "called",
        "called_by",
        "caller",
        "model_version",
        "detected_at",
        "state",
        "owner_id",
    ),
    *("source_analysis", "center", "radius_m"),
)
GIVEN = ("area_ha", "areas", "created_at", "updated_at")
"""Properties that answers add; a request that sends them back has them ignored."""


class ZoneError(ValueError):
    """A zone that is not valid; the message says what would be right."""


class UnknownZoneError(LookupError):
    """No zone has this id."""

    def __init__(self, zone_id: int) -> None:
        super().__init__(f"no zone {zone_id}; GET /zones lists the zones")


class ZoneKind(StrEnum):
    """What a zone is of."""

    ANOMALY = "anomaly"
    """Something is unusual, whatever the reason."""
    DISEASE = "disease"
    """A person or a model says that it is a disease; an index of vegetation never does."""
    OTHER = "other"


class Severity(StrEnum):
    """How bad it is, as its maker judges."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class CalledBy(StrEnum):
    """Who says what there is in a zone."""

    PERSON = "person"
    MODEL = "model"


class ZoneState(StrEnum):
    """What has become of a zone."""

    NEW = "new"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    OVER = "over"


Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ZoneDescription:
    """All of a zone except its outline."""

    kind: ZoneKind = ZoneKind.ANOMALY
    severity: Severity | None = None
    called: str | None = None
    """What it was called, such as "black pod"."""
    called_by: CalledBy | None = None
    caller: str | None = None
    """The name of that person or model."""
    model_version: str | None = None
    detected_at: datetime | None = None
    state: ZoneState = ZoneState.NEW
    owner_id: str | None = None
    source_analysis: str | None = None
    """The id of the analysis that it was made of."""
    circle: Circle | None = None
    """Of which the outline was made; None where the outline was given."""
    properties: str = "{}"
    """The caller's own properties as a JSON object."""

    def __post_init__(self) -> None:
        if (self.called is None) != (self.called_by is None):
            raise ZoneError(
                "a zone has called, what it was called, and called_by, person or model, or neither of them"
            )
        if (self.model_version is None) == (self.called_by is CalledBy.MODEL):
            raise ZoneError('model_version must be set where called_by is "model", and only there')
        if self.caller is not None and self.called_by is None:
            raise ZoneError("caller names the person or model of called_by, which is missing")
        if self.kind is ZoneKind.DISEASE and self.called is None:
            raise ZoneError(
                'a zone of kind "disease" must say which (called) and who says so (called_by): an index of '
                'vegetation shows that something is unusual, and its zones have the kind "anomaly"'
            )

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> "ZoneDescription":
        """Read the properties of a Feature; null is as good as absent.

        Raises:
            ZoneError: If a property is not valid, or two do not fit each other.
        """
        try:
            return cls._read({name: value for name, value in properties.items() if value is not None})
        except (AreaError, CircleError) as error:
            raise ZoneError(str(error)) from error

    def changed(self, properties: Mapping[str, Any]) -> "ZoneDescription":
        """Return it with the changes of a merge patch (RFC 7396): null removes a property.

        Raises:
            ZoneError: If a property is not valid, or two do not fit each other.
        """
        try:
            read_removed(name for name, value in properties.items() if value is None)
        except AreaError as error:
            raise ZoneError(str(error)) from error
        return self.read({**self.document(), **properties})

    def of_owner(self, owner: str | None) -> "ZoneDescription":
        """Return it as a request that is bound to an owner may write it; None is bound to none.

        Raises:
            ZoneError: If it names another owner.
        """
        if owner is None:
            return self
        try:
            refuse_other_owner(self.owner_id or owner, owner)
        except AreaError as error:
            raise ZoneError(str(error)) from error
        return replace(self, owner_id=owner)

    @classmethod
    def _read(cls, properties: Mapping[str, Any]) -> "ZoneDescription":
        own = {name: value for name, value in properties.items() if name not in {*OURS, *GIVEN}}
        return cls(
            kind=_word(properties, "kind", ZoneKind) or ZoneKind.ANOMALY,
            severity=_word(properties, "severity", Severity),
            called=_text(properties, "called"),
            called_by=_word(properties, "called_by", CalledBy),
            caller=_text(properties, "caller"),
            model_version=_text(properties, "model_version"),
            detected_at=_instant(properties.get("detected_at")),
            state=_word(properties, "state", ZoneState) or ZoneState.NEW,
            owner_id=read_owner_id(properties.get("owner_id")),
            source_analysis=_text(properties, "source_analysis"),
            circle=_circle(properties),
            properties=own_json(own),
        )

    def document(self) -> dict[str, Any]:
        """Return it as properties, ready for JSON."""
        circle = self.circle
        own: dict[str, Any] = json.loads(self.properties)
        return own | {
            "kind": self.kind,
            "severity": self.severity,
            "called": self.called,
            "called_by": self.called_by,
            "caller": self.caller,
            "model_version": self.model_version,
            "detected_at": None if self.detected_at is None else instant_text(self.detected_at),
            "state": self.state,
            "owner_id": self.owner_id,
            "source_analysis": self.source_analysis,
            "center": None if circle is None else [circle.lon, circle.lat],
            "radius_m": None if circle is None else circle.radius_m,
        }


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone that is kept."""

    id: int
    description: ZoneDescription
    polygon: Polygonal
    """In degrees; normalised, with exteriors clockwise."""
    areas: tuple[int, ...]
    """Ids of the parcels that it intersects, of those that its reader may see."""
    created_at: datetime
    updated_at: datetime

    @property
    def area_ha(self) -> float:
        """On the WGS 84 ellipsoid, its edges straight in degrees."""
        return polygon_area_m2(self.polygon) / 1e4

    def feature(self, repair: Repair | None = None) -> str:
        """Return the zone as a GeoJSON Feature; `repair` says what was changed when its outline was sent."""
        properties = self.description.document() | {
            "area_ha": self.area_ha,
            "areas": self.areas,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }
        return feature_json(self.id, outline_json(self.polygon), properties, repair)


def _word(properties: Mapping[str, Any], name: str, words: type[Word]) -> Word | None:
    """Return a property that is one of some words; None where it is absent."""
    value = properties.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in list(words):
        raise ZoneError(f"properties.{name} must be one of {', '.join(words)}")
    return words(value)


def _text(properties: Mapping[str, Any], name: str) -> str | None:
    value = properties.get(name)
    return None if value is None else read_text(name, value)


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except PeriodError as error:
        raise ZoneError(
            'properties.detected_at must be an RFC 3339 instant, such as "2024-07-03T10:30:00Z"'
        ) from error


def _circle(properties: Mapping[str, Any]) -> Circle | None:
    center, radius = properties.get("center"), properties.get("radius_m")
    if center is None and radius is None:
        return None
    place = [_number(each) for each in center] if isinstance(center, list) else []
    if len(place) != 2 or None in place:
        raise ZoneError("a circle needs properties.center, [longitude, latitude], beside its radius_m")
    lon, lat, radius_m = *place, _number(radius)
    if lon is None or lat is None or radius_m is None:
        raise ZoneError("a circle needs properties.radius_m, a number of metres, beside its center")
    return Circle(lon, lat, radius_m)


def _number(value: object) -> float | None:
    """Return a number of a request; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < 1e12 else None
