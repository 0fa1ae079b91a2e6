"""Opening an archive: the one place that knows which class is of which kind of source."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from ingest.archives.archive import Access, Archive, Granule, LeftOut
from ingest.archives.cmr.archive import CmrArchive
from ingest.archives.harmony.archive import HarmonyArchive
from ingest.archives.stac.archive import StacArchive
from ingest.archives.stac.item_files import read_item_file
from mosaics.collection import Collection
from mosaics.descriptions.sources import SourceDescription

Opener: TypeAlias = Callable[[Any, Access], Archive]
"""Makes an archive of the description of its kind."""

OPENERS: Mapping[str, Opener] = MappingProxyType(
    {"cmr": CmrArchive, "harmony": HarmonyArchive, "stac": StacArchive}
)
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


def read_items(
    document: Mapping[str, Any], collection: Collection, names: Mapping[str, str]
) -> Iterator[Granule | LeftOut] | None:
    """Return the granules that a document of an archive describes; None where it describes none.

    Args:
        document: The object of a JSON file.
        collection: Whose bands are looked for.
        names: Bands of the collection, by other names that archives have for them, in lower case.
    """
    return read_item_file(document, collection, names)
