"""LAADS, played: a repository that is searched, an archive that wants a token, and a store it redirects to.

What it answers has the form of the recorded answers of NASA's; tiles are SYNTHETIC, or those of a test.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import shapely

from ingest.black_marble import Tile
from mosaics.descriptions.sources import CmrSource, load_sources
from mosaics.period import Interval, instant_text, parse_instant
from tests.ingest.archives.server import Answer, ArchiveServer, Asked, Handler, document, file

CONCEPT = "C4000000002-LAADS"
TOKEN = "token-of-this-test"


@dataclass
class Laads:
    """The archive of one product.

    Args:
        server: Is the repository, and the archive.
        store: Another origin, where the files lie.
        source: Name of a shipped source, of whose product the tiles are.
    """

    server: ArchiveServer
    store: ArchiveServer
    source_id: str = "black-marble-monthly"
    page: int = 100
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    """Those that are accepted."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    """In the order in which they are listed."""

    def __post_init__(self) -> None:
        self.server.routes["/search/granules.umm_json"] = self._granules
        self.server.routes["/search/collections.umm_json"] = self._collections

    @property
    def source(self) -> CmrSource:
        """The source, at this archive."""
        shipped = load_sources()[self.source_id]
        assert isinstance(shipped, CmrSource)
        return shipped.model_copy(update={"api": f"{self.server.url}/search"})

    @property
    def concept_id(self) -> str:
        return self.source.concept_id or CONCEPT

    def publish(
        self, name: str, content: bytes | Path, *, produced: str | None = None, revised: str | None = None
    ) -> None:
        """Let the archive have a file, listed before all others.

        Args:
            name: As the product calls it.
            content: Of the file.
            produced: When it was, if that is not as its name says.
            revised: When the repository was told.
        """
        data = content if isinstance(content, bytes) else content.read_bytes()
        tile = Tile.parse(name)
        produced = produced or instant_text(tile.produced)
        self.entries.insert(0, self.entry(name, len(data), produced, revised or produced))
        self.server.routes[f"/prod-lads/{tile.product}/{name}"] = self.guarded(
            lambda _: Answer(303, b"", {"location": f"{self.store.url}/signed/{name}?X-Amz-Signature=1"})
        )
        self.store.routes[f"/signed/{name}"] = file(data)

    def guarded(self, handler: Handler) -> Handler:
        def answer(asked: Asked) -> Answer:
            token = asked.headers.get("authorization", "").removeprefix("Bearer ")
            return handler(asked) if token in self.tokens else Answer(401, b"Unauthorized")

        return answer

    def downloads(self) -> list[Asked]:
        """The requests for bytes of files."""
        return [asked for asked in self.store.asked if not asked.is_probe]

    def entry(self, name: str, size_bytes: int, produced: str, revised: str) -> dict[str, Any]:
        """One granule as the repository lists it (UMM-G 1.6.4, provider LAADS)."""
        tile = Tile.parse(name)
        west, south, east, north = tile.bounds
        corners = [(west, north), (west, south), (east, south), (east, north), (west, north)]
        number = 4 * 10**9 + len(self.entries)
        base = f"{self.server.url}/prod-lads/{tile.product}"
        return {
            "meta": {
                "concept-type": "granule",
                "concept-id": f"G{number}-LAADS",
                "collection-concept-id": self.concept_id,
                "revision-id": 1,
                "provider-id": "LAADS",
                "format": "application/echo10+xml",
                "revision-date": revised,
            },
            "umm": {
                "GranuleUR": f"LAADS:{number}",
                "TemporalExtent": {
                    "RangeDateTime": {
                        "BeginningDateTime": instant_text(tile.start),
                        "EndingDateTime": instant_text(tile.end),
                    }
                },
                "CollectionReference": {"ShortName": tile.product, "Version": str(tile.collection)},
                "SpatialExtent": {
                    "HorizontalSpatialDomain": {
                        "Geometry": {
                            "GPolygons": [
                                {
                                    "Boundary": {
                                        "Points": [
                                            {"Longitude": lon, "Latitude": lat} for lon, lat in corners
                                        ]
                                    }
                                }
                            ]
                        }
                    }
                },
                "RelatedUrls": [
                    {"URL": f"s3://prod-lads/{tile.product}/{name}", "Type": "GET DATA VIA DIRECT ACCESS"},
                    {"URL": f"{base}/{name}", "Type": "GET DATA", "MimeType": "application/x-hdfeos"},
                    {
                        "URL": f"{self.server.url}/opendap/{name}",
                        "Type": "USE SERVICE API",
                        "Subtype": "OPENDAP DATA",
                    },
                    {"URL": f"{base}/{name}.met", "Type": "EXTENDED METADATA"},
                ],
                "DataGranule": {
                    "DayNightFlag": "Night",
                    "Identifiers": [{"Identifier": name, "IdentifierType": "ProducerGranuleId"}],
                    "ProductionDateTime": produced,
                    "ArchiveAndDistributionInformation": [
                        {"Name": "Not provided", "Size": size_bytes / 2**20, "SizeInBytes": size_bytes}
                    ],
                },
                "Platforms": [{"ShortName": "Suomi-NPP", "Instruments": [{"ShortName": "VIIRS"}]}],
            },
        }

    def _collections(self, asked: Asked) -> Answer:
        query = parse_qs(asked.query)
        source = self.source
        listed = [
            {"meta": {"concept-id": concept}, "umm": {"ShortName": source.short_name, "Version": version}}
            for concept, version in ((self.concept_id, f"{int(source.version):03}"), ("C1-LAADS", "9"))
        ]
        assert query["short_name"] == [source.short_name]
        return document({"hits": 2, "items": listed}, 200, **{"CMR-Hits": "2"})

    def _granules(self, asked: Asked) -> Answer:
        query = parse_qs(asked.query)
        assert query["collection_concept_id"] == [self.concept_id]
        found = [entry for entry in self.entries if _is_asked_for(entry, query)]
        after = json.loads(asked.headers.get("cmr-search-after", '["laads",0]'))[1]
        items = found[after : after + self.page]
        headers = {"CMR-Hits": str(len(found))}
        if len(items) == self.page:
            headers["CMR-Search-After"] = json.dumps(["laads", after + self.page])
        return document({"hits": len(found), "took": 5, "items": items}, 200, **headers)


def _is_asked_for(entry: dict[str, Any], query: dict[str, list[str]]) -> bool:
    umm = entry["umm"]
    begins = parse_instant(umm["TemporalExtent"]["RangeDateTime"]["BeginningDateTime"])
    ends = parse_instant(umm["TemporalExtent"]["RangeDateTime"]["EndingDateTime"])
    points = umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"][0]["Boundary"]["Points"]
    ground = shapely.Polygon([(point["Longitude"], point["Latitude"]) for point in points])
    west, south, east, north = map(float, query["bounding_box"][0].split(","))
    box = shapely.box(west, south, east, north)
    since = query.get("revision_date", [""])[0].removesuffix(",")
    return (
        Interval.parse(query["temporal"][0].replace(",", "/")).overlaps(begins, ends)
        and box.intersects(ground)
        and (not since or parse_instant(entry["meta"]["revision-date"]) >= parse_instant(since))
    )
