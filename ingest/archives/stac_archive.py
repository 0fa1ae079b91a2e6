"""A source that is a collection of a STAC API, as its description says."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import shapely
from rasterio.errors import CRSError

from ingest.archives.archive import (
    ArchiveScene,
    Discovery,
    Progress,
    Reference,
    RemoteFile,
    SceneRefusedError,
    Wanted,
    WantedError,
)
from ingest.archives.http import ArchiveClient
from ingest.archives.referencing import described_grid, is_upright, referenced_raster
from ingest.archives.signing import OpenBuckets, SharedAccess, Signer, https_address, refuse_billed
from ingest.archives.stac_items import (
    band_facts,
    item_provenance,
    newest_versions,
    read_scene,
    scene_geometry,
)
from ingest.archives.stac_search import ItemSearch, search_items
from ingest.clipping import Grid
from ingest.encoding import BaselineError
from ingest.fetching import Expected, Signed, fetch_file
from ingest.fetching_parts import fetch_under
from ingest.landing_request import BandFile, LandingRequest, OrderError, Origin
from mosaics.collection import Collection
from mosaics.descriptions.sources import SourceDescription

FLAG = "earthsearch:boa_offset_applied"


class StacArchive:
    """See `ingest.archives.archive.Source`.

    Args:
        description: What it is.
        client: Asks the archive.
        requester_pays: Whether reading may be billed to the AWS credentials of the environment.
        signer: Replaces the one the description asks for.
    """

    def __init__(
        self,
        description: SourceDescription,
        client: ArchiveClient,
        *,
        requester_pays: bool = False,
        signer: Signer | None = None,
    ) -> None:
        self.id = description.id
        self.title = description.title
        self.collection_id = description.collection
        self._description = description
        self._client = client
        self._requester_pays = requester_pays
        self._signer = signer or _signer(description, client, requester_pays=requester_pays)

    async def discover(self, wanted: Wanted) -> Discovery:
        """See `Source.discover`; `WantedError` where the source has no such band."""
        bands = self._bands(wanted.bands)
        search = ItemSearch(
            root=self._description.api,
            collection=self._description.archive_collection,
            bbox=wanted.bbox,
            interval=wanted.interval,
            method=self._description.method,
        )
        assets = {band: self._description.assets[band] for band in bands}
        found = elsewhere = 0
        refused: dict[str, str] = {}
        scenes: dict[str, ArchiveScene] = {}
        async for item in search_items(self._client, search):
            found += 1
            if item.get("collection") != self._description.archive_collection:
                elsewhere += 1
                continue
            try:
                scene = read_scene(item, assets)
                if self._is_wanted(scene, wanted):
                    scenes.setdefault(scene.id, scene)
                else:
                    elsewhere += 1
            except SceneRefusedError as error:
                refused[str(item.get("id"))[:100]] = str(error)
        newest = newest_versions(scenes.values())
        clear = [scene for scene in newest if not _is_cloudy(scene, wanted.max_cloud_percent)]
        kept = tuple(clear[: wanted.limit])
        return Discovery(
            scenes=kept,
            found=found,
            duplicates=found - elsewhere - len(refused) - len(newest),
            cloudy=len(newest) - len(clear),
            elsewhere=elsewhere,
            over_limit=len(clear) - len(kept),
            refused=refused,
        )

    def with_bands(self, scene: ArchiveScene, bands: Iterable[str]) -> ArchiveScene:
        """See `Source.with_bands`."""
        assets = self._description.assets
        if strangers := [band for band in bands if band not in assets]:
            raise SceneRefusedError(f"the source has no {', '.join(strangers)}")
        other = read_scene(scene.item, {band: assets[band] for band in bands})
        return replace(scene, files=other.files)

    async def size_bytes(self, file: RemoteFile) -> int | None:
        """See `Source.size_bytes`."""
        if file.size_bytes is not None:
            return file.size_bytes
        return await self._client.size_bytes(await self._signer.sign(file))

    def grid(self, scene: ArchiveScene, band: str) -> Grid | None:
        """See `Source.grid`."""
        asset = scene.item["assets"][self._description.assets[band]]
        try:
            grid = described_grid(asset, scene.item["properties"])
        except (KeyError, TypeError, ValueError, CRSError):
            return None
        return grid if is_upright(grid.transform) else None

    async def fetch_under(
        self, file: RemoteFile, bbox: tuple[float, float, float, float], target: Path, progress: Progress
    ) -> None:
        """See `Source.fetch_under`."""
        expected = Expected(file.size_bytes, file.checksum)
        await fetch_under(self._client, self._signed(file), expected, target, bbox=bbox, progress=progress)

    async def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """See `Source.fetch`."""
        expected = Expected(file.size_bytes, file.checksum)
        await fetch_file(self._client, self._signed(file), expected, target, progress)

    def _signed(self, file: RemoteFile) -> Signed:
        async def signed(refused: bool) -> str:
            return await self._signer.sign(file, renew=refused)

        return signed

    def convert(self, scene: ArchiveScene, files: Mapping[str, Path]) -> LandingRequest:
        """See `Source.convert`."""
        assets = [BandFile(band, files[band], origin=Origin(file.href)) for band, file in scene.files.items()]
        return self._order(scene, assets)

    def refer(self, scene: ArchiveScene, collection: Collection) -> Reference:
        """See `Source.refer`."""
        assets = []
        rasters = {}
        for band, file in scene.files.items():
            refuse_billed(file, allowed=False)
            href = https_address(file)
            path = Path(PurePosixPath(urlsplit(href).path).name)
            if urlsplit(href).query or path.suffix.lower() not in {".tif", ".tiff"}:
                raise SceneRefusedError(f"{path.name} is no GeoTIFF that can be read where it lies; copy it.")
            origin = Origin(href, referenced=True, signing=self._signer.name)
            assets.append(BandFile(band, path, origin=origin))
            asset = scene.item["assets"][self._description.assets[band]]
            rasters[band] = referenced_raster(asset, scene.item["properties"], collection.band(band), path)
        return Reference(self._order(scene, assets), rasters)

    def _bands(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        assets = self._description.assets
        if strangers := [band for band in wanted if band not in assets]:
            raise WantedError(
                f"no band {', '.join(strangers)} in source {self.id!r}; there are: {', '.join(assets)}."
            )
        return wanted or tuple(assets)

    def _is_wanted(self, scene: ArchiveScene, wanted: Wanted) -> bool:
        """Whether a scene is what was asked for; the `next` link of an API may forget the question."""
        platforms = self._description.platforms
        return (
            wanted.interval.overlaps(scene.start, scene.end)
            and (not platforms or scene.platform in platforms)
            and bool(shapely.intersects(wanted.area, scene_geometry(scene.item)))
        )

    def _order(self, scene: ArchiveScene, assets: Iterable[BandFile]) -> LandingRequest:
        properties = scene.item["properties"]
        removed = bool(properties.get(FLAG)) if self._description.offset == "flag" else None
        try:
            return LandingRequest(
                id=scene.id,
                start=scene.start,
                end=scene.end,
                assets=tuple(assets),
                cloud_cover_percent=scene.cloud_cover_percent,
                baseline=properties.get("s2:processing_baseline"),
                removed=removed,
                declared=self._declared(scene) if self._description.offset == "item" else {},
                provenance=item_provenance(scene.item),
            )
        except (OrderError, BaselineError) as error:
            raise SceneRefusedError(str(error)) from error

    def _declared(self, scene: ArchiveScene) -> dict[str, tuple[float, float]]:
        declared = {}
        for band in scene.files:
            facts = band_facts(scene.item["assets"][self._description.assets[band]])
            scale = facts.get("scale", facts.get("raster:scale"))
            if scale:
                declared[band] = (float(scale), float(facts.get("offset", facts.get("raster:offset", 0))))
        return declared


def _signer(description: SourceDescription, client: ArchiveClient, *, requester_pays: bool) -> Signer:
    if description.signing is not None:
        return SharedAccess(client, description.signing.tokens)
    return OpenBuckets(requester_pays=requester_pays)


def _is_cloudy(scene: ArchiveScene, most_percent: float | None) -> bool:
    if most_percent is None:
        return False
    return scene.cloud_cover_percent is None or scene.cloud_cover_percent > most_percent
