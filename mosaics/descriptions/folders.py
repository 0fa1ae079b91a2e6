"""The collections and sources of a deployment: those shipped and those of its own folders, as of now."""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mosaics.descriptions.collections import CollectionDescription, CollectionFileError, load_collections
from mosaics.descriptions.sources import SourceDescription, SourceFileError, load_sources

log = logging.getLogger(__name__)

Signature: TypeAlias = tuple[tuple[str, int, int], ...]
"""Path, time of modification in nanoseconds and size in bytes of each file."""


@dataclass(frozen=True, slots=True)
class Descriptions:
    """Collections and sources that fit one another."""

    collections: Mapping[str, CollectionDescription]
    """By id."""
    sources: Mapping[str, SourceDescription]
    """By id; each is landed in one of the collections."""

    @classmethod
    def read(cls, collections: Path | None = None, sources: Path | None = None) -> "Descriptions":
        """Read what is shipped and what two folders add to it.

        Args:
            collections: A folder of collection files; None where there is none.
            sources: A folder of source files; None where there is none.

        Raises:
            CollectionFileError: If a folder does not exist, or a collection file is wrong.
            SourceFileError: If a folder does not exist, a source file is wrong or names a collection or a
                band that does not exist.
        """
        return cls(load_collections(collections), load_sources(sources))

    def __post_init__(self) -> None:
        for source in self.sources.values():
            if source.collection not in self.collections:
                raise SourceFileError(
                    f"{source.id}.toml: collection: {source.collection!r} is not a collection; there are: "
                    f"{', '.join(sorted(self.collections))}."
                )
            known = self.collections[source.collection].collection.band_names
            if unknown := [band for band in source.bands if band not in known]:
                raise SourceFileError(
                    f"{source.id}.toml: assets: {unknown[0]!r} is not a band of {source.collection!r}; "
                    f"there are: {', '.join(known)}."
                )

    def categorical_bands(self, source: SourceDescription) -> tuple[str, ...]:
        """Return the bands of a source whose numbers are names, of which masks are made."""
        collection = self.collections[source.collection].collection
        return tuple(band for band in source.bands if collection.band(band).categorical)


class DescriptionFolders:
    """Reads descriptions again when a file in one of the folders has changed. Any thread may ask.

    A change is told by the files' names, times of modification and sizes, one `stat` each. While a file is
    wrong, what was read before stays, and the log has the reason once.

    Args:
        collections: A folder of collection files beside the shipped ones; None where there is none.
        sources: A folder of source files beside the shipped ones; None where there is none.

    Raises:
        CollectionFileError, SourceFileError: If a file is wrong; see `Descriptions.read`.
    """

    def __init__(self, collections: Path | None = None, sources: Path | None = None) -> None:
        self._collections = collections
        self._sources = sources
        self._lock = threading.Lock()
        self._signature = self._sign()
        self._descriptions = Descriptions.read(collections, sources)

    def current(self) -> Descriptions:
        """Return the descriptions as the files are now: the same object until one of them changes."""
        with self._lock:
            signature = self._sign()
            if signature != self._signature:
                self._signature = signature
                self._read_again()
            return self._descriptions

    def _read_again(self) -> None:
        try:
            self._descriptions = Descriptions.read(self._collections, self._sources)
        except (CollectionFileError, SourceFileError) as error:
            log.error("the collections and sources read before stay: %s", error)  # noqa: TRY400 - a file's fault
        else:
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
