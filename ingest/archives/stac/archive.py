"""An archive that is a collection of a STAC API, as its description says."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ingest.archives.archive import (
    Access,
    Archive,
    Granule,
    GranuleRefusedError,
    LeftOut,
    Progress,
    ReferencedBand,
    RemoteFile,
    Wanted,
)
from ingest.archives.fetching import Expected, Signed, fetch_file
from ingest.archives.fetching_parts import fetch_under
from ingest.archives.stac.addresses import in_archive
from ingest.archives.stac.items import item_name, read_granule
from ingest.archives.stac.referencing import referenced_raster
from ingest.archives.stac.search import ItemSearch, search_items
from ingest.archives.stac.signing import OpenBuckets, SharedAccess, Signer, https_address, refuse_billed
from ingest.landing_request import Origin
from mosaics.bbox import Bbox
from mosaics.collection import Collection
from mosaics.descriptions.sources import StacSource


class StacArchive(Archive):
    """See `ingest.archives.archive.Archive`.

    Args:
        description: What it is.
        access: What it may use.
        signer: Replaces the one the description asks for.
    """

    can_refer = True

    def __init__(self, description: StacSource, access: Access, *, signer: Signer | None = None) -> None:
        super().__init__(description)
        self._description = description
        self._client = access.client
        self._signer = signer or _signer(description, access)

    async def search(self, wanted: Wanted) -> AsyncIterator[Granule | LeftOut]:
        """See `Archive.search`.

        A box across the antimeridian is searched for as two, since not every API reads one whose west is
        above its east (pgstac takes the least and the greatest longitude).
        """
        source = self._description
        seen: set[str] = set()
        for part in wanted.bbox.parts:
            if part[0] == part[2]:  # of a box that begins or ends at the antimeridian
                continue
            search = ItemSearch(
                source.api, source.archive_collection, Bbox(*part), wanted.interval, source.method
            )
            async for item in search_items(self._client, search):
                found = self._granule(item, wanted.bands or source.bands)
                if wanted.bbox.crosses_antimeridian and found.id in seen:
                    continue
                seen.add(found.id)
                yield found

    def _granule(self, item: object, bands: tuple[str, ...]) -> Granule | LeftOut:
        source = self._description
        name = item_name(item)
        if not isinstance(item, Mapping):
            return LeftOut(name, "it is not an object, as a STAC Item is")
        if item.get("collection") != source.archive_collection:
            return LeftOut(name)
        try:
            granule = read_granule(item, source, bands, address=in_archive(item))
        except GranuleRefusedError as error:
            return LeftOut(name, str(error))
        is_of_platform = not source.platforms or granule.platform in source.platforms
        return granule if is_of_platform else LeftOut(name)

    async def size_bytes(self, file: RemoteFile) -> int | None:
        """See `Archive.size_bytes`."""
        if file.size_bytes is not None:
            return file.size_bytes
        return await self._client.size_bytes(await self._signer.sign(file))

    async def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """See `Archive.fetch`."""
        expected = Expected(file.size_bytes, file.checksum)
        await fetch_file(self._client, self._signed(file), expected, target, progress)

    async def fetch_under(self, file: RemoteFile, bbox: Bbox, target: Path, progress: Progress) -> None:
        """See `Archive.fetch_under`."""
        expected = Expected(file.size_bytes, file.checksum)
        await fetch_under(self._client, self._signed(file), expected, target, bbox=bbox, progress=progress)

    def refer(self, granule: Granule, collection: Collection) -> Mapping[str, ReferencedBand]:
        """See `Archive.refer`."""
        return {band: self._referenced(granule, band, collection) for band in granule.bands}

    def _referenced(self, granule: Granule, band: str, collection: Collection) -> ReferencedBand:
        layer = granule.layers[band]
        file = granule.files[layer.file]
        refuse_billed(file, allowed=False)
        href = https_address(file)
        path = Path(PurePosixPath(urlsplit(href).path).name)
        if urlsplit(href).query or path.suffix.lower() not in {".tif", ".tiff"}:
            raise GranuleRefusedError(
                f"{path.name} is not a GeoTIFF that can be read where it lies; copy it."
            )
        raster = referenced_raster(layer, file.media_type, collection.band(band), path)
        return ReferencedBand(raster, Origin(href, referenced=True, signing=self._signer.name))

    def _signed(self, file: RemoteFile) -> Signed:
        async def signed(refused: bool) -> str:
            return await self._signer.sign(file, renew=refused)

        return signed


def _signer(description: StacSource, access: Access) -> Signer:
    if description.signing is not None:
        return SharedAccess(access.client, description.signing.tokens)
    return OpenBuckets(requester_pays=access.requester_pays, billed=description.billed_buckets)
