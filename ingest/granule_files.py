"""The files of one granule: made where they have to be, brought here each once, and unpacked into rasters."""

import asyncio
import shutil
from collections.abc import Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ingest.archives.archive import Archive, Granule, Progress, RemoteFile, WholeOnlyError
from ingest.block_checks import require_whole
from ingest.clipping import clip_file, clipped_raster
from ingest.downloads import Downloads, NotesFile
from ingest.landing import require_space
from ingest.raster import AbsentLayerError, DamagedRasterError, SourceRaster
from mosaics.bbox import Bbox

BLOCKS = ".blocks"
"""In the names of files of which only what lies under a box has come."""
CLIPPED = "clipped"
"""The folder of parts that lie under a box."""
REMEDY = "set TILEWATCH_DOWNLOADS to a folder on a larger disk"


@dataclass(slots=True)
class GranuleFiles:
    """What an archive gives of a granule, in a folder that stays until the granule has landed."""

    source: Archive
    granule: Granule
    folder: Path
    downloads: Downloads
    """Where the folder lies."""
    at_once: asyncio.Semaphore
    """Bounds the connections to the archive."""
    fetched: Progress
    remote: Mapping[str, RemoteFile] = field(init=False)
    """What is fetched, by the names of the granule's files."""
    paths: dict[str, Path] = field(default_factory=dict)
    """What has come, by the same names."""

    def __post_init__(self) -> None:
        self.remote = self.granule.wanted_files

    async def prepare(self, under: Bbox | None) -> None:
        """Have the archive make the files, where it makes them on demand; see `Archive.prepare`."""
        notes = NotesFile(self.folder)
        self.remote = await self.source.prepare(self.granule, under=under, notes=notes)

    async def require(self) -> None:
        """Ask for the head of every file: links may be dead, or lead where reading is not allowed.

        Raises:
            ArchiveError: If a file cannot be asked for.
        """

        async def require(file: RemoteFile) -> None:
            async with self.at_once:
                await self.source.size_bytes(replace(file, size_bytes=None))

        await together(*map(require, self.remote.values()))

    async def fetch(
        self, files: Iterable[str], *, under: Bbox | None = None, whole: Collection[str] = ()
    ) -> None:
        """Bring files here, of those not in `whole` only what lies under a box where there is one.

        Raises:
            ArchiveError: If the archive does not give one.
            DamagedRasterError: If one came damaged, twice.
            DiskFullError: If one that comes whole, although a part was wanted, does not fit.
        """

        async def fetch(name: str) -> None:
            async with self.at_once:
                if under is None or name in whole:
                    self.paths[name] = await self._fetch(name)
                else:
                    self.paths[name] = await self._fetch_under(name, under)

        await together(*map(fetch, files))

    async def _fetch(self, name: str) -> Path:
        """Bring a whole file; one that comes damaged is thrown away and asked for once more."""
        target = self.folder / name
        for again in (True, False):
            await self.source.fetch(self.remote[name], target, self.fetched)
            try:
                await asyncio.to_thread(require_whole, target)
            except DamagedRasterError:
                self._throw_away(target)
                if not again:
                    raise
            else:
                break
        return target

    async def _fetch_under(self, name: str, bbox: Bbox) -> Path:
        """Bring what lies under a box, or the whole where no parts can be had; return where that is."""
        file, target = self.remote[name], self.folder / name
        if await asyncio.to_thread(target.is_file):
            return target
        blocks = target.with_suffix(f"{BLOCKS}{target.suffix}")
        try:
            await self.source.fetch_under(file, bbox, blocks, self.fetched)
        except WholeOnlyError:
            size_bytes = await self.source.size_bytes(file)
            require_space(self.downloads.folder, size_bytes or 0, work="fetching", remedy=REMEDY)
            return await self._fetch(name)
        return blocks

    @property
    def as_they_came(self) -> list[Path]:
        """The files that have come; of one of which only blocks have, the part that was clipped of it."""
        parts = self.folder / CLIPPED
        return [parts / name if BLOCKS in path.name else path for name, path in sorted(self.paths.items())]

    def unpack(self, band: str) -> SourceRaster:
        """Return the raster of a band whose file has come.

        Raises:
            RasterRefusedError: If the file does not have it, or not as something that can be landed.
        """
        layer = self.granule.layers[band]
        return self.source.unpack(self.paths[layer.file], layer.layer, self.folder / "unpacked")

    def leave_out_absent(self, kept: Collection[str]) -> tuple[str, ...]:
        """Want no more what a file that has come does not have, of what not every file has, and return that.

        Args:
            kept: Bands of the scene that have landed, which are wanted again where nothing else is left.
        """
        wanted = self.granule.bands
        lacking = tuple(band for band in wanted if band in self.source.optional and self._is_absent(band))
        rest = tuple(band for band in wanted if band not in lacking) or tuple(kept)
        if not (lacking and rest):  # nothing of it can be landed
            return ()
        self.granule = self.granule.with_bands(rest)
        return lacking

    def _is_absent(self, band: str) -> bool:
        try:
            self.unpack(band)
        except AbsentLayerError:
            return True
        return False

    def clip(self, bbox: Bbox) -> dict[str, SourceRaster]:
        """Return the part of every band under a box.

        Raises:
            RasterRefusedError: If a file cannot be read, or has nothing under the box.
        """
        folder = self.folder / CLIPPED
        folder.mkdir(exist_ok=True)
        written: set[Path] = set()
        rasters: dict[str, SourceRaster] = {}
        for band in self.granule.bands:
            file = self.granule.layers[band].file
            raster = self.unpack(band)
            part = folder / (file if raster.unpacked is None else raster.unpacked.name)
            if part not in written:
                clip_file(raster.pixels_path, bbox, part)
                written.add(part)
            rasters[band] = clipped_raster(raster, part)
        return rasters

    def throw_away(self, damaged: Path | None = None) -> None:
        """Remove a file that turned out to be damaged, so that it is fetched again.

        Args:
            damaged: The file, or one made of it; all files go where it is not known which it was.
        """
        name = "" if damaged is None else damaged.name.replace(BLOCKS, "")
        for path in [self.paths[name]] if name in self.paths else self.paths.values():
            self._throw_away(path)
        self.paths.clear()

    def _throw_away(self, path: Path) -> None:
        if path.is_file():
            self.fetched(-self.downloads.come_bytes(path))
            path.unlink()
        for made in ("unpacked", CLIPPED):
            shutil.rmtree(self.folder / made, ignore_errors=True)


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Run work at once; where a part fails the others are stopped, and its error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
