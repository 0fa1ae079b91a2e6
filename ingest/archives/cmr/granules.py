"""Reading granules as the repository describes them (UMM-G 1.6): the one place that knows their objects."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.archives.archive import BandLayer, Granule, GranuleRefusedError, RemoteFile
from ingest.archives.cmr.search import is_of, plain
from ingest.black_marble import Tile, TileNameError
from ingest.landing_request import Provenance
from ingest.tempo import Scan, ScanNameError
from mosaics.descriptions.sources import GranuleSource
from mosaics.period import PeriodError, instant_text, parse_instant

DATA = "GET DATA"
PREFERRED_HOSTS = (".earthdatacloud.nasa.gov",)
"""Where files of LAADS are given to who has a token; the addresses it had before lead to a page."""
MULTIHASHES = {
    "MD5": ("d50110", 32),
    "SHA-256": ("1220", 64),
    "SHA-512": ("1340", 128),
    "SHA-1": ("1114", 40),
}
"""How a multihash of each algorithm begins, and the digits of its digest."""
SAME_START = timedelta(minutes=1)
"""How far the start of a scan may be from that of its name."""
PRODUCED = "nasa:production_datetime"
"""The property of landed items that says when a granule was produced."""

Umm = Mapping[str, Any]


def read_granule(meta: Umm, umm: Umm, source: GranuleSource, bands: tuple[str, ...]) -> Granule:
    """Return the granule an entry is of.

    Args:
        meta: What the repository says of it.
        umm: What its maker says.
        source: Whose granule it is.
        bands: Those wanted.

    Raises:
        GranuleRefusedError: If the entry lacks what a granule needs.
    """
    try:
        return _granule(meta, umm, source, bands)
    except (GranuleRefusedError, TileNameError, ScanNameError) as error:
        raise GranuleRefusedError(str(error)) from error
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, PeriodError) as error:
        raise GranuleRefusedError(f"it is not a valid granule: {error!r:.200}") from error


def granule_name(meta: Umm, umm: Umm) -> str:
    """Return what an entry is called in messages, as one line of text."""
    text = str(umm.get("GranuleUR") or meta.get("concept-id") or "a granule without name")
    return "".join(each if each.isprintable() else "?" for each in text[:100])


def _granule(meta: Umm, umm: Umm, source: GranuleSource, bands: tuple[str, ...]) -> Granule:
    if not is_of(source, umm["CollectionReference"]):
        said = umm["CollectionReference"]
        raise GranuleRefusedError(
            f"it is of {said.get('ShortName')} version {said.get('Version')}, "
            f"not of {source.short_name} version {source.version}"
        )
    name, file = _file(umm)
    produced = parse_instant(umm["DataGranule"]["ProductionDateTime"])
    facts: dict[str, Any] = {
        "files": {name: file},
        "layers": {band: BandLayer(name, layer) for band, layer in source.layers.items()},
        "bands": bands,
        "version": (produced.timestamp(),),
        "provenance": _provenance(meta, umm, instant_text(produced)),
        "revised": parse_instant(meta["revision-date"]) if "revision-date" in meta else None,
    }
    if source.names == "black-marble":
        return _of_tile(name, umm, source, facts)
    start, end = _times(umm)
    if source.names == "tempo":
        start = _start_of_scan(name, start, source)
    return Granule(
        id=PurePosixPath(name).stem,
        start=start,
        end=end,
        footprint=_footprint(umm),
        cloud_cover_percent=None if umm.get("CloudCover") is None else float(umm["CloudCover"]),
        tile=_tile(umm, source.tile),
        platform=_platform(umm),
        **facts,
    )


def _of_tile(name: str, umm: Umm, source: GranuleSource, facts: dict[str, Any]) -> Granule:
    """Return the granule of a Black Marble tile: one scene, however often it is produced again."""
    tile = Tile.parse(name)
    if tile.product != source.short_name or str(tile.collection) != plain(source.version):
        raise GranuleRefusedError(f"its file {name} is not of {source.short_name} version {source.version}")
    begins, _ = _times(umm)
    if not tile.start <= begins < tile.end:
        raise GranuleRefusedError(f"its file {name} and its time {instant_text(begins)} differ")
    return Granule(
        id=name.rsplit(".", 2)[0],
        start=tile.start,
        end=tile.end,
        footprint=shapely.box(*tile.bounds),
        tile=tile.name,
        platform=tile.platform,
        **facts,
    )


def _start_of_scan(name: str, begins: datetime, source: GranuleSource) -> datetime:
    """Return when a scan begins, as its file's name and the repository say."""
    scan = Scan.parse(name)
    version = source.version.upper().removeprefix("V")
    if scan.product != source.short_name or str(scan.version) != plain(version):
        raise GranuleRefusedError(f"its file {name} is not of {source.short_name} version {source.version}")
    if abs(begins - scan.start) > SAME_START:
        raise GranuleRefusedError(f"its file {name} and its time {instant_text(begins)} differ")
    return scan.start


def _times(umm: Umm) -> tuple[Any, Any]:
    said = umm["TemporalExtent"]
    if "SingleDateTime" in said:
        moment = parse_instant(said["SingleDateTime"])
        return moment, moment
    span = said["RangeDateTime"]
    begins = parse_instant(span["BeginningDateTime"])
    return begins, parse_instant(span.get("EndingDateTime") or span["BeginningDateTime"])


def _file(umm: Umm) -> tuple[str, RemoteFile]:
    """Return name and place of the data of a granule: an https link, to the newer host if it can be.

    Links to buckets, to OPeNDAP and to what accompanies the data are of other types, or lead elsewhere.
    """
    name = _producer_name(umm)
    links = [
        address
        for link in umm.get("RelatedUrls", ())
        if link.get("Type") == DATA and "OPENDAP" not in str(link.get("Subtype", ""))
        if isinstance(address := link.get("URL"), str) and _is_file(address, name)
    ]
    if not links:
        raise GranuleRefusedError("it has no https link to its data")
    best = min(links, key=lambda link: not (urlsplit(link).hostname or "").endswith(PREFERRED_HOSTS))
    found = name or PurePosixPath(urlsplit(best).path).name
    size_bytes, checksum = _size_and_checksum(umm, found)
    return found, RemoteFile(best, size_bytes, checksum)


def _is_file(address: str, name: str | None) -> bool:
    parts = urlsplit(address)
    there = PurePosixPath(parts.path).name
    return parts.scheme in {"https", "http"} and "opendap" not in address.lower() and name in {None, there}


def _producer_name(umm: Umm) -> str | None:
    """Return the file's name as its producer gives it; None where that is not said."""
    return next(
        (
            str(each["Identifier"])
            for each in umm["DataGranule"].get("Identifiers", ())
            if each.get("IdentifierType") == "ProducerGranuleId"
        ),
        None,
    )


def _size_and_checksum(umm: Umm, name: str) -> tuple[int | None, str | None]:
    listed = list(umm["DataGranule"].get("ArchiveAndDistributionInformation", ()))
    said = next((each for each in listed if each.get("Name") == name), None)
    if said is None and len(listed) == 1:  # of LAADS it is called "Not provided"
        said = listed[0]
    if said is None:
        return None, None
    size_bytes = said.get("SizeInBytes")
    checksum = said.get("Checksum") or {}
    begin, digits = MULTIHASHES.get(str(checksum.get("Algorithm")), ("", -1))
    value = str(checksum.get("Value", "")).lower()
    return (
        size_bytes if type(size_bytes) is int and size_bytes > 0 else None,
        begin + value if len(value) == digits else None,
    )


def _footprint(umm: Umm) -> BaseGeometry:
    parts = list(_parts(umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]))
    if not parts:
        raise GranuleRefusedError("it says nothing usable of where it lies")
    footprint = shapely.union_all(parts)
    west, south, east, north = footprint.bounds
    if not (footprint.is_valid and -180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise GranuleRefusedError("it says nothing usable of where it lies")
    return footprint


def _parts(geometry: Umm) -> Iterator[BaseGeometry]:
    for box in geometry.get("BoundingRectangles", ()):
        edges = [float(box[f"{side}BoundingCoordinate"]) for side in ("West", "South", "East", "North")]
        west, south, east, north = edges
        for left, right in [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]:
            yield shapely.box(left, south, right, north)
    for polygon in geometry.get("GPolygons", ()):
        points = polygon["Boundary"]["Points"]
        yield shapely.Polygon([(float(each["Longitude"]), float(each["Latitude"])) for each in points])


def _tile(umm: Umm, attribute: str | None) -> str | None:
    for each in umm.get("AdditionalAttributes", ()):
        if attribute is not None and each.get("Name") == attribute and each.get("Values"):
            return str(each["Values"][0])
    return None


def _platform(umm: Umm) -> str:
    return next((str(each.get("ShortName", "")).lower() for each in umm.get("Platforms", ())), "")


def _provenance(meta: Umm, umm: Umm, produced: str) -> Provenance:
    """Return what our item keeps: nothing of it changes unless the granule is produced again."""
    reference = umm["CollectionReference"]
    return Provenance(
        {
            "nasa:short_name": str(reference["ShortName"]),
            "nasa:version": str(reference["Version"]),
            "nasa:concept_id": str(meta.get("concept-id", "")),
            PRODUCED: produced,
        }
    )
