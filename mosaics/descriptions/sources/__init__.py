"""The sources scenes can be fetched from: one .toml each, here and in the folders a user adds.

Descriptions are a union that `kind` tells apart: each kind of archive has a model of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from mosaics.descriptions.sources.cmr import CmrSource, GranuleSource
from mosaics.descriptions.sources.harmony import HarmonySource
from mosaics.descriptions.sources.source import SourceDescription
from mosaics.descriptions.sources.stac import BandAsset, StacSource
from mosaics.descriptions.toml_files import ReadFiles, read_folders, read_table

__all__ = [
    "KINDS",
    "SHIPPED",
    "BandAsset",
    "CmrSource",
    "GranuleSource",
    "HarmonySource",
    "SourceDescription",
    "SourceFileError",
    "StacSource",
    "UnknownSourceError",
    "find_source",
    "load_sources",
    "read_source",
]

SHIPPED = Path(__file__).parent


class SourceFileError(ValueError):
    """A .toml that describes no source; the message names file and field."""


class UnknownSourceError(LookupError):
    """No source of that name; the message names those there are."""


KINDS: Mapping[str, type[SourceDescription]] = MappingProxyType(
    {"cmr": CmrSource, "harmony": HarmonySource, "stac": StacSource}
)
"""The model of each kind of source; a file says by `kind` which it is of."""
USUAL_KIND = "stac"
"""Of files that do not say it: there was no other kind once."""


def load_sources(folder: Path | None = None) -> ReadFiles[SourceDescription]:
    """Read the sources shipped and those of a folder, which replace shipped ones of the same name.

    A wrong file is left out; see `ReadFiles.left_out`.

    Raises:
        SourceFileError: If the folder does not exist.
    """
    folders = (SHIPPED,) if folder is None else (SHIPPED, folder)
    return read_folders(folders, read_source, SourceFileError, "sources")


def find_source(sources: Mapping[str, SourceDescription], source_id: str) -> SourceDescription:
    """Return the source of that name.

    Raises:
        UnknownSourceError: If there is none; the message names those that exist.
        SourceFileError: If its file is wrong.
    """
    if source_id not in sources:
        if isinstance(sources, ReadFiles) and source_id in sources.left_out:
            raise SourceFileError(f"source {source_id!r} is left out: {sources.left_out[source_id].reason}")
        raise UnknownSourceError(f"no source '{source_id}'; there are: {', '.join(sorted(sources))}")
    return sources[source_id]


def read_source(path: Path, kinds: Mapping[str, type[SourceDescription]] = KINDS) -> SourceDescription:
    """Read one .toml; the file's name is the source's.

    Args:
        path: Of the file.
        kinds: The model of each kind.

    Raises:
        SourceFileError: If the file is wrong.
    """
    document = {"kind": USUAL_KIND, **read_table(path, SourceFileError), "id": path.stem}
    kind = document["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        raise SourceFileError(
            f"{path.name}: kind: {kind!r} is not a kind of source; there are: {', '.join(sorted(kinds))}."
        )
    try:
        return kinds[kind].model_validate(document)
    except ValidationError as error:
        complaint = error.errors(include_url=False)[0]
        place = ": ".join(map(str, complaint["loc"]))
        raise SourceFileError(f"{path.name}: {place}: {complaint['msg']}.") from error
