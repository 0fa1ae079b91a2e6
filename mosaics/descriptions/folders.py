"""The collections and sources of a deployment: those shipped and those of its own folders, as of now."""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from mosaics.descriptions.collections import CollectionDescription, CollectionFileError, load_collections
from mosaics.descriptions.sources import SourceDescription, SourceFileError, load_sources
from mosaics.descriptions.toml_files import LeftOutFile, ReadFiles

log = logging.getLogger(__name__)

Described = TypeVar("Described")

Signature: TypeAlias = tuple[tuple[str, int, int], ...]
"""Path, time of modification in nanoseconds and size in bytes of each file."""


@dataclass(frozen=True, slots=True)
class Descriptions:
    """Collections and sources that fit one another."""

    collections: ReadFiles[CollectionDescription]
    """By id."""
    sources: ReadFiles[SourceDescription]
    """By id; each is landed in one of the collections."""

    @classmethod
    def read(
        cls,
        collections: Path | None = None,
        sources: Path | None = None,
        *,
        before: "Descriptions | None" = None,
    ) -> "Descriptions":
        """Read what is shipped and what two folders add to it.

        Files that are wrong are left out, and so are sources that name a collection or a band that does not
        exist.

        Args:
            collections: A folder of collection files; None where there is none.
            sources: A folder of source files; None where there is none.
            before: Read earlier: what a file said that is wrong now stays.

        Raises:
            CollectionFileError: If the folder of collections does not exist.
            SourceFileError: If the folder of sources does not exist.
        """
        found_collections, found_sources = load_collections(collections), load_sources(sources)
        if before is not None:
            _keep(found_collections, before.collections)
        unfit = {
            source.id: LeftOutFile(Path(f"{source.id}.toml"), f"{source.id}.toml: {reason}")
            for source in found_sources.values()
            if (reason := _unfit(source, found_collections))
        }
        found_sources = found_sources.without(unfit)
        if before is not None:
            _keep(found_sources, before.sources)
        return cls(found_collections, found_sources)

    @property
    def left_out(self) -> tuple[LeftOutFile, ...]:
        """The files that are wrong."""
        return (*self.collections.left_out.values(), *self.sources.left_out.values())

    def categorical_bands(self, source: SourceDescription) -> tuple[str, ...]:
        """Return the bands of a source whose numbers are names, of which masks are made."""
        collection = self.collections[source.collection].collection
        return tuple(band for band in source.bands if collection.band(band).categorical)


class DescriptionFolders:
    """Reads descriptions again when a file in one of the folders has changed. Any thread may ask.

    A change is told by the files' names, times of modification and sizes, one `stat` each. While a file is
    wrong, what it said before stays, or it is left out where it said nothing; the log has the reason once.

    Args:
        collections: A folder of collection files beside the shipped ones; None where there is none.
        sources: A folder of source files beside the shipped ones; None where there is none.

    Raises:
        CollectionFileError, SourceFileError: If a folder does not exist; see `Descriptions.read`.
    """

    def __init__(self, collections: Path | None = None, sources: Path | None = None) -> None:
        self._collections = collections
        self._sources = sources
        self._lock = threading.Lock()
        self._signature = self._sign()
        self._descriptions = Descriptions.read(collections, sources)
        for one in self._descriptions.left_out:
            log.error("%s is left out: %s", one.path, one.reason)

    def current(self) -> Descriptions:
        """Return the descriptions as the files are now: the same object until one of them changes."""
        with self._lock:
            signature = self._sign()
            if signature != self._signature:
                self._signature = signature
                self._read_again()
            return self._descriptions

    def _read_again(self) -> None:
        before = self._descriptions
        try:
            self._descriptions = Descriptions.read(self._collections, self._sources, before=before)
        except (CollectionFileError, SourceFileError) as error:
            log.error("the collections and sources read before stay: %s", error)  # noqa: TRY400 - a file's fault
            return
        for one in self._descriptions.left_out:
            if one not in before.left_out:
                stays = one.path.stem in self._descriptions.collections | self._descriptions.sources
                what = "is wrong, and what it said before stays" if stays else "is left out"
                log.error("%s %s: %s", one.path, what, one.reason)
        log.info("collections and sources were read again")

    def _sign(self) -> Signature:
        return tuple(self._signed_files())

    def _signed_files(self) -> Iterator[tuple[str, int, int]]:
        for folder in (self._collections, self._sources):
            for path in [] if folder is None else sorted(folder.glob("*.toml")):
                try:
                    status = path.stat()
                except OSError:
                    continue  # gone since it was listed
                yield str(path), status.st_mtime_ns, status.st_size


def _keep(found: ReadFiles[Described], before: Mapping[str, Described]) -> None:
    """Put what was read before in the place of what is left out now."""
    for name in found.left_out.keys() & before.keys():
        found[name] = before[name]


def _unfit(source: SourceDescription, collections: ReadFiles[CollectionDescription]) -> str | None:
    """Return why a source does not fit the collections; None where it does."""
    if source.collection not in collections:
        if left_out := collections.left_out.get(source.collection):
            return f"collection: {source.collection!r} is left out: {left_out.reason}"
        return (
            f"collection: {source.collection!r} is not a collection; there are: "
            f"{', '.join(sorted(collections))}."
        )
    known = collections[source.collection].collection.band_names
    if unknown := [band for band in source.bands if band not in known]:
        return (
            f"assets: {unknown[0]!r} is not a band of {source.collection!r}; there are: {', '.join(known)}."
        )
    return None
