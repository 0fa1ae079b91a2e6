"""What a source of scenes does: discover them, fetch their files, and say how they are landed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import shapely

from ingest.clipping import Grid
from ingest.landing_request import LandingRequest
from ingest.raster import SourceRaster
from mosaics.collection import Collection
from mosaics.period import Interval

Progress = Callable[[int], None]
"""Told bytes that have come in; negative where some have to come again."""


class WantedError(ValueError):
    """Something no source can look for; the message says what would be right."""


class SceneRefusedError(ValueError):
    """A scene of an archive cannot be landed as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for in an archive."""

    bbox: tuple[float, float, float, float]
    """West, south, east, north in degrees; west is greater than east across the antimeridian."""
    interval: Interval
    bands: tuple[str, ...] = ()
    """Bands of our collection; empty for all the source has."""
    max_cloud_percent: float | None = None
    limit: int | None = None
    """The most scenes that are kept, in the archive's order."""

    def __post_init__(self) -> None:
        west, south, east, north = self.bbox
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90 and west != east):
            raise WantedError(
                f"{west:g},{south:g},{east:g},{north:g} is no box; "
                "give west,south,east,north in degrees, such as 5.0,51.1,5.3,51.3."
            )
        if self.interval.start is None and self.interval.end is None:
            raise WantedError("a search has a beginning or an end: 2024-06-01/2024-06-30.")
        if self.max_cloud_percent is not None and not 0 <= self.max_cloud_percent <= 100:
            raise WantedError(f"a cloud cover of {self.max_cloud_percent:g} is no percentage (0 to 100).")

    @property
    def area(self) -> shapely.Geometry:
        """The box as a geometry, in two parts across the antimeridian."""
        west, south, east, north = self.bbox
        if west < east:
            return shapely.box(west, south, east, north)
        return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One band of a scene in its archive."""

    href: str
    """As the archive gives it, unsigned."""
    size_bytes: int | None = None
    checksum: str | None = None
    """A multihash in hexadecimal digits (STAC's file:checksum)."""
    requester_pays: bool = False
    region: str | None = None
    """Of the cloud where it lies, for s3:// addresses."""


@dataclass(frozen=True, slots=True)
class ArchiveScene:
    """A scene an archive has."""

    id: str
    start: datetime
    end: datetime
    cloud_cover_percent: float | None
    files: Mapping[str, RemoteFile]
    """By our band names."""
    grid: str | None = None
    """The tile or path and row it belongs to."""
    platform: str = ""
    version: tuple[Any, ...] = ()
    """Orders scenes that are one; the greatest is the best."""
    item: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What the archive says of it."""
    supersedes: tuple[str, ...] = ()
    """Ids of the scenes that are the same one, in lesser versions."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a search found."""

    scenes: tuple[ArchiveScene, ...]
    found: int
    """Items the archive has sent."""
    duplicates: int = 0
    cloudy: int = 0
    """Items left out since they have more clouds than wanted, or do not say how many."""
    elsewhere: int = 0
    """Items left out that the archive has sent although nobody asked for them."""
    over_limit: int = 0
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Why, by scene id, items that were asked for cannot be used."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A scene landed with its files left in their archive."""

    order: LandingRequest
    rasters: Mapping[str, SourceRaster]
    """As the archive describes them, by band."""


class Archive(Protocol):
    """An archive as the loop of ingestion sees it."""

    id: str
    title: str
    collection_id: str
    """Our collection that its scenes are landed in."""

    async def discover(self, wanted: Wanted) -> Discovery:
        """Search, drop duplicates and clouds; `ArchiveError` where the archive cannot be searched."""
        ...

    def with_bands(self, scene: ArchiveScene, bands: Iterable[str]) -> ArchiveScene:
        """A scene with the files of other bands; `SceneRefusedError` where the source has none of one."""
        ...

    async def size_bytes(self, file: RemoteFile) -> int | None:
        """How large a file is, asked where the archive has not said; None where it does not tell."""
        ...

    def grid(self, scene: ArchiveScene, band: str) -> Grid | None:
        """Where the pixels of a file lie, as the archive says; None where it does not."""
        ...

    async def fetch_under(
        self, file: RemoteFile, bbox: tuple[float, float, float, float], target: Path, progress: Progress
    ) -> None:
        """Bring what lies under a box to `target`, a file with holes elsewhere; continues what was begun.

        `ingest.fetching_parts.WholeOnlyError` where parts cannot be had.
        """
        ...

    async def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Bring a whole file to `target`, where it appears whole; continues what was begun."""
        ...

    def convert(self, scene: ArchiveScene, files: Mapping[str, Path]) -> LandingRequest:
        """How the scene is landed from the files that have been fetched."""
        ...

    def refer(self, scene: ArchiveScene, collection: Collection) -> Reference:
        """How the scene is landed with its files left where they lie; `SceneRefusedError` where it cannot."""
        ...
