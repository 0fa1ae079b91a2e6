"""The kind "cmr", with two bands in one GeoTIFF, whose tags have scale and offset."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from mosaics.descriptions.sources import CmrSource, SourceDescription
from mosaics.period import Interval, parse_instant
from tests.ingest.archives.kinds.case import GROUND, ArchiveCase, Scene, guarded
from tests.ingest.archives.server import Answer, Asked, document, file
from tests.rasters import write_geotiff

CONCEPT = "C1000000001-PLAYED"


class CmrCase(ArchiveCase):
    """See `ArchiveCase`. Its pages have one granule each."""

    @property
    def description(self) -> SourceDescription:
        return CmrSource(
            id="played",
            title="Played",
            collection="sentinel-2-l2a",
            api=f"{self.server.url}/search",
            short_name="PLAYED_S2",
            version="2.0",
            tile="MGRS_TILE_ID",
            format="geotiff",
            layers={"red": 1, "nir": 2},
        )

    def play(self, *scenes: Scene) -> None:
        self._scenes = scenes
        self.server.routes["/search/collections.umm_json"] = guarded(self._collections)
        self.server.routes["/search/granules.umm_json"] = guarded(self._granules)
        for scene in scenes:
            self.server.routes[f"/{scene.id}.tif"] = guarded(self._redirect(scene))
            self.store.routes[f"/{scene.id}.tif"] = file(self._content(scene))

    @property
    def file_paths(self) -> list[str]:
        return [f"/{scene.id}.tif" for scene in self._scenes]

    def _content(self, scene: Scene) -> bytes:
        path = self.folder / f"{scene.id}.tif"
        scales, offsets = [0.0001] * 2, [-0.1] * 2
        return write_geotiff(path, scene.pixels(), nodata=0, scales=scales, offsets=offsets).read_bytes()

    def _collections(self, asked: Asked) -> Answer:
        assert parse_qs(asked.query)["short_name"] == ["PLAYED_S2"]
        umm = {"ShortName": "PLAYED_S2", "Version": "2.0"}
        return document({"hits": 1, "items": [{"meta": {"concept-id": CONCEPT}, "umm": umm}]})

    def _granules(self, asked: Asked) -> Answer:
        query = parse_qs(asked.query)
        assert query["collection_concept_id"] == [CONCEPT]
        interval = Interval.parse(query["temporal"][0].replace(",", "/"))
        found = [scene for scene in self._scenes if interval.overlaps(*[parse_instant(_taken(scene))] * 2)]
        after = json.loads(asked.headers.get("cmr-search-after", "[0]"))[0]
        items = [self._entry(scene) for scene in found[after : after + 1]]
        headers = {"CMR-Hits": str(len(found))}
        if items:  # the last full page has it as well
            headers["CMR-Search-After"] = json.dumps([after + 1])
        return document({"hits": len(found), "items": items}, 200, **headers)

    def _redirect(self, scene: Scene) -> Callable[[Asked], Answer]:
        location = f"{self.store.url}/{scene.id}.tif?signature=1"
        return lambda _: Answer(404) if scene.is_lost else Answer(303, b"", {"location": location})

    def _entry(self, scene: Scene) -> dict[str, Any]:
        content = self._content(scene)
        link = f"{self.server.url}/{scene.id}.tif"
        west, south, east, north = GROUND.bounds
        sides = {"West": west, "South": south, "East": east, "North": north}
        produced = f"2024-07-{scene.version + 1:02}T00:00:00.000Z"
        digest = {"Algorithm": "SHA-256", "Value": hashlib.sha256(content).hexdigest()}
        return {
            "meta": {
                "concept-id": f"G{hash(scene.id) % 10**9}-PLAYED",
                "collection-concept-id": CONCEPT,
                "revision-id": 1,
                "revision-date": produced,
            },
            "umm": {
                "GranuleUR": scene.id,
                "CollectionReference": {"ShortName": "PLAYED_S2", "Version": "2.0"},
                "TemporalExtent": {"SingleDateTime": _taken(scene)},
                "SpatialExtent": {
                    "HorizontalSpatialDomain": {
                        "Geometry": {
                            "BoundingRectangles": [
                                {f"{side}BoundingCoordinate": edge for side, edge in sides.items()}
                            ]
                        }
                    }
                },
                "AdditionalAttributes": [{"Name": "MGRS_TILE_ID", "Values": ["31UFT"]}],
                "Platforms": [{"ShortName": "Played"}],
                "CloudCover": scene.cloud_cover,
                "DataGranule": {
                    "ProductionDateTime": produced,
                    "ArchiveAndDistributionInformation": [
                        {"Name": f"{scene.id}.tif", "SizeInBytes": len(content), "Checksum": digest}
                    ],
                },
                "RelatedUrls": [
                    {"URL": f"s3://played/{scene.id}.tif", "Type": "GET DATA VIA DIRECT ACCESS"},
                    {"URL": link, "Type": "GET DATA"},
                    {"URL": f"{link}.xml", "Type": "EXTENDED METADATA"},
                ],
            },
        }


def _taken(scene: Scene) -> str:
    return f"2024-06-{scene.day:02}T10:50:29.000Z"
