"""The seam between ingestion and the archives: what is asked of every archive, and what it answers with.

An archive has granules. A granule has files, and bands, each of which is a layer in one of the files. Nothing
of an archive's own language passes here: what is kept of its word are plain values of ours.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import shapely

from ingest.archives.http import ArchiveClient
from ingest.formats import FORMATS, Format
from ingest.landing_request import SCENE_ID, Origin, Provenance
from ingest.raster import Layer, SourceRaster
from mosaics.bbox import Bbox
from mosaics.collection import Collection
from mosaics.descriptions.sources import SourceDescription
from mosaics.period import Interval, instant_text
from mosaics.raster.grid import FileGrid

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\.(?!json$)[A-Za-z0-9]+")
"""Names of files while they are fetched, which archives may have chosen; notes beside them end in .json."""

Progress: TypeAlias = Callable[[int], None]
"""Told bytes that have come in; negative where some have to come again."""


class WantedError(ValueError):
    """Something that cannot be searched for; the message says what would be right."""


class GranuleRefusedError(ValueError):
    """A granule cannot be landed as asked; the message says why."""


class EmptyGranuleError(GranuleRefusedError):
    """An archive has nothing of a granule where it is wanted, which is not a failure; the message says so."""


class WholeOnlyError(Exception):
    """No parts of a file can be fetched; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for in an archive."""

    bbox: Bbox
    interval: Interval
    bands: tuple[str, ...] = ()
    """Bands of our collection; empty for all the source has."""
    max_cloud_percent: float | None = None
    limit: int | None = None
    """The most granules that are kept, in the archive's order."""
    revised_since: datetime | None = None
    """Only what the archive has added or changed since; an archive that does not tell gives all."""

    def __post_init__(self) -> None:
        if self.interval.start is None and self.interval.end is None:
            raise WantedError("a search has a beginning or an end: 2024-06-01/2024-06-30.")
        if self.max_cloud_percent is not None and not 0 <= self.max_cloud_percent <= 100:
            raise WantedError(
                f"{self.max_cloud_percent:g} is not a valid cloud cover; give a percentage from 0 to 100."
            )


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in its archive."""

    href: str
    """As the archive gives it, unsigned; it stands for the file in digests and in the landed item."""
    size_bytes: int | None = None
    checksum: str | None = None
    """A multihash in hexadecimal digits (STAC's file:checksum)."""
    media_type: str = ""
    requester_pays: bool = False
    region: str | None = None
    """Of the cloud where it lies, for s3:// addresses."""
    remark: str | None = None
    """What its user should know of how it was made: that something is missing in it."""


@dataclass(frozen=True, slots=True)
class BandLayer:
    """Where a granule has one band, and what its archive says of the pixels."""

    file: str
    """Name of the file among those of the granule."""
    layer: Layer = 1
    declared: tuple[float, float] | None = None
    """Scale and offset of the numbers, where the archive is right about them."""
    grid: FileGrid | None = None
    """Where the pixels lie; None where the archive does not say it, or not well enough to read them there."""
    dtype: str | None = None
    nodata: float | None = None


@dataclass(frozen=True, slots=True)
class Granule:
    """What an archive has of one place and time.

    Raises:
        GranuleRefusedError: If it cannot become a scene: its id, its time, its cloud cover or the name of a
            file is not valid, or a band is in no file.
    """

    id: str
    start: datetime
    end: datetime
    footprint: shapely.Geometry
    """Degrees."""
    files: Mapping[str, RemoteFile]
    """All it has, by the names they are kept under on this machine until they are landed."""
    layers: Mapping[str, BandLayer]
    """Of all bands it has."""
    bands: tuple[str, ...]
    """Those that are wanted of them."""
    cloud_cover_percent: float | None = None
    tile: str | None = None
    """The tile, or path and row, it belongs to; None where the archive has no such grid."""
    platform: str = ""
    version: tuple[Any, ...] = ()
    """Orders granules that are one; the greatest is the best. Plain values that JSON can hold."""
    baseline: str | None = None
    """Processing baseline of Sentinel-2, "05.09"."""
    offset_removed: bool | None = None
    """As `ingest.landing_request.LandingRequest.removed`."""
    provenance: Provenance = field(default_factory=Provenance)
    supersedes: tuple[str, ...] = ()
    """Ids of the granules that are the same one, in lesser versions."""
    revised: datetime | None = None
    """When the archive added or last changed it; None where it does not tell."""

    def __post_init__(self) -> None:
        if not SCENE_ID.fullmatch(self.id):
            raise GranuleRefusedError(
                "its id is not one that a scene may have: up to 128 letters, digits, '.', '_' and '-'"
            )
        if self.end < self.start:
            raise GranuleRefusedError(
                f"it ends at {instant_text(self.end)}, before its start {instant_text(self.start)}"
            )
        cloud_cover = self.cloud_cover_percent
        if cloud_cover is not None and not 0 <= cloud_cover <= 100:
            raise GranuleRefusedError(
                f"{cloud_cover:g} is not a valid cloud cover; one is a percentage from 0 to 100"
            )
        if strangers := [name for name in self.files if not FILE_NAME.fullmatch(name)]:
            raise GranuleRefusedError(f"{strangers[0][:80]!r} is not a valid name of a file")
        if lost := [band for band, layer in self.layers.items() if layer.file not in self.files]:
            raise GranuleRefusedError(f"the file of its {', '.join(lost)} is missing")
        if strangers := [band for band in self.bands if band not in self.layers]:
            raise GranuleRefusedError(f"the archive does not have its {', '.join(strangers)}")

    def with_bands(self, bands: Iterable[str]) -> "Granule":
        """Return the granule with other bands wanted.

        Raises:
            GranuleRefusedError: If it does not have one of them.
        """
        return replace(self, bands=tuple(bands))

    @property
    def wanted_files(self) -> dict[str, RemoteFile]:
        """The files that hold the wanted bands, each once, by name."""
        return {name: self.files[name] for name in (self.layers[band].file for band in self.bands)}

    def bands_in(self, file: str) -> tuple[str, ...]:
        """Return the wanted bands that a file holds."""
        return tuple(band for band in self.bands if self.layers[band].file == file)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something a search came upon that cannot be used."""

    id: str
    reason: str | None = None
    """Why a granule that was asked for cannot be landed; None where it was not asked for."""


@dataclass(frozen=True, slots=True)
class ReferencedBand:
    """A band whose pixels are left in their archive."""

    raster: SourceRaster
    """As the archive describes it; its file is not opened."""
    origin: Origin


class Notes(Protocol):
    """What an archive remembers from one run to the next: of itself, or of a granule until it has landed."""

    def read(self) -> Mapping[str, Any]:
        """Return what was remembered; empty where nothing was."""
        ...

    def write(self, facts: Mapping[str, Any]) -> None:
        """Replace what was remembered, durably; `facts` are plain values that JSON can hold."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """What an archive is handed to work with."""

    client: ArchiveClient
    """All HTTP goes through it; it has the credentials, and knows which hosts they are for."""
    requester_pays: bool = False
    """Whether reading may be billed to the AWS credentials of the environment."""
    notes: Notes | None = None
    """What archives remember of themselves; nothing where there are none."""


class Archive(ABC):
    """One collection of an archive, which is landed in one of ours.

    Every archive can be searched and fetched from. What some can do beside that has a default here that says
    that this one cannot.

    Args:
        description: What it is.
        unpack: The format of its files.
    """

    prepared_at_once: ClassVar[int] = 1
    """How many granules may be in preparation at the same time."""
    can_refer: ClassVar[bool] = False
    """Whether its files can be left where they lie."""

    def __init__(self, description: SourceDescription, *, unpack: Format = FORMATS["geotiff"]) -> None:
        self.id = description.id
        self.title = description.title
        self.collection_id = description.collection
        self.band_names = description.bands
        self.optional: frozenset[str] = frozenset()
        self.unpack = unpack

    @abstractmethod
    def search(self, wanted: Wanted) -> AsyncIterator[Granule | LeftOut]:
        """Yield everything the archive has for a search, in its order, all versions among it.

        Clouds and the limit are not the archive's to apply: an archive that left out the cloudy newest
        version of a granule would hand out an older one in its place.

        Args:
            wanted: What is looked for; its bands are some of `band_names`, or none for all.

        Raises:
            ArchiveError: If the archive cannot be searched.
        """

    async def prepare(
        self,
        granule: Granule,
        *,
        under: Bbox | None,  # noqa: ARG002 - for those that override it
        notes: Notes,  # noqa: ARG002
    ) -> Mapping[str, RemoteFile]:
        """Have the wanted files of a granule made, where the archive makes them on demand.

        It is called before anything is fetched, and again by the run that goes on after one that was killed:
        what `notes` holds then, such as the address of a job, spares ordering the same twice.

        Args:
            granule: What is fetched.
            under: The box that is wanted of it; None for all.
            notes: Of this granule.

        Returns:
            What is fetched in place of the granule's files, by their names.

        Raises:
            ArchiveError: If the archive does not make them.
            EmptyGranuleError: If there is nothing to be made.
        """
        return granule.wanted_files

    def is_outdated(self, granule: Granule, landed: Mapping[str, Any]) -> bool:  # noqa: ARG002 - as above
        """Return whether what has landed of a granule is newer than the granule.

        An archive may list an old version by itself, as one that is asked for revisions does.

        Args:
            granule: As it was found.
            landed: The properties of the item that has landed under its id.
        """
        return False

    @abstractmethod
    async def size_bytes(self, file: RemoteFile) -> int | None:
        """Return the size of a file, asked where the archive has not said it; None where it does not tell.

        Raises:
            ArchiveError: If the archive does not have it, or cannot be asked.
        """

    @abstractmethod
    async def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Bring a whole file to `target`, where it appears whole; continue what was begun.

        Raises:
            ArchiveError: If the archive does not give it.
        """

    async def fetch_under(
        self,
        file: RemoteFile,
        bbox: Bbox,  # noqa: ARG002 - for those that override it
        target: Path,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> None:
        """Bring what lies under a box to `target`, a file with holes elsewhere; continue what was begun.

        Raises:
            WholeOnlyError: If parts cannot be had.
            ArchiveError: If the archive does not give it.
        """
        raise WholeOnlyError(f"{self.id} gives no parts of {file.href}")

    def refer(
        self,
        granule: Granule,
        collection: Collection,  # noqa: ARG002 - for those that override it
    ) -> Mapping[str, ReferencedBand]:
        """Return how the wanted bands are read where they lie, by name.

        Raises:
            GranuleRefusedError: If they cannot be.
        """
        raise GranuleRefusedError(f"files of {self.id} cannot be read where they lie; copy {granule.id}.")
