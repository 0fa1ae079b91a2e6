"""What a member `crs` of GeoJSON says."""

from typing import Any

import pytest

from app.areas.crs_members import CrsMemberError, stated_crs

NAD83 = 'GEOGCS["NAD83",DATUM["North_American_Datum_1983",SPHEROID["GRS 1980",6378137,298.257222101]]]'


def named(name: Any) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


@pytest.mark.parametrize(
    "member",
    [
        None,
        {},
        "",
        "EPSG:4326",
        *map(
            named,
            [
                "EPSG:4326",
                "epsg:4326",
                "urn:ogc:def:crs:EPSG::4326",
                "urn:ogc:def:crs:EPSG:6.9:4326",
                "urn:x-ogc:def:crs:EPSG:4326",
                "urn:ogc:def:crs:OGC:1.3:CRS84",
                "urn:ogc:def:crs:OGC::CRS84",
                "urn:ogc:def:crs:OGC:1.3:CRS84h",
                "urn:ogc:def:crs:OGC:2:84",
                "OGC:CRS84",
                "CRS:84",
                "CRS84",
                "WGS 84",
                "EPSG:4979",
                "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
                "https://www.opengis.net/def/crs/OGC/0/CRS84",
                "http://www.opengis.net/def/crs/EPSG/0/4326",
                "http://www.opengis.net/gml/srs/epsg.xml#4326",
                "  EPSG:4326 ",
                "",
                None,
            ],
        ),
        {"type": "EPSG", "properties": {"code": 4326}},
        {"type": "EPSG", "properties": {"code": "4326"}},
        {"type": "OGC", "properties": {"urn": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
        {"type": "link", "properties": {"href": "http://spatialreference.org/ref/epsg/4326/", "type": "x"}},
        {"properties": {"name": "OGC:CRS84"}},
    ],
    ids=str,
)
def test_degrees_in_every_form_are_taken(member: Any) -> None:
    assert stated_crs(member).to_epsg() == 4326


@pytest.mark.parametrize(
    ("name", "epsg"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS83", 4269),
        ("OGC:CRS27", 4267),
        ("EPSG:4258", 4258),
        (NAD83, 4269),
    ],
)  # fmt: skip
def test_degrees_of_other_datums_are_known(name: str, epsg: int) -> None:
    assert stated_crs(named(name)).to_epsg() == epsg


@pytest.mark.parametrize(
    "member",
    [
        ["x"],
        7,
        True,
        "EPSG:3857",
        "metres",
        {"properties": None},
        {"properties": []},
        {"type": "name"},
        named(["EPSG:4326"]),
        named({"a": 1}),
        named(4326.5),
        named("EPSG:3857"),
        named("urn:ogc:def:crs:EPSG::28992"),
        named("EPSG:999999"),
        named("OGC:CRS1"),
        named("http://example.org/4326"),
        named("PROJCS[broken"),
        {"type": "EPSG", "properties": {"code": [4326]}},
    ],
    ids=str,
)
def test_others_are_refused_in_words(member: Any) -> None:
    with pytest.raises(CrsMemberError, match="is not in degrees"):
        stated_crs(member)
