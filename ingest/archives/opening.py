"""Opening an archive: the one place that knows which class is of which kind of source."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from ingest.archives.archive import Access, Archive
from ingest.archives.stac.archive import StacArchive
from mosaics.descriptions.sources import SourceDescription

Opener: TypeAlias = Callable[[Any, Access], Archive]
"""Makes an archive of the description of its kind."""

OPENERS: Mapping[str, Opener] = MappingProxyType({"stac": StacArchive})
"""All kinds, by their names in source files; `mosaics.descriptions.sources.KINDS` has their models."""


def open_archive(
    description: SourceDescription, access: Access, *, openers: Mapping[str, Opener] = OPENERS
) -> Archive:
    """Return the archive of a description, whatever its kind.

    Args:
        description: Of a source.
        access: What the archive may use.
        openers: By kind.
    """
    return openers[description.kind](description, access)
