"""What describes an archive's collection: one .toml that says how it is searched and what its assets are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mosaics.descriptions.toml_files import read_folders, read_table

SHIPPED = Path(__file__).parent


class SourceFileError(ValueError):
    """A .toml that describes no source; the message names file and field."""


class UnknownSourceError(LookupError):
    """No source of that name; the message names those there are."""


class Signing(BaseModel):
    """How a source's files are signed for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["planetary-computer"] = "planetary-computer"
    tokens: str
    """Address that hands out tokens, to which account and container are appended."""


class SourceDescription(BaseModel):
    """One collection of a STAC API, and the collection of ours that it is landed in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    api: str
    """Root of the STAC API."""
    archive_collection: str
    """The API's name of the collection."""
    collection: str
    """Ours."""
    assets: Mapping[str, str] = Field(min_length=1)
    """The API's asset of each of our bands."""
    offset: Literal["baseline", "flag", "item"]
    """What tells scale and offset of the numbers.

    `baseline`: they are as ESA made them. `flag`: `earthsearch:boa_offset_applied`, checked against the
    pixels where it says no. `item`: the item's own raster:bands."""
    method: Literal["POST", "GET"] = "POST"
    platforms: tuple[str, ...] = ()
    """Only scenes of these; empty for all."""
    signing: Signing | None = None

    @property
    def bands(self) -> tuple[str, ...]:
        """Our bands that it has, in the order of its file."""
        return tuple(self.assets)

    @field_validator("api")
    @classmethod
    def _is_a_root(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")) or set("?#@") & set(value):
            raise ValueError("the root of an API is an https address without query or credentials")
        return value  # which plain http the client refuses, but for archives on this machine


def load_sources(folder: Path | None = None) -> dict[str, SourceDescription]:
    """Read the sources shipped and those of a folder, which replace shipped ones of the same name.

    Raises:
        SourceFileError: If the folder does not exist, or a file is wrong.
    """
    folders = (SHIPPED,) if folder is None else (SHIPPED, folder)
    return read_folders(folders, read_source, SourceFileError, "sources")


def find_source(sources: Mapping[str, SourceDescription], source_id: str) -> SourceDescription:
    """The source of that name.

    Raises:
        UnknownSourceError: Where there is none; the message names those that exist.
    """
    if source_id not in sources:
        raise UnknownSourceError(f"no source '{source_id}'; there are: {', '.join(sorted(sources))}")
    return sources[source_id]


def read_source(path: Path) -> SourceDescription:
    """Reads one .toml; the file's name is the source's.

    Raises:
        SourceFileError: Where the file is wrong.
    """
    document = read_table(path, SourceFileError)
    try:
        return SourceDescription.model_validate({**document, "id": path.stem})
    except ValidationError as error:
        complaint = error.errors(include_url=False)[0]
        place = ": ".join(map(str, complaint["loc"]))
        raise SourceFileError(f"{path.name}: {place}: {complaint['msg']}.") from error
