"""The regions file: read again whenever its content changes; while it is invalid, valid regions are kept."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from app.products.registry import Registry
from app.regions.parsing import MAX_BYTES, RegionFault, RegionListing, RegionsFileError, read_regions
from mosaics.descriptions.sources import SourceDescription


class RegionsFile:
    """The regions of a file in its present state. Use it from one thread at a time.

    Args:
        path: Path of the file.
        registry: The products.
    """

    def __init__(self, path: Path, registry: Registry) -> None:
        self.path = path
        self._registry = registry
        self._seen: bytes | str | None = None
        """The content, or why it cannot be read."""
        self._sources: Mapping[str, SourceDescription] = {}
        self._listing = RegionListing()

    def look(self, sources: Mapping[str, SourceDescription]) -> RegionListing:
        """Return the regions now. An invalid file leaves the last valid ones.

        Args:
            sources: The sources that regions may name, by id.
        """
        content = self._content()
        if content == self._seen and sources is self._sources:
            return self._listing
        self._seen, self._sources = content, sources
        try:
            self._listing = self._read(content)
        except RegionsFileError as error:
            broken = RegionFault(error.line, None, str(error))
            self._listing = replace(self._listing, problems=(broken,), is_current=False)
        return self._listing

    def _read(self, content: bytes | str) -> RegionListing:
        if isinstance(content, str):
            raise RegionsFileError(None, content)
        return read_regions(content, self._registry, self._sources)

    def _content(self) -> bytes | str:
        try:
            with self.path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            return f"the file cannot be read: {error.strerror}"
