"""The kind "stac", with two bands in one asset."""

from collections.abc import Callable
from typing import Any

from mosaics.descriptions.sources import SourceDescription, StacSource
from mosaics.period import Interval, parse_instant
from tests.ingest.archives.kinds.case import SIDE_PX, ArchiveCase, Scene, guarded
from tests.ingest.archives.scenes import MOL_10M, sentinel_item
from tests.ingest.archives.server import Answer, Asked, file, page
from tests.rasters import write_cog


class StacCase(ArchiveCase):
    """See `ArchiveCase`."""

    @property
    def description(self) -> SourceDescription:
        return StacSource.model_validate(
            {
                "id": "played",
                "title": "Played",
                "api": f"{self.server.url}/v1",
                "archive_collection": "sentinel-2-l2a",
                "collection": "sentinel-2-l2a",
                "offset": "item",
                "assets": {"red": {"asset": "image"}, "nir": {"asset": "image", "band": 2}},
            }
        )

    def play(self, *scenes: Scene) -> None:
        self._scenes = scenes
        items = {scene.id: self._item(scene) for scene in scenes}

        def search(asked: Asked) -> Answer:
            interval = Interval.parse(asked.body["datetime"])
            moments = {name: parse_instant(item["properties"]["datetime"]) for name, item in items.items()}
            return page([items[name] for name, at in moments.items() if interval.overlaps(at, at)])

        self.server.routes["/v1/search"] = guarded(search)
        for scene in scenes:
            path = write_cog(self.folder / f"{scene.id}.tif", scene.pixels(), nodata=0)
            self.server.routes[f"/{scene.id}.tif"] = guarded(self._redirect(scene))
            self.store.routes[f"/{scene.id}.tif"] = file(path.read_bytes())

    @property
    def file_paths(self) -> list[str]:
        return [f"/{scene.id}.tif" for scene in self._scenes]

    def _redirect(self, scene: Scene) -> Callable[[Asked], Answer]:
        location = f"{self.store.url}/{scene.id}.tif?signature=1"
        return lambda _: Answer(404) if scene.is_lost else Answer(307, b"", {"location": location})

    def _item(self, scene: Scene) -> dict[str, Any]:
        item = sentinel_item(
            self.server.url,
            scene.id,
            day=f"2024-06-{scene.day:02}",
            sequence=str(scene.version),
            cloud_cover=scene.cloud_cover,
        )
        facts = {"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}
        item["assets"] = {
            "image": {
                "href": f"{self.server.url}/{scene.id}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "proj:shape": [SIDE_PX, SIDE_PX],
                "proj:transform": MOL_10M,
                "raster:bands": [facts, facts],
            }
        }
        return item
