"""The kind "harmony", with two bands in one GeoTIFF that a job makes, whose tags have scale and offset."""

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

from ingest.archives.harmony.archive import HarmonyArchive
from ingest.archives.harmony.jobs import Polling
from ingest.archives.opening import OPENERS, Opener
from mosaics.descriptions.sources import HarmonySource, SourceDescription
from tests.ingest.archives.harmony.playing import HOSS, Harmony
from tests.ingest.archives.kinds.case import GROUND, TOKEN, ArchiveCase, Scene
from tests.ingest.archives.server import ArchiveServer, Asked
from tests.rasters import write_geotiff

COLLECTION = ("C1000000001-PLAYED", "PLAYED_S2", "2.0")


class HarmonyCase(ArchiveCase):
    """See `ArchiveCase`."""

    openers: ClassVar[Mapping[str, Opener]] = {
        **OPENERS,
        "harmony": functools.partial(HarmonyArchive, polling=Polling(0.01, 0.02, 5)),
    }

    def __init__(self, server: ArchiveServer, store: ArchiveServer, folder: Any) -> None:
        super().__init__(server, store, folder)
        able = {**HOSS["capabilities"], "output_formats": ["image/tiff"]}
        self.harmony = Harmony(
            server, store, COLLECTION, "all", token=TOKEN, services=[{**HOSS, "capabilities": able}]
        )

    @property
    def description(self) -> SourceDescription:
        return HarmonySource(
            id="played",
            title="Played",
            collection="sentinel-2-l2a",
            api=f"{self.server.url}/search",
            harmony=self.server.url,
            short_name=COLLECTION[1],
            version=COLLECTION[2],
            tile="MGRS_TILE_ID",
            format="geotiff",
            layers={"red": 1, "nir": 2},
        )

    def play(self, *scenes: Scene) -> None:
        self.harmony.entries.clear()
        for number, scene in enumerate(scenes):
            granule_id = f"G{number}{scene.version}-PLAYED"
            self.harmony.entries[granule_id] = self._entry(scene, granule_id)
            path = self.folder / f"{scene.id}.tif"
            tags: dict[str, Any] = {"scales": [0.0001] * 2, "offsets": [-0.1] * 2}
            content = write_geotiff(path, scene.pixels(), nodata=0, **tags).read_bytes()
            self.harmony.made[granule_id] = (f"{scene.id}_subsetted.tif", content)
            if scene.is_lost:
                del self.harmony.made[granule_id]

    @property
    def file_paths(self) -> list[str]:
        return [path for job in self.harmony.jobs.values() for path in job.files]

    def orders(self) -> list[Asked]:
        return self.server.of(self.harmony.order_path)

    def _entry(self, scene: Scene, granule_id: str) -> dict[str, Any]:
        start = f"2024-06-{scene.day:02}T10:50:29Z"
        produced = f"2024-06-{scene.day:02}T1{2 + scene.version}:00:00Z"
        entry = self.harmony.entry(f"{scene.id}.tif", granule_id, start, produced)
        points = [{"Longitude": lon, "Latitude": lat} for lon, lat in GROUND.exterior.coords]
        entry["umm"] |= {
            "SpatialExtent": {
                "HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}
            },
            "AdditionalAttributes": [{"Name": "MGRS_TILE_ID", "Values": ["31UFT"]}],
            "CloudCover": scene.cloud_cover,
        }
        return entry
