"""The member `crs` of GeoJSON from before RFC 7946: which say degrees, in every form that writers have."""

import re
from typing import Any

from rasterio.crs import CRS
from rasterio.errors import CRSError

from mosaics.ellipsoid import WGS84

EPSG = re.compile(r"(?<![a-z])epsg(?![a-z])", re.IGNORECASE)

OGC = re.compile(r"(?<![a-z])(ogc|crs)(?![a-z])", re.IGNORECASE)

CODE = re.compile(r"(?<![\d.])(?:crs:?)?(\d{2,6})h?(?![\d.])", re.IGNORECASE)
"""The code of `EPSG:4326`, `EPSG::4326`, `EPSG/0/4326`, `epsg.xml#4326`, `OGC:1.3:CRS84` and `OGC:2:84`."""

OGC_CODES = {84: 4326, 83: 4269, 27: 4267}
"""OGC's systems of degrees, longitude first, by number, and EPSG's of the same datum (OGC 06-042, B)."""

PLAIN = {"wgs84", "crs84", "crs84h", "lonlat", "longlat"}
"""Names without an authority."""


class CrsMemberError(ValueError):
    """A coordinate system that is not one of degrees, or cannot be told."""


def stated_crs(member: Any) -> CRS:
    """Return the coordinate system that a member `crs` states; coordinates are longitude first in each.

    Args:
        member: Its value. Without one, null or without content it is WGS 84, as RFC 7946 has it.

    Raises:
        CrsMemberError: If it is not degrees, or not readable.
    """
    name = _name(member)
    if name == "":
        return WGS84
    crs = None if name is None else _named(name)
    if crs is None or not crs.is_geographic:
        raise CrsMemberError("is not in degrees (see its member crs); RFC 7946 requires degrees")
    return crs


def _name(member: Any) -> str | None:
    """Return the name in a member, empty if it states none; None if it is not readable."""
    if member is None or member in ({}, ""):
        return ""
    if isinstance(member, str):
        return member.strip()
    if not isinstance(member, dict) or not isinstance(member.get("properties"), dict):
        return None
    properties = member["properties"]
    if (code := properties.get("code")) is not None:  # {"type": "EPSG", "properties": {"code": 4326}}
        return None if isinstance(code, bool | dict | list) else f"EPSG:{code}"
    values = [properties[key] for key in ("name", "urn", "href") if key in properties]
    given = next((value for value in values if value), "" if values else None)
    return given.strip() if isinstance(given, str) else None


def _named(name: str) -> CRS | None:
    try:
        if re.match(r"(GEOG|BOUND|PROJ|COMP)\w*\[", name):
            return CRS.from_wkt(name)
        if re.sub(r"[\s_-]", "", name).casefold() in PLAIN:
            return WGS84
        codes = CODE.findall(name)
        code = int(codes[-1]) if codes else None
        if EPSG.search(name) is None:
            code = OGC_CODES.get(code) if code is not None and OGC.search(name) else None
        if code is None:
            return None
        return WGS84 if code in {4326, 4979} else CRS.from_epsg(code)
    except CRSError:
        return None
